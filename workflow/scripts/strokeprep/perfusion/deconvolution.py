"""Perfusion maps from enhancement curves: deconvolution by the arterial input, in plain numpy.

The model is that of :mod:`strokeprep.phantom.scan.bolus`: C_t = (rho / kH) F (C_a * R)(t - delay).
Curves are zero-padded to twice their length, so that the convolution is circular. Its singular values
are then the magnitudes of a Fourier transform, and all voxels are deconvolved by one matrix product.
Negative delays need no special treatment: they wrap round to the end of k = F R(t - delay).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.settings.perfusion import MapSettings

BLOCK = 2048  # voxels at a time, so that the working arrays of a block stay in the cache

REMEDIES = {
    "few-baseline": "Scans must start before the contrast arrives; use no maps of this scan.",
    "no-bolus": "Check that contrast was given and that the slab covers the brain.",
    "truncated-bolus": "The scan ended too early for flow and volume; use no maps of this scan.",
    "no-aif": "Give the artery by hand, as a mask or as voxel coordinates.",
    "saturated": "Convert the scan again in its full range of HU, or give an artery that is not cut off.",
    "little-brain": "Check the brain mask and how far the slab covers the brain.",
}


class NotComputable(StrokeprepError):
    """Perfusion maps of this scan would be misleading; ``reason`` is a key of REMEDIES."""

    def __init__(self, reason: str, detail: str, where: str = "CT perfusion series") -> None:
        super().__init__(detail, where, REMEDIES[reason])
        self.reason = reason


@dataclass(frozen=True)
class Maps:
    """One value per voxel; all are 0 where ``valid`` is False, because no flow was measurable."""

    cbf: np.ndarray  # ml / 100 g / min
    cbv: np.ndarray  # ml / 100 g
    mtt: np.ndarray  # s, from 0 to the length of the series
    tmax: np.ndarray  # s after the arterial input
    valid: np.ndarray  # bool


def perfusion_maps(
    curves: np.ndarray,
    aif: np.ndarray,
    dt: float,
    method: str = "osvd",
    settings: MapSettings | None = None,
) -> Maps:
    """Maps of curves (voxels x frames, HU over baseline, frames ``dt`` s apart)."""
    settings = settings or MapSettings()
    if method not in METHODS:
        raise ValueError(f"Method {method!r} is none of {', '.join(METHODS)}")
    check(curves, aif, dt)
    lags = search_lags(len(aif), dt, settings)
    solve = METHODS[method](spectrum(aif, dt), lags, dt, settings)
    to_volume = np.full(len(aif), 100 * settings.kh / settings.rho / aif.sum(), np.float32)
    cbf, cbv, mtt, tmax = (np.zeros(len(curves), np.float32) for _ in range(4))
    out = Maps(cbf, cbv, mtt, tmax, valid=np.zeros(len(curves), bool))
    for start in range(0, len(curves), BLOCK):
        rows = slice(start, start + BLOCK)
        block = np.asarray(curves[rows], np.float32)
        finite = np.all(np.isfinite(block), axis=1)
        if not finite.all():
            block = np.where(finite[:, None], block, 0)
        peak, lag = _peaks(solve(block))
        out.valid[rows] = valid = peak > 0
        out.cbf[rows] = np.where(valid, 6000 * settings.kh / settings.rho * peak, 0)
        out.cbv[rows] = np.where(valid, block @ to_volume, 0)
        out.tmax[rows] = np.where(valid, (lags[1] + lag) * dt, 0)
    np.divide(60 * out.cbv, out.cbf, out=out.mtt, where=out.valid)
    # At next to no flow the ratio is arbitrary. A transit longer than the series cannot be measured.
    np.clip(out.mtt, 0, len(aif) * dt, out=out.mtt)
    return out


def check(curves: np.ndarray, aif: np.ndarray, dt: float) -> None:
    """Refuse arguments from which only meaningless numbers would follow."""
    if curves.ndim != 2 or aif.ndim != 1 or curves.shape[1] != len(aif) or not dt > 0:
        raise ValueError(f"Curves {curves.shape}, input {aif.shape} and interval {dt} s disagree")
    if not np.all(np.isfinite(aif)) or aif.sum() <= 0 or aif.max() <= 0:
        raise NotComputable("no-aif", "The arterial input does not enhance")


def spectrum(aif: np.ndarray, dt: float) -> np.ndarray:
    """Eigenvalues (of the real transform) of circular convolution with the arterial input.

    Both curves are taken to be linear between frames, which gives neighbours the weights 1:4:1.
    """
    padded = np.zeros(2 * len(aif))
    padded[: len(aif)] = aif
    weighted = dt / 6 * (np.roll(padded, 1) + 4 * padded + np.roll(padded, -1))
    return np.fft.rfft(weighted)


def search_lags(frames: int, dt: float, settings: MapSettings) -> np.ndarray:
    """Lags (in frames) of the search window, and one more at each end for the parabola."""
    first = max(int(np.ceil(settings.lags_s[0] / dt)), 2 - frames)
    last = min(int(np.floor(settings.lags_s[1] / dt)), frames - 2)
    return np.arange(first - 1, last + 2)


def _peaks(k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest value of each row, ends excluded, and its position, refined by a parabola.

    Position 0 is column 1.
    """
    rows = np.arange(len(k))
    at = np.argmax(k[:, 1:-1], axis=1)
    before, peak, after = (k[rows, at + step] for step in (0, 1, 2))
    bend = before - 2 * peak + after
    curved = bend < 0
    shift = np.divide(0.5 * (before - after), bend, out=np.zeros_like(peak), where=curved)
    return peak, at + np.clip(shift, -0.5, 0.5)  # beyond it, the window cut a slope


Solver = Callable[[np.ndarray], np.ndarray]


def _inverse(values: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """The matrix (frames x lags) from curves to k, made of inverted eigenvalues."""
    kernel = np.fft.irfft(values)
    frames = np.arange(len(kernel) // 2)
    rows = kernel[(lags[None, :] - frames[:, None]) % len(kernel)]
    return np.ascontiguousarray(rows, np.float32)


def _truncated(values: np.ndarray, threshold: float) -> np.ndarray:
    """Inverted eigenvalues; those below a share of the largest are set to zero."""
    kept = np.abs(values) >= threshold * np.abs(values).max()
    return np.divide(1, values, out=np.zeros_like(values), where=kept)


def _csvd(values: np.ndarray, lags: np.ndarray, dt: float, settings: MapSettings) -> Solver:
    """Block-circulant SVD with one threshold for all voxels (Wu 2003)."""
    matrix = _inverse(_truncated(values, settings.csvd_threshold), lags)
    return lambda block: block @ matrix


def _tikhonov(values: np.ndarray, lags: np.ndarray, dt: float, settings: MapSettings) -> Solver:
    """Circulant Tikhonov regularisation."""
    power = np.abs(values) ** 2
    matrix = _inverse(values.conj() / (power + settings.tikhonov**2 * power.max()), lags)
    return lambda block: block @ matrix


def _osvd(values: np.ndarray, lags: np.ndarray, dt: float, settings: MapSettings) -> Solver:
    """Block-circulant SVD with a threshold per voxel, chosen by an oscillation index (Wu 2003)."""
    counts = _kept_counts(values, settings)
    largest_first = np.argsort(-np.abs(values), kind="stable")[: counts[0]]
    analyse, synthesise = _waves(values, largest_first, lags, settings.osvd_step_s / dt)
    limit = settings.osvd_oscillation * (len(synthesise) - len(lags))

    def solve(block: np.ndarray) -> np.ndarray:
        result = np.empty((len(lags), len(block)), np.float32)
        voxels, waves = np.arange(len(block)), analyse @ block.T
        both = synthesise @ waves
        for count, fewer in zip(counts, [*counts[1:], 0], strict=True):
            k, bends = both[: len(lags)], both[len(lags) :]
            smooth = np.abs(bends).sum(0) < limit * k[1:-1].max(0)
            if not fewer:  # the highest threshold is used for all that are left
                smooth[:] = True
            if smooth.any():
                result[:, voxels[smooth]] = k[:, smooth]
                voxels, waves, both = (
                    np.compress(~smooth, each, -1) for each in (voxels, waves, both)
                )
            dropped = slice(2 * fewer, 2 * count)
            both -= synthesise[:, dropped] @ waves[dropped]
        return result.T

    return solve


def _kept_counts(values: np.ndarray, settings: MapSettings) -> list[int]:
    """The numbers of eigenvalues that the thresholds keep, without repeats, largest first."""
    first, last, step = settings.osvd_thresholds
    shares = np.abs(values) / np.abs(values).max()
    thresholds = np.arange(first, last + step / 2, step)
    return sorted({int((shares >= threshold).sum()) for threshold in thresholds}, reverse=True)


def _waves(
    values: np.ndarray, which: np.ndarray, lags: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Matrices from curves to the waves of k (real, imaginary, ...) and from waves to k.

    The rows of the second give k at the lags, and then its second differences at all lags ``step``
    frames apart. Without an eigenvalue its two waves are left out, so that all thresholds use the
    same matrices.
    """
    size = 2 * (len(values) - 1)
    turn = np.exp(2j * np.pi / size * which)
    weight = (
        np.where(which % (size // 2) == 0, 1, 2) / size
    )  # in a real signal, two coefficients are one wave
    analysis = turn ** -np.arange(size // 2)[:, None] / values[which]
    at_lags = weight * turn ** lags[:, None]
    bends = weight * turn ** np.arange(0, size, step)[:, None] * (1 - turn**-step) ** 2
    synthesis = np.vstack([at_lags, bends])
    to_waves = np.stack([analysis.real, analysis.imag], -1).reshape(size // 2, -1).T
    to_k = np.stack([synthesis.real, -synthesis.imag], -1).reshape(len(synthesis), -1)
    return np.ascontiguousarray(to_waves, np.float32), np.ascontiguousarray(to_k, np.float32)


METHODS: dict[str, Callable[[np.ndarray, np.ndarray, float, MapSettings], Solver]] = {
    "csvd": _csvd,
    "osvd": _osvd,
    "tikhonov": _tikhonov,
}

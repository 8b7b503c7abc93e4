"""Deconvolution at the settings that OpenPerfusion (github.com/OpenPerfusion/OpenPerfusion, 0.3.0) publishes.

Written anew from its documentation, since no registry has it: block-circulant SVD with the truncation that it
uses for ISLES'18 (0.10), oSVD with its limit of oscillation (0.095) and its eight truncations, and division in
the frequency domain (Straka 2010, pr 0.15). The maximum of the residue function is sought at all lags, as there.
Density and haematocrits are those of this project, which the tables of truth use as well.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from strokeprep.perfusion.deconvolution import spectrum
from strokeprep.settings.perfusion import MapSettings

BCSVD, OSVD, FOURIER = "bcSVD", "oSVD", "Fourier"
METHODS = (BCSVD, OSVD, FOURIER)
THRESHOLD = 0.10
OSCILLATION = 0.095
THRESHOLDS = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50)
NOISE = 0.15


def maps(method: str, curves: np.ndarray, aif: np.ndarray, dt: float) -> Mapping[str, np.ndarray]:
    """Flow, volume, transit time and Tmax of curves."""
    residue = _residues(method, curves, aif, dt)
    settings = MapSettings()
    factor = settings.kh / settings.rho
    flow = 6000 * factor * residue.max(1)
    volume = 100 * factor * np.trapezoid(curves, axis=1) / np.trapezoid(aif)
    transit = np.divide(60 * volume, flow, out=np.zeros_like(flow), where=flow > 1e-6)
    return {"cbf": flow, "cbv": volume, "mtt": transit, "tmax": _time_of_maximum(residue) * dt}


def _residues(method: str, curves: np.ndarray, aif: np.ndarray, dt: float) -> np.ndarray:
    """Residue functions over all lags, the negative ones last."""
    eigenvalues = spectrum(aif, dt)
    curves = np.fft.rfft(curves, 2 * len(aif), axis=1).astype(np.complex64)
    if method == FOURIER:
        bare = np.fft.rfft(aif, 2 * len(aif)) * dt
        noise = NOISE / 2 * np.abs(bare).max()
        return _back(curves, np.conj(bare) / (np.abs(bare) ** 2 + noise**2))
    if method == BCSVD:
        return _back(curves, _truncated(eigenvalues, THRESHOLD))
    found = _back(curves, _truncated(eigenvalues, THRESHOLDS[-1]))
    for threshold in THRESHOLDS[-2::-1]:  # the least that does not oscillate
        tried = _back(curves, _truncated(eigenvalues, threshold))
        rest = np.abs(np.diff(tried, 2, axis=1)).sum(1)
        calm = rest <= OSCILLATION * tried.shape[1] * np.abs(tried).max(1)
        found[calm] = tried[calm]
    return found


def _truncated(eigenvalues: np.ndarray, threshold: float) -> np.ndarray:
    """The inverse of the eigenvalues above a share of the largest."""
    kept = np.abs(eigenvalues) >= threshold * np.abs(eigenvalues).max()
    return np.where(kept, 1 / np.where(kept, eigenvalues, 1), 0)


def _back(curves: np.ndarray, gain: np.ndarray) -> np.ndarray:
    return np.fft.irfft(curves * gain.astype(np.complex64), axis=1)


def _time_of_maximum(residue: np.ndarray) -> np.ndarray:
    """Where each residue function is highest (frames), by a parabola through three of them."""
    rows, count = np.arange(len(residue)), residue.shape[1]
    at = residue.argmax(1)
    before, here, after = (residue[rows, (at + step) % count] for step in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.divide(before - after, 2 * bend, out=np.zeros_like(here), where=bend < 0)
    frames = at + np.clip(shift, -0.5, 0.5)
    return np.where(frames > count / 2, frames - count, frames)

"""Core, penumbra and mismatch from perfusion maps, by thresholds.

Tmax depends on the deconvolution (:mod:`strokeprep.perfusion.deconvolution`): with another
regularisation it shifts by a second or more, and the volumes change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from strokeprep.io.statistics import robust_sd
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.series.smoothing import Smoothing
from strokeprep.settings.perfusion import TissueSettings

VESSEL_FWHM_MM = 2.5  # smoothing by which vessels are told from noise; they are hardly wider
SMOOTHING_REACH = 3.0  # standard deviations, at which it ends
CERTAIN = 3.0  # standard deviations of noise


@dataclass(frozen=True)
class AtRisk:
    """Masks on the grid of the maps, and one row for the table of the study."""

    tissue: np.ndarray  # bool: the voxels to which the thresholds were applied
    core: np.ndarray
    penumbra: np.ndarray
    hypoperfused: np.ndarray
    tmax_level: np.ndarray  # uint8: how many of the Tmax thresholds are exceeded
    rcbf_level: np.ndarray  # uint8: how many of the flow thresholds are not reached
    normal_flow: float  # ml/100 g/min, of healthy tissue
    row: dict[str, float | str | None]


def smoothed_curves(
    series: np.ndarray, mask: np.ndarray, spacing: np.ndarray, fwhm_mm: float
) -> np.ndarray:
    """Curves (voxels × frames, float32), smoothed in plane by a Gaussian of the mask's voxels only."""
    return smoothing(mask, spacing, fwhm_mm).of_series(series)


def smoothing(mask: np.ndarray, spacing: np.ndarray, fwhm_mm: float) -> Smoothing:
    """A Gaussian mean in plane, of the mask's voxels only."""
    return Smoothing(mask, spacing, np.array([fwhm_mm, fwhm_mm, 0.0]), SMOOTHING_REACH)


def vessels(
    series: np.ndarray,
    frames: int,
    brain: np.ndarray,
    spacing: np.ndarray,
    settings: TissueSettings,
) -> np.ndarray:
    """Voxels of the brain that are vessel in part, by their enhancement after the first ``frames``.

    A tenth of vessel more than doubles the blood in a voxel, and smoothing would spread it. The baseline's
    two halves tell the noise: where it is high, only larger vessels are certain.
    """
    half = frames // 2
    means = np.stack(
        [
            series[..., :half].mean(-1, dtype=np.float32),
            series[..., frames - half : frames].mean(-1, dtype=np.float32),
            series[..., frames:].mean(-1, dtype=np.float32),
        ],
        axis=-1,
    )
    first, second, after = smoothed_curves(means, brain, spacing, VESSEL_FWHM_MM).T
    enhancement = after - (first + second) / 2
    noise = float(robust_sd(first - second)) / 2
    usual = float(np.median(enhancement))
    least = max(settings.vessel_cbv * usual, usual + CERTAIN * noise)
    found = np.zeros(brain.shape, bool)
    found[brain] = enhancement > least
    return found


def solid_mask(brain: np.ndarray, base_hu: np.ndarray, settings: TissueSettings) -> np.ndarray:
    """Brain without cerebrospinal fluid and bone; ``base_hu`` is the mean of the baseline."""
    low, high = settings.tissue_hu
    solid = brain & (base_hu >= low) & (base_hu <= high)
    if not solid.any():
        raise NotComputable("little-brain", "No voxel of the brain mask has the HU of brain")
    return solid


def without_vessels(solid: np.ndarray, cbv: np.ndarray, settings: TissueSettings) -> np.ndarray:
    """A mask without the voxels whose blood volume is that of vessels."""
    return solid & (cbv <= settings.vessel_cbv * np.median(cbv[solid]))


def assess(
    cbf: np.ndarray,
    tmax: np.ndarray,
    tissue: np.ndarray,
    right_mm: np.ndarray,
    spacing: np.ndarray,
    settings: TissueSettings | None = None,
) -> AtRisk:
    """Masks and volumes; ``right_mm`` is each voxel's distance right of the mid-plane."""
    settings = settings or TissueSettings()
    ml = float(np.prod(spacing)) / 1000
    late = {
        seconds: large_clusters(tissue & (tmax > seconds), ml, settings)
        for seconds in sorted({*settings.tmax_s, *_named_tmax(settings)})
    }
    hypoperfused = late[settings.hypoperfused_tmax_s]
    side = affected_side(hypoperfused, right_mm)
    healthy = tissue & ~hypoperfused & (tmax <= settings.hypoperfused_tmax_s)
    normal = _reference_flow(cbf, healthy, side, right_mm, ml, settings)
    where = hypoperfused if settings.core_is_late else tissue
    low = {
        share: large_clusters(where & (cbf < share * normal), ml, settings)
        for share in sorted({*settings.rcbf, settings.core_rcbf})
    }
    core = low[settings.core_rcbf]
    tmax_level = np.asarray(sum(late[seconds].astype(np.uint8) for seconds in settings.tmax_s))
    rcbf_level = np.asarray(sum(low[share].astype(np.uint8) for share in settings.rcbf))
    return AtRisk(
        tissue,
        core,
        hypoperfused & ~core,
        hypoperfused,
        tmax_level,
        rcbf_level,
        normal,
        _row(late, low, side, normal, tissue, ml, settings)
        | _by_side(cbf, tissue, hypoperfused, core, right_mm, ml),
    )


def large_clusters(mask: np.ndarray, voxel_ml: float, settings: TissueSettings) -> np.ndarray:
    """A mask without clusters (26 neighbours) that are smaller than the least volume."""
    labels, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    large = np.bincount(labels.ravel()) * voxel_ml >= settings.least_cluster_ml
    large[0] = False
    return large[labels]


def affected_side(hypoperfused: np.ndarray, right_mm: np.ndarray) -> str | None:
    """The side (R or L) with most of the hypoperfused tissue; None if there is none."""
    if not hypoperfused.any():
        return None
    return "R" if np.count_nonzero(right_mm[hypoperfused] > 0) * 2 > hypoperfused.sum() else "L"


def _reference_flow(
    cbf: np.ndarray,
    healthy: np.ndarray,
    side: str | None,
    right_mm: np.ndarray,
    voxel_ml: float,
    settings: TissueSettings,
) -> float:
    """Mean flow of the healthy tissue on the unaffected side, or on both if neither is affected."""
    if side is not None:
        away = -right_mm if side == "R" else right_mm
        healthy = healthy & (away > settings.midline_mm)
    volume = healthy.sum() * voxel_ml
    if volume < settings.least_reference_ml:
        raise NotComputable(
            "little-brain", f"Only {volume:.0f} ml of healthy tissue to compare the flow with"
        )
    return float(cbf[healthy].mean())


def _by_side(
    cbf: np.ndarray,
    tissue: np.ndarray,
    hypoperfused: np.ndarray,
    core: np.ndarray,
    right_mm: np.ndarray,
    ml: float,
) -> dict[str, float | str | None]:
    """Volumes (ml) and median flow of each side, and the ratio of the lower flow to the higher."""
    row: dict[str, float | str | None] = {}
    flows = []
    for name, here in (("left", right_mm < 0), ("right", right_mm > 0)):
        flow = float(np.median(cbf[tissue & here])) if np.any(tissue & here) else 0.0
        flows.append(flow)
        row[f"tissue_{name}_ml"] = float((tissue & here).sum() * ml)
        row[f"hypoperfused_{name}_ml"] = float((hypoperfused & here).sum() * ml)
        row[f"core_{name}_ml"] = float((core & here).sum() * ml)
        row[f"median_cbf_{name}"] = flow
    return row | {"flow_asymmetry": min(flows) / max(flows) if min(flows) > 0 else None}


def _named_tmax(settings: TissueSettings) -> tuple[float, float]:
    return settings.hypoperfused_tmax_s, settings.severe_tmax_s


def _row(
    late: dict[float, np.ndarray],
    low: dict[float, np.ndarray],
    side: str | None,
    normal: float,
    tissue: np.ndarray,
    ml: float,
    settings: TissueSettings,
) -> dict[str, float | str | None]:
    """Volumes in ml, and ratios; a ratio to a volume of zero is None."""
    late_ml = {seconds: float(mask.sum() * ml) for seconds, mask in late.items()}
    low_ml = {share: float(mask.sum() * ml) for share, mask in low.items()}
    hypoperfused, severe = (late_ml[seconds] for seconds in _named_tmax(settings))
    # Unless the core is restricted to late tissue, it may be larger than the hypoperfused tissue.
    core = low_ml[settings.core_rcbf]
    return {
        "side": side,
        "tissue_ml": float(tissue.sum() * ml),
        "reference_cbf": normal,
        **{f"tmax_over_{seconds:g}s_ml": volume for seconds, volume in late_ml.items()},
        **{f"rcbf_under_{share * 100:g}_ml": volume for share, volume in low_ml.items()},
        "core_ml": core,
        "hypoperfused_ml": hypoperfused,
        "mismatch_ml": max(hypoperfused - core, 0.0),
        "mismatch_ratio": hypoperfused / core if core else None,
        "hypoperfusion_index": severe / hypoperfused if hypoperfused else None,
    }

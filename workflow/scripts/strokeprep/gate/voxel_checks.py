"""Check whether the values of a raw file can be those of a head scan.

A series can have gigabytes. It is read once, a few slices at a time.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from strokeprep.gate.checks import Finding
from strokeprep.io import images
from strokeprep.kinds import Kind, LabelKind
from strokeprep.settings.gate import GateSettings

BLOCK_BYTES = 8 << 20
SAMPLE = 200_000  # voxels, more than enough for a histogram
AIR_BELOW_HU, AIR_SHARE, AIR_BIN_HU = -200.0, 0.05, 20.0
NO_AIR_SHARE = 0.005  # below, values as low as air are noise
TISSUE_HU = (-20.0, 100.0)
OFFSET_HU = 1024.0
REPORTED_QUANTILES = (0.01, 0.5, 0.99)
# The brightness of the border, from 0 (darkest) to 1 (brightest), above which an image is inverted.
# Air is at 0; soft tissue that fills the field of view of a CT is at a half.
INVERTED_BORDER = 0.75
LARGEST_LABEL = np.iinfo(np.uint16).max
CONVERT_AGAIN = "Convert the scan again, with rescale slope and intercept applied."


@dataclass(frozen=True)
class Content:
    """What one pass over the voxels of an image measures; values in the unit of the image."""

    low: float
    high: float
    sample: np.ndarray  # voxels evenly spread over the image, float32
    border: np.ndarray  # voxels from the edges of slices
    empty_slices: int
    empty_frames: int
    slices: int
    digest: str

    @property
    def finite(self) -> bool:
        """Whether no voxel is NaN or infinite."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def facts(self) -> dict[str, Any]:
        """The facts about the voxels for the report."""
        quantiles = np.quantile(self.sample, REPORTED_QUANTILES).round(4).tolist()
        return {
            "range": [self.low, self.high],
            "quantiles": dict(zip(map(str, REPORTED_QUANTILES), quantiles, strict=True)),
            "empty_slices": self.empty_slices,
            "empty_frames": self.empty_frames,
            "digest": self.digest,
        }


def measure(nifti: nib.Nifti1Image, path: Path, held: np.ndarray | None = None) -> Content:
    """Measure an image in one pass over its voxels.

    Where these are held in memory, the file is not unpacked and they get no digest.
    """
    rows, columns, *rest = nifti.shape
    slices = int(np.prod(rest))
    step = _stride(rows * columns * slices, rows, columns)
    per_block = max(1, BLOCK_BYTES // (rows * columns * nifti.dataobj.dtype.itemsize))
    lows, highs, sample, border = [], [], [], []
    digest, first = hashlib.blake2b(digest_size=16), 0
    blocks = images.blocks(nifti, path, per_block) if held is None else _blocks(held, per_block)
    for block in blocks:
        if held is None:
            digest.update(block.data)
        flat = block.reshape(len(block), -1)
        lows.append(flat.min(axis=1))
        highs.append(flat.max(axis=1))
        sample.append(block.reshape(-1)[first % step and step - first % step :: step].copy())
        border.append(block[::4, [0, -1], ::4].ravel())
        border.append(block[::4, ::4, [0, -1]].ravel())
        first += block.size
    low, high = np.concatenate(lows), np.concatenate(highs)
    empty = low == high
    scaled = _scaling(nifti)
    ends = sorted((scaled(low.min()), scaled(high.max())))
    return Content(
        low=float(ends[0]),
        high=float(ends[1]),
        sample=scaled(np.concatenate(sample)),
        border=scaled(np.concatenate(border)),
        empty_slices=int(empty.sum()),
        empty_frames=_empty_frames(low, high, nifti.shape[2]),
        slices=slices,
        digest=digest.hexdigest() if held is None else "",
    )


def _blocks(array: np.ndarray, slices: int) -> Iterator[np.ndarray]:
    """Voxels in memory as :func:`images.blocks` gives those of a file."""
    every = array.T.reshape(-1, array.shape[1], array.shape[0])
    for first in range(0, len(every), slices):
        yield every[first : first + slices]


def _stride(voxels: int, rows: int, columns: int) -> int:
    """The step between sampled voxels, chosen so that not all are from the same column."""
    step = max(1, voxels // SAMPLE)
    while step > 1 and (math.gcd(step, rows) > 1 or math.gcd(step, columns) > 1):
        step += 1
    return step


def _scaling(nifti: nib.Nifti1Image) -> Callable[[np.ndarray], np.ndarray]:
    """The function from stored values to those of the image."""
    slope, inter = np.float32(nifti.dataobj.slope), np.float32(nifti.dataobj.inter)

    def scaled(stored: np.ndarray) -> np.ndarray:
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # values that are not finite are reported later
            return np.asarray(stored, np.float32) * slope + inter

    return scaled


def _empty_frames(low: np.ndarray, high: np.ndarray, depth: int) -> int:
    per_frame = low.reshape(-1, depth).min(axis=1) == high.reshape(-1, depth).max(axis=1)
    return int(per_frame.sum())


# --- Images ---------------------------------------------------------------------------------


def of_image(content: Content, kind: Kind, path: Path, settings: GateSettings) -> Iterator[Finding]:
    """Everything wrong with the voxels of an image of one kind."""
    fatal = list(_unusable(content, path, settings))
    if fatal:
        yield from fatal
        return
    yield from _empty(content, kind, path, settings)
    yield from CHECKS_OF[kind.quantity](content, path, settings)


def _unusable(content: Content, path: Path, settings: GateSettings) -> Iterator[Finding]:
    if not content.finite:
        yield Finding.of(
            "not_finite",
            "The image holds NaN or infinite voxels",
            path,
            "Find out which program wrote them; replace the file, or remove it from the study.",
        )
    elif content.low == content.high:
        what = f"Every voxel is {content.low:g}: the image is empty"
        yield Finding.of("constant", what, path, "Convert the scan again.")
    elif len(values := np.unique(content.sample)) < settings.fewest_values:
        what = f"The image holds {len(values)} values only, as a mask does"
        yield Finding.of("mask_as_image", what, path, "Put the scan itself in its place.")


def _empty(content: Content, kind: Kind, path: Path, settings: GateSettings) -> Iterator[Finding]:
    if kind.ndim == 4 and content.empty_frames:
        what = f"{content.empty_frames} frames hold one value only"
        yield Finding.of("empty_frames", what, path, "Export the series again if they exist.")
    elif content.empty_slices > settings.empty_slices * content.slices:
        what = f"{content.empty_slices} of {content.slices} slices hold one value only"
        yield Finding.of("empty_slices", what, path, "Check that the transfer was complete.")


def _hounsfield(content: Content, path: Path, settings: GateSettings) -> Iterator[Finding]:
    values = _without_padding(content)
    if content.high > settings.highest_hu or _span(values) < settings.least_hu_range:
        what = f"Values from {content.low:g} to {content.high:g} are no Hounsfield units"
        yield Finding.of("hu_range", what, path, CONVERT_AGAIN)
    elif _is_offset(values, settings):
        what = f"Soft tissue lies near {OFFSET_HU:g} instead of 0 to 100 HU, and air near 0"
        yield Finding.of("hu_offset", what, path, CONVERT_AGAIN)
    elif _is_inverted(content, values):
        what = "The image is brighter at its border than inside, as if inverted"
        yield Finding.of("inverted", what, path, CONVERT_AGAIN)
    else:
        yield from _scale(content, values, path, settings)
        yield from _saturation(content, "saturated", path, settings)


def _without_padding(content: Content) -> np.ndarray:
    """The sample without padding, which has a value such as -1024, -2048 or -3024."""
    padding = content.sample == content.low
    kept = content.sample[~padding]
    # Noise gives the lowest value to fewer voxels.
    return kept if padding.mean() >= 0.005 and len(kept) else content.sample


def _share_between(values: np.ndarray, low: float, high: float) -> float:
    return float(np.mean((values > low) & (values < high)))


def _is_offset(values: np.ndarray, settings: GateSettings) -> bool:
    """Whether all values are too high by 1024, so that none are as low as air."""
    low, high = TISSUE_HU
    no_air = bool(np.mean(values < AIR_BELOW_HU) < NO_AIR_SHARE)
    return (
        no_air
        and _share_between(values, low + OFFSET_HU, high + OFFSET_HU) >= settings.tissue_share
    )


def _span(values: np.ndarray) -> float:
    """The range of values, without outliers."""
    low, high = np.quantile(values, (0.001, 0.999))
    return float(high - low)


def _scale(
    content: Content, values: np.ndarray, path: Path, settings: GateSettings
) -> Iterator[Finding]:
    low, high = settings.air_hu
    air = values[values < AIR_BELOW_HU]
    tissue = _share_between(values, *TISSUE_HU)
    peak = _peak(air) if len(air) >= AIR_SHARE * len(values) else None
    what = ""
    if tissue < settings.tissue_share:
        what = f"Only {tissue:.1%} of voxels lie from {TISSUE_HU[0]:g} to {TISSUE_HU[1]:g} HU"
    elif peak is not None and not low <= peak <= high:
        what = f"Air lies near {peak:g} HU, not near -1000"
    elif _is_airless(content):
        what = "There is neither air nor an empty background, as in MR"
    if what:
        yield Finding.of("hu_scale", what, path, CONVERT_AGAIN)


def _is_airless(content: Content) -> bool:
    """Whether an image has neither air nor an empty background."""
    air = np.mean(content.sample < AIR_BELOW_HU)
    background = np.mean(content.sample == content.low)
    return bool(air < NO_AIR_SHARE and background < 0.1)  # a stripped image has more


def _peak(values: np.ndarray) -> float:
    """The most frequent value, to the width of a bin."""
    bins, counts = np.unique(np.floor(values / AIR_BIN_HU), return_counts=True)
    return float((bins[counts.argmax()] + 0.5) * AIR_BIN_HU)


def _is_inverted(content: Content, values: np.ndarray) -> bool:
    """Whether the border of an image is about as bright as its brightest voxels."""
    low, high = np.quantile(values, (0.01, 0.99))
    return high > low and float(np.median(content.border) - low) / (high - low) > INVERTED_BORDER


def _saturation(
    content: Content, check: str, path: Path, settings: GateSettings
) -> Iterator[Finding]:
    share = float(np.mean(content.sample == content.high))
    if share > settings.saturated_share:
        what = f"{share:.0%} of voxels have the largest value, {content.high:g}"
        yield Finding.of(check, what, path, "Export the full range of values, without a window.")


def _signal(content: Content, path: Path, settings: GateSettings) -> Iterator[Finding]:
    if _is_inverted(content, content.sample):
        what = "The image is brighter at its border than inside, as if inverted"
        yield Finding.of("inverted", what, path, "Convert the scan again, without inverting it.")
        return
    negative = float(np.mean(content.sample < 0))
    if negative > settings.negative_share:
        what = f"{negative:.0%} of voxels are below zero"
        yield Finding.of("mr_negative", what, path, "Check the conversion for an overflow.")
    yield from _saturation(content, "mr_saturated", path, settings)


def _diffusivity(content: Content, path: Path, settings: GateSettings) -> Iterator[Finding]:
    measured = content.sample[content.sample > 0]
    median = float(np.median(measured)) if len(measured) else 0.0
    low, high = settings.adc_median
    if not low <= median <= high:
        what = f"The median ADC is {median:.3g}, {low:g} to {high:g} is usual in 1e-6 mm2/s"
        yield Finding.of("adc_scale", what, path, "State the unit when you use it.")


CHECKS_OF = {"hounsfield": _hounsfield, "diffusivity": _diffusivity, "signal": _signal}


# --- Labels ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Marked:
    """What one pass over the voxels of a label counts."""

    whole: bool  # all values are whole numbers
    voxels: dict[int, int]  # how many have each value
    share: float  # of voxels that are not 0
    digest: str

    def facts(self) -> dict[str, Any]:
        """The facts about the label for the report."""
        counts = {str(value): count for value, count in sorted(self.voxels.items())}
        return {"voxels": counts, "digest": self.digest}


def count(nifti: nib.Nifti1Image, path: Path) -> Marked:
    """Count the values of a label in one pass over its voxels."""
    rows, columns, *rest = nifti.shape
    per_block = max(1, BLOCK_BYTES // (rows * columns * nifti.dataobj.dtype.itemsize))
    scaled, digest = _scaling(nifti), hashlib.blake2b(digest_size=16)
    whole, counts = True, np.zeros(LARGEST_LABEL + 1, np.int64)
    for block in images.blocks(nifti, path, per_block):
        digest.update(block.data)
        values = scaled(block.ravel())
        rounded = np.rint(values)
        with np.errstate(invalid="ignore"):
            fits = (np.abs(values - rounded) <= 1e-3) & (rounded >= 0)
            fits &= rounded <= LARGEST_LABEL
        if not fits.all():
            whole = False
            break
        counts += np.bincount(rounded.astype(np.int64), minlength=LARGEST_LABEL + 1)
    voxels = {int(value): int(counts[value]) for value in np.flatnonzero(counts) if value}
    total = int(np.prod(nifti.shape))
    return Marked(whole, voxels, sum(voxels.values()) / total, digest.hexdigest())


def of_label(
    marked: Marked, kind: LabelKind, path: Path, settings: GateSettings
) -> Iterator[Finding]:
    """Everything wrong with the voxels of a label of one kind."""
    if not marked.whole:
        yield Finding.of(
            "label_values",
            f"A mask must hold whole, non-negative numbers up to {LARGEST_LABEL}",
            path,
            "Threshold it, or give the label image instead of a probability map.",
        )
        return
    if not marked.voxels:
        yield Finding.of("label_empty", "Nothing is marked", path, "Nothing, if none is there.")
    elif marked.share > settings.label_share:
        what = f"{marked.share:.0%} of the image is marked"
        yield Finding.of("label_large", what, path, "Check that the mask is not inverted.")
    others = sorted(set(marked.voxels) - {1})
    if others and kind.suffix == "mask":
        what = f"The mask holds the values {', '.join(map(str, others[:5]))} besides 0 and 1"
        yield Finding.of("label_unknown", what, path, "Tell users of the mask what they mean.")

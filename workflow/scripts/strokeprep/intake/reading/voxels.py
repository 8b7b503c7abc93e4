"""The voxels of a stack: stored values made HU or signal, padding made air, the tilt removed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from strokeprep.intake.reading.files import MOST_BYTES, Source, Unreadable
from strokeprep.intake.reading.geometry import Grid, finest_step
from strokeprep.intake.reading.headers import Slice
from strokeprep.intake.reading.pixels import Pixels
from strokeprep.io.images import AIR_HU, LPS, background

# Nothing in a head is this far below air: what outside of the field of view is filled with.
PADDING_HU = -1200
HIGHEST_PADDING_HU = -900  # above it may be tissue
NOISE = 250  # HU above air that is air still
NO_MOVE = 1e-3  # voxels


class Volume(NamedTuple):
    """Voxels as NIfTI has them (i, j, k[, t]), and their RAS affine."""

    array: np.ndarray
    affine: np.ndarray


def are_equal(slices: Sequence[Slice]) -> bool:
    """Whether slices have the same values."""
    return len({sha256(values(each).tobytes()).digest() for each in slices}) == 1


def volume(frames: Sequence[Sequence[Slice]], grid: Grid, is_mean: bool = False) -> Volume:
    """The voxels of frames in order, or of their mean; a tilt and uneven distances are removed."""
    array, affine = _stacked(frames, grid), grid.affine
    if is_mean:
        array = geometric_mean(list(array))[None]
    if grid.tilt_degrees:
        modality = str(frames[0][0].facts["Modality"])
        array, affine = untilted(array, grid, background(modality.lower()))
    if grid.regularity == "uneven":
        array, affine = evened(array, affine, grid)
    array = array[0] if len(array) == 1 else array
    return Volume(array.T, affine)


def _stacked(frames: Sequence[Sequence[Slice]], grid: Grid) -> np.ndarray:
    """All slices (t, k, j, i), rows from back to front, in the smallest type that holds them."""
    whole = all(_is_whole(each) for frame in frames for each in frame)
    shape = (len(frames), len(frames[0]), grid.rows, grid.columns)
    array = np.empty(shape, np.int16 if whole else np.float32)
    for t, frame in enumerate(frames):
        for k, each in enumerate(frame):
            plane = values(each)[::-1]
            is_wide = plane.dtype == np.int32 and not _fit((plane.min(), plane.max()))
            if is_wide and array.dtype == np.int16:
                array = array.astype(np.int32)
            array[t, k] = plane
    return array


def _is_whole(each: Slice) -> bool:
    """Whether slope and intercept leave whole numbers whole."""
    return all(value == int(value) for value in _scale(each))


def _scale(each: Slice) -> tuple[float, float]:
    """Slope and intercept."""
    return each.facts.get("RescaleSlope", 1.0), each.facts.get("RescaleIntercept", 0.0)


def values(each: Slice) -> np.ndarray:
    """A slice as rows and columns of HU or signal, in 16 bits if they hold it. Padding of a CT is air."""
    facts, (slope, intercept) = each.facts, _scale(each)
    stored = _stored(each) if each.pixels.dtype else _unpacked(each)
    if _is_whole(each):
        scaled = _scaled_whole(stored, int(slope), int(intercept))
    else:
        scaled = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    if facts.get("Modality") == "CT":
        padding = facts.get("PixelPaddingValue")
        if padding is not None:
            _hide(scaled, _signed(padding, facts) * slope + intercept)
        if scaled.min() < PADDING_HU:
            scaled[scaled < PADDING_HU] = AIR_HU
    return scaled


def _hide(scaled: np.ndarray, padding: float) -> None:
    """Make padding air; refused where tissue cannot be told from it."""
    at = scaled == (int(padding) if padding == int(padding) else padding)
    if padding > HIGHEST_PADDING_HU and at.any():
        raise Unreadable("its padding has a value that tissue has, too")
    scaled[at] = AIR_HU


def _scaled_whole(stored: np.ndarray, slope: int, intercept: int) -> np.ndarray:
    """Stored values by a scale of whole numbers, in 16 bits or, if those do not hold them, in 32."""
    ends = [int(end) * slope + intercept for end in (stored.min(), stored.max())]
    kind = np.int16 if _fit((slope, intercept, *ends)) else np.int32
    # Where the result fits, what wraps around on the way to it comes back.
    scaled = stored.astype(kind)
    if slope != 1:
        np.multiply(scaled, slope, out=scaled)
    if intercept:
        np.add(scaled, intercept, out=scaled)
    return scaled


def _fit(numbers: Iterable[int]) -> bool:
    """Whether 16 bits hold all of the numbers."""
    limits = np.iinfo(np.int16)
    return all(limits.min <= number <= limits.max for number in numbers)


def _signed(padding: float, facts) -> float:
    """A padding value that was written without its sign."""
    wrapped = bool(facts.get("PixelRepresentation")) and padding >= 1 << 15
    return padding - (1 << 16) if wrapped else padding


def _stored(each: Slice) -> np.ndarray:
    """The stored values, without the bits above them that old files keep overlays in."""
    pixels = each.pixels
    with each.source.open() as file:
        file.seek(pixels.offset)
        content = file.read(pixels.length)
    if len(content) < pixels.length:
        raise Unreadable("it is cut short")
    stored = np.frombuffer(content, pixels.dtype).reshape(pixels.rows, pixels.columns)
    spare = stored.dtype.itemsize * 8 - pixels.bits
    if spare <= 0 or (stored.dtype.kind == "u" and stored.max() < 1 << pixels.bits):
        return stored
    native = stored.astype(stored.dtype.newbyteorder("="))
    return (native << spare) >> spare


def _unpacked(each: Slice) -> np.ndarray:
    """The stored values of a packed frame (JPEG, JPEG-LS, JPEG 2000, RLE), by SimpleITK.

    It is given the frame as a file of its own without a scale, since it knows one scale for a file.
    """
    import SimpleITK as sitk

    with tempfile.NamedTemporaryFile(suffix=".dcm") as copy:
        _write_frame(each, copy.name)
        try:
            read = sitk.GetArrayFromImage(sitk.ReadImage(copy.name, imageIO="GDCMImageIO"))
        except RuntimeError as error:
            raise Unreadable("its pixels cannot be unpacked") from error
    plane = read.reshape(read.shape[-2:])
    if plane.shape != (each.pixels.rows, each.pixels.columns):
        raise Unreadable("its pixels are of another matrix than its header says")
    return plane


def _write_frame(each: Slice, path: str) -> None:
    """One packed frame as a file with nothing but its pixels."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID, SecondaryCaptureImageStorage

    pixels, made = each.pixels, Dataset()
    about = {
        "SOPClassUID": SecondaryCaptureImageStorage,
        "SOPInstanceUID": UID("1.2.3"),
        "PhotometricInterpretation": "MONOCHROME2",
        "SamplesPerPixel": 1,
        "Rows": pixels.rows,
        "Columns": pixels.columns,
        "BitsAllocated": int(each.facts.get("BitsAllocated", 16)),
        "BitsStored": pixels.bits,
        "HighBit": pixels.bits - 1,
        "PixelRepresentation": int(each.facts.get("PixelRepresentation", 0)),
    }
    for name, value in about.items():
        setattr(made, name, value)
    made.add_new(0x7FE00010, "OB", encapsulate([_packed(each.source, pixels)[each.index]]))
    made.file_meta = FileMetaDataset()
    made.file_meta.add_new(0x00020010, "UI", UID(pixels.syntax))
    made.save_as(path, enforce_file_format=True)


@lru_cache(maxsize=1)
def _packed(source: Source, pixels: Pixels) -> list[bytes]:
    """The packed frames of a file; of one at a time, since a series may be in one file."""
    from pydicom.encaps import generate_frames

    with source.open() as file:
        file.seek(pixels.offset)
        content = file.read(MOST_BYTES)
    try:
        frames = list(generate_frames(content, number_of_frames=pixels.frames))
    except Exception as error:  # pydicom has no common error for damaged files
        raise Unreadable("its pixels cannot be unpacked") from error
    if len(frames) != pixels.frames:
        raise Unreadable("it holds another number of packed frames than it says")
    return frames


def geometric_mean(planes: Sequence[np.ndarray]) -> np.ndarray:
    """The geometric mean of images weighted in several directions; 0 where one of them is."""
    with np.errstate(divide="ignore"):
        logs = sum(np.log(np.maximum(plane, 0, dtype=np.float64)) for plane in planes)
    return np.exp(logs / len(planes)).astype(np.float32)


def untilted(array: np.ndarray, grid: Grid, air: float) -> tuple[np.ndarray, np.ndarray]:
    """The slices of a tilted gantry moved along their columns onto a grid with right angles.

    One interpolation along one axis, by cubic splines. The middle slice stays where it is. Rows are
    added so that nothing is lost, and those that turn out to show air alone are taken off again.
    Slices that a turned table moved along their rows as well are moved along both.
    """
    from scipy import ndimage

    middle = len(grid.positions) // 2
    moves = (grid.shifts - grid.shifts[middle]) / (grid.spacing[1], grid.spacing[0])
    # Rows run from back to front: what lies further down the columns moves to lower indices.
    low, high = (int(np.ceil(max(edge, 0))) for edge in (moves[:, 1].max(), -moves[:, 1].min()))
    wide = np.pad(array, ((0, 0), (0, 0), (low, high), (0, 0)), constant_values=air)
    for t, k in np.ndindex(wide.shape[:2]):
        across, down = moves[k]
        plane = wide[t, k].astype(np.float32)
        by = (-down, across if abs(across) > NO_MOVE else 0.0)
        moved = np.clip(ndimage.shift(plane, by, order=3, cval=air), plane.min(), plane.max())
        wide[t, k] = np.rint(moved) if wide.dtype.kind == "i" else moved
    shown = np.flatnonzero((wide > air + NOISE).any(axis=(0, 1, 3)))
    first = min(low, int(shown[0])) if len(shown) else low
    last = max(low + grid.rows, int(shown[-1]) + 1) if len(shown) else low + grid.rows
    return wide[:, :, first:last], _upright(grid, middle, low - first)


def _upright(grid: Grid, middle: int, added: int) -> np.ndarray:
    """The affine of slices above one another, with rows added behind the first."""
    start = grid.positions[middle] - grid.heights[middle] * grid.normal
    corner = start + (grid.rows - 1 + added) * grid.spacing[0] * grid.down
    affine = grid.affine
    step = grid.heights[-1] / (len(grid.positions) - 1)
    affine[:3, 2] = LPS[:3, :3] @ grid.normal * step
    affine[:3, 3] = LPS[:3, :3] @ corner
    return affine


def evened(array: np.ndarray, affine: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Slices at the finest distance of the protocol, interpolated between their neighbours."""
    step, heights = finest_step(grid), grid.heights
    wanted = np.arange(0, heights[-1] + step / 100, step)
    above = np.clip(np.searchsorted(heights, wanted), 1, len(heights) - 1)
    share = (wanted - heights[above - 1]) / (heights[above] - heights[above - 1])
    weight = share[None, :, None, None].astype(np.float32)
    even = array[:, above - 1] * (1 - weight) + array[:, above] * weight
    made = affine.copy()
    made[:3, 2] = affine[:3, 2] / np.linalg.norm(affine[:3, 2]) * step
    return (np.rint(even).astype(array.dtype) if array.dtype.kind == "i" else even), made

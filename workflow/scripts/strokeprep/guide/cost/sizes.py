"""How large the scans of a study are, by their headers: a few of each kind stand for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from strokeprep.kinds import KINDS
from strokeprep.study.scans import Row

MOST_READ = 30  # files of a kind whose header is read
NIFTI_SECONDS = {"msec": 1e-3, "usec": 1e-6}  # units of a header's time axis that are no seconds


@dataclass(frozen=True)
class Size:
    """The grid of a scan, on average over those that were read."""

    voxels: float  # of one frame
    volume_ml: float
    frames: float = 1
    seconds: float = 0  # that a series lasts, 0 where its header does not tell

    @property
    def all_voxels(self) -> float:
        """Those of all frames."""
        return self.voxels * self.frames


def of_kinds(rows: Iterable[Row]) -> dict[str, Size]:
    """The size of each kind of image of which a header can be read."""
    paths: dict[str, list[Path]] = defaultdict(list)
    for row in rows:
        if row.role in KINDS:
            paths[row.role].append(row.path)
    sizes = {role: _mean([_size(path) for path in _some(of)]) for role, of in paths.items()}
    return {role: size for role, size in sizes.items() if size}


def _some(paths: Sequence[Path]) -> Sequence[Path]:
    """At most MOST_READ of the files, from the whole of the list."""
    return paths[:: -(-len(paths) // MOST_READ)]


def _size(path: Path) -> Size | None:
    """The size of an image; None where it is empty, damaged or no NIfTI."""
    import nibabel as nib

    try:
        header = nib.load(path).header
        shape, zooms = header.get_data_shape(), [float(each) for each in header.get_zooms()]
        unit = header.get_xyzt_units()[1]
    except Exception:  # whatever is wrong with the file, the gate says it
        return None
    if len(shape) < 3 or 0 in shape:
        return None
    voxels, frames = prod(shape[:3]), prod(shape[3:4])
    interval = zooms[3] * NIFTI_SECONDS.get(unit, 1) if len(zooms) > 3 else 0
    return Size(voxels, voxels * prod(zooms[:3]) / 1000, frames, frames * interval)


def _mean(sizes: Sequence[Size | None]) -> Size | None:
    known = [size for size in sizes if size]
    if not known:
        return None
    columns = zip(*((s.voxels, s.volume_ml, s.frames, s.seconds) for s in known), strict=True)
    return Size(*(sum(column) / len(known) for column in columns))

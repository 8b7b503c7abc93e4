"""The page of a study: what becomes of each series and why, and what each image looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np

from strokeprep.intake.plan import COLUMNS, CONVERT, LEAVE, WAIT, Plan, Row
from strokeprep.intake.reading.voxels import Volume
from strokeprep.io import images, json_files
from strokeprep.io.whole import write_text
from strokeprep.kinds import KINDS, Kind

if TYPE_CHECKING:
    import SimpleITK as sitk

    from strokeprep.drawing.pictures import Picture

TITLES = {CONVERT: "Converted", WAIT: "Waiting", LEAVE: "Left"}
SHOWN = [name for name in COLUMNS if name not in ("study", "decision", "confidence")]
PIXEL_MM = 1.2
HEAD_HU = (0, 400)  # what a curve of the head averages: tissue and blood
SAMPLED = 4  # of rows and columns, for the curve


@dataclass(frozen=True)
class Look:
    """A picture, and the curve of a series as SVG."""

    picture: Picture = field(repr=False)
    curve: str = field(default="", repr=False)


@dataclass(frozen=True)
class Written:
    """How one series ended: ``written``, ``unchanged``, or ``refused`` with what is wrong."""

    row: Row
    ended: str
    what: tuple[str, ...] = ()
    look: Look | None = None


def write(plan: Plan, path: Path, raw: Path | None = None, ended: Sequence[Written] = ()) -> None:
    """Write the page of a plan, or of what was made of it."""
    from strokeprep.report.render import render

    rows = plan.table()
    write_text(
        render(
            "intake.html",
            title=f"Study {plan.study.key}",
            subject=plan.subject,
            session=plan.session,
            columns=SHOWN,
            groups={
                title: [row for row in rows if row["decision"] == decision]
                for decision, title in TITLES.items()
            },
            remarks=(*plan.study.faults, *plan.study.remarks),
            ended=[_shown(each, raw) for each in ended] if raw else [],
        ),
        path,
    )


def _shown(each: Written, raw: Path) -> Mapping[str, Any]:
    """How a series ended, and what it looks like."""
    look = each.look
    if each.ended == "unchanged":
        look = look_of_file(raw / f"{each.row.stem}.nii.gz", each.row.kind)
    return {"stem": each.row.stem, "ended": each.ended, "what": each.what, "look": look}


# --- What an image looks like ---------------------------------------------------------------


def look_of_file(path: Path, kind: str) -> Look:
    """The look of an image that was written before."""
    nifti = nib.load(path)
    sidecar = json_files.read(str(path).replace(".nii.gz", ".json"))
    volume = Volume(np.asanyarray(nifti.dataobj), nifti.affine)
    return look_of(volume, kind, sidecar.get("FrameTimesStart", ()))


def look_of(volume: Volume, kind: str, times: Sequence[float]) -> Look:
    """The look of voxels in memory."""
    is_series = volume.array.ndim == 4
    curve = _curve(volume.array, np.asarray(times, float)) if is_series else ""
    shown = _mean(volume.array) if is_series else volume.array
    return Look(_picture(images.from_array(shown, volume.affine), KINDS[kind]), curve)


def _mean(array: np.ndarray) -> np.ndarray:
    """The mean over time, frame by frame, since a float copy of a series takes gigabytes.

    In the order of the memory: the first index runs fastest, as in NIfTI.
    """
    total = np.zeros(array.shape[2::-1], np.float32)
    for frame in array.T:
        total += frame
    return (total / array.shape[3]).T


def _picture(image: sitk.Image, kind: Kind) -> Picture:
    """Three planes through the middle, marked R, L, A and P."""
    from strokeprep.drawing import pictures
    from strokeprep.report import views

    outside, grid = images.background(kind.modality), views.whole(image, PIXEL_MM)
    slices = [
        pictures.Slice(axis, grid.GetSize()[axis] // 2)
        for axis in (pictures.AXIAL, pictures.CORONAL, pictures.SAGITTAL)
    ]
    view = np.zeros(grid.GetSize(), np.float32)
    shown = []
    for one in slices:  # to resample all that lies between them takes ten times as long
        thin = slice(one.index, one.index + 1)
        plane = tuple(thin if axis == one.axis else slice(None) for axis in range(3))
        view[plane] = views.seen(image, grid[plane], outside=outside)
        shown.append(view[plane].ravel())
    bright = np.percentile(np.concatenate(shown), 99.5) + 1
    window = kind.scan.window_hu if kind.modality == "ct" else (0, bright)
    return pictures.picture(pictures.strip(view, slices, pictures.Scale(*window)), colours=64)


def _curve(array: np.ndarray, times: np.ndarray) -> str:
    """The mean of the head in each frame."""
    from strokeprep.drawing import curves
    from strokeprep.drawing.palette import VERMILION

    means = []
    for t in range(array.shape[3]):
        frame = array[::SAMPLED, ::SAMPLED, :, t]
        head = frame[(frame > HEAD_HU[0]) & (frame < HEAD_HU[1])]
        means.append(float(head.mean()) if head.size else 0.0)
    panel = curves.Panel("HU", 140, (curves.Line("head", np.array(means), VERMILION),))
    return curves.svg(curves.Chart(times, "seconds", (panel,), curves.Spans("", ())))

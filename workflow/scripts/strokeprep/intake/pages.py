"""The page of a study: what becomes of each series and why, with a picture of every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from strokeprep.intake.plan import COLUMNS, CONVERT, LEAVE, WAIT, Plan, Row
from strokeprep.io import frames, images, json_files
from strokeprep.io.whole import write_text
from strokeprep.kinds import KINDS

if TYPE_CHECKING:
    from strokeprep.intake.writing import Written

TITLES = {CONVERT: "Converted", WAIT: "Waiting", LEAVE: "Left"}
SHOWN = [name for name in COLUMNS if name not in ("study", "decision", "confidence")]
PIXEL_MM = 1.2  # of a picture
HEAD_HU = (0, 400)  # what a curve of the head averages: tissue and blood


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
    path = raw / f"{each.row.stem}.nii.gz"
    told = {"stem": each.row.stem, "ended": each.ended, "what": each.what}
    if each.ended == "refused":
        return told | {"picture": None, "curve": ""}
    curve = _curve(path) if KINDS[each.row.kind].ndim == 4 else ""
    return told | {"picture": _picture(path, each.row), "curve": curve}


def _picture(path: Path, row: Row) -> Any:
    """Three planes through the middle of an image, marked R, L, A and P."""
    from strokeprep.drawing import pictures
    from strokeprep.report import views

    kind, image = KINDS[row.kind], images.read_mean(path)
    outside = images.background(kind.modality)
    view = views.seen(image, views.whole(image, PIXEL_MM), outside=outside)
    slices = [
        pictures.Slice(axis, view.shape[axis] // 2)
        for axis in (pictures.AXIAL, pictures.CORONAL, pictures.SAGITTAL)
    ]
    window = kind.scan.window_hu if kind.modality == "ct" else (0, np.percentile(view, 99.5) + 1)
    return pictures.picture(pictures.strip(view, slices, pictures.Scale(*window)), colours=64)


def _curve(path: Path) -> str:
    """The mean of the head in each frame, over the times of the sidecar."""
    from strokeprep.drawing import curves
    from strokeprep.drawing.palette import VERMILION

    sidecar = json_files.read(str(path).replace(".nii.gz", ".json"))
    means = []
    for frame in frames.stream(path):
        head = frame[(frame > HEAD_HU[0]) & (frame < HEAD_HU[1])]
        means.append(float(head.mean()) if head.size else 0.0)
    line = curves.Line("head", np.array(means), VERMILION)
    panel = curves.Panel("HU", 140, (line,))
    times = np.array(sidecar["FrameTimesStart"])
    return curves.svg(curves.Chart(times, "seconds", (panel,), curves.Spans("", ())))

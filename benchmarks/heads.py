"""All brain backends on a folder of heads, beside one another and beside masks to judge them by.

    python benchmarks/heads.py FOLDER [--models models] [--out heads.tsv] [--overlays PICTURES]

``FOLDER/NAME/image.nii.gz`` is a head and ``FOLDER/NAME/judge.nii.gz``, where it is there, a mask on
its grid that is known to be right. Its modality is the ``Modality`` of ``image.json`` (CT or MR) or
the word in ``modality.txt``. Backends whose weights or packages are missing are left out.

Every backend runs on every head in a process of its own, so one that is refused or killed costs its
own row alone, and seconds and memory are those of one head, imports included. A row compares a mask
with the judge or with another backend's mask: Dice, and the distance of their contours in mm (mean,
and the 95th percentile of all contour voxels of both). The ``template`` backend finds the face beside
each brain; "face ml" is what defacing would empty, air included, and "lost ml" what of the judge's
brain (else of the backend's own) lies in it. The verdict is that of the audit on the mask in its
image; it should be ``pass`` on the judge's masks and not on wrong ones. Look at the pictures, too: ``--overlays`` draws all
contours, and heads as surfaces before and after defacing. ``--masks`` keeps the masks.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from PIL.Image import Image  # noqa: E402
from strokeprep.drawing import palette, pictures  # noqa: E402
from strokeprep.errors import StrokeprepError  # noqa: E402
from strokeprep.io import images, labels  # noqa: E402
from strokeprep.quality import defacing, judgement  # noqa: E402
from strokeprep.quality.masks import contour  # noqa: E402
from strokeprep.report import views  # noqa: E402
from strokeprep.report.sections.defacing import solid  # noqa: E402
from strokeprep.segmentation import brains, faces  # noqa: E402
from strokeprep.segmentation.request import Request  # noqa: E402
from strokeprep.segmentation.weights import store  # noqa: E402
from strokeprep.settings.backends import (  # noqa: E402
    BRAINS,
    FACES,
    DefaceSettings,
    NetworkSettings,
    choices,
)
from strokeprep.settings.limits import NONE, PASS  # noqa: E402

IMAGE, JUDGE, SIDECAR, MODALITY = "image.nii.gz", "judge.nii.gz", "image.json", "modality.txt"
JUDGED_BY = "judge"
FACE = "_face.nii.gz"
MADE = "made"  # the outcome of a backend that gave a mask
CT_WINDOW, MR_QUANTILES = (-20.0, 100.0), (0.01, 0.995)
VIEW_MM, ACROSS = 1.5, {pictures.AXIAL: 4, pictures.CORONAL: 3, pictures.SAGITTAL: 3}
HEADING = ("head", "modality", "brain", "ml", "s", "GB", "against", "Dice", "mean mm", "95% mm")
HEADING += ("face ml", "lost ml", "verdict", "outcome")

Row = dict[str, str]  # cells by column; those that do not apply are missing


@dataclass(frozen=True)
class Head:
    """A head of the folder."""

    name: str
    folder: Path
    modality: str

    @property
    def image(self) -> Path:
        """Its image."""
        return self.folder / IMAGE

    def judge(self) -> sitk.Image | None:
        """The mask to judge others by, if there is one."""
        path = self.folder / JUDGE
        return labels.read(path) if path.exists() else None


@dataclass(frozen=True)
class Outcome:
    """What a backend made of a head: figures, the audit's verdict, an error's message or nothing."""

    ml: float = float("nan")
    seconds: float = float("nan")
    peak_gb: float = float("nan")
    verdict: str = ""
    message: str = ""

    def cells(self) -> Row:
        """Its cells in the table."""
        figures = {"ml": f"{self.ml:.0f}", "s": f"{self.seconds:.1f}", "GB": f"{self.peak_gb:.2f}"}
        known = {column: text for column, text in figures.items() if text != "nan"}
        return known | {"verdict": self.verdict, "outcome": self.message or MADE}


def heads_in(folder: Path, names: Sequence[str] = ()) -> list[Head]:
    """The heads of a folder by name, or those named."""
    found = sorted(path.parent for path in folder.glob(f"*/{IMAGE}"))
    wanted = [path for path in found if not names or path.name in names]
    if not wanted:
        raise StrokeprepError("No head was found", folder, f"Lay heads out as NAME/{IMAGE}.")
    return [Head(path.name, path, modality_in(path)) for path in wanted]


def modality_in(folder: Path) -> str:
    """The modality (ct or mr) that a sidecar or a text file names."""
    sidecar, text = folder / SIDECAR, folder / MODALITY
    said = json.loads(sidecar.read_text()).get("Modality", "") if sidecar.exists() else ""
    if not said and text.exists():
        said = text.read_text()
    modality = said.strip().lower()
    if modality not in ("ct", "mr"):
        raise StrokeprepError(
            f"The modality is {modality or 'not given'}",
            folder,
            f"Write ct or mr into {MODALITY}, or Modality into {SIDECAR}.",
        )
    return modality


def runnable(modality: str, models: Path) -> list[str]:
    """The backends for a modality whose weights and packages are there."""
    return [
        name
        for name in choices("brain", modality)
        if not store.missing(BRAINS[name].weights(modality, fast=False), models)
        and (find_spec("torch") or not BRAINS[name].torch)
    ]


def segmented(head: Head, backend: str, models: Path, target: Path) -> Outcome:
    """Write the mask of a backend, run in this process."""
    start = time.perf_counter()
    networks = NetworkSettings(str(models), threads=len(os.sched_getaffinity(0)))
    request = Request(images.read(head.image), head.modality, head.name, networks)
    try:
        brain = brains.found(request, BRAINS[backend])
        images.write(brain.mask, target, head.image)
        seconds = time.perf_counter() - start
        images.write(face_of(request, brain), face_beside(target), head.image)
    except StrokeprepError as error:
        return Outcome(seconds=time.perf_counter() - start, message=" ".join(str(error).split()))
    peak = peak_gb()
    judged = verdict(request.image, brain.mask, head.modality)
    return Outcome(brains.volume_ml(brain.mask), seconds, peak, judged)


def peak_gb() -> float:
    """The most memory that this process has held; getrusage would count its parent's with it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e9


def verdict(image: sitk.Image, mask: sitk.Image, modality: str) -> str:
    """The audit's verdict on a mask in its image, with the figures that do not pass."""
    measured = list(contour.measurements("", image, mask, modality, judgement.Judge("")))
    beyond = [
        f"{each.metric} {each.value:.1f}" for each in measured if each.verdict not in (PASS, NONE)
    ]
    return " ".join([judgement.worst(each.verdict for each in measured), *beyond])


def face_of(request: Request, brain: brains.Brain) -> sitk.Image:
    """What defacing by the template empties, with a brain found in the same image."""
    located = replace(request, location=brain.location)
    own = brain.mask, sitk.Transform()
    depth = faces.depth_in(own, request.image)
    margin_mm = DefaceSettings().brain_margin_mm
    return faces.region(located, FACES["template"], own, depth, margin_mm)[0]


def face_beside(mask: Path) -> Path:
    """Where the face that belongs to a brain mask lies."""
    return mask.with_name(mask.name.replace(".nii.gz", FACE))


def in_its_own_process(head: Head, backend: str, models: Path, target: Path) -> Outcome:
    """The outcome of :func:`segmented` in a process of its own."""
    command = [sys.executable, __file__, str(head.folder.parent), "--models", str(models)]
    command += ["--heads", head.name, "--only", backend, str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        return Outcome(message=f"ended with {done.returncode}: {last}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def apart_mm(a: sitk.Image, b: sitk.Image) -> tuple[float, float]:
    """The distance of two masks' contours (mm): mean, and 95th percentile, over voxels of both."""
    contours = [sitk.LabelContour(sitk.Cast(each > 0, sitk.sitkUInt8)) for each in (a, b)]
    if not all(sitk.GetArrayViewFromImage(each).any() for each in contours):
        return float("nan"), float("nan")
    distances = []
    for here, there in (contours, contours[::-1]):
        away = sitk.SignedMaurerDistanceMap(there, squaredDistance=False, useImageSpacing=True)
        # Inside the contour's own voxels the distance is negative.
        away = np.maximum(images.array(away), 0)
        distances.append(away[images.array(here) > 0])
    both = np.concatenate(distances)
    return float(both.mean()), float(np.quantile(both, 0.95))


def comparison(first: sitk.Image, second: sitk.Image) -> Row:
    """Dice and distances of two masks as cells of the table."""
    dice = labels.dice(images.array(first), images.array(second))
    mean, far = apart_mm(first, second)
    return {"Dice": f"{dice:.3f}", "mean mm": f"{mean:.2f}", "95% mm": f"{far:.1f}"}


def emptied(face: sitk.Image, brain: sitk.Image) -> Row:
    """The volume of a face, and of the brain in it, as cells of the table."""
    lost = defacing.brain_voxels_removed(face, brain, None) * float(np.prod(face.GetSpacing()))
    return {"face ml": f"{brains.volume_ml(face):.0f}", "lost ml": f"{lost / 1000:.2f}"}


def rows_of(
    head: Head,
    outcomes: Mapping[str, Outcome],
    masks: Mapping[str, sitk.Image],
    found_faces: Mapping[str, sitk.Image],
) -> list[Row]:
    """Rows of a head: each backend beside the judge, then beside one another."""
    about = {"head": head.name, "modality": head.modality}
    rows = []
    for name, outcome in outcomes.items():
        row = about | {"brain": name} | outcome.cells()
        if name in masks and JUDGED_BY in masks:
            row |= {"against": JUDGED_BY} | comparison(masks[name], masks[JUDGED_BY])
        if name in found_faces:
            row |= emptied(found_faces[name], masks.get(JUDGED_BY, masks[name]))
        rows.append(row)
    for first, second in combinations([name for name in outcomes if name in masks], 2):
        both = {"brain": first, "against": second}
        rows.append(about | both | comparison(masks[first], masks[second]))
    return rows


def overlay(head: Head, masks: Mapping[str, sitk.Image], target: Path) -> None:
    """Draw slices of a head in three planes with the contours of all masks."""
    grid, grey = seen(head)
    shown = {name: views.marked(mask, grid) > 0 for name, mask in masks.items()}
    where = np.any(list(shown.values()), axis=0) if shown else np.ones(grey.shape, bool)
    window = CT_WINDOW if head.modality == "ct" else np.quantile(grey, MR_QUANTILES).tolist()
    layers = [
        pictures.Layer(mask, colour, name=name)
        for (name, mask), colour in zip(shown.items(), palette.ON_GREY, strict=False)
    ]
    strips = []
    for axis, count in ACROSS.items():
        slices = [pictures.Slice(axis, index) for index in views.levels(where, count, axis)]
        strips.append(pictures.strip(grey, slices, pictures.Scale(*window), layers))
    write_picture(pictures.stack(strips), target)


def surfaces(head: Head, face: sitk.Image, target: Path) -> None:
    """Draw a head as a surface before and after defacing."""
    grid, before = seen(head)
    after = np.where(views.marked(face, grid) > 0, images.background(head.modality), before)
    drawn = [pictures.renders(solid(grey, head.modality)) for grey in (before, after)]
    write_picture(pictures.stack(drawn), target)


def seen(head: Head) -> tuple[sitk.Image, np.ndarray]:
    """The view of a head that pictures show, and its grey levels."""
    image = images.read(head.image)
    grid = views.whole(image, VIEW_MM)
    return grid, views.seen(image, grid, outside=float(sitk.GetArrayViewFromImage(image).min()))


def write_picture(drawn: Image, target: Path) -> None:
    """Save a picture as PNG."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pictures.picture(drawn).png)


def measured(head: Head, models: Path, kept: Path, overlays: Path | None) -> list[Row]:
    """All rows of a head, its pictures drawn."""
    outcomes: dict[str, Outcome] = {}
    found: dict[Path, sitk.Image] = {}
    targets = {
        name: kept / f"{head.name}_{name}.nii.gz" for name in runnable(head.modality, models)
    }
    for backend, target in targets.items():
        files = (target, face_beside(target))
        for file in files:
            file.unlink(missing_ok=True)  # of an earlier run
        outcomes[backend] = in_its_own_process(head, backend, models, target)
        found |= {file: labels.read(file) for file in files if file.exists()}
    masks = {name: found[target] for name, target in targets.items() if target in found}
    beside = {name: face_beside(target) for name, target in targets.items()}
    found_faces = {name: found[file] for name, file in beside.items() if file in found}
    if judge := head.judge():
        masks = {JUDGED_BY: judge} | masks
    if overlays:
        overlay(head, masks, overlays / f"{head.name}.png")
        for name, face in found_faces.items():
            surfaces(head, face, overlays / f"{head.name}_{name}_face.png")
    rows = rows_of(head, outcomes, masks, found_faces)
    return [row_of_judge(head, judge), *rows] if judge else rows


def row_of_judge(head: Head, judge: sitk.Image) -> Row:
    """The audit's verdict on the judge's mask."""
    judged = verdict(images.read(head.image), judge, head.modality)
    return {"head": head.name, "modality": head.modality, "brain": JUDGED_BY, "verdict": judged}


def summary(rows: Sequence[Row]) -> list[str]:
    """A line for each backend: heads, how many gave no mask, and Dice with the judge."""
    lines = []
    for backend in dict.fromkeys(row["brain"] for row in rows if "outcome" in row):
        own = [row for row in rows if row["brain"] == backend and "outcome" in row]
        dices = [float(row["Dice"]) for row in own if row.get("against") == JUDGED_BY]
        lacking = sum(row["outcome"] != MADE for row in own)
        line = f"{backend}: {len(own)} heads, {lacking} without a mask"
        if dices:
            line += (
                f"; Dice with the judge {np.mean(dices):.3f} on average, {min(dices):.3f} at worst"
            )
        lines.append(line)
    return lines


def as_cells(rows: Sequence[Row]) -> list[list[str]]:
    """The table with its heading."""
    return [list(HEADING), *([row.get(column, "") for column in HEADING] for row in rows)]


def aligned(table: Sequence[Sequence[str]]) -> str:
    """A table as text in columns."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )
    return "\n".join(lines)


def options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=Path, default=Path("models"), help="where weights lie")
    parser.add_argument("--heads", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--out", type=Path, help="a TSV file")
    parser.add_argument("--overlays", type=Path, help="a folder for pictures with all contours")
    parser.add_argument("--masks", type=Path, help="a folder to keep the masks in")
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)  # backend, mask: one process
    return parser.parse_args()


def main() -> None:
    """Print the table, and write it where asked."""
    given = options()
    try:
        heads = heads_in(given.folder, given.heads)
    except StrokeprepError as error:
        raise SystemExit(str(error)) from None
    if given.only:
        outcome = segmented(heads[0], given.only[0], given.models, Path(given.only[1]))
        print(json.dumps(vars(outcome)))
        return
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as made:
        kept = given.masks or Path(made)
        kept.mkdir(parents=True, exist_ok=True)
        for head in heads:
            rows += measured(head, given.models, kept, given.overlays)
            print(f"{head.name}: done", file=sys.stderr, flush=True)
    table = as_cells(rows)
    print(aligned(table), *summary(rows), sep="\n")
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text("\n".join("\t".join(row) for row in table) + "\n")


if __name__ == "__main__":
    main()

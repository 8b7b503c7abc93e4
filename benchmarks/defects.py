"""Planted defects of brain masks: which figures of the audit tell them, and what warns on right masks.

    python benchmarks/defects.py --folder FOLDER [--heads NAME …]    # as for heads.py
    python benchmarks/defects.py [--draws 1 2] [--cases NAME …]      # as for hard_heads.py

A head of a folder is given its ``judge.nii.gz``, else the mask of the ``template`` backend, as the right mask:
look at these first. Synthetic heads have their true brain. Each defect is planted in each mask, the brain is
registered to the template anew, as the chain would do, and the figures of the audit are taken. A row says in
how many masks a defect was planted, how many of these turn a figure, and how many each figure turns. Below
are the right masks that warn and the defects that no figure tells. A neck is planted where the image shows
one. ``--without-template`` leaves out the figures that need the registration, as for a scan that is not the
reference; a mask takes some 2 CPU seconds then, else 6. ``--defects`` plants only those named, and ``--out``
keeps every figure as a table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from heads import heads_in  # noqa: E402
from scipy import ndimage  # noqa: E402
from strokeprep.errors import StrokeprepError  # noqa: E402
from strokeprep.io import grids, images, labels  # noqa: E402
from strokeprep.phantom import heads  # noqa: E402
from strokeprep.quality import measures  # noqa: E402
from strokeprep.quality.judgement import Judge, Measurement  # noqa: E402
from strokeprep.quality.masks import contour  # noqa: E402
from strokeprep.registration import deformable, template  # noqa: E402
from strokeprep.segmentation import brains  # noqa: E402
from strokeprep.segmentation.request import Request  # noqa: E402
from strokeprep.settings.backends import BRAINS  # noqa: E402
from strokeprep.settings.limits import NONE, PASS  # noqa: E402
from strokeprep.settings.study import TemplateSettings  # noqa: E402

RIGHT = "right"

# A neck is a column below the brain, as wide and long (mm) as MR shows the cord and the muscles around it.
NECK_RADIUS_MM, NECK_LENGTH_MM, LEAST_NECK_MM = 25.0, 50.0, 15.0


class Masked(NamedTuple):
    """A head with a brain mask."""

    name: str
    image: sitk.Image
    modality: str
    mask: sitk.Image


Plant = Callable[[Masked], sitk.Image | None]


def larger(mm: float) -> Plant:
    """A mask grown by some millimetres, or shrunk by as many below zero."""

    def plant(head: Masked) -> sitk.Image:
        margin = [int(np.ceil(2 * abs(mm) / each)) for each in head.mask.GetSpacing()]
        box = labels.bounding_box(images.array(head.mask) > 0, margin)
        fine = grids.resampled(head.mask[box], 1.0, sitk.sitkNearestNeighbor)
        inside = images.array(fine) > 0
        depth = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
        # Distances are between voxel centres.
        depth = images.like((depth - 0.5 * np.sign(depth)).astype(np.float32), fine)
        there = sitk.Resample(depth, head.mask, sitk.Transform(), sitk.sitkLinear, -99.0)
        return sitk.Cast(there > -mm, sitk.sitkUInt8)

    return plant


def moved(shift_mm: Sequence[float] = (0, 0, 0), turns_deg: Sequence[float] = (0, 0, 0)) -> Plant:
    """A mask shifted (LPS) and turned about its centre."""

    def plant(head: Masked) -> sitk.Image:
        shape = sitk.LabelShapeStatisticsImageFilter()
        shape.Execute(head.mask)
        back = [-float(each) for each in shift_mm]
        turns = np.radians(turns_deg).tolist()
        move = sitk.Euler3DTransform(shape.GetCentroid(1), *turns, back)
        return sitk.Resample(head.mask, head.mask, move, sitk.sitkNearestNeighbor)

    return plant


def cut(axis: int, share: float) -> Plant:
    """A mask without a share of it at the low end of an axis (LPS), or at the high end below zero."""

    def plant(head: Masked) -> sitk.Image:
        index, points = _points(head.mask)
        along = np.sign(share) * points[:, axis]
        return _without(head.mask, index[along < np.quantile(along, abs(share))])

    return plant


def lower(mm: float) -> Plant:
    """A mask that ends short of the vertex."""

    def plant(head: Masked) -> sitk.Image:
        return sitk.And(head.mask, moved((0, 0, -mm))(head))

    return plant


def with_neck(head: Masked) -> sitk.Image | None:
    """A mask with a column below it; None where the image ends there."""
    index, points = _points(head.mask)
    lowest = points[:, 2].min()
    x, y, _ = points[points[:, 2] < lowest + 8.0].mean(axis=0)
    every = images.like(np.ones(head.mask.GetSize(), np.uint8), head.mask)
    index, points = _points(every)
    aside = np.hypot(points[:, 0] - x, points[:, 1] - y)
    below = lowest + 8.0 - points[:, 2]
    column = (aside < NECK_RADIUS_MM) & (below > 0) & (below < NECK_LENGTH_MM)
    if not column.any() or below[column].max() < 8.0 + LEAST_NECK_MM:
        return None
    data = images.array(head.mask).copy()
    data[tuple(index[column].T)] = 1
    return images.like(data, head.mask)


def _points(mask: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """The voxels of a mask, by index and in LPS."""
    index = np.argwhere(images.array(mask) > 0)
    affine = images.LPS @ images.affine(mask)
    return index, index @ affine[:3, :3].T + affine[:3, 3]


def _without(mask: sitk.Image, index: np.ndarray) -> sitk.Image:
    """A mask without some voxels."""
    data = images.array(mask).copy()
    data[tuple(index.T)] = 0
    return images.like(data, mask)


DEFECTS: dict[str, tuple[Plant, ...]] = {
    RIGHT: (lambda head: head.mask,),
    "shifted by 5 mm": (
        moved((5, 0, 0)), moved((0, -5, 0)), moved((0, 5, 0)), moved((0, 0, 5)), moved((0, 0, -5))
    ),
    "nodded by 8°": (moved(turns_deg=(8, 0, 0)), moved(turns_deg=(-8, 0, 0))),
    "turned by 8°": (moved(turns_deg=(0, 0, 8)),),
    "tilted to the side by 8°": (moved(turns_deg=(0, 8, 0)),),
    "grown by 3 mm": (larger(3.0),),
    "shrunk by 3 mm": (larger(-3.0),),
    "18 % cut off in front": (cut(1, 0.18),),
    "12 % cut off behind": (cut(1, -0.12),),
    "12 % cut off at the side": (cut(0, 0.12),),
    "8 mm cut off at the vertex": (lower(8.0),),
    "neck included": (with_neck,),
}  # fmt: skip


class Row(NamedTuple):
    """The figures of a defect in a head."""

    head: str
    defect: str
    figures: tuple[Measurement, ...]

    @property
    def warns(self) -> list[str]:
        """The figures that do not pass."""
        return [each.metric for each in self.figures if each.verdict not in (PASS, NONE)]


def of_folder(folder: Path, names: Sequence[str]) -> Iterator[Masked]:
    """The heads of a folder with their masks."""
    for head in heads_in(folder, names):
        image, mask = images.read(head.image), head.judge()
        if mask is None:
            request = Request(image, head.modality, head.name)
            try:
                mask = brains.found(request, BRAINS["template"]).mask
            except StrokeprepError as error:
                print(f"{head.name}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
                continue
        yield Masked(head.name, image, head.modality, sitk.Cast(mask > 0, sitk.sitkUInt8))


def of_phantom(cases: Sequence[str], draws: Sequence[int]) -> Iterator[Masked]:
    """Synthetic heads with their true brains; those that are to be refused are left out."""
    for draw in draws:
        for name in cases:
            if not heads.CASES[name].is_wrong_way_up:
                head = heads.case(name, draw)
                mask = images.like(head.brain.astype(np.uint8), head.image)
                yield Masked(f"{name} {draw}", head.image, head.modality, mask)


def figures(head: Masked, mask: sitk.Image, with_template: bool) -> tuple[Measurement, ...]:
    """The figures of the audit that a mask on a reference has."""
    judge = Judge("")
    found = list(contour.measurements("", head.image, mask, head.modality, judge))
    if with_template:
        settings = TemplateSettings()
        stripped = sitk.Mask(head.image, mask, 0)
        try:
            move = deformable.to_template(stripped, template.standard(settings).t1).transform
        except StrokeprepError:  # ends the subject
            return (*found, judge("", "template_dice", 0.0))
        missing, outlying = measures.missing_and_outlying_ml(mask, move, settings)
        off_mm = measures.template_off_mm(head.image, move, settings)
        found += [
            judge("", "template_off_mm", off_mm),
            judge("", "brain_missing_ml", missing),
            judge("", "brain_outlying_ml", outlying),
        ]
    return tuple(found)


def rows_of(head: Masked, defects: Sequence[str], with_template: bool) -> Iterator[Row]:
    """The defects of a head."""
    for defect in defects:
        for plant in DEFECTS[defect]:
            mask = plant(head)
            if mask is not None:
                yield Row(head.name, defect, figures(head, mask, with_template))


def table(rows: Sequence[Row]) -> list[list[str]]:
    """By defect: masks, how many turn a figure, and how many each figure turns."""
    metrics = list(dict.fromkeys(each.metric for row in rows for each in row.figures))
    cells = [["defect", "masks", "told", *metrics]]
    for defect in dict.fromkeys(row.defect for row in rows):
        own = [row for row in rows if row.defect == defect]
        told = sum(bool(row.warns) for row in own)
        by_figure = (sum(metric in row.warns for row in own) for metric in metrics)
        cells.append([defect, str(len(own)), str(told), *map(str, by_figure)])
    return cells


def judged_wrongly(rows: Sequence[Row]) -> list[Row]:
    """The right masks that warn, and the defects that no figure tells."""
    return [row for row in rows if (row.defect == RIGHT) == bool(row.warns)]


def every_figure(rows: Sequence[Row]) -> str:
    """All figures of all masks as text."""
    lines = ["head\tdefect\tmetric\tvalue\tverdict"]
    for row in rows:
        for each in row.figures:
            cells = (row.head, row.defect, each.metric, f"{each.value:.3f}", each.verdict)
            lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, and write all figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="of real heads, in place of synthetic ones")
    parser.add_argument("--heads", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--draws", nargs="+", type=int, default=[1])
    parser.add_argument("--cases", nargs="+", default=list(heads.CASES), choices=heads.CASES)
    parser.add_argument("--defects", nargs="+", default=list(DEFECTS), choices=DEFECTS)
    parser.add_argument("--without-template", action="store_true", help="only figures of the image")
    parser.add_argument("--out", type=Path, help="a TSV file of all figures")
    given = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    masked = (
        of_folder(given.folder, given.heads)
        if given.folder
        else of_phantom(given.cases, given.draws)
    )
    rows: list[Row] = []
    for head in masked:
        own = list(rows_of(head, given.defects, not given.without_template))
        rows += own
        for row in judged_wrongly(own):
            print(row.head, row.defect, " ".join(row.warns) or "not told", sep="\t", flush=True)
        print(f"{head.name}: done", file=sys.stderr, flush=True)
        if given.out:
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(every_figure(rows))
    for cells in table(rows):
        print(*cells, sep="\t")


if __name__ == "__main__":
    main()

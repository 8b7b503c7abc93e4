"""The sections of the page on perfusion: arterial input, maps, tissue at risk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from PIL import Image
from scipy import ndimage

from strokeprep.drawing import curves, pictures
from strokeprep.drawing.palette import SKY, VERMILION
from strokeprep.drawing.pictures import AXIAL, Layer, Scale, Slice
from strokeprep.io import tables
from strokeprep.quality.folder import Folder
from strokeprep.report import views
from strokeprep.report.plan import Perfused
from strokeprep.report.sections import looks
from strokeprep.report.sections.parts import Figure, Section
from strokeprep.steps import figures
from strokeprep.study import naming

MAP_SLICES = 6
MARGIN_MM = 15.0
SPOT_MM = 4.5  # radius of a vessel's voxel; smaller ones are hard to find
MOST_PLACES = 5
# Value ranges as radiology draws them; viridis and cividis are read alike with any colour vision.
MAPS = {
    "cbf": ("Flow (CBF)", Scale(0, 60, "viridis", "mL/100g/min")),
    "cbv": ("Volume (CBV)", Scale(0, 6, "viridis", "mL/100g")),
    "mtt": ("Mean transit time (MTT)", Scale(0, 15, "cividis", "s")),
    "tmax": ("Time to maximum (Tmax)", Scale(0, 12, "cividis", "s")),
    "delay": ("Delay", Scale(0, 8, "cividis", "s")),
}
UNCERTAIN = {
    "cbf_sd": ("Standard deviation of flow", Scale(0, 30, "viridis", "mL/100g/min")),
    "mtt_sd": ("Standard deviation of transit time", Scale(0, 6, "cividis", "s")),
    "delay_sd": ("Standard deviation of delay", Scale(0, 3, "cividis", "s")),
}
PROBABLE = {
    "core_probability": ("Probability of core", Scale(0, 1, "viridis", "")),
    "penumbra_probability": ("Probability of penumbra", Scale(0, 1, "viridis", "")),
}


def of_perfusion(plan: Perfused, files: Folder) -> list[Section]:
    """All of them, drawn on one view around what is known of the maps."""
    flow = files.image(plan.maps["cbf"])
    covered = sitk.Cast(flow != 0, sitk.sitkUInt8)
    view = views.around(covered, looks.MAP_MM, MARGIN_MM)
    base = views.seen(files.image(plan.mean), view, None, views.AIR)
    known = views.marked(covered, view) > 0
    cuts = [Slice(AXIAL, k) for k in views.levels(known, MAP_SLICES)]
    return [
        vessels(plan, files, view, base),
        maps(plan, files, view, known, cuts),
        uncertainty(plan, files, view, known, cuts),
        at_risk(plan, files, view, base, cuts),
    ]


def vessels(plan: Perfused, files: Folder, view: sitk.Image, base: np.ndarray) -> Section:
    """The curves of the chosen artery and vein, and where they were taken."""
    path = files.path(plan.vessels)
    about = json.loads(Path(naming.sidecar(str(path))).read_text())
    strips = _places(tables.read(files.path(plan.voxels)), view, base)
    shown = [Figure("Curves", svg=curves.svg(_curves(tables.read(path), about)))]
    frames = [("vessels", strips)]
    if plan.replaced and plan.replaced.exists():
        frames.append(("before the correction", _places(tables.read(plan.replaced), view, base)))
    if strips:
        drawn = [(name, pictures.picture(pictures.stack(each))) for name, each in frames if each]
        shown.append(Figure("Where they were taken", tuple(drawn)))
    warned = " Warnings: " + "; ".join(about["Warnings"]) + "." if about["Warnings"] else ""
    return Section(
        "vessels",
        "Arterial input and venous outflow",
        "The artery rises steeply, first and highest, and falls at once; the vein follows seconds "
        "later. Both return to near the baseline before the series ends. The artery's voxels lie "
        "at the skull base or in the Sylvian fissure, the vein's in a sinus." + warned,
        tuple(shown),
        ("arterial input",),
    )


def _curves(rows: Sequence[Mapping[str, str]], about: Mapping[str, Any]) -> curves.Chart:
    def column(name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in rows])

    vein = column("vof") if rows[0]["vof"] != tables.MISSING else None
    artery = ("arterial input, as used", column("aif"))
    return figures.bolus(column("time"), artery, vein, about["BaselineFrames"])


def _places(
    voxels: Sequence[Mapping[str, str]], view: sitk.Image, base: np.ndarray
) -> list[Image.Image]:
    """For each vessel the slices that hold voxels of it, marked."""
    strips = []
    for name, colour in (("artery", VERMILION), ("vein", SKY)):
        points = [[float(row[axis]) for axis in "xyz"] for row in voxels if row["vessel"] == name]
        levels = sorted({_index(point, view)[2] for point in points})[:MOST_PLACES]
        if levels:
            layer = Layer(_spots(points, view), colour, True, f"{name}: {len(points)} voxels")
            cuts = [Slice(AXIAL, k) for k in levels]
            strips.append(pictures.strip(base, cuts, looks.BRAIN_HU, [layer]))
    return strips


def _index(point: Sequence[float], view: sitk.Image) -> tuple[int, ...]:
    """The voxel of a view that holds a point (RAS, mm)."""
    x, y, z = point
    return view.TransformPhysicalPointToIndex((-x, -y, z))


def _spots(points: Sequence[Sequence[float]], view: sitk.Image) -> np.ndarray:
    """Points (RAS, mm) as balls on a view."""
    empty = np.ones(view.GetSize(), bool)
    for index in (_index(point, view) for point in points):
        if all(0 <= i < n for i, n in zip(index, empty.shape, strict=True)):
            empty[index] = False
    if empty.all():
        return ~empty
    return ndimage.distance_transform_cdt(empty, "taxicab") * view.GetSpacing()[0] <= SPOT_MM


def maps(
    plan: Perfused,
    files: Folder,
    view: sitk.Image,
    known: np.ndarray,
    cuts: Sequence[Slice],
) -> Section:
    """Each map in its own colours, black where nothing is known."""
    return Section(
        "maps",
        "Perfusion maps",
        "Grey matter has more flow and volume than white; the healthy side looks like brain, "
        "not like noise. The affected territory is low in flow and late in Tmax; a whole late "
        "hemisphere or a late rim is an artefact of the input or of motion. The delay is when "
        "contrast arrives; Tmax is later by two to four seconds and grows with the transit time, "
        "so the usual thresholds are those of Tmax.",
        _drawn(MAPS, plan.maps, files, view, known, cuts),
        ("maps",),
    )


def uncertainty(
    plan: Perfused,
    files: Folder,
    view: sitk.Image,
    known: np.ndarray,
    cuts: Sequence[Slice],
) -> Section:
    """How far the vascular model's maps may be off, and what tissue is probable."""
    return Section(
        "uncertainty",
        "Uncertainty",
        "The truth lies within one standard deviation in about two voxels of three. Where the "
        "standard deviation is as large as the map, the map says nothing. Core is late tissue "
        "with little flow, penumbra is other late tissue; late is judged by the delay here.",
        _drawn(UNCERTAIN | PROBABLE, plan.model, files, view, known, cuts),
        (),
    )


def _drawn(
    scales: Mapping[str, tuple[str, Scale]],
    paths: Mapping[str, str],
    files: Folder,
    view: sitk.Image,
    known: np.ndarray,
    cuts: Sequence[Slice],
) -> tuple[Figure, ...]:
    """A figure for each map."""
    drawn = []
    for name, (title, scale) in scales.items():
        # By nearest neighbour: nothing is blurred over the edge of what is known.
        values = views.marked(files.image(paths[name]), view)
        picture = pictures.picture(pictures.strip(values, cuts, scale, shown=known))
        drawn.append(Figure(title, ((name, picture),)))
    return tuple(drawn)


def at_risk(
    plan: Perfused,
    files: Folder,
    view: sitk.Image,
    base: np.ndarray,
    cuts: Sequence[Slice],
) -> Section:
    """Core and penumbra on the mean of the series."""
    layers = [
        Layer(views.marked(files.image(plan.at_risk[name]), view) > 0, colour, True, name)
        for name, colour in (("penumbra", SKY), ("core", VERMILION))
    ]
    frames = looks.with_and_without("core and penumbra", base, cuts, looks.BRAIN_HU, layers)
    return Section(
        "risk",
        "Tissue at risk",
        "Core lies within late tissue, both in one vessel's territory on one side. Specks on "
        "both sides, or along sinuses and skull, are noise.",
        (Figure("Core and penumbra on the mean of the series", frames),),
    )

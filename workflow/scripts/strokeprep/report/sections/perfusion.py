"""The sections of the page on perfusion: arterial input, maps, tissue at risk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from PIL import Image
from scipy import ndimage

from strokeprep.drawing import curves, palette, pictures
from strokeprep.drawing.palette import SKY, VERMILION
from strokeprep.drawing.pictures import AXIAL, Layer, Picture, Scale, Slice
from strokeprep.io import images, tables
from strokeprep.perfusion import regions
from strokeprep.perfusion.inputs.local import WHOLE
from strokeprep.quality.folder import Folder
from strokeprep.report import views
from strokeprep.report.plan import Perfused
from strokeprep.report.sections import looks
from strokeprep.report.sections.parts import Figure, Section
from strokeprep.steps import figures
from strokeprep.steps.perfused import inputs
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
# The standard deviation of a map is drawn up to this share of its range.
UNCERTAIN_SHARE = 0.5
PROBABLE = {
    "core": ("core_probability", VERMILION),
    "penumbra": ("penumbra_probability", palette.WHITE),
}
PROBABILITY = Scale(0, 1, "viridis", "probability")
# Columns of the table by region that the page shows, with their headings and how numbers are written.
REGION_COLUMNS = {
    "atlas": ("atlas", ""),
    "region": ("region", ""),
    "side": ("side", ""),
    "volume_ml": ("tissue (mL)", ".0f"),
    "cbf_median": ("flow", ".1f"),
    "cbv_median": ("volume", ".2f"),
    "mtt_median": ("transit (s)", ".1f"),
    "tmax_median": ("Tmax (s)", ".1f"),
    "delay_median": ("delay (s)", ".1f"),
    "cbf_ratio": ("ratio of flow", ".2f"),
    "cbv_ratio": ("ratio of volume", ".2f"),
    "mtt_ratio": ("ratio of transit", ".2f"),
    "late_tmax": ("late by Tmax", ".0%"),
    "late_delay": ("late by delay", ".0%"),
    "low_cbf": ("low in flow", ".0%"),
    "core_ml": ("core (mL)", ".1f"),
    "penumbra_ml": ("penumbra (mL)", ".1f"),
}


@dataclass(frozen=True)
class Sight:
    """What is drawn of a series: a view, where maps are known on it, and some axial slices."""

    view: sitk.Image
    known: np.ndarray
    cuts: tuple[Slice, ...]


def sight(plan: Perfused, files: Folder) -> Sight:
    """The view around what is known of the maps."""
    covered = sitk.Cast(files.image(plan.maps["cbf"]) != 0, sitk.sitkUInt8)
    view = views.around(covered, looks.MAP_MM, MARGIN_MM)
    known = views.marked(covered, view) > 0
    return Sight(view, known, tuple(Slice(AXIAL, k) for k in views.levels(known, MAP_SLICES)))


def of_perfusion(plan: Perfused, files: Folder, seen: Sight) -> list[Section]:
    """All sections, drawn on one view."""
    base = views.seen(files.image(plan.mean), seen.view, None, views.AIR)
    return [
        vessels(plan, files, seen.view, base),
        maps(plan, files, seen),
        at_risk(plan, files, seen, base),
        by_region(plan, files, seen),
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
        "at the skull base or in the Sylvian fissure, the vein's in a sinus."
        + _territories(about)
        + warned,
        tuple(shown),
        ("arterial input",),
    )


def _territories(about: Mapping[str, Any]) -> str:
    """Which input each territory has, where they may have their own."""
    each = [
        f"{told['Territory']}: its own, {told['LagSeconds']:.1f} s later on average"
        if told["OwnInput"]
        else f"{told['Territory']}: that of the whole brain ({told['WholeBrainBecause']})"
        for told in about.get("Territories", ())
    ]
    return f" By territory: {'; '.join(each)}." if each else ""


def _curves(rows: Sequence[Mapping[str, str]], about: Mapping[str, Any]) -> curves.Chart:
    def column(name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in rows])

    vein = column("vof") if rows[0]["vof"] != tables.MISSING else None
    own = {
        told["Territory"]: column(inputs.column(told["Territory"]))
        for told in about.get("Territories", ())
        if told["OwnInput"]
    }
    artery = (figures.own_input(WHOLE) if own else "arterial input, as used", column("aif"))
    return figures.bolus(column("time"), artery, vein, about["BaselineFrames"], own)


def _places(
    voxels: Sequence[Mapping[str, str]], view: sitk.Image, base: np.ndarray
) -> list[Image.Image]:
    """For each vessel the slices that hold voxels of it, marked."""
    strips = []
    own = sorted({row["vessel"] for row in voxels} - {"artery", "vein"})
    colours = {"artery": VERMILION, "vein": SKY} | dict.fromkeys(own, palette.ORANGE)
    for name, colour in colours.items():
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


def maps(plan: Perfused, files: Folder, seen: Sight) -> Section:
    """Each map in its own colours, with its uncertainty; black where nothing is known."""
    drawn = []
    for name, (title, scale) in MAPS.items():
        frames = [(name, _drawn(files, plan.maps[name], scale, seen))]
        if deviation := plan.model.get(f"{name}_sd"):
            half = replace(scale, high=UNCERTAIN_SHARE * scale.high)
            frames.append(("standard deviation", _drawn(files, deviation, half, seen)))
        drawn.append(Figure(title, tuple(frames)))
    return Section(
        "maps",
        "Perfusion maps",
        "Grey matter has more flow and volume than white; the healthy side looks like brain, "
        "not like noise. The affected territory is low in flow and late in Tmax; a whole late "
        "hemisphere or a late rim is an artefact of the input or of motion. The delay is when "
        "contrast arrives; Tmax is later by two to four seconds and grows with the transit time, "
        "so the usual thresholds are those of Tmax. The truth lies within one standard deviation "
        "in about two voxels of three; where that is as large as the map, the map says nothing.",
        tuple(drawn),
        ("maps",),
    )


def _drawn(
    files: Folder, path: str, scale: Scale, seen: Sight, layers: Sequence[Layer] = ()
) -> Picture:
    """A map in colours."""
    # By nearest neighbour: nothing is blurred over the edge of what is known.
    values = views.marked(files.image(path), seen.view)
    return pictures.picture(pictures.strip(values, seen.cuts, scale, layers, shown=seen.known))


def at_risk(plan: Perfused, files: Folder, seen: Sight, base: np.ndarray) -> Section:
    """Core and penumbra, by thresholds and by probability."""
    layers = [
        Layer(views.marked(files.image(plan.at_risk[name]), seen.view) > 0, colour, True, name)
        for name, colour in (("penumbra", SKY), ("core", VERMILION))
    ]
    name = "core and penumbra"
    frames = looks.with_and_without(name, base, seen.cuts, looks.BRAIN_HU, layers)
    return Section(
        "risk",
        "Tissue at risk",
        "Core lies within late tissue, both in one vessel's territory on one side. Specks on "
        "both sides, or along sinuses and skull, are noise. By thresholds late tissue is that of "
        "Tmax. By probability it is that of the delay and half the transit time, and it must flow "
        "less: tissue that collaterals fill late but well is left out.",
        (
            Figure("By thresholds, on the mean of the series", frames),
            Figure("By probability: outlined where it is more likely than not, on flow",
                   _probable(plan, files, seen)),
        ),
    )  # fmt: skip


def _probable(plan: Perfused, files: Folder, seen: Sight) -> tuple[tuple[str, Picture], ...]:
    """Outlines of what is likely, on flow, and both probabilities."""
    paths = {name: plan.model[key] for name, (key, _) in PROBABLE.items()}
    outlines = [
        Layer(
            views.marked(files.image(path), seen.view) > regions.LIKELY,
            PROBABLE[name][1],
            name=name,
        )
        for name, path in paths.items()
    ]
    _, flow = MAPS["cbf"]
    return (
        ("core and penumbra", _drawn(files, plan.maps["cbf"], flow, seen, outlines[::-1])),
        *((f"probability of {name}", _drawn(files, path, PROBABILITY, seen))
          for name, path in paths.items()),
    )  # fmt: skip


def by_region(plan: Perfused, files: Folder, seen: Sight) -> Section:
    """The table of hemispheres and of the regions of atlases, with where these lie."""
    rows = tables.read(files.path(plan.regions))
    return Section(
        "regions",
        "By region and side",
        "Medians of the tissue of each region and their ratio to the region at its mirror image; "
        "shares that are late or low in flow; core and penumbra by probability. Ratios of healthy "
        "regions are near 1. A region that the series shows in part has little tissue. The regions "
        "of an atlas lie where they belong, the same on both sides.",
        _outlined(plan, files, seen),
        (),
        tuple(
            {title: _told(row[name], how) for name, (title, how) in REGION_COLUMNS.items()}
            for row in rows
        ),
    )


def _outlined(plan: Perfused, files: Folder, seen: Sight) -> tuple[Figure, ...]:
    """The regions of each atlas on the flow, in one place to flick between."""
    frames = []
    for name, path in plan.beside.regions.items():
        labels = views.marked(images.read(path), seen.view)
        border = Layer(_borders(labels), palette.WHITE, name=f"borders of {name}")
        frames.append((name, _drawn(files, plan.maps["cbf"], MAPS["cbf"][1], seen, [border])))
    return (Figure("Regions on the flow", tuple(frames)),) if frames else ()


def _borders(labels: np.ndarray) -> np.ndarray:
    """Where a region gives way to another in a slice."""
    found = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        here, beyond = (labels.take(range(n, labels.shape[axis] - 1 + n), axis) for n in (0, 1))
        differs = (here != beyond) & (here > 0) & (beyond > 0)
        found[tuple(slice(0, n) for n in differs.shape)] |= differs
    return found


def _told(cell: str, how: str) -> str:
    """A cell of the table, rounded; empty where there is nothing to tell."""
    if cell == tables.MISSING:
        return ""
    return format(float(cell), how) if how else cell

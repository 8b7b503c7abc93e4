"""The sections of a subject's pages: what to look for, and the pictures that show it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from PIL import Image
from scipy import ndimage

from strokeprep.drawing import pictures
from strokeprep.drawing.pictures import (
    AXIAL,
    CORONAL,
    ORANGE,
    SAGITTAL,
    SKY,
    VERMILION,
    Layer,
    Picture,
    Scale,
    Slice,
)
from strokeprep.io import images, tables
from strokeprep.quality import measures
from strokeprep.quality.judge import Judge
from strokeprep.registration import template as registration_template
from strokeprep.report import curves, numbers, views
from strokeprep.report.plan import Face, Images, Perfused
from strokeprep.report.scene import Scene, Shown
from strokeprep.series import motion
from strokeprep.study import naming

HEAD_MM = 2.0
HIGH_MM = 100.0  # a lower slab has no surface worth a picture
VIEWER_MM = 2.0
MAP_MM = 1.5
MAP_SLICES = 6
SPOT_MM = 4.5  # of a vessel's voxel; smaller ones are hard to find
MOST_PLACES = 5
BRAIN_HU = Scale(-5, 85)
CTA_HU = Scale(-20, 320)
BONE_HU = Scale(-150, 350)
CALLED = {"ncct": "NCCT", "cta": "CTA", "ctp": "CTP", "dwi": "DWI", "t1w": "T1w"}
LABEL_CALLED = {"lesion": "lesion", "lvo": "occlusion", "cow": "Circle of Willis"}
# Value ranges as radiology draws them; viridis and cividis are read alike with any colour vision.
MAPS = {
    "cbf": ("Flow (CBF)", Scale(0, 60, "viridis", "mL/100g/min")),
    "cbv": ("Volume (CBV)", Scale(0, 6, "viridis", "mL/100g")),
    "mtt": ("Mean transit time (MTT)", Scale(0, 15, "cividis", "s")),
    "tmax": ("Time to maximum (Tmax)", Scale(0, 12, "cividis", "s")),
}


@dataclass(frozen=True)
class Figure:
    """One picture, or several in one place to flick between; or a drawing."""

    title: str
    frames: tuple[tuple[str, Picture], ...] = ()
    svg: str = ""


@dataclass(frozen=True)
class Section:
    """A step: its pictures, what to look for, and whose numbers it shows."""

    name: str
    title: str
    look: str
    figures: tuple[Figure, ...]
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Viewer:
    """Volumes to walk through: name, mosaic, overlay or not."""

    shape: tuple[int, int, int]
    mm: float
    across: int
    volumes: tuple[tuple[str, Picture], ...]
    overlays: tuple[tuple[str, Picture], ...] = field(default=())


def of_images(
    plan: Images, files: views.Files, scene: Scene | None, judge: Judge, settings: Mapping[str, Any]
) -> list[Section]:
    """The sections of a subject's page on images."""
    found = [defacing(plan, files)]
    if scene is None:
        return found
    found.append(brain(scene))
    found.extend(registration(scene, shown) for shown in scene.shown)
    found.append(template(scene, settings))
    found.extend(motion_section(scene, judge) for _ in scene.plan.series[:1])
    if plan.labels:
        found.append(labels_section(scene))
    return found


def defacing(plan: Images, files: views.Files) -> Section:
    """After-images only: what was removed is shown as a region, never as it was."""
    figures = [figure for face in plan.faces for figure in _defaced(face, files)]
    return Section(
        "deface",
        "Defacing",
        "The released images. No nose, lips, chin or eyes may be left on the surfaces; the brain "
        "must be whole. Orange marks the removed region, air included. The image before is not "
        "shown here.",
        tuple(figures),
        tuple(f"deface {face.scan}" for face in plan.faces),
    )


def _defaced(face: Face, files: views.Files) -> Iterator[Figure]:
    image = files.image(face.image)
    view = views.whole(image, HEAD_MM)
    grey = views.seen(image, view, None, images.background(face.modality))
    gone = (
        views.marked(files.image(face.mask), view) > 0 if face.mask else np.zeros_like(grey, bool)
    )
    head = _head(grey, face.modality)
    scale = BONE_HU if face.modality == "ct" else _mr_scale(grey, head)
    i, j, k = views.middle(head)
    low = int(np.flatnonzero(gone.any(axis=(0, 1)))[-1]) if gone.any() else k
    cuts = [Slice(SAGITTAL, i), Slice(AXIAL, k), Slice(AXIAL, max(low - 8, 0))]
    name = CALLED[face.scan]
    layer = Layer(gone, ORANGE, filled=True, name="removed")
    frames = [("released image", _one(pictures.strip(grey, cuts, scale)))]
    if face.mask:
        frames.insert(0, ("removed region", _one(pictures.strip(grey, cuts, scale, [layer]))))
    yield Figure(f"{name}: slices", tuple(frames))
    if head.shape[2] * HEAD_MM > HIGH_MM:
        yield Figure(f"{name}: surface", (("surface", _one(pictures.renders(head), None)),))


def faces(plan: Images, files: views.Files, raw: Mapping[str, sitk.Image]) -> Section:
    """Heads before and after defacing; for the eyes of those who may see the raw images alone."""
    figures = [
        figure
        for face in plan.faces
        if face.scan in raw
        for figure in _before_and_after(face, files, raw[face.scan])
    ]
    return Section(
        "faces",
        "Before and after defacing",
        "What could be recognised before must be gone after: nose, lips, chin, eyes. This page shows "
        "faces and is no part of the dataset.",
        tuple(figures),
    )


def _before_and_after(face: Face, files: views.Files, before: sitk.Image) -> Iterator[Figure]:
    view = views.whole(before, HEAD_MM)
    outside = images.background(face.modality)
    pair = [
        (name, views.seen(image, view, None, outside))
        for name, image in (("before", before), ("after", files.image(face.image)))
    ]
    head = _head(pair[0][1], face.modality)
    scale = BONE_HU if face.modality == "ct" else _mr_scale(pair[0][1], head)
    i, j, k = views.middle(head)
    cuts = [Slice(SAGITTAL, i), Slice(AXIAL, k), Slice(CORONAL, j)]
    name = CALLED[face.scan]
    slices = tuple((when, _one(pictures.strip(grey, cuts, scale))) for when, grey in pair)
    yield Figure(f"{name}: slices", slices)
    if head.shape[2] * HEAD_MM > HIGH_MM:
        heads = tuple(
            (when, _one(pictures.renders(_head(grey, face.modality)), None)) for when, grey in pair
        )
        yield Figure(f"{name}: surface", heads)


def _head(grey: np.ndarray, modality: str) -> np.ndarray:
    """The largest solid thing of an image, so that no noise hangs before the face."""
    level = numbers.head_level(grey, modality)
    parts, count = ndimage.label(ndimage.gaussian_filter(grey, 0.7) > level)
    if not count:
        return np.zeros(grey.shape, bool)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return parts == sizes.argmax()


def brain(scene: Scene) -> Section:
    """The reference's brain mask."""
    cuts = _cuts(scene.brain, 4)
    scale = _scale(scene.grey, scene.plan.modality, scene.plan.reference, scene.brain)
    frames = (
        ("with mask", _one(pictures.strip(scene.grey, cuts, scale, [Layer(scene.brain, ORANGE, name="brain mask")]))),
        ("image", _one(pictures.strip(scene.grey, cuts, scale))),
    )  # fmt: skip
    own = tuple(
        Figure(f"{CALLED[shown.plan.scan]}: its own mask on the reference", (
            ("with mask", _one(pictures.strip(
                shown.unstripped, cuts, _scale_of(shown, scene),
                [Layer(shown.brain, ORANGE, name="own brain mask")]))),
            ("image", _one(pictures.strip(shown.unstripped, cuts, _scale_of(shown, scene)))),
        ))
        for shown in scene.shown
        if shown.brain is not None
    )  # fmt: skip
    return Section(
        "brain",
        "Brain masks",
        "The outline follows the surface of the brain: no skull or eye inside, no lobe outside, "
        "both halves alike, cerebellum and temporal poles included.",
        (Figure(f"{CALLED[scene.plan.reference]}: brain mask", frames), *own),
        (f"brain {scene.plan.reference}", f"signal {scene.plan.reference}"),
    )


def registration(scene: Scene, shown: Shown) -> Section:
    """A scan on the reference, before and after."""
    cuts = _cuts(scene.brain, 3)
    outline = [Layer(scene.brain, ORANGE, name="brain of the reference")]
    scale = _scale_of(shown, scene)
    home = _scale(scene.grey, scene.plan.modality, scene.plan.reference, scene.brain)
    frames = [
        ("reference", _one(pictures.strip(scene.grey, cuts, home, outline))),
        ("after", _one(pictures.strip(shown.after, cuts, scale, outline))),
        ("checkerboard", _one(pictures.checkerboard(scene.grey, shown.after, cuts, (home, scale)))),
    ]
    if shown.before is not None:
        frames.insert(1, ("before", _one(pictures.strip(shown.before, cuts, scale, outline))))
    name, reference = CALLED[shown.plan.scan], CALLED[scene.plan.reference]
    return Section(
        f"to-{shown.plan.scan}",
        f"{name} on {reference}",
        "Flick between reference and after: nothing may jump. The outline fits the brain after "
        "registration; ventricles and skull run on across the squares of the checkerboard; right "
        "and left do not change places. Before is where the scanner placed the scan.",
        (Figure(f"{name} on {reference}", tuple(frames)),),
        (f"{shown.plan.scan} to {scene.plan.reference}",),
    )


def template(scene: Scene, settings: Mapping[str, Any]) -> Section:
    """The reference in template space, under the template's outlines."""
    image = scene.read(scene.plan.template_image)
    standard = registration_template.standard(settings)
    view = views.around(standard.brain, MAP_MM, 8.0)
    grey = views.seen(image, view, None, images.background(scene.plan.modality))
    inside = views.marked(standard.brain, view) > 0
    t1 = views.seen(standard.t1, view)
    deep = measures.lateral_ventricles(t1, inside, MAP_MM)
    cuts = _cuts(inside, 4)
    scale = _scale(grey, scene.plan.modality, scene.plan.reference, inside)
    outlines = [Layer(inside, ORANGE, name="template's brain"),
                Layer(deep, SKY, name="template's ventricles")]  # fmt: skip
    frames = (
        ("with template's outlines", _one(pictures.strip(grey, cuts, scale, outlines))),
        ("image", _one(pictures.strip(grey, cuts, scale))),
        ("template", _one(pictures.strip(t1, cuts, _mr_scale(t1, inside), outlines))),
    )
    return Section(
        "template",
        f"{CALLED[scene.plan.reference]} in {scene.plan.template}",
        "The brain fills the template's outline, the midline is upright and in the middle, the "
        "ventricles lie where the template has its own (of any size: they grow with age).",
        (Figure("In template space", frames),),
        (f"{scene.plan.reference} to {scene.plan.template}", "dwi in template"),
    )


def motion_section(scene: Scene, judge: Judge) -> Section:
    """The course of a head through a perfusion series."""
    series = scene.plan.series[0]
    course = motion.read(scene.root / series.motion)
    covered = scene.marked(series.coverage) > 0
    limit = judge.limits["framewise_max_mm"].warn[1]
    scale = _scale(scene.grey, scene.plan.modality, scene.plan.reference, scene.brain)
    layers = [
        Layer(covered, SKY, name="shown in every frame"),
        Layer(scene.brain, ORANGE, name="brain"),
    ]
    picture = _one(pictures.strip(scene.grey, _cuts(scene.brain, 3), scale, layers))
    return Section(
        "motion",
        "Motion during CT perfusion",
        "Slow drift is corrected. Look for jumps between frames (bars), worst while the bolus "
        "passes, and for frames left out (yellow). Below: what of the brain the slab shows.",
        (
            Figure("Position of the head", svg=curves.motion_traces(course, limit or 0.0)),
            Figure("Coverage", (("coverage", picture),)),
        ),
        ("ctp motion",),
    )


def labels_section(scene: Scene) -> Section:
    """Manual masks on the reference and in the template."""
    figures = []
    standard = views.around(scene.read(scene.plan.template_brain), MAP_MM, 8.0)
    image = scene.read(scene.plan.template_image)
    grey = views.seen(image, standard, None, images.background(scene.plan.modality))
    for label in scene.plan.labels:
        name = LABEL_CALLED[label.kind]
        home = scene.marked(label.on_reference)
        frames = [*_drawn(scene.grey, home, scene, name, CALLED[scene.plan.reference])]
        there = scene.read(label.on_template)
        frames += _drawn(grey, views.marked(there, standard), scene, name, "template")
        figures.append(
            Figure(f"{name[0].upper()}{name[1:]}, drawn on {CALLED[label.scan]}", tuple(frames))
        )
    return Section(
        "labels",
        "Manual masks",
        "A lesion lies in the brain on the side of the symptoms; an occlusion and the circle of "
        "Willis lie on the arteries of the skull base; the same place in both spaces.",
        tuple(figures),
        tuple(f"{label.kind} on {scene.plan.reference}" for label in scene.plan.labels),
    )


def _drawn(
    grey: np.ndarray, mask: np.ndarray, scene: Scene, name: str, where: str
) -> Iterator[tuple[str, Picture]]:
    inside = grey > numbers.head_level(grey, scene.plan.modality)
    scale = _scale(grey, scene.plan.modality, scene.plan.reference, inside)
    i, j, _ = views.middle(mask)
    rows = np.flatnonzero(mask.any(axis=(0, 1)))
    low, high = (rows[0], rows[-1]) if len(rows) else (0, 0)
    levels = sorted({int(low + (high - low) * share) for share in (0.25, 0.5, 0.75)})
    cuts = [*(Slice(AXIAL, k) for k in levels), Slice(CORONAL, j), Slice(SAGITTAL, i)]
    values = [value for value in np.unique(mask) if value]
    layers = [
        Layer(mask == value, pictures.COLOURS[n % len(pictures.COLOURS)],
              name=name if len(values) == 1 else f"{name} {value}" if n < 6 else "")
        for n, value in enumerate(values)
    ]  # fmt: skip
    yield f"{where}", _one(pictures.strip(grey, cuts, scale, layers))
    yield f"{where}, bare", _one(pictures.strip(grey, cuts, scale))


def of_perfusion(plan: Perfused, files: views.Files) -> list[Section]:
    """The sections of the page on perfusion."""
    view, base, maps, known = _maps(plan, files)
    cuts = [Slice(AXIAL, k) for k in views.levels(known, MAP_SLICES)]
    drawn = tuple(
        Figure(title, ((name, _one(pictures.strip(maps[name], cuts, scale, shown=known), None)),))
        for name, (title, scale) in MAPS.items()
    )
    core, penumbra = (views.marked(files.image(plan.at_risk[name]), view) > 0
                      for name in ("core", "penumbra"))  # fmt: skip
    layers = [Layer(penumbra, SKY, True, "penumbra"), Layer(core, VERMILION, True, "core")]
    risk = (
        ("core and penumbra", _one(pictures.strip(base, cuts, BRAIN_HU, layers))),
        ("image", _one(pictures.strip(base, cuts, BRAIN_HU))),
    )
    return [
        _vessels(plan, files, view, base),
        Section(
            "maps",
            "Perfusion maps",
            "Grey matter has more flow and volume than white; the healthy side looks like brain, "
            "not like noise. The affected territory is low in flow and late in Tmax; a whole late "
            "hemisphere or a late rim is an artefact of the input or of motion.",
            drawn,
            ("maps",),
        ),
        Section(
            "risk",
            "Tissue at risk",
            "Core lies within late tissue, both in one vessel's territory on one side. Specks on "
            "both sides, or along sinuses and skull, are noise.",
            (Figure("Core and penumbra on the mean of the series", risk),),
        ),
    ]


def _vessels(plan: Perfused, files: views.Files, view: sitk.Image, base: np.ndarray) -> Section:
    rows = tables.read(files.path(plan.vessels))
    about = json.loads(Path(naming.sidecar(str(files.path(plan.vessels)))).read_text())
    time, aif = (np.array([float(row[name]) for row in rows]) for name in ("time", "aif"))
    vof = None
    if rows[0]["vof"] != tables.MISSING:
        vof = np.array([float(row["vof"]) for row in rows])
    voxels = tables.read(files.path(plan.voxels))
    strips = []
    for name, colour in (("artery", VERMILION), ("vein", SKY)):
        points = [[float(row[axis]) for axis in "xyz"] for row in voxels if row["vessel"] == name]
        mask = _spots(points, view)
        places = [view.TransformPhysicalPointToIndex((-x, -y, z))[2] for x, y, z in points]
        levels = sorted(set(places))[:MOST_PLACES]
        if levels:
            layer = Layer(mask, colour, True, f"{name}: {len(points)} voxels")
            strips.append(
                pictures.strip(base, [Slice(AXIAL, k) for k in levels], BRAIN_HU, [layer])
            )
    shown = (("vessels", _one(pictures.stack(strips), None)),) if strips else ()
    curve = curves.vessel_curves(time, aif, vof, about["BaselineFrames"])
    warned = " Warnings: " + "; ".join(about["Warnings"]) + "." if about["Warnings"] else ""
    return Section(
        "vessels",
        "Arterial input and venous outflow",
        "The artery rises steeply, first and highest, and falls at once; the vein follows seconds "
        "later. Both return to near the baseline before the series ends. The artery's voxels lie "
        "at the skull base or in the Sylvian fissure, the vein's in a sinus." + warned,
        (Figure("Curves", svg=curve), *([Figure("Where they were taken", shown)] if shown else [])),
        ("arterial input",),
    )


def _spots(points: list[list[float]], view: sitk.Image) -> np.ndarray:
    """Points (RAS, mm) as balls on a view."""
    mask = np.ones(view.GetSize(), bool)
    for x, y, z in points:
        index = view.TransformPhysicalPointToIndex((-x, -y, z))
        if all(0 <= i < n for i, n in zip(index, mask.shape, strict=True)):
            mask[index] = False
    if mask.all():
        return ~mask
    return ndimage.distance_transform_cdt(mask, "taxicab") * view.GetSpacing()[0] <= SPOT_MM


def _maps(
    plan: Perfused, files: views.Files
) -> tuple[sitk.Image, np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Maps on a view around what is known of them."""
    flow = files.image(plan.maps["cbf"])
    known = sitk.Cast(flow != 0, sitk.sitkUInt8)
    view = views.around(known, MAP_MM, 15.0)
    base = views.seen(files.image(plan.mean), view, None, views.AIR)
    # By nearest neighbour: nothing is blurred over the edge of what is known.
    maps = {name: views.marked(files.image(path), view) for name, path in plan.maps.items()}
    return view, base, maps, views.marked(known, view) > 0


def viewer(scene: Scene) -> Viewer:
    """The main volumes of a subject, coarse enough to be carried by a page."""
    view = views.around(scene.brain_image, VIEWER_MM, 12.0)

    def coarse(values: np.ndarray) -> np.ndarray:
        return views.seen(scene.as_image(values), view)

    volumes = [(scene.plan.reference, scene.grey, scene.plan.modality)]
    volumes += [(shown.plan.scan, shown.after, shown.plan.modality) for shown in scene.shown]
    made, across = [], 1
    for name, values, modality in volumes:
        scale = _scale(values, modality, name, scene.brain)
        mosaic, across = pictures.mosaic(coarse(values), scale)
        made.append((CALLED[name], mosaic))
    masks = [("brain mask", views.marked(scene.brain_image, view) > 0)]
    masks += [
        (LABEL_CALLED[label.kind], views.marked(scene.read(label.on_reference), view) > 0)
        for label in scene.plan.labels
    ]
    overlays = tuple((name, pictures.mosaic(mask, Scale(0, 1))[0]) for name, mask in masks)
    return Viewer(tuple(view.GetSize()), VIEWER_MM, across, tuple(made), overlays)


def _cuts(mask: np.ndarray, count: int) -> list[Slice]:
    i, j, _ = views.middle(mask)
    return [
        *(Slice(AXIAL, k) for k in views.levels(mask, count)),
        Slice(CORONAL, j),
        Slice(SAGITTAL, i),
    ]


def _one(image: Image.Image, colours: int | None = 128) -> Picture:
    return pictures.picture(image, colours)


def _scale_of(shown: Shown, scene: Scene) -> Scale:
    return _scale(shown.after, shown.plan.modality, shown.plan.scan, scene.brain)


def _scale(values: np.ndarray, modality: str, scan: str, inside: np.ndarray) -> Scale:
    if modality != "ct":
        return _mr_scale(values, inside)
    return CTA_HU if scan == "cta" else BRAIN_HU


def _mr_scale(values: np.ndarray, inside: np.ndarray) -> Scale:
    if not inside.any():
        return Scale(0, 1)
    return Scale(0, max(float(np.quantile(values[inside], 0.99)) * 1.1, 1e-6))

"""Manual masks on the reference and in the template, and each lesion by itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from strokeprep.drawing import pictures
from strokeprep.drawing.palette import ON_GREY
from strokeprep.drawing.pictures import AXIAL, CORONAL, SAGITTAL, Layer, Picture, Slice
from strokeprep.io import images, tables
from strokeprep.quality.defacing import head_level
from strokeprep.report import views
from strokeprep.report.scene import Scene
from strokeprep.report.sections import looks
from strokeprep.report.sections.parts import Figure, Section

LEVELS = (0.25, 0.5, 0.75)  # of a mask's height, where axial slices show it
MOST_NAMED = 6  # values of a mask that fit below a picture by name


def labels(scene: Scene) -> Section:
    """Each mask where it was moved to, with the image it lies on."""
    reference = scene.plan.titles[scene.plan.reference]
    standard = views.around(
        scene.read(scene.plan.template_brain), looks.MAP_MM, looks.AROUND_BRAIN_MM
    )
    image = scene.read(scene.plan.template_image)
    grey = views.seen(image, standard, None, images.background(scene.plan.modality))
    figures = []
    for label in scene.plan.labels:
        there = views.marked(scene.read(label.on_template), standard)
        frames = (
            *_drawn(scene.grey, scene.marked(label.on_reference), scene, label.title, reference),
            *_drawn(grey, there, scene, label.title, "template"),
        )
        title = (
            f"{label.title[0].upper()}{label.title[1:]}, drawn on {scene.plan.titles[label.scan]}"
        )
        figures.append(Figure(title, frames))
    return Section(
        "labels",
        "Manual masks",
        "A lesion lies in the brain on the side of the symptoms; an occlusion and the circle of "
        "Willis lie on the arteries of the skull base; the same place in both spaces.",
        tuple(figures),
        tuple(label.step for label in scene.plan.labels),
    )


def lesions(scene: Scene) -> Section:
    """Each lesion by itself, as it lies in the template."""
    figures, rows = [], []
    for each in scene.plan.lesions:
        title = f"Drawn on {scene.plan.titles[each.scan]}"
        frame = pictures.from_png(scene.files.path(each.picture).read_bytes())
        figures.append(Figure(title, (("lesions", frame),)))
        rows += tables.read(scene.files.path(each.table))
    return Section(
        "lesions",
        "Lesions",
        "Red lies where the scan shows the lesion, inside the green outline of the template's brain. "
        "Each lesion is a row of the table, on the side and in the part of the brain where it is seen; "
        "one that lies beside the outline, or parts of one lesion in several rows, are a fault of "
        "the mask or of the registration.",
        tuple(figures),
        rows=tuple(rows),
    )


def _drawn(
    grey: np.ndarray, mask: np.ndarray, scene: Scene, name: str, where: str
) -> Iterator[tuple[str, Picture]]:
    inside = grey > head_level(grey, scene.plan.modality)
    scale = looks.scale(grey, scene.plan.modality, scene.plan.reference, inside)
    cuts, layers = _cuts(mask), _layers(mask, name)
    yield where, looks.strip(grey, cuts, scale, layers)
    yield f"{where}, bare", looks.strip(grey, cuts, scale)


def _cuts(mask: np.ndarray) -> list[Slice]:
    i, j, _ = views.middle(mask)
    rows = np.flatnonzero(mask.any(axis=(0, 1)))
    low, high = (rows[0], rows[-1]) if len(rows) else (0, 0)
    levels = sorted({int(low + (high - low) * share) for share in LEVELS})
    return [*(Slice(AXIAL, k) for k in levels), Slice(CORONAL, j), Slice(SAGITTAL, i)]


def _layers(mask: np.ndarray, name: str) -> list[Layer]:
    """One layer for each value of a mask; a single value needs no number."""
    values = [value for value in np.unique(mask) if value]
    names = [name] if len(values) == 1 else [f"{name} {value}" for value in values[:MOST_NAMED]]
    names += [""] * (len(values) - len(names))
    return [
        Layer(mask == value, ON_GREY[n % len(ON_GREY)], name=named)
        for n, (value, named) in enumerate(zip(values, names, strict=True))
    ]

"""The volumes of a subject, coarse enough for a page to hold."""

from __future__ import annotations

from strokeprep.drawing import pictures
from strokeprep.drawing.pictures import Scale
from strokeprep.report import views
from strokeprep.report.scene import Scene
from strokeprep.report.sections import looks
from strokeprep.report.sections.parts import Viewer

VIEWER_MM = 2.0
MARGIN_MM = 12.0


def viewer(scene: Scene) -> Viewer:
    """The reference and all scans on it, with the brain mask and the manual masks."""
    view = views.around(scene.brain_image, VIEWER_MM, MARGIN_MM)
    volumes = [(scene.plan.reference, scene.grey, scene.plan.modality)]
    volumes += [(shown.plan.scan, shown.after, shown.plan.modality) for shown in scene.shown]
    shown, across = [], 1
    for name, values, modality in volumes:
        coarse = views.seen(scene.as_image(values), view)
        mosaic, across = pictures.mosaic(coarse, looks.scale(values, modality, name, scene.brain))
        shown.append((scene.plan.titles[name], mosaic))
    masks = [("brain mask", scene.brain_image)]
    masks += [(label.title, scene.read(label.on_reference)) for label in scene.plan.labels]
    overlays = tuple(
        (name, pictures.mosaic(views.marked(mask, view) > 0, Scale(0, 1))[0])
        for name, mask in masks
    )
    return Viewer(tuple(view.GetSize()), VIEWER_MM, across, tuple(shown), overlays)

"""What people corrected, before and after."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import SimpleITK as sitk

from strokeprep.drawing.palette import ORANGE, SKY
from strokeprep.drawing.pictures import Layer, Picture
from strokeprep.io import images, transforms
from strokeprep.quality.folder import Folder
from strokeprep.registration.template import standard
from strokeprep.report import views
from strokeprep.report.plan import Corrected, Images
from strokeprep.report.scene import Scene
from strokeprep.report.sections import looks
from strokeprep.report.sections.parts import Figure, Section
from strokeprep.settings.study import TemplateSettings

VIEW_MM, MARGIN_MM = 1.5, 20.0
NOTHING = "; nothing was found before"


def corrections(
    plan: Images, files: Folder, scene: Scene | None, settings: TemplateSettings
) -> Section:
    """Each correction with what it replaces."""
    figures = []
    for each in plan.corrected:
        if not each.onto:
            frames = tuple(_masks(each, files))
        elif scene is not None:
            frames = tuple(_moved(each, files, scene, settings))
        figures.append(Figure(each.title + ("" if each.before.exists() else NOTHING), frames))
    return Section(
        "corrections",
        "Corrected by hand",
        "After the correction the outline fits the image, and before it did not; a scan that was "
        "moved by hand lies on its target. All that depends on it was made with the correction.",
        tuple(figures),
    )


def _masks(each: Corrected, files: Folder) -> Iterator[tuple[str, Picture]]:
    """A mask over its image: as it is now, as it was, and neither."""
    image, after = files.image(each.image), files.image(each.after)
    before = images.read(each.before) if each.before.exists() else sitk.Image(after) * 0
    both = sitk.Cast((after > 0) | (before > 0), sitk.sitkUInt8)
    view = views.around(both, VIEW_MM, MARGIN_MM)
    grey = views.seen(image, view, None, images.background(each.kind.modality))
    now, then = (views.marked(mask, view) > 0 for mask in (after, before))
    scale = looks.scale(grey, each.kind.modality, each.kind.name, now)
    cuts = looks.cuts(now | then, 4)
    yield "after", looks.strip(grey, cuts, scale, [Layer(now, ORANGE, name="after")])
    if each.before.exists():
        yield "before", looks.strip(grey, cuts, scale, [Layer(then, SKY, name="before")])
    yield "image", looks.strip(grey, cuts, scale)


def _moved(
    each: Corrected, files: Folder, scene: Scene, settings: TemplateSettings
) -> Iterator[tuple[str, Picture]]:
    """A scan on its target through the transform as it is now and as it was."""
    if each.onto == "template":
        brain = standard(settings).brain
        view = views.around(brain, looks.MAP_MM, looks.AROUND_BRAIN_MM)
        inside, name = views.marked(brain, view) > 0, "template's brain"
        after = files.path(scene.plan.from_template)
    else:
        view, inside, name = scene.view, scene.brain, "brain of the reference"
        after = files.path(each.after)
    cuts, outline = looks.cuts(inside, 4), [Layer(inside, ORANGE, name=name)]
    for when, path in (("after", after), ("before", each.before)):
        if path.exists():
            grey = _through(each, files, view, transforms.read(path))
            scale = looks.scale(grey, each.kind.modality, each.kind.name, inside)
            yield when, looks.strip(grey, cuts, scale, outline)


def _through(
    each: Corrected, files: Folder, view: sitk.Image, transform: sitk.Transform
) -> np.ndarray:
    outside = images.background(each.kind.modality)
    return views.seen(files.image(each.image), view, transform, outside)

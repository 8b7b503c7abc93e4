"""The lesions of a patient as files: a segmentation with its table, a row of numbers, a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strokeprep.bids import sidecars
from strokeprep.drawing import pictures
from strokeprep.io import images, labels, tables, transforms
from strokeprep.io.whole import whole, write_text
from strokeprep.lesions import atlas, columns, picture, table
from strokeprep.lesions.atlas import Atlas
from strokeprep.registration.template import standard, target_grid
from strokeprep.settings.finished.lesions import LesionSettings
from strokeprep.settings.study import AtlasSettings, TemplateSettings

CONNECTED = "Parts of the mask that touch by face, edge or corner are one lesion (26-connected)"
SIDE = (
    "Left or right by the voxels on either side of x = 0 in template space; on both sides if the "
    "smaller share is more than {:.0%}"
)
TYPE = (
    "Other if more than half lies in cerebellum or brainstem; else cortical if at least {:.0%} and {} "
    "ml lie in cortical regions; else subcortical"
)


def prepare_atlas(
    given: AtlasSettings,
    image: str,
    names: str,
    *,
    template: TemplateSettings,
    seed: int,
) -> dict[str, Any]:
    """Check an atlas and put it on the template's grid; returns its sidecar."""
    read = atlas.load(given.path, given.names, given.drawn_on, standard(template), seed)
    atlas.write(read, image, names)
    return {"Description": "An atlas on the grid of the template", "Metrics": {"Fit": read.fit}}


def tabulate(
    mask: str,
    chain: Sequence[str],
    scan: str,
    regions: Sequence[str],
    outputs: Mapping[str, str],
    *,
    template: TemplateSettings,
    settings: LesionSettings,
) -> dict[str, Any]:
    """Write the lesions of a mask; returns the sidecar of the segmentation.

    ``chain`` leads from the template to the mask's grid. ``scan`` is an image in template space for the
    picture. ``regions`` are the prepared atlas and its names, if there is one.
    """
    standing = standard(template)
    drawn = labels.read(mask)
    parts = table.numbered(drawn)
    steps = [transforms.read(path) for path in chain]
    moved = transforms.resample(parts, standing.t1, steps, transforms.NEAREST)
    found = table.measured(parts, moved, standing, _atlas(regions), settings)
    by_faces = int(images.array(table.numbered(drawn, corners=False)).max())
    grid = target_grid(None, template)
    images.write(
        transforms.resample(parts, grid, steps, transforms.NEAREST),
        outputs["image"],
        code=images.MNI,
    )
    _write_rows(table.lesion_rows(found), list(columns.LESION), outputs["table"])
    row = table.patient_row(found, by_faces, settings.bilateral_share)
    _write_rows([row], list(columns.PATIENT), outputs["row"])
    seen = transforms.resample(images.read(scan), standing.t1, [])
    with whole(outputs["picture"]) as partial:
        partial.write_bytes(pictures.picture(picture.drawn(seen, moved, standing), 256).png)
    return _about(settings, bool(regions), template)


def _atlas(regions: Sequence[str]) -> Atlas | None:
    if not regions:
        return None
    image, names = regions
    return atlas.prepared(image, names)


def _write_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], path: str) -> None:
    write_text(tables.render(rows, columns), path)


def _about(settings: LesionSettings, typed: bool, template: TemplateSettings) -> dict[str, Any]:
    rules = [CONNECTED, SIDE.format(settings.bilateral_share)]
    if typed:
        rules.append(TYPE.format(settings.cortical_share, settings.cortical_ml))
    return {
        "Description": f"Each lesion by a number, in {template.name} space. {'. '.join(rules)}.",
        "Interpolation": "NearestNeighbor",
        **columns.described(columns.LESION),
    } | sidecars.in_space(template.name, None, template.resolution_mm)

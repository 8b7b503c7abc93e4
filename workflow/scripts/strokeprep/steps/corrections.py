"""Corrections from a person's file to one that steps can take, if it is fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import SimpleITK as sitk

from strokeprep.corrections import fit, given, masks, transform_files
from strokeprep.corrections.targets import REGISTRATION, Target, is_backward
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, transforms, whole
from strokeprep.io.whole import write_json
from strokeprep.registration.template import standard
from strokeprep.settings.study import TemplateSettings


def accept(
    source: str,
    target: Target,
    place: tuple[str, str],
    *,
    partner: Sequence[str] = (),
    is_rigid: bool,
    template: TemplateSettings,
) -> None:
    """Check a correction and write it as the chain would: the file, and what is known of it.

    ``place`` names both. ``partner`` is the other direction of a transform to the template, if it
    is corrected as well.
    """
    path, (file, facts) = Path(source), place
    if target.kind is not None:
        images.write(mask(path, target), file, target.image)
    else:
        partners = [transform_files.read(Path(each)) for each in partner]
        transforms.write(transform(path, target, partners, is_rigid, template), file)
    write_json(given.facts(target.name, whole.digest(path)), facts)


def mask(path: Path, target: Target) -> sitk.Image:
    """The mask of a correction on the grid of its image."""
    if target.kind is None:
        raise ValueError(f"{target.name} is no mask")
    drawn = masks.read(path)
    grid = images.read_grid(target.image)
    placed = masks.on_grid(drawn.image, grid, path, target.image.name)
    shown = images.read_mean(target.image)
    return fit.check(placed, shown, target.kind, target.modality, path, drawn.names)


def transform(
    path: Path,
    target: Target,
    partners: Sequence[sitk.Transform],
    is_rigid: bool,
    template: TemplateSettings,
) -> sitk.Transform:
    """The transform of a correction, which brings two images together."""
    found = transform_files.read(path)
    moving = images.read_mean(target.image)
    if target.word == REGISTRATION and target.onto is not None:
        found = transform_files.linear(found, path, is_rigid=is_rigid)
        transform_files.check_direction(found, images.read_mean(target.onto), moving, path)
        return found
    atlas = standard(template).t1
    fixed, moving = (moving, atlas) if is_backward(target) else (atlas, moving)
    if found.IsLinear():
        found = transform_files.linear(found, path, is_rigid=False)
        transform_files.check_direction(found, fixed, moving, path)
    elif not partners:
        raise StrokeprepError(
            "A warp to the template is corrected in one direction only",
            path,
            "Give the transform of the other direction as well, or a linear one.",
        )
    head = fixed if is_backward(target) else moving
    for other in partners:
        there, back = (other, found) if is_backward(target) else (found, other)
        transform_files.check_inverse(there, back, head, path)
    return found

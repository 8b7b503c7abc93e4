"""Resample images and labels to another grid: all transforms composed, one interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import SimpleITK as sitk

from strokeprep.bids import sidecars
from strokeprep.corrections.given import Given
from strokeprep.io import images, labels, transforms
from strokeprep.kinds import Kind, LabelKind
from strokeprep.registration.template import target_grid
from strokeprep.settings.study import TemplateSettings

# A voxel of the new grid has a value if measured voxels have at least this share of its weight.
KNOWN = 0.5


def move_image(
    source: str,
    target: str,
    *,
    kind: Kind,
    chain: Sequence[str],
    grid: str | None,
    brain: str | None,
    template: TemplateSettings,
    measured: str | None = None,
) -> dict[str, Any]:
    """Write an image on the grid of ``grid`` (the template's if None); returns its sidecar.

    ``chain`` lists transform files in the order in which a grid point is transformed. ``brain`` is a
    mask on the target grid; if it is given, everything outside is background. ``measured`` is an
    image on the source grid that is zero where the source has no value; such voxels are left out.
    """
    outside = images.background(kind.modality)
    image, place = images.read(source), target_grid(grid, template)
    steps = [transforms.read(path) for path in chain]
    moved = transforms.resample(image, place, steps, transforms.LINEAR, outside)
    if measured:
        moved = _of_measured(moved, images.read(measured), place, steps)
    if brain:
        moved = sitk.Mask(moved, images.read(brain), outside)
    images.write(moved, target, grid, images.SCANNER if grid else images.MNI)
    view = "Brain of the" if brain else "The"
    return sidecars.image(
        kind,
        f"{view} {kind.called} {_where(grid, template)}, interpolated once",
        skull_stripped=bool(brain or measured) or sidecars.is_stripped(source),
    ) | {"Interpolation": "Linear", "Transforms": len(chain)}


def _of_measured(
    moved: sitk.Image, measured: sitk.Image, place: sitk.Image, steps: Sequence[sitk.Transform]
) -> sitk.Image:
    """An image interpolated from measured voxels only: the weights of all others are removed."""
    share = transforms.resample(
        sitk.Cast(measured != 0, sitk.sitkFloat32), place, steps, transforms.LINEAR, 0
    )
    known = share >= KNOWN
    return sitk.Mask(moved / sitk.Maximum(share, KNOWN), known, 0)


def move_label(
    source: str,
    target: str,
    *,
    kind: LabelKind,
    chain: Sequence[str],
    grid: str | None,
    template: TemplateSettings,
    correction: Given | None = None,
) -> dict[str, Any]:
    """Write a mask or segmentation on another grid; returns its sidecar with the audit.

    A ``correction`` takes the place of a source that was drawn by hand.
    """
    moved, audit = labels.warp(
        labels.read(correction.file if correction else source),
        target_grid(grid, template),
        [transforms.read(path) for path in chain],
    )
    images.write(moved, target, grid, images.SCANNER if grid else images.MNI)
    return (
        sidecars.label(kind, _where(grid, template))
        | {
            "Interpolation": "NearestNeighbor",
            "Transforms": len(chain),
            "Audit": audit,
        }
        | _corrected(correction, source)
    )


def copy_label(
    source: str, target: str, *, kind: LabelKind, correction: Given | None = None
) -> dict[str, Any]:
    """Write a label on its own grid, as integers with a new header; returns its sidecar.

    A ``correction`` takes its place.
    """
    label = labels.read(correction.file if correction else source)
    images.write(label, target, source)
    how = "corrected by hand" if correction else "as drawn"
    about = sidecars.label(kind, how) | {"Audit": {"Before": labels.contents(label)}}
    return about | _corrected(correction, source)


def _corrected(correction: Given | None, source: str) -> dict[str, Any]:
    """What the sidecar of a label says of its correction, if there is one."""
    if correction is None:
        return {}
    return correction.sidecar(lambda path: images.write(labels.read(source), path, source))


def strip(source: str, brain: str, target: str, *, kind: Kind) -> dict[str, Any]:
    """Write an image on its own grid without everything outside the brain; returns its sidecar."""
    background = images.background(kind.modality)
    stripped = sitk.Mask(images.read(source), images.read(brain), background)
    images.write(stripped, target, source)
    return sidecars.image(kind, f"Brain of the {kind.called}", skull_stripped=True)


def _where(grid: str | None, template: TemplateSettings) -> str:
    return "on the grid of the reference" if grid else f"in {template.name} space"

"""Resample images and labels to another grid: all transforms composed, one interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import SimpleITK as sitk

from strokeprep.bids import sidecars
from strokeprep.corrections.given import Given
from strokeprep.intensity.scaling import Linear
from strokeprep.io import grids, images, json_files, labels, transforms
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
    measured: sitk.Image | None = None,
    scaling: str | None = None,
    is_cubic: bool = False,
) -> dict[str, Any]:
    """Write an image on the grid of ``grid`` (the template's if None); returns its sidecar.

    ``chain`` lists transform files in the order in which a grid point is transformed. ``brain`` is a
    mask on the target grid; if it is given, everything outside is background. ``measured`` is the share
    of voxels with a value (:func:`measured_share`); the others are left out.
    ``scaling`` is the sidecar that says how grey levels are scaled. ``is_cubic`` puts cubic voxels over
    the space of ``grid``, as large as the template's.
    """
    outside = images.background(kind.modality)
    image, place = images.read(source), _target(grid, template, is_cubic)
    steps = [transforms.read(path) for path in chain]
    moved = transforms.resample(image, place, steps, transforms.LINEAR, outside)
    if measured is not None:
        moved = _of_measured(moved, measured)
    scaled = Linear.read(json_files.read(scaling)["Metrics"]) if scaling else None
    if scaled:
        moved = images.like(scaled.of(images.array(moved)), moved)
    if brain:
        moved = sitk.Mask(moved, images.read(brain), outside)
    _write(moved, target, grid)
    view = "Brain of the" if brain else "The"
    view = f"Normalised brain of the {kind.called}" if scaled else f"{view} {kind.called}"
    return (
        sidecars.image(
            kind,
            f"{view} {_where(grid, template, is_cubic)}, interpolated once",
            skull_stripped=bool(brain) or measured is not None or sidecars.is_stripped(source),
        )
        | {"Interpolation": "Linear", "Transforms": len(chain)}
        | ({"Metrics": scaled.facts()} if scaled else {})
    )


def measured_share(
    source: str, chain: Sequence[str], grid: str | None, template: TemplateSettings
) -> sitk.Image:
    """The share of each voxel of a grid that is interpolated from voxels that are not zero."""
    measured = sitk.Cast(images.read(source) != 0, sitk.sitkFloat32)
    steps = [transforms.read(path) for path in chain]
    return transforms.resample(measured, _target(grid, template, False), steps)


def _of_measured(moved: sitk.Image, share: sitk.Image) -> sitk.Image:
    """An image interpolated from measured voxels only: the weights of all others are removed."""
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
    is_cubic: bool = False,
) -> dict[str, Any]:
    """Write a mask or segmentation on another grid; returns its sidecar with the audit.

    A ``correction`` takes the place of a source that was drawn by hand.
    """
    moved, audit = labels.warp(
        labels.read(correction.file if correction else source),
        _target(grid, template, is_cubic),
        [transforms.read(path) for path in chain],
    )
    _write(moved, target, grid)
    return (
        sidecars.label(kind, _where(grid, template, is_cubic))
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


def _target(grid: str | None, template: TemplateSettings, is_cubic: bool) -> sitk.Image:
    """The grid of a file or the template, or cubic voxels over its space if it has none yet."""
    target = target_grid(grid, template)
    cubic = grids.cubic_grid(target, template.resolution_mm) if is_cubic else target
    return target if grids.same_grid(target, cubic) else cubic


def _write(moved: sitk.Image, target: str, grid: str | None) -> None:
    """Write an image; if it lies on the grid of a file, with that file's very affine."""
    on = grid if grid and grids.same_grid(moved, images.read_grid(grid)) else None
    images.write(moved, target, on, images.SCANNER if grid else images.MNI)


def _where(grid: str | None, template: TemplateSettings, is_cubic: bool) -> str:
    if is_cubic:
        return f"on cubic voxels of {template.resolution_mm:g} mm, in its own orientation"
    return "on the grid of the reference" if grid else f"in {template.name} space"

"""Registration from image files to transform files: scan to reference, reference to template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import SimpleITK as sitk

from strokeprep.bids import sidecars
from strokeprep.io import images, labels, transforms
from strokeprep.registration import deformable, linear, location
from strokeprep.registration.template import standard
from strokeprep.settings.registration import FitSettings, RegistrationSettings
from strokeprep.settings.study import TemplateSettings


def to_reference(
    moving: str,
    fixed: str,
    brain: str,
    begin: Sequence[str],
    target: str,
    *,
    names: tuple[str, str],
    dof: str,
    engine: str,
    fit: FitSettings,
    seed: int,
) -> dict[str, Any]:
    """Register a scan to its subject's reference; returns the sidecar.

    ``begin`` is what is known already: an approximate transform, or where both heads lie in the
    template (transform and facts of the scan, then of the reference).
    """
    starts, resolution = _starts(begin)
    registration = linear.rigid(
        images.read(fixed),
        images.read(moving),
        dof=dof,
        fixed_brain=images.read(brain),
        starts=starts,
        resolution=resolution,
        engine=engine,
        fit=fit,
        seed=seed,
        where=moving,
    )
    transforms.write(registration.transform, target)
    facts = {"Engine": engine, "Metrics": registration.metrics, "Seed": seed}
    return sidecars.transform(*names, dof) | facts


def _starts(begin: Sequence[str]) -> tuple[list[sitk.Transform], str]:
    """Where a registration begins, and through which resolutions it goes.

    A location may be wrong, so the place where the scanner put both images is tried as well.
    """
    if len(begin) == 1:
        return [transforms.read(begin[0])], "refined"
    moving, fixed = (location.read(*begin[part : part + 2]) for part in (0, 2))
    return [location.between(fixed, moving), sitk.AffineTransform(3)], "fine"


def to_template(
    image: str,
    brain: str,
    lesions: Sequence[str],
    target: str,
    inverse: str,
    *,
    names: tuple[str, str],
    settings: RegistrationSettings,
    seed: int,
    template: TemplateSettings,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Register a brain to the template; writes both directions, returns both sidecars."""
    stripped = sitk.Mask(images.read(image), images.read(brain), 0)
    lesion = None
    for path in lesions:
        mask = labels.read(path) > 0
        lesion = mask if lesion is None else lesion | mask
    registration = deformable.to_template(
        stripped,
        standard(template).t1,
        kind=settings.to_template,
        lesion_mask=lesion,
        settings=settings,
        seed=seed,
        where=image,
    )
    transforms.write(registration.transform, target)
    transforms.write(registration.inverse, inverse)
    facts = {
        "Engine": settings.engine,
        "Metrics": registration.metrics,
        "Seed": seed,
        "LesionMasked": bool(lesions),
    }
    scan, space = names
    return (
        sidecars.transform(scan, space, settings.to_template) | facts,
        sidecars.transform(space, scan, settings.to_template) | facts,
    )

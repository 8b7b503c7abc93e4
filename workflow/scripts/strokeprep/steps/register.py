"""Registration from image files to transform files: scan to reference, reference to template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import SimpleITK as sitk

from strokeprep.bids import sidecars
from strokeprep.corrections import transform_files
from strokeprep.corrections.given import Given
from strokeprep.io import images, labels, transforms
from strokeprep.registration import deformable, linear, location
from strokeprep.registration.linear import Registration
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
    correction: Given | None = None,
) -> dict[str, Any]:
    """Register a scan to its subject's reference; returns the sidecar.

    ``begin`` is what is known already: an approximate transform, or where both heads lie in the
    template (transform and facts of the scan, then of the reference). A ``correction`` takes the
    place of what is found.
    """

    def found() -> Registration:
        starts, resolution = _starts(begin)
        return linear.rigid(
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

    about = sidecars.transform(*names, dof)
    if correction:
        transforms.write(transforms.read(correction.file), target)
        return about | correction.sidecar(lambda path: transforms.write(found().transform, path))
    registration = found()
    transforms.write(registration.transform, target)
    return about | {"Engine": engine, "Metrics": registration.metrics, "Seed": seed}


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
    registration = _onto_template(image, brain, lesions, settings, seed, template)
    transforms.write(registration.transform, target)
    transforms.write(registration.inverse, inverse)
    facts = {
        "Engine": settings.engine,
        "Metrics": registration.metrics,
        "Seed": seed,
        "LesionMasked": bool(lesions),
    }
    forward, backward = _about_template(names, settings.to_template)
    return forward | facts, backward | facts


def corrected_to_template(
    image: str,
    brain: str,
    lesions: Sequence[str],
    target: str,
    inverse: str,
    corrections: tuple[Given | None, Given | None],
    *,
    names: tuple[str, str],
    settings: RegistrationSettings,
    seed: int,
    template: TemplateSettings,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same with what a person gave for one direction or for both in place of what is found."""
    given = (transforms.read(each.file) if each else None for each in corrections)
    forward, backward = transform_files.both_ways(*given)
    transforms.write(forward, target)
    transforms.write(backward, inverse)
    kind = "affine" if forward.IsLinear() else settings.to_template
    first = next(filter(None, corrections))
    facts = first.sidecar(
        lambda path: transforms.write(
            _onto_template(image, brain, lesions, settings, seed, template).transform, path
        )
    )
    there, back = _about_template(names, kind)
    return there | facts, back | facts


def _about_template(names: tuple[str, str], kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the sidecars of both directions say."""
    scan, space = names
    return sidecars.transform(scan, space, kind), sidecars.transform(space, scan, kind)


def _onto_template(
    image: str,
    brain: str,
    lesions: Sequence[str],
    settings: RegistrationSettings,
    seed: int,
    template: TemplateSettings,
) -> Registration:
    """The registration of a brain to the template, without regard to its lesions."""
    stripped = sitk.Mask(images.read(image), images.read(brain), 0)
    lesion = None
    for path in lesions:
        mask = labels.read(path) > 0
        lesion = mask if lesion is None else lesion | mask
    return deformable.to_template(
        stripped,
        standard(template).t1,
        kind=settings.to_template,
        lesion_mask=lesion,
        settings=settings,
        seed=seed,
        where=image,
    )

"""The audit: what must hold of a subject's outputs before they may be trusted.

Everything is read back from the files on disk, so the audit also covers the writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels, transforms
from strokeprep.quality import contour, defacing, measures
from strokeprep.quality.judgement import Judge, Measurement
from strokeprep.quality.label_change import LabelChange
from strokeprep.quality.plan import AuditPlan
from strokeprep.registration import mirror
from strokeprep.registration import template as registration_template
from strokeprep.settings.limits import FAIL, WARN
from strokeprep.settings.study import TemplateSettings

FLIPPED = "mirror_ratio"  # the figure that tells a flipped scan

MASK = (
    "Look at the contour of the brain on the subject's page: if it is wrong, choose another "
    "backend for brains in the config; if the image is, exclude the scan."
)
# What to do if a figure fails, by the beginning of its name.
REMEDIES = {
    FLIPPED: "Left and right are exchanged in one of two scans: convert them again.",
    "face_left": "Look at the surface of the released head on the subject's page: if a face is left, set "
    "study.defaced to false or choose another backend for faces.",
    "contour_": MASK,
    "brain_missing": MASK,
    "brain_outlying": MASK,
    "template_": "Look at the brain and the template's outline on the subject's page: choose another "
    "backend for brains if the mask is wrong, else another registration.to_template.",
    "": "Look at the images named; exclude the scan in question, or correct its input.",
}

# A path of the derivatives folder, from a name relative to it.
At = Callable[[str], Path]


def audit(
    plan: AuditPlan, root: Path, judge: Judge, settings: TemplateSettings, least_label_ml: float
) -> list[Measurement]:
    """Everything measured of one subject; smaller labels are judged as of ``least_label_ml``."""

    def at(name: str) -> Path:
        return root / name

    return [
        *of_grids(plan, at, judge, settings),
        *of_faces(plan, at, judge),
        *of_heads(plan, at, judge),
        *of_brains(plan, at, judge),
        *of_masks(plan, at, judge),
        *of_template(plan, at, judge, settings),
        *of_flips(plan, at, judge),
        *of_labels(plan, at, judge, least_label_ml),
    ]


def warnings(measured: list[Measurement]) -> list[str]:
    """A line for each measurement that neither passes nor fails."""
    return [
        f"Warning: {each.step} {each.metric} = {each.value:.4g} {each.limit.unit}. "
        f"{each.limit.reason}"
        for each in measured
        if each.verdict == WARN
    ]


def verdict(measured: list[Measurement], subject: str) -> None:
    """Raise if any measurement failed."""
    failed = [each for each in measured if each.verdict == FAIL]
    if failed:
        listed = "; ".join(
            f"{each.step} {each.metric} = {each.value:.4g} {each.limit.unit} "
            f"(limit {each.limit.text(each.limit.fail)})"
            for each in failed
        )
        raise StrokeprepError(f"The audit failed: {listed}", f"sub-{subject}", _remedy(failed))


def _remedy(failed: list[Measurement]) -> str:
    """What to try; a flipped scan explains all other failures, and a wrong mask a wrong template."""
    return next(
        remedy
        for begins, remedy in REMEDIES.items()
        if any(each.metric.startswith(begins) for each in failed)
    )


def of_grids(
    plan: AuditPlan, at: At, judge: Judge, settings: TemplateSettings
) -> Iterator[Measurement]:
    """How far the affine of each file is from the one its name claims."""
    reference = images.read_grid(at(plan.reference))
    template = registration_template.target_grid(None, settings)
    for names, grid in ((plan.on_reference, reference), (plan.on_template, template)):
        for name in names:
            apart = measures.affine_difference(at(name), grid)
            yield judge(f"grid:{Path(name).name}", "affine_difference", apart)


def of_faces(plan: AuditPlan, at: At, judge: Judge) -> Iterator[Measurement]:
    """Voxels of each face mask that still hold something in the released image."""
    for image, mask, modality in plan.faces:
        background = images.background(modality)
        left = defacing.face_voxels_left(at(image), images.read(at(mask)), background)
        yield judge(f"deface:{Path(image).name}", "face_voxels_left", left)


def of_heads(plan: AuditPlan, at: At, judge: Judge) -> Iterator[Measurement]:
    """Tissue where a face would be in each scan, one that was declared defaced included."""
    for image, modality, transform in plan.heads:
        to_template = transforms.read(at(plan.from_template))
        if transform:
            onto_reference = transforms.read(at(transform)).GetInverse()
            to_template = transforms.chain([onto_reference, to_template])
        left_ml = defacing.face_left_ml(images.read(at(image)), modality, to_template)
        yield judge(f"deface:{Path(image).name}", "face_left_ml", left_ml)


def of_brains(plan: AuditPlan, at: At, judge: Judge) -> Iterator[Measurement]:
    """Brain voxels that defacing removed from each scan."""
    for face, brain, transform in plan.brains:
        move = transforms.read(at(transform)) if transform else None
        removed = defacing.brain_voxels_removed(images.read(at(face)), images.read(at(brain)), move)
        yield judge(f"deface:{Path(face).name}", "brain_voxels_removed", removed)


def of_masks(plan: AuditPlan, at: At, judge: Judge) -> Iterator[Measurement]:
    """Whether the contour of each brain mask lies on the edge of the brain in its image."""
    for image, mask, modality in plan.masks:
        shown, brain = images.read(at(image)), images.read(at(mask))
        yield from contour.measurements(f"brain:{Path(image).name}", shown, brain, modality, judge)


def of_template(
    plan: AuditPlan, at: At, judge: Judge, settings: TemplateSettings
) -> Iterator[Measurement]:
    """Whether the template lies where the reference shows the brain, and where its mask does."""
    if not plan.template_brain:
        return
    step = f"normalise:{Path(plan.template_brain).name}"
    overlap = measures.template_dice(images.read(at(plan.template_brain)), settings)
    yield judge(step, "template_dice", overlap)
    if plan.to_template:
        image, move = images.read(at(plan.reference)), transforms.read(at(plan.to_template))
        yield judge(step, "template_off_mm", measures.template_off_mm(image, move, settings))
        brain = images.read(at(plan.reference_brain))
        missing, outlying = measures.missing_and_outlying_ml(brain, move, settings)
        yield judge(step, "brain_missing_ml", missing)
        yield judge(step, "brain_outlying_ml", outlying)


def of_flips(plan: AuditPlan, at: At, judge: Judge) -> Iterator[Measurement]:
    """How well the mirror image of each scan fits the reference, by how well the scan does."""
    if not plan.alike:
        return
    reference = mirror.Reference(
        images.read(at(plan.reference)),
        images.read(at(plan.reference_brain)),
        transforms.read(at(plan.to_template)),
    )
    for scan, transform in plan.alike:
        move = transforms.read(at(transform)) if transform else None
        compared = mirror.compare(reference, images.read(at(scan)), move)
        yield judge(f"likeness:{Path(scan).name}", FLIPPED, compared.ratio)


def of_labels(plan: AuditPlan, at: At, judge: Judge, least_ml: float) -> Iterator[Measurement]:
    """What each move did to a label."""
    for before, after, whole in plan.labels:
        change = LabelChange.between(labels.read(at(before)), labels.read(at(after)), least_ml)
        yield from change.measurements(f"label:{Path(after).name}", judge, judged=whole)

"""What the audit measures of a subject's outputs.

Everything is read back from the files on disk, so the audit also covers the writing. The pages show the
same figures (:mod:`strokeprep.quality.measured`); :mod:`strokeprep.quality.verdict` judges them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from strokeprep.io import images, labels, transforms
from strokeprep.quality import defacing, measures
from strokeprep.quality.folder import Folder
from strokeprep.quality.judgement import Judge, Measurement
from strokeprep.quality.label_change import LabelChange
from strokeprep.quality.masks import contour
from strokeprep.quality.measured import step_of
from strokeprep.quality.plan import AuditPlan
from strokeprep.registration import linear, mirror, second_opinion
from strokeprep.registration import template as registration_template
from strokeprep.settings.study import TemplateSettings


def measured(
    plan: AuditPlan, root: Path, judge: Judge, settings: TemplateSettings, least_label_ml: float
) -> list[Measurement]:
    """Every figure of one subject; smaller labels are judged as of ``least_label_ml``."""
    files = Folder(root)
    return [
        *of_grids(plan, files, judge, settings),
        *of_faces(plan, files, judge),
        *of_heads(plan, files, judge),
        *of_brains(plan, files, judge),
        *of_masks(plan, files, judge),
        *of_template(plan, files, judge, settings),
        *of_scans(plan, files, judge),
        *of_labels(plan, files, judge, least_label_ml),
    ]


def of_grids(
    plan: AuditPlan, files: Folder, judge: Judge, settings: TemplateSettings
) -> Iterator[Measurement]:
    """How far the affine of each file is from the one its name claims."""
    if not plan.reference:
        return
    reference = images.read_grid(files.path(plan.reference))
    template = registration_template.target_grid(None, settings)
    for names, grid in ((plan.on_reference, reference), (plan.on_template, template)):
        for name in names:
            apart = measures.affine_difference(files.path(name), grid)
            yield judge(step_of("grid", name), "affine_difference", apart)


def of_faces(plan: AuditPlan, files: Folder, judge: Judge) -> Iterator[Measurement]:
    """Voxels of each face mask that still hold something in the released image."""
    for image, mask, modality in plan.faces:
        background = images.background(modality)
        left = defacing.face_voxels_left(files.stored(image), files.image(mask), background)
        yield judge(step_of("deface", image), "face_voxels_left", left)


def of_heads(plan: AuditPlan, files: Folder, judge: Judge) -> Iterator[Measurement]:
    """Tissue where a face would be in each scan, one that was declared defaced included."""
    for image, modality, transform in plan.heads:
        to_template = files.transform(plan.from_template)
        if transform:
            onto_reference = files.transform(transform).GetInverse()
            to_template = transforms.chain([onto_reference, to_template])
        left_ml = defacing.face_left_ml(files.image(image), modality, to_template)
        yield judge(step_of("deface", image), "face_left_ml", left_ml)


def of_brains(plan: AuditPlan, files: Folder, judge: Judge) -> Iterator[Measurement]:
    """Brain voxels that defacing removed from each scan."""
    for face, brain, transform in plan.brains:
        move = files.transform(transform) if transform else None
        removed = defacing.brain_voxels_removed(files.image(face), files.image(brain), move)
        yield judge(step_of("deface", face), "brain_voxels_removed", removed)


def of_masks(plan: AuditPlan, files: Folder, judge: Judge) -> Iterator[Measurement]:
    """Whether the contour of each brain mask lies on the edge of the brain in its image."""
    for image, mask, modality in plan.masks:
        shown, brain = files.image(image), files.image(mask)
        yield from contour.measurements(step_of("brain", image), shown, brain, modality, judge)


def of_template(
    plan: AuditPlan, files: Folder, judge: Judge, settings: TemplateSettings
) -> Iterator[Measurement]:
    """Whether the template lies where the reference shows the brain, and where its mask does."""
    if not plan.template_brain:
        return
    step = step_of("normalise", plan.template_brain)
    overlap = measures.template_dice(files.image(plan.template_brain), settings)
    yield judge(step, "template_dice", overlap)
    if plan.to_template:
        image, move = files.image(plan.reference), files.transform(plan.to_template)
        yield judge(step, "template_off_mm", measures.template_off_mm(image, move, settings))
        brain = files.image(plan.reference_brain)
        missing, outlying = measures.missing_and_outlying_ml(brain, move, settings)
        yield judge(step, "brain_missing_ml", missing)
        yield judge(step, "brain_outlying_ml", outlying)


def of_scans(plan: AuditPlan, files: Folder, judge: Judge) -> Iterator[Measurement]:
    """Whether each scan shows the head of the reference, the right way round, in place and size."""
    if not plan.alike:
        return
    head = linear.Reference.of(files.image(plan.reference), files.image(plan.reference_brain))
    yield from of_flips(plan, files, judge, head)
    yield from of_poses(plan, files, judge, head)


def of_flips(
    plan: AuditPlan, files: Folder, judge: Judge, head: linear.Reference
) -> Iterator[Measurement]:
    """How well the mirror image of each scan fits the reference, by how well the scan does."""
    reference = mirror.Reference(head, files.transform(plan.to_template))
    for scan, transform in plan.alike:
        move = files.transform(transform) if transform else None
        compared = mirror.compare(reference, files.image(scan), move)
        yield judge(step_of("likeness", scan), "mirror_ratio", compared.ratio)


def of_poses(
    plan: AuditPlan, files: Folder, judge: Judge, head: linear.Reference
) -> Iterator[Measurement]:
    """What another method says of where each scan lies on the reference, and of its size."""
    modality = {image: modality for image, modality, _ in plan.heads}
    reference = files.image(plan.reference), plan.reference_modality
    opinion = second_opinion.Reference.of(reference, head.brain)
    for scan, transform in plan.alike:
        moving = files.image(scan)
        pose = transforms.matrix(files.transform(transform)) if transform else np.eye(4)
        step = step_of("likeness", scan)
        yield judge(step, "edges_off_mm", opinion.off_mm((moving, modality[scan]), pose))
        yield judge(step, "scan_size", linear.size(head, moving, pose))


def of_labels(
    plan: AuditPlan, files: Folder, judge: Judge, least_ml: float
) -> Iterator[Measurement]:
    """What each move did to a label."""
    for before, moves in groupby(plan.labels, itemgetter(0)):
        label = labels.read(files.path(before))
        for _, after, whole in moves:
            change = LabelChange.between(label, labels.read(files.path(after)), least_ml)
            yield from change.measurements(step_of("label", after), judge, judged=whole)

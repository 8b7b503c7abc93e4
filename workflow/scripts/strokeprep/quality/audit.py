"""The audit: what must hold of a subject's outputs before they may be trusted.

Everything is read back from the files on disk, so the audit also covers the writing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels, transforms
from strokeprep.quality.check import Check
from strokeprep.quality.plan import AuditPlan
from strokeprep.registration import mirror
from strokeprep.registration import template as registration_template
from strokeprep.settings.limits import AuditSettings
from strokeprep.settings.study import TemplateSettings

LIKENESS = "likeness:"
# Between grids with voxels up to s mm wide, nearest neighbour changed no vessel of volume V by more
# than 4 √(V s³), in 3000 poses of two Circles of Willis and s of 0.7 to 7 mm. A class smaller than
# 40 √(V s³) is judged as if it were that large, which with the limit of 0.1 allows that much.
ROUNDED = 40


def audit(
    plan: AuditPlan, root: Path, limits: AuditSettings, settings: TemplateSettings
) -> list[Check]:
    """Every check of one subject."""
    subject, at = plan.subject, lambda name: str(root / name)
    template = registration_template.target_grid(None, settings)
    checks = [
        *(on_grid(subject, at(name), images.read_grid(at(plan.reference)), limits)
          for name in plan.on_reference),
        *(on_grid(subject, at(name), template, limits) for name in plan.on_template),
        *(face_gone(subject, at(image), at(mask), images.background(modality))
          for image, mask, modality in plan.faces),
        *(brain_untouched(subject, at(face), at(brain), at(move) if move else None)
          for face, brain, move in plan.brains),
    ]  # fmt: skip
    if plan.template_brain:
        checks.append(brain_fits(subject, at(plan.template_brain), settings, limits))
    if plan.alike:
        checks.extend(one_head(plan, at))
    for before, after, whole in plan.labels:
        checks.extend(label_kept(subject, at(before), at(after), whole, limits))
    return checks


def verdict(checks: list[Check], subject: str) -> None:
    """Raise if any check failed."""
    failed = [check for check in checks if check.passed is False]
    if failed:
        listed = "; ".join(
            f"{check.step} {check.metric} = {check.value:.4g} {check.unit} (limit {check.limit:g})"
            for check in failed
        )
        flipped = any(check.step.startswith(LIKENESS) for check in failed)
        raise StrokeprepError(
            f"The audit failed: {listed}",
            f"sub-{subject}",
            "Left and right are exchanged in one of two scans: convert them again."
            if flipped
            else "Look at the images named; exclude the scan in question, or correct its input.",
        )


def on_grid(subject: str, path: str, grid, limits: AuditSettings) -> Check:
    """How far the affine of a file is from the one its name claims; infinite if shapes differ."""
    found = images.open_nifti(Path(path))
    apart = (
        float(np.abs(found.affine - images.affine(grid)).max())
        if found.shape[:3] == grid.GetSize()
        else float("inf")
    )
    limit = limits.affine_difference
    return Check(subject, f"grid:{Path(path).name}", "affine_difference", apart, "mm", limit)


def one_head(plan: AuditPlan, at: Callable[[str], str]) -> Iterator[Check]:
    """How well the mirror image of each scan fits the reference, by how well the scan does.

    Above the limit the scan is flipped. Where the two fit alike, another patient's scan would do
    the same, but a head of rare symmetry, too: said in the log, and the row is without a verdict.
    """
    reference = mirror.Reference(
        images.read(at(plan.reference)),
        images.read(at(plan.reference_brain)),
        transforms.read(at(plan.to_template)),
    )
    for scan, transform in plan.alike:
        found = transforms.read(at(transform)) if transform else transforms.linear(np.eye(4))
        compared = mirror.compare(reference, images.read(at(scan)), found)
        name, limit = Path(scan).name, mirror.LEAST_IF_FLIPPED
        if compared.verdict == mirror.UNLIKE:
            print(f"Warning: {name} and its mirror image fit the reference alike: the same head?")
            limit = None
        yield Check(
            plan.subject, f"{LIKENESS}{name}", "flipped_fit", compared.ratio, "ratio", limit
        )


def label_kept(
    subject: str, before: str, after: str, whole: bool, limits: AuditSettings
) -> Iterator[Check]:
    """Label set and volumes of a mask before and after it was moved.

    ``whole`` says that the new grid covers the old one; where it does not, labels may leave the
    field of view and the volumes are reported without a limit.
    """
    both = [labels.read(path) for path in (before, after)]
    old, new = (labels.contents(image) for image in both)
    step, limit = f"label:{Path(after).name}", limits.volume_change if whole else None
    changed = set(old["Volumes"]) ^ set(new["Volumes"])
    yield Check(subject, step, "labels_changed", len(changed), "labels", 0 if whole else None)
    if labels.volume(old):
        judged_by = max(labels.volume(old), limits.small_label_ml)
        change = abs(labels.volume(new) - labels.volume(old)) / judged_by
        yield Check(subject, step, "volume_change", change, "ratio", limit)
    if len(old["Volumes"]) > 1:
        widest_mm = max(max(image.GetSpacing()) for image in both)
        change = _class_change(old["Volumes"], new["Volumes"], widest_mm)
        yield Check(subject, step, "class_volume_change", change, "ratio", limit)


def _class_change(old: Mapping[str, float], new: Mapping[str, float], widest_mm: float) -> float:
    """The largest relative change of the volume (ml) of any class, on voxels so wide at most."""
    cube_ml = widest_mm**3 / 1000
    changes = (
        abs(new.get(name, 0) - volume) / max(volume, ROUNDED * math.sqrt(volume * cube_ml))
        for name, volume in old.items()
        if volume  # that of a lone voxel may be rounded to nothing
    )
    return max(changes, default=0)


def face_gone(subject: str, image: str, mask: str, fill: float) -> Check:
    """Voxels of the face mask that still hold something in the released image."""
    left = images.voxels(images.open_nifti(Path(image)), Path(image))
    inside = images.array(images.read(mask)) > 0
    count = int(np.count_nonzero(left[inside] != fill))
    return Check(subject, f"deface:{Path(image).name}", "face_voxels_left", count, "voxels", 0)


def brain_untouched(subject: str, face: str, brain: str, move: str | None) -> Check:
    """Brain voxels that defacing removed; ``move`` is the face's scan's transform to the brain's."""
    removed = images.read(face)
    chain = [transforms.read(move).GetInverse()] if move else []
    carried = transforms.resample(images.read(brain), removed, chain, transforms.NEAREST)
    both = np.count_nonzero((images.array(removed) > 0) & (images.array(carried) > 0))
    return Check(
        subject, f"deface:{Path(face).name}", "brain_voxels_removed", int(both), "voxels", 0
    )


def brain_fits(
    subject: str, brain: str, settings: TemplateSettings, limits: AuditSettings
) -> Check:
    """Overlap of the brain in template space with the template's own."""
    inside = images.read(brain)
    standard = transforms.resample(
        registration_template.standard(settings).brain, inside, [], transforms.NEAREST
    )
    overlap = labels.dice(images.array(inside), images.array(standard))
    limit = limits.template_dice
    step = f"normalise:{Path(brain).name}"
    return Check(subject, step, "brain_dice", overlap, "ratio", limit)

"""Patients of the other kinds of study, who had one session of MRI: raw BIDS files and their truth.

``jhu``: diffusion of a fresh infarct or haemorrhage, or of a lesion that is not visible. ``atlas``: a
T1-weighted scan long after the stroke.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from strokeprep.phantom import study as usual
from strokeprep.phantom.files import write_json
from strokeprep.phantom.head.foci import Focus, draw_foci
from strokeprep.phantom.head.mapping import draw_mapping
from strokeprep.phantom.head.subject import Head, Traits, draw_traits, make_head_with
from strokeprep.phantom.head.tissue import ILL_MATERIALS, MATERIALS, TISSUE_NUMBER
from strokeprep.phantom.names import DESIGNS
from strokeprep.phantom.scan import contrast, exam, scanner
from strokeprep.phantom.scan.protocol import protocol

# A true focus's side, as a table says of a patient: by whether there are lesions on either side.
SIDES = {"L": "left", "R": "right", "LR": "bilateral", "": "none"}
# What is true of the grey levels on each grid, and the share of tissue from which a voxel is healthy.
LEVELS = {"dwi": {"b0": contrast.b0, "adc": contrast.adc}, "t1w": {"signal": contrast.t1w}}
HEALTHY = 0.9
TYPES = {"infarct": "ischemic", "haematoma": "hemorrhagic", "cavity": "ischemic"}


def foci_of(study: str, subject: str, seed: int) -> tuple[Focus, ...]:
    """The lesions of a patient. The first patient's turn in the list of patterns depends on the seed."""
    start = int(np.random.default_rng(np.random.SeedSequence([seed, 7])).integers(0, 6))
    random = np.random.default_rng(np.random.SeedSequence([seed, int(subject), 7]))
    return draw_foci(study, start + int(subject), random)


def side_of(foci: Sequence[Focus]) -> str:
    """left, right, bilateral or none."""
    return SIDES["".join(sorted({focus.side for focus in foci}))]


def type_of(foci: Sequence[Focus]) -> str:
    """ischemic, hemorrhagic or none."""
    return TYPES[foci[0].kind] if foci else "none"


def write_subject(
    subject: str,
    raw: Path,
    truth: Path,
    *,
    study: str,
    seed: int,
    size: str,
    deformation_mm: float | None,
    scans: Sequence[str],
) -> None:
    """Write one subject's images below raw/ and their truth below truth/."""
    truth = Path(truth) / f"sub-{subject}"
    truth.mkdir(parents=True, exist_ok=True)
    setup = protocol(size)
    if deformation_mm is None:
        deformation_mm = 0.0 if int(subject) == 1 else 3.0
    shape, painted, poses, noise, further = usual.streams(seed, subject, 5)
    foci, traits = foci_of(study, subject, seed), draw_traits(painted)
    head = make_head_with(
        foci, draw_mapping(shape, deformation_mm), traits, setup.voxel_mm, painted,
        contrast.quantities(scans),
    )  # fmt: skip
    plan = usual.plan_of(head, setup, poses, int(subject), None)
    plan = usual.with_further(head, plan, setup, scans, further)
    made = (*DESIGNS[study].grids, *scans)
    plan = replace(plan, views={name: plan.views[name] for name in made})
    files = usual.Files(subject, Path(raw), truth, study)
    if "dwi" in plan.views:
        usual.write_dwi(head, plan.views["dwi"], setup, files, noise)
    else:
        _write_t1w(head, plan.views["t1w"], files, setup.t1w.noise, noise)
    (grid,) = DESIGNS[study].grids
    usual.write_lesion(head, plan.views[grid], files, "drawn")
    _write_true_lesion(head, grid, plan.views[grid], files)
    _write_true_levels(head, grid, plan.views[grid], files)
    usual.write_further(head, plan, setup, files, scans, further)
    usual.write_transforms(head, plan, truth)
    summary = {"subject": subject, "seed": seed, "size": size, "study": study}
    summary |= {"deformation_mm": deformation_mm}
    write_json(truth / "truth.json", summary | _facts(head, traits, foci))


def _write_t1w(
    head: Head, view: exam.View, files: usual.Files, noise: float, random: np.random.Generator
) -> None:
    """The T1-weighted scan and its bias field."""
    field = exam.bias(view.grid, random)
    scan = exam.shaded_scan(head, "t1w", view, field, noise, random)
    files.image("t1w", scan, view, usual.T1W_SIDECAR)
    files.masks("t1w", head, view)
    files.true("t1w_bias", field, view)


def _write_true_lesion(head: Head, grid: str, view: exam.View, files: usual.Files) -> None:
    files.true(f"{grid}_lesion", view.mask(head, head.shares["drawn"]), view)
    tissue = scanner.nearest(head.image(head.tissue), view.grid, view.image_to_head)
    files.true(f"{grid}_tissue", tissue, view)


def _write_true_levels(head: Head, grid: str, view: exam.View, files: usual.Files) -> None:
    """Grey levels without noise and bias field, and the voxels of (almost) nothing but healthy tissue."""
    for name, volume in LEVELS[grid].items():
        files.true(f"{grid}_{name}", view.sample(head, volume(head)).astype(np.float32), view)
    tissue = (head.shares["gm"] + head.shares["wm"]) * (1 - head.shares["drawn"])
    healthy = view.sample(head, tissue) >= HEALTHY
    files.true(f"{grid}_healthy", healthy.astype(np.uint8), view)


def _facts(head: Head, traits: Traits, foci: Sequence[Focus]) -> dict:
    """Facts about the subject that are not in an image."""
    return {
        "skull_mm": traits.skull_mm,
        "brain_ml": round(head.ml(head.shares["brain"]), 3),
        "lesions": [asdict(focus) for focus in foci],
        "lesion_ml": round(head.ml(head.shares["drawn"] > 0.5), 3),
        "side": side_of(foci),
        "type": type_of(foci),
        "b_value": contrast.B_VALUE,
        "tissue_labels": {str(number): name for name, number in TISSUE_NUMBER.items()},
        "tissue_mr": {
            name: {"t1": material.t1, "b0": material.b0, "adc": material.adc}
            for name, material in (MATERIALS | ILL_MATERIALS).items()
        },
    }

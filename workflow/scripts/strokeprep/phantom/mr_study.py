"""Patients of the other kinds of study, who had one session of MRI: raw BIDS files and their truth.

``jhu``: diffusion of a fresh infarct or haemorrhage, or of a lesion that is not visible. ``atlas``: a
T1-weighted scan long after the stroke.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from strokeprep.phantom import study as usual
from strokeprep.phantom.files import write_json
from strokeprep.phantom.head.foci import Focus, draw_foci
from strokeprep.phantom.head.mapping import draw_mapping
from strokeprep.phantom.head.subject import Head, Traits, draw_traits, make_head_with
from strokeprep.phantom.head.tissue import ILL_MATERIALS, MATERIALS, TISSUE_NUMBER
from strokeprep.phantom.names import DESIGNS
from strokeprep.phantom.patient import Patient
from strokeprep.phantom.scan import contrast, exam, scanner
from strokeprep.phantom.scan.protocol import Protocol, protocol

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


def write_subject(patient: Patient, raw: Path, truth: Path) -> None:
    """Write one subject's images below raw/ and their truth below truth/."""
    folder = Path(truth) / f"sub-{patient.subject}"
    folder.mkdir(parents=True, exist_ok=True)
    setup = protocol(patient.size)
    shape, painted, poses, noise, further = usual.streams(patient.seed, patient.subject, 5)
    foci = foci_of(patient.study, patient.subject, patient.seed)
    traits, mapping = draw_traits(painted), draw_mapping(shape, patient.warp_mm)
    quantities = contrast.quantities(patient.scans)
    head = make_head_with(foci, mapping, traits, setup.voxel_mm, painted, quantities)
    (grid,) = DESIGNS[patient.study].grids
    plan = _plan_of(head, setup, grid, patient, poses, further)
    files = usual.Files(patient.subject, Path(raw), folder, patient.study)
    if grid == "dwi":
        usual.write_dwi(head, plan.views[grid], setup, files, noise)
    else:
        _write_t1w(head, plan.views[grid], files, setup.t1w.noise, noise)
    usual.write_lesion(head, plan.views[grid], files, "drawn")
    _write_true_lesion(head, grid, plan.views[grid], files)
    _write_true_levels(head, grid, plan.views[grid], files)
    usual.write_further(head, plan, setup, files, patient.scans, further)
    usual.write_transforms(head, plan, folder)
    write_json(folder / "truth.json", _asked(patient) | _facts(head, traits, foci))


def _plan_of(
    head: Head,
    setup: Protocol,
    grid: str,
    patient: Patient,
    poses: np.random.Generator,
    further: np.random.Generator,
) -> usual.Plan:
    """The plan of a session that has one usual grid, and the further scans."""
    plan = usual.plan_of(head, setup, poses, patient.number, None)
    plan = usual.with_further(head, plan, setup, patient.scans, further)
    return replace(plan, views={name: plan.views[name] for name in (grid, *patient.scans)})


def _asked(patient: Patient) -> dict[str, Any]:
    """What was asked of the patient, for its truth."""
    return {
        "subject": patient.subject,
        "seed": patient.seed,
        "size": patient.size,
        "study": patient.study,
        "deformation_mm": patient.warp_mm,
    }


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

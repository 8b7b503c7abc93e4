"""A folder of derivatives with every type of file, and a raw dataset, made without a run.

Images are 4 x 4 x 3 zeros; names, headers and sidecars are what a real run must give.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from strokeprep.bids import dataset, sidecars
from strokeprep.kinds import (
    AT_RISK,
    BRAIN,
    COVERAGE,
    FACE,
    LABELS,
    MAPS,
    MODEL_MAPS,
    NATIVE,
)
from strokeprep.settings.study import StudySettings
from strokeprep.study import naming, outputs
from strokeprep.study.naming import Space
from strokeprep.study.scans import Row, Scan, Study
from strokeprep.study.table import build

TEMPLATE = Space("MNI152NLin2009aSym", "2")
SHAPE = (4, 4, 3)
COW_NAMES = {1: "basilar artery", 2: "right P1"}
# The raw images of the patients: (subject, session, role, entities, drawn on).
FILES = (
    ("01", "01", "ncct", ("acq-ncct",), ""),
    ("01", "01", "cta", ("acq-cta",), ""),
    ("01", "01", "ctp", ("acq-ctp",), ""),
    ("01", "02", "b0", (), ""),
    ("01", "02", "trace", (), ""),
    ("01", "02", "adc", (), ""),
    ("01", "02", "lesion", (), "dwi"),
    ("01", "01", "lvo", ("acq-cta",), "cta"),
    ("01", "01", "cow", ("acq-cta",), "cta"),
    ("02", None, "t1w", (), ""),
    ("02", None, "lesion", (), "t1w"),
    ("03", "01", "t1w", (), ""),
    ("03", "01", "t1w", ("acq-mprage",), ""),
    ("03", "01", "t1wce", ("ce-gadolinium",), ""),
    ("03", "01", "t2w", (), ""),
    ("03", "01", "flair", ("run-1",), ""),
    ("03", "01", "swi", ("part-mag",), ""),
    ("03", "01", "t2star", ("acq-hemo",), ""),
    ("03", "01", "tof", (), ""),
    ("03", "01", "pwi", (), ""),
    ("03", "01", "lesion", ("acq-mprage",), "t1w"),
    ("03", "01", "lesion", ("acq-flair", "run-1"), "flair"),
)


def study() -> Study:
    """Patients who together have every kind of image and label."""
    rows = [
        Row(subject, session, role, Path("-".join((subject, session or "", role, *entities))), on,
            NATIVE, False, None, entities)
        for subject, session, role, entities, on in FILES
    ]  # fmt: skip
    return build(rows, references=("ncct", "t1w"))


def write_derivatives(folder: Path) -> Path:
    """The derivatives of :func:`study` and the dataset-level files."""
    patients = study()
    for subject in patients.subjects:
        wanted = outputs.outputs(subject, TEMPLATE)
        wanted += outputs.perfusion_outputs(subject, TEMPLATE)
        for path in wanted:
            _write_output(folder, path, _scan_of(path, subject.scans), subject.reference)
    audit = folder / naming.audit("01")
    audit.parent.mkdir(parents=True, exist_ok=True)
    audit.write_text("check\tvalue\nfaces\t0\n")
    dataset.write(
        folder,
        settings=StudySettings(
            layout="bids",
            name="Synthetic study, preprocessed",
            license="CC0",
            authors=("The strokeprep authors",),
        ),
        version="0.1.0",
        subjects=[subject.name for subject in patients.subjects],
        raw_root=write_raw(folder.parent / "raw"),
        arteries=COW_NAMES,
    )
    return folder


def write_raw(folder: Path) -> Path:
    """A raw dataset: images, participants and phenotype tables."""
    for name, frames in (("ct/{}_acq-ncct_ct", 1), ("ct/{}_acq-cta_ct", 1),
                         ("ct/{}_acq-ctp_ct", 5)):  # fmt: skip
        _write_raw_image(folder / "sub-01/ses-01" / name.format("sub-01_ses-01"), frames)
    for suffix in ("S0map", "trace", "ADC"):
        _write_raw_image(folder / f"sub-01/ses-02/dwi/sub-01_ses-02_{suffix}", 1)
    _write_raw_image(folder / "sub-02/anat/sub-02_T1w", 1)
    [full] = [subject for subject in study().subjects if subject.name == "03"]
    for scan in full.scans:
        name = f"{scan.folder}/{scan.datatype}/{scan.stem}_{scan.pilot.kind.suffix}"
        _write_raw_image(folder / name, 5 if scan.is_4d else 1)
    _write_json(
        folder / "dataset_description.json",
        {"Name": "Synthetic study", "BIDSVersion": "1.11.1", "DatasetType": "raw"},
    )
    (folder / "README.md").write_text("A synthetic study of three patients. " * 5)
    (folder / "participants.tsv").write_text(
        "participant_id\tage\tsex\tname\nsub-01\t74\tF\tJane\nsub-02\t61\tM\tJoe\n"
        "sub-03\t55\tF\tAda\n"
    )
    (folder / "phenotype").mkdir()
    (folder / "phenotype/outcome.tsv").write_text(
        "participant_id\tmrs_90d\tdate_of_birth\nsub-01\t3\t1930-01-01\nsub-02\t1\t1960-01-01\n"
        "sub-03\t2\t1970-01-01\n"
    )
    return folder


def write_manual(raw: Path) -> Path:
    """Masks drawn on the images of a raw dataset, in its ``derivatives/manual``."""
    folder = raw / "derivatives/manual"
    _write_json(
        folder / "dataset_description.json",
        {
            "Name": "Manual masks",
            "BIDSVersion": "1.11.1",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "manual", "Description": "Drawn by hand"}],
        },
    )
    (folder / "README.md").write_text("Masks drawn by hand on the images of the study. " * 5)
    patients = study()
    for label in (label for subject in patients.subjects for label in subject.labels):
        path = naming.label(label.scan, naming.ORIG, label.kind)
        _write_output(folder, path, label.scan, None)
    return folder


def sidecar(path: str, scan: Scan, reference: Scan | None) -> dict[str, Any]:
    """The sidecar that a run writes for an output."""
    parts = Path(path).name.split(".")[0].split("_")
    entities = dict(part.split("-", 1) for part in parts[:-1])
    suffix, desc = parts[-1], entities.get("desc")
    content = {"Sources": [naming.raw_uri(scan, scan.pilot.kind.suffix)]}
    if suffix in ("timeseries", "perfusion", "aif", "regions"):
        return content | {"Description": "A table", "time": {"Description": "x", "Units": "s"}}
    if suffix == "xfm":
        return content | sidecars.transform(entities["from"], entities["to"], "affine")
    uri = reference and "bids::" + naming.defaced(reference, reference.pilot.kind.suffix)
    space = entities.get("space")
    content |= sidecars.in_space(space, None if space == TEMPLATE.label else uri, 2)
    if suffix in ("mask", "dseg"):
        named = {key: entities[key] for key in ("seg", "label", "desc") if key in entities}
        kinds = [*LABELS.values(), *AT_RISK.values(), BRAIN, COVERAGE, FACE]
        [kind] = [each for each in kinds if each.entities == named]
        return content | sidecars.label(kind, "made for a test")
    if _is_series(path):
        content["RepetitionTime"] = 1.5
    computed = MAPS | {kind.suffix: kind for kind in MODEL_MAPS.values()}
    kind = computed.get(suffix) or scan.image(suffix).kind
    stripped = desc == "brain" or suffix in computed
    return content | sidecars.image(kind, "Made for a test", stripped)


def _is_series(path: str) -> bool:
    ends = ("desc-defaced_ct.nii.gz", "desc-preproc_ct.nii.gz", "desc-defaced_dsc.nii.gz")
    return ("acq-ctp" in path or "/perf/" in path) and path.endswith(ends)


def _scan_of(path: str, scans: Sequence[Scan]) -> Scan:
    """The scan of an output: the one with the longest stem that starts its name, and its suffix."""
    suffix = path.partition(".")[0].rpartition("_")[2]

    def fit(scan: Scan) -> tuple[int, bool]:
        stems = [s for s in (scan.stem, scan.mask_stem) if Path(path).name.startswith(s + "_")]
        own = suffix in [image.kind.suffix for image in scan.images]
        return max(map(len, stems), default=0), own

    return max(scans, key=fit)


def _write_output(folder: Path, path: str, scan: Scan, reference: Scan | None) -> None:
    target = folder / path
    if path.endswith(".png"):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"picture")
        return
    _write_json(folder / naming.sidecar(path), sidecar(path, scan, reference))
    if path.endswith(".tsv"):
        target.write_text("time\n0\n")
        return
    if not path.endswith(naming.IMAGE):
        target.write_text("#Insight Transform File V1.0\n")
        return
    is_label = path.endswith(("_mask.nii.gz", "_dseg.nii.gz"))
    shape = (*SHAPE, 5) if _is_series(path) else SHAPE
    _write_nifti(target, np.zeros(shape, np.uint8 if is_label else np.int16))


def _write_raw_image(stem: Path, frames: int) -> None:
    shape = SHAPE if frames == 1 else (*SHAPE, frames)
    content: dict[str, Any] = {} if frames == 1 else {"RepetitionTime": 1.5, "EchoTime": 0.03}
    _write_json(stem.with_name(stem.name + ".json"), content)
    _write_nifti(stem.with_name(stem.name + ".nii.gz"), np.zeros(shape, np.int16))


def _write_nifti(path: Path, voxels: np.ndarray) -> None:
    image = nib.Nifti1Image(voxels, np.diag([2.0, 2.0, 2.0, 1.0]))
    image.header.set_xyzt_units("mm", "sec")
    if voxels.ndim == 4:
        image.header.set_zooms((2.0, 2.0, 2.0, 1.5))
    nib.save(image, path)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))

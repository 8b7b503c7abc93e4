"""Time and memory of a release of patients with images of clinical size, its preview included.

    python benchmarks/release.py [--cases 150] [--looked-at 4] [--folder /tmp/release] [--out release.tsv]

The outputs of one patient are simulated (noise, 512 × 512 × 74 voxels on the NCCT); all patients have
hard links to them. What is done for each patient is measured on some of them and multiplied, since it
is the same for all; the release itself is written for all. Each step runs in a process of its own on one
core, so that its largest resident set is its own. ``read_mb`` is what a step reads of the disk if nothing
is in memory, and ``written_mb`` the size of the preview.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from strokeprep.io.tables import render
from strokeprep.io.whole import write_json, write_text
from strokeprep.release import archive, case, export
from strokeprep.release.archives import ARCHIVES
from strokeprep.release.preview import dataset, pictures
from strokeprep.settings import config
from strokeprep.study import naming, table
from strokeprep.study.layouts import designs
from strokeprep.study.scans import Subject

ON_NCCT, OWN = (512, 512, 74), {"cta": (512, 512, 300), "ctp": (256, 256, 32)}
FRAMES = 8  # of noise: as many bytes as 60 frames of a head in air
RAW = (
    *(f"ses-01/ct/{{0}}_ses-01_acq-{name}_ct.nii.gz" for name in ("ncct", "cta", "ctp")),
    *(f"ses-02/dwi/{{0}}_ses-02_{name}.nii.gz" for name in ("trace", "ADC")),
)
LABELS = (
    "ses-01/anat/{0}_ses-01_acq-cta_label-LVO_mask.nii.gz",
    "ses-01/anat/{0}_ses-01_acq-cta_seg-CoW_dseg.nii.gz",
    "ses-02/dwi/{0}_ses-02_label-L_desc-infarct_mask.nii.gz",
)
COLUMNS = (
    "step",
    "cases",
    "wall_s",
    "cpu_s",
    "cpu_s_per_case",
    "memory_mb",
    "read_mb",
    "written_mb",
)
ARCHIVE = ARCHIVES["isles24"]
MNI = naming.Space("MNI152NLin2009aSym", "1")


def study_of(folder: Path, cases: int) -> tuple[config.Config, tuple[Subject, ...]]:
    """A study whose raw files are empty."""
    for number in range(1, cases + 1):
        name = f"sub-{number:03}"
        for root, files in (("raw", RAW), ("raw/derivatives/manual", LABELS)):
            for file in files:
                path = folder / root / name / file.format(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    settings = config.load(
        {
            "study": {"layout": "bids", "root": str(folder / "raw"), "license": "CC0"},
            "output": str(folder / "derivatives"),
            "release": {"folder": str(folder / "release"), "smallest_group": 1},
        }
    )
    rows = designs.read(settings)
    return settings, table.build(rows, settings.reference, (), ()).subjects


def simulate(derivatives: Path, subjects: Sequence[Subject]) -> None:
    """The outputs of all subjects: files of the first, and links to them."""
    first = archive.members(ARCHIVE, subjects[0], MNI)
    for member in first:
        _write(derivatives / member.source, member)
    for subject in subjects[1:]:
        for model, member in zip(first, archive.members(ARCHIVE, subject, MNI), strict=True):
            for name in (str, naming.sidecar):
                target = derivatives / name(member.source)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(derivatives / name(model.source), target)
    people = [
        {"participant_id": f"sub-{each.name}", "age": 70, "glucose": 120} for each in subjects
    ]
    write_text(render(people, list(people[0])), derivatives / "participants.tsv")


def _write(path: Path, member: archive.Member) -> None:
    random = np.random.default_rng(1)
    on_reference = member.on_reference or member.path.endswith("_ncct")
    shape = ON_NCCT if on_reference else OWN["cta" if "cta" in path.name else "ctp"]
    inside = np.zeros(shape, bool)
    inside[tuple(slice(n // 5, -n // 5) for n in shape[:2])] = True
    if member.content in ("mask", "labels"):
        values = np.zeros(shape, np.uint8)
        values[200:240, 200:260, 30:40] = 1
    elif member.content == "map":
        values = np.where(inside, random.gamma(4, 2, shape), 0).astype(np.float32)
    else:
        noise = random.normal(40, 8, shape)
        values = np.where(inside, noise, 0 if "/dwi/" in str(path) else -1024).astype(np.int16)
    if member.content == "series":
        values = np.stack([np.roll(values, n, 2) for n in range(FRAMES)], axis=3)
    spacing = [0.4, 0.4, 2, 1] if on_reference else [0.6, 0.6, 1.5, 1]
    nifti = nib.Nifti1Image(values, np.diag(spacing))
    nifti.header["pixdim"][4] = 1
    nifti.header.set_xyzt_units("mm", "sec")
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nifti, path)
    write_json({}, naming.sidecar(str(path)))


# --- Measuring ------------------------------------------------------------------------------------


def measured(step: Callable[..., None], *arguments: Any) -> dict[str, float]:
    """Seconds and largest resident set of a step in a process of its own."""
    context = multiprocessing.get_context("spawn")
    parent, child = context.Pipe()
    process = context.Process(target=_timed, args=(child, step, arguments))
    process.start()
    child.close()
    found = parent.recv()
    process.join()
    return found


def _timed(pipe: Any, step: Callable[..., None], arguments: Sequence[Any]) -> None:
    start, cpu = time.perf_counter(), time.process_time()
    step(*arguments)
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's memory, too
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    pipe.send({"seconds": seconds, "cpu": time.process_time() - cpu, "mb": peak})


def prepare(derivatives: Path, work: Path, subjects: Sequence[Subject]) -> None:
    """What rule release_case does, one patient after the other."""
    for subject in subjects:
        members = archive.members(ARCHIVE, subject, MNI)
        found = case.prepared(members, derivatives, work / f"copies/{subject.name}")
        assert not found["refused"], found["refused"]
        write_json(found, work / f"cases/sub-{subject.name}.json")


def draw(work: Path, subjects: Sequence[Subject]) -> None:
    """What rule release_pictures does."""
    for subject in subjects:
        known = json.loads((work / f"cases/sub-{subject.name}.json").read_text())
        write_json(pictures.of_case(known), work / f"pictures/sub-{subject.name}.json")


def release(derivatives: Path, work: Path, settings: config.Config) -> None:
    """What rule release does."""
    cases, rows = (
        {path.stem: path for path in sorted((work / name).glob("*.json"))}
        for name in ("cases", "pictures")
    )

    def preview(folder: Path, called: dict[str, str]) -> None:
        dataset.write(folder, rows, called, settings.study, settings.release)

    made = archive.Finished(
        derivatives, settings.study, settings.release, settings.template, version="0"
    )
    export.write(made, cases, [], export.Private(work), preview)


def repeat(work: Path, subjects: Sequence[Subject], looked_at: int) -> None:
    """Say of the other patients what was found of the first: their files are the same."""
    for folder in ("cases", "pictures"):
        known = (work / folder / f"sub-{subjects[0].name}.json").read_text()
        for subject in subjects[looked_at:]:
            text = known.replace(f"sub-{subjects[0].name}", f"sub-{subject.name}")
            write_text(text, work / folder / f"sub-{subject.name}.json")


def megabytes(paths: Sequence[Path]) -> float:
    """The size of files."""
    return sum(path.stat().st_size for path in paths) / 1e6


def steps(folder: Path, cases: int, looked_at: int) -> list[dict[str, Any]]:
    """Simulate a study and measure the steps of its release: the rows of the table."""
    settings, subjects = study_of(folder, cases)
    derivatives, work = folder / "derivatives", folder / "work"
    simulate(derivatives, subjects)
    found = {
        "release_case": measured(prepare, derivatives, work, subjects[:looked_at]),
        "release_pictures": measured(draw, work, subjects[:looked_at]),
    }
    for each in found.values():
        each["seconds"], each["cpu"] = (each[key] * cases / looked_at for key in ("seconds", "cpu"))
    repeat(work, subjects, looked_at)
    found["release"] = measured(release, derivatives, work, settings)
    sources = [derivatives / each.source for each in archive.members(ARCHIVE, subjects[0], MNI)]
    drawn = json.loads((work / f"pictures/sub-{subjects[0].name}.json").read_text())
    # The pictures of all are the same here, and Parquet stores them once; in a study it does not.
    shown = sum(len(text) for name, text in drawn.items() if dataset.FEATURES[name][0] == "image")
    read = {"release_case": megabytes(sources) * cases}
    written = {"release_pictures": shown * 3 / 4 / 1e6 * cases}
    return [
        {
            "step": name,
            "cases": cases,
            "wall_s": f"{each['seconds']:.1f}",
            "cpu_s": f"{each['cpu']:.1f}",
            "cpu_s_per_case": f"{each['cpu'] / cases:.2f}",
            "memory_mb": f"{each['mb']:.0f}",
            "read_mb": f"{read[name]:.0f}" if name in read else "n/a",
            "written_mb": f"{written[name]:.1f}" if name in written else "n/a",
        }
        for name, each in found.items()
    ]


def main() -> int:
    """Simulate, measure, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=150)
    parser.add_argument("--looked-at", type=int, default=4, help="patients that are measured")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/strokeprep-release"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    shutil.rmtree(given.folder, ignore_errors=True)
    text = render(steps(given.folder, given.cases, given.looked_at), COLUMNS)
    print(text)
    if given.out:
        write_text(text, given.out)
    shutil.rmtree(given.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

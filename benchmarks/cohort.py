"""Time and memory of a cohort's maps, tables and page, of 10, 100 and 1,000 patients at 1 mm.

    python benchmarks/cohort.py [--patients 10 100 1000] [--folder /tmp/cohort] [--out cohort.tsv]

Each patient has a lesion mask, a normalised image (noise in the brain) and a brain mask of 197 × 233 × 189
voxels; they are in three groups. Some are simulated, and all others have links to their files. Reading
them takes as long, as they are in memory: on a disk of 100 MB a second add 0.1 s a patient. Each size runs
in a process of its own. ``per_patient_s`` is the slope from one size to the next.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from strokeprep.cohort import stage
from strokeprep.cohort.plan import Candidate
from strokeprep.io import images
from strokeprep.io.tables import render
from strokeprep.io.whole import write_text
from strokeprep.registration import template
from strokeprep.settings.finished.cohort import CohortSettings
from strokeprep.settings.finished.lesions import LESIONS
from strokeprep.settings.study import StudySettings, TemplateSettings

COLUMNS = ("patients", "wall_s", "cpu_s", "per_patient_s", "memory_mb")
DIFFERENT = 10  # patients with files of their own
TYPES = ("ischemic", "hemorrhagic", "none")
STEM = "sub-{0}/dwi/sub-{0}_space-MNI152NLin2009aSym_res-1_"
FULL = TemplateSettings(resolution_mm=1, res="1")
STUDY = StudySettings(layout="bids", root="raw")


def simulate(root: Path, patients: int) -> list[Candidate]:
    """The files of all patients, and the table of their types."""
    grid = stage.grid_of(template.load(), 1)
    random = np.random.default_rng(1)
    inside, found, rows = np.argwhere(grid.brain), [], []
    for number in range(patients):
        name, kind = f"{number:04}", TYPES[number % len(TYPES)]
        stem = STEM.format(name)
        files = [
            f"{stem}{each}.nii.gz"
            for each in ("label-L_mask", "desc-brain_mask", "desc-normalised_trace")
        ]
        if number < DIFFERENT:
            _write(root, files, grid, inside, random)
        else:
            _link(root, files, STEM.format(f"{number % DIFFERENT:04}"), stem)
        mask, seen, image = files
        found.append(
            Candidate(
                name, "", mask if kind != "none" else "", seen, {"trace": image}, {"trace": seen}
            )
        )
        rows.append({"participant_id": f"sub-{name}", "age": 40 + number % 50, "lesion_type": kind})
    write_text(render(rows, list(rows[0])), root / "participants.tsv")
    return found


def _write(root: Path, files: list[str], grid: Any, inside: np.ndarray, random: Any) -> None:
    centre, radius = inside[random.integers(len(inside))], random.lognormal(2.5, 0.5)
    distance = np.linalg.norm(inside - centre, axis=1)
    lesion = np.zeros(grid.brain.shape, np.uint8)
    lesion[tuple(inside[distance < radius].T)] = 1
    image = np.where(grid.brain, random.normal(size=grid.brain.shape), 0).astype(np.float32)
    for name, values in zip(files, (lesion, grid.brain.astype(np.uint8), image), strict=True):
        images.write_array(values, grid.affine, root / name)


def _link(root: Path, files: list[str], model: str, stem: str) -> None:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(root / name.replace(stem, model), root / name)


def measured(root: Path, out: Path, candidates: list[Candidate]) -> dict[str, float]:
    """Seconds and largest resident set of a cohort in a process of its own."""
    context = multiprocessing.get_context("spawn")
    parent, child = context.Pipe()
    process = context.Process(target=_timed, args=(child, root, out, candidates))
    process.start()
    child.close()
    found = parent.recv()
    process.join()
    return found


def _timed(pipe: Any, root: Path, out: Path, candidates: list[Candidate]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    settings = CohortSettings(groups="lesion_type")
    about = stage.About(STUDY, settings, LESIONS, FULL, seed=1)
    stage.write(root, out, candidates, {}, about, {})
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's memory, too
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    pipe.send({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "mb": peak})


def main() -> int:
    """Simulate, measure, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/strokeprep-cohort"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    shutil.rmtree(given.folder, ignore_errors=True)
    candidates = simulate(given.folder / "in", max(given.patients))
    rows: list[dict[str, Any]] = []
    for patients in sorted(given.patients):
        took = measured(
            given.folder / "in", given.folder / f"out-{patients}", candidates[:patients]
        )
        before = rows[-1] if rows else {"patients": 0, "wall_s": "0"}
        slope = (took["wall"] - float(before["wall_s"])) / (patients - before["patients"])
        rows.append(
            {
                "patients": patients,
                "wall_s": f"{took['wall']:.1f}",
                "cpu_s": f"{took['cpu']:.1f}",
                "per_patient_s": f"{slope:.3f}" if len(rows) else "n/a",
                "memory_mb": f"{took['mb']:.0f}",
            }
        )
        print(rows[-1], flush=True)
    text = render(rows, COLUMNS)
    print(text)
    if given.out:
        write_text(text, given.out)
    shutil.rmtree(given.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

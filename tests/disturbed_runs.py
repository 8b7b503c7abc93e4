"""Runs of the workflow that a test disturbs, and digests of their outputs."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import yaml
from strokeprep import phantom
from strokeprep.io.whole import PARTIAL
from strokeprep.report import plan
from strokeprep.study import naming
from workflow_tools import REPOSITORY

SHOWN = "shown.txt"
# These depend on how the last run went and how long it took, so they may differ between runs.
OF_THE_RUN = {
    naming.STATUS,
    naming.ALL_TISSUE_VOLUMES,
    plan.COHORT,
    plan.COHORT_TABLE,
    naming.sidecar(plan.COHORT_TABLE),
    plan.METHODS,
    plan.REFERENCES,
    plan.RESOURCES,
}


def started(folder: Path, config: Mapping[str, Any] | None, *arguments: str) -> subprocess.Popen:
    """Start snakemake as head of a process group; its output goes to ``folder/shown.txt``."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "2", "--nocolor", "--profile", "none"]
    command += ["--workflow-profile", str(REPOSITORY / "profiles/default"), *arguments]
    if config is not None:
        (folder / "study.yaml").write_text(yaml.safe_dump(dict(config)))
        command += ["--configfile", str(folder / "study.yaml")]
    with (folder / SHOWN).open("w") as shown:
        return subprocess.Popen(
            command, stdout=shown, stderr=shown, cwd=folder, start_new_session=True
        )


def shown_by(folder: Path) -> str:
    """The output of the last started run so far."""
    return (folder / SHOWN).read_text()


def digests(folder: Path) -> dict[str, str]:
    """A digest of every finished file of a dataset, except for those about the run."""
    return {
        name: digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(PARTIAL)
        if (name := str(path.relative_to(folder))) not in OF_THE_RUN
    }


def digest(path: Path) -> str:
    """The SHA-256 of a file; that of an image also tells packing, voxels and their mean apart."""
    whole = hashlib.sha256(path.read_bytes()).hexdigest()
    if not path.name.endswith(naming.IMAGE):
        return whole
    voxels = np.asarray(nib.load(path).dataobj)
    return f"{whole}, voxels {hashlib.sha256(voxels.tobytes()).hexdigest()}, mean {voxels.mean()}"


# The scans of a patient of the test studies.
MRI = ("ses-02/anat", "ses-02/dwi")
CT_PERFUSION = ("ses-01/ct/*ncct*", "ses-01/ct/*ctp*", "ses-02/dwi")


def patient(folder: Path, parts: Sequence[str] = MRI, size: str = "small") -> Path:
    """Simulate sub-01 of the built-in study, and keep these parts; returns the raw folder."""
    everything, raw = folder / "everything", folder / "raw"
    phantom.write_subject(phantom.Patient("01", seed=1, size=size), everything, folder / "truth")
    for base in ("sub-01", "derivatives/manual/sub-01"):
        for part in parts:
            for path in everything.glob(f"{base}/{part}"):
                target = raw / path.relative_to(everything)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
    shutil.rmtree(everything)
    shutil.rmtree(folder / "truth")
    return raw

"""A small MR protocol from end to end: several T1w, FLAIR, a slab of angiography, and perfusion."""

from __future__ import annotations

import shutil
from pathlib import Path

import bids_tools
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep import phantom
from strokeprep.bids import schema as bids_schema
from strokeprep.io import tables
from workflow_tools import snakemake

SESSION = "sub-01/ses-02"
NAME = "sub-01_ses-02"
# Where each scan lies, its name in transforms, and its name in the truth.
MOVED = {
    f"anat/{NAME}": {"t1wThick": "t1w", "flair": "flair", "tof": "tof"},
    f"perf/{NAME}": {"pwi": "dwi"},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """The folder of a finished run: ``raw``, ``truth`` and ``out``."""
    folder = tmp_path_factory.mktemp("protocol")
    raw = folder / "raw"
    phantom.write_subject(
        phantom.Patient("01", seed=1, size="tiny", scans=("flair", "tof")), raw, folder / "truth"
    )
    shutil.rmtree(raw / "sub-01/ses-01")
    shutil.rmtree(raw / "derivatives/manual/sub-01")
    _thick_t1w(raw / SESSION / "anat")
    _perfusion(raw / SESSION)
    _lesion(raw)
    config = {
        "study": {"layout": "bids", "root": str(raw)},
        "output": str(folder / "out"),
        "work": str(folder / "work"),
        "template": {"resolution_mm": 2},
    }
    process = snakemake(folder, config, "--quiet", "rules")
    assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]
    return folder


def _thick_t1w(anat: Path) -> None:
    """The T1w becomes an MPRAGE, and its slices three by three the thick T1w beside it."""
    thin = nib.load(anat / f"{NAME}_T1w.nii.gz")
    data = np.asarray(thin.dataobj).astype(np.float32)[..., : thin.shape[2] // 3 * 3]
    thick = data.reshape(*data.shape[:2], -1, 3).mean(axis=3).astype(np.int16)
    middle = np.eye(4)
    middle[2, 2:] = 3, 1
    nib.save(nib.Nifti1Image(thick, thin.affine @ middle), anat / f"{NAME}_acq-thick_T1w.nii.gz")
    for ending in ("nii.gz", "json"):
        (anat / f"{NAME}_T1w.{ending}").rename(anat / f"{NAME}_acq-mprage_T1w.{ending}")


def _perfusion(session: Path) -> None:
    """A series whose signal falls and recovers, from the b = 0 image, instead of all diffusion."""
    still = nib.load(session / f"dwi/{NAME}_S0map.nii.gz")
    signal = np.asarray(still.dataobj).astype(np.float32)
    course = 1 - 0.3 * np.exp(-((np.arange(6) - 3) ** 2))
    series = nib.Nifti1Image((signal[..., None] * course).astype(np.int16), still.affine)
    series.header["pixdim"][4] = 1.5
    series.header.set_xyzt_units("mm", "sec")
    (session / "perf").mkdir()
    nib.save(series, session / f"perf/{NAME}_dsc.nii.gz")
    (session / f"perf/{NAME}_dsc.json").write_text('{"RepetitionTime": 1.5, "EchoTime": 0.03}')
    shutil.rmtree(session / "dwi")


def _lesion(raw: Path) -> None:
    """An infarct that was drawn on the FLAIR."""
    flair = nib.load(raw / SESSION / f"anat/{NAME}_FLAIR.nii.gz")
    marked = np.zeros(flair.shape, np.uint8)
    marked[30:36, 40:46, flair.shape[2] // 2 :][..., :3] = 1
    folder = raw / "derivatives/manual" / SESSION / "anat"
    folder.mkdir(parents=True)
    nib.save(
        nib.Nifti1Image(marked, flair.affine), folder / f"{NAME}_acq-flair_label-L_mask.nii.gz"
    )


def test_the_scans_lie_on_the_mprage_to_a_fraction_of_their_voxels(study):
    truth = {name: _truth(study, name) for name in ("t1w", "flair", "tof", "dwi")}
    brain = nib.load(study / "truth/sub-01/t1w_brain.nii.gz")
    inside = np.argwhere(np.asarray(brain.dataobj))[::500]
    points = nib.affines.apply_affine(brain.affine, inside) * (-1, -1, 1)
    for stem, names in MOVED.items():
        for name, known in names.items():
            acq = "_acq-thick" if name == "t1wThick" else ""
            path = f"{stem}{acq}_from-{name}_to-t1wMprage_mode-image_xfm.txt"
            found = sitk.ReadTransform(str(study / "out" / SESSION / path))
            true = sitk.CompositeTransform([truth[known], truth["t1w"].GetInverse()])
            off = [
                np.subtract(found.TransformPoint(p), true.TransformPoint(p))
                for p in points.tolist()
            ]
            assert np.linalg.norm(off, axis=1).mean() < 1.0, name


def _truth(study: Path, name: str) -> sitk.Transform:
    return sitk.ReadTransform(str(study / f"truth/sub-01/from-head_to-{name}.tfm"))


def test_the_face_is_gone_from_every_scan_and_every_frame(study):
    anat, perf = (f"{folder}/{NAME}" for folder in ("anat", "perf"))
    for image, mask in (
        (f"{anat}_acq-mprage_desc-defaced_T1w", f"{anat}_acq-mprage"),
        (f"{anat}_acq-thick_desc-defaced_T1w", f"{anat}_acq-thick"),
        (f"{anat}_desc-defaced_FLAIR", f"{anat}_acq-flair"),
        (f"{anat}_desc-defaced_angio", f"{anat}_acq-tof"),
        (f"{perf}_desc-defaced_dsc", perf),
    ):
        face = _voxels(study, f"{mask}_space-orig_label-face_mask") > 0
        assert face.any()
        assert not _voxels(study, image)[face].any(), image


def test_what_is_moved_is_stripped_but_for_the_slab_and_the_series(study):
    anat, there = f"anat/{NAME}", "space-t1wMprage"
    for image, mask in (
        (f"{anat}_acq-thick_{there}_desc-brain_T1w", f"{anat}_acq-thick"),
        (f"{anat}_{there}_desc-brain_FLAIR", f"{anat}_acq-flair"),
    ):
        brain = _voxels(study, f"{mask}_{there}_desc-brain_mask") > 0
        shown = _voxels(study, image) > 0
        assert shown.any() and not shown[~brain].any()
    for whole in (f"{anat}_{there}_angio", f"perf/{NAME}_{there}_desc-mean_dsc"):
        assert _voxels(study, whole).any()


def test_an_infarct_drawn_on_the_flair_is_carried_along(study):
    for space in ("orig", "t1wMprage", "MNI152NLin2009aSym_res-2"):
        name = f"anat/{NAME}_acq-flair_space-{space}_label-L_desc-infarct_mask"
        assert _voxels(study, name).any(), space


def _voxels(study: Path, name: str) -> np.ndarray:
    return np.asarray(nib.load(study / "out" / SESSION / f"{name}.nii.gz").dataobj)


def test_the_page_has_figures_of_every_scan_by_its_own_name(study):
    rows = tables.read(study / "out/docs/qc/sub-01/sub-01_qc.tsv")
    steps = {row["step"] for row in rows}
    for name in ("t1wThick", "flair", "tof", "pwi"):
        assert f"{name} to t1wMprage" in steps and f"deface {name}" in steps
    page = (study / "out/docs/qc/sub-01/sub-01.html").read_text()
    assert "T1w Thick on T1w Mprage" in page and "Lesion, drawn on FLAIR" in page


def test_the_dataset_is_valid(study, tmp_path):
    schema = bids_schema.write(bids_schema.extended_schema(), tmp_path / "schema.json")
    assert bids_tools.validate(study / "out", schema).errors == []
    assert bids_tools.validate(study / "out").errors == []

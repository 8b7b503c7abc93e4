"""A simulated study has the diseases, scans and circulation that it is asked for, with their truth."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from strokeprep import phantom
from strokeprep.io import transforms
from strokeprep.phantom.scan import patients

pytestmark = pytest.mark.slow

SCANS = ("t1wce", "t2w", "flair", "swi", "t2star", "tof")
ILL = ("atrophy", "haematoma")
SERIES = "raw/sub-02/ses-01/ct/sub-02_ses-01_acq-ctp_ct"


def written(folder: Path, **asked) -> Path:
    patient = phantom.Patient(
        "02", seed=1, size="tiny", pathologies=ILL, circulation="drawn", **asked
    )
    phantom.write_subject(patient, folder / "raw", folder / "truth")
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("ill"), scans=SCANS)


@pytest.fixture(scope="module")
def shuttled(tmp_path_factory) -> Path:
    """The same patient, for whose CT perfusion the table goes back and forth."""
    return written(tmp_path_factory.mktemp("shuttled"), table="shuttle")


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def voxels(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_exactly_the_announced_files_are_written(study):
    assert names(study / "raw") == set(phantom.raw_files("02", SCANS))
    assert names(study / "truth") == set(phantom.truth_files("02", SCANS))


def test_patients_have_the_diseases_in_turn(study):
    facts = json.loads((study / "truth/sub-02/truth.json").read_text())
    assert facts["pathology"]["haematoma_ml"] > 0
    assert facts["pathology"]["shrunk"] == 0


def test_the_true_transform_holds_the_shift_of_the_midline(study):
    folder = study / "truth/sub-02"
    shift = json.loads((folder / "truth.json").read_text())["pathology"]["shift_mm"]
    to_template = transforms.read(folder / f"from-head_to-{phantom.names.MNI}.tfm")
    line = np.c_[np.linspace(-40, 40, 161), np.full(161, -8.0), np.full(161, 12.0)]
    across = transforms.apply(to_template, line)[:, 0]
    middle = line[np.abs(across).argmin(), 0] * 1.09  # MNI millimetres are smaller than a head's
    assert abs(middle) == pytest.approx(shift, abs=8)


@pytest.mark.parametrize("scan", SCANS)
def test_the_true_brain_lies_on_what_is_bright(study, scan):
    (image,) = (study / "raw").rglob(Path(f"{phantom.names.image_stem(scan, '02')}.nii.gz").name)
    brain = voxels(study / f"truth/sub-02/{scan}_brain.nii.gz") > 0
    seen = voxels(image).astype(float)
    assert brain.any()
    assert np.median(seen[brain]) > 3 * np.median(seen[~brain])


def test_the_truth_tells_the_drawn_bolus_and_the_series_shows_it(study):
    facts = json.loads((study / "truth/sub-02/truth.json").read_text())
    curve = np.genfromtxt(study / "truth/sub-02/ctp_aif.tsv", names=True)
    bolus = patients.Bolus(**facts["bolus"])
    assert curve["aif_hu"] == pytest.approx(bolus.artery(curve["time_s"]), abs=1e-3)
    assert curve["vof_hu"] == pytest.approx(bolus.vein(curve["time_s"]), abs=1e-3)
    assert bolus.seconds - 2 * np.diff(curve["time_s"]).max() < curve["time_s"][-1] <= bolus.seconds
    vein = voxels(study / "truth/sub-02/ctp_artery.nii.gz") == 2
    # The head moves by a millimetre, and a sinus lies at bone.
    series = voxels(study / f"{SERIES}.nii.gz")
    assert np.corrcoef(series[vein].mean(0), curve["vof_hu"])[0, 1] > 0.9


def test_a_table_that_goes_back_and_forth_takes_the_upper_slices_later(study, shuttled):
    about = json.loads((shuttled / f"{SERIES}.json").read_text())
    later, half = np.array(about["SliceTiming"]), len(about["SliceTiming"]) // 2
    step = np.diff(about["VolumeTiming"]).min()
    assert list(later[:half]) == [0] * half
    assert later[half:] == pytest.approx(step / 2)
    still, seen = (voxels(each / f"{SERIES}.nii.gz") for each in (study, shuttled))
    assert np.array_equal(seen[:, :, :half], still[:, :, :half])
    vein = voxels(study / "truth/sub-02/ctp_artery.nii.gz") == 2
    vein[:, :, :half] = False
    of_still, of_seen = still[vein].mean(0), seen[vein].mean(0)
    rising = slice(0, of_still.argmax())
    assert np.all(of_seen[rising] >= of_still[rising] - 2)
    assert of_seen[rising].sum() > of_still[rising].sum() + 20


def test_the_truth_does_not_depend_on_the_table(study, shuttled):
    one, other = (each / "truth/sub-02/ctp_cbf.nii.gz" for each in (study, shuttled))
    assert np.array_equal(voxels(one), voxels(other))


def test_the_truth_tells_the_tissue_of_each_region_of_the_circulation(study):
    facts = json.loads((study / "truth/sub-02/truth.json").read_text())
    stroke = {"gm", "wm", "penumbra-gm", "penumbra-wm", "core"}
    regions = {f"{each['name']}-{kind}" for each in facts["regions"] for kind in each["kinds"]}
    assert set(facts["perfusion"]) == stroke | regions
    assert len({tissue["residue"] for tissue in facts["perfusion"].values()}) == 1
    slowest = max(tissue["mtt_s"] for tissue in facts["perfusion"].values())
    assert 0.8 * slowest < voxels(study / "truth/sub-02/ctp_mtt.nii.gz").max() <= slowest + 1e-3

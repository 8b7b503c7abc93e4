"""The gate: unusable files are named with fault and remedy, usable ones described."""

import nibabel as nib
import numpy as np
import pytest
from strokeprep import geometry
from strokeprep.errors import StrokeprepError

AFFINE = np.diag([-1.0, -1.0, 3.0, 1.0])


def stored(path, data, affine=AFFINE, codes=(1, 1)):
    nifti = nib.Nifti1Image(data, affine)
    nifti.set_qform(affine, codes[0])
    nifti.set_sform(affine, codes[1])
    nib.save(nifti, path)
    return str(path)


def noise(*shape):
    return np.random.default_rng(0).normal(0, 100, shape).astype(np.int16)


def test_a_good_subject_is_described(tmp_path):
    ct = stored(tmp_path / "ncct.nii.gz", noise(8, 8, 5))
    ctp = stored(tmp_path / "ctp.nii.gz", noise(8, 8, 3, 4))
    mask = stored(tmp_path / "mask.nii.gz", np.eye(8, dtype=np.uint8)[:, :, None].repeat(5, 2))
    report = geometry.admit([{ct: 3}, {ctp: 4}], {mask: ct})
    assert report[ct]["shape"] == [8, 8, 5]
    assert report[ct]["spacing_mm"] == [1, 1, 3]
    assert report[mask]["Volumes"] == {"1": 0.12}


def truncated(folder):
    path = folder / "bad.nii.gz"
    stored(path, noise(16, 16, 8))
    path.write_bytes(path.read_bytes()[:1500])
    return str(path)


def not_nifti(folder):
    path = folder / "bad.nii.gz"
    path.write_text("broken")
    return str(path)


def holed(folder):
    data = noise(8, 8, 5).astype(np.float32)
    data[2, 2, 2] = np.nan
    return stored(folder / "bad.nii.gz", data)


BAD = {
    "cut short": truncated,
    "Not a readable NIfTI": not_nifti,
    "NaN or infinite": holed,
    "the image is empty": lambda f: stored(f / "bad.nii.gz", np.full((8, 8, 5), 7, np.int16)),
    "no affine": lambda f: stored(f / "bad.nii.gz", noise(8, 8, 5), codes=(0, 0)),
    "4 dimensions": lambda f: stored(f / "bad.nii.gz", noise(8, 8, 5, 3)),
    "is flat": lambda f: stored(f / "bad.nii.gz", noise(8, 8, 1)),
    "sheared": lambda f: stored(
        f / "bad.nii.gz", noise(8, 8, 5), AFFINE + np.eye(4, k=1) * 0.4, codes=(0, 1)
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_an_unusable_image_gets_one_message_with_fault_file_and_remedy(tmp_path, fault):
    path = BAD[fault](tmp_path)
    with pytest.raises(StrokeprepError) as caught:
        geometry.admit([{path: 3}], {})
    assert fault in caught.value.what
    assert caught.value.where == path
    assert caught.value.remedy.endswith(".")


def test_a_volume_where_a_series_belongs_is_refused(tmp_path):
    path = stored(tmp_path / "ctp.nii.gz", noise(8, 8, 5))
    with pytest.raises(StrokeprepError, match="3 dimensions.*4 expected"):
        geometry.admit([{path: 4}], {})


def test_images_of_one_scan_must_share_a_grid(tmp_path):
    trace = stored(tmp_path / "trace.nii.gz", noise(8, 8, 5))
    shifted = AFFINE.copy()
    shifted[0, 3] = 2
    adc = stored(tmp_path / "adc.nii.gz", noise(8, 8, 5), shifted)
    with pytest.raises(StrokeprepError, match=r"differs from that of trace\.nii\.gz"):
        geometry.admit([{trace: 3, adc: 3}], {})


def test_a_mask_must_lie_on_its_image(tmp_path):
    ct = stored(tmp_path / "ncct.nii.gz", noise(8, 8, 5))
    mask = stored(tmp_path / "mask.nii.gz", np.ones((8, 8, 6), np.uint8))
    with pytest.raises(StrokeprepError, match="grid differs"):
        geometry.admit([{ct: 3}], {mask: ct})


def test_all_faults_of_a_subject_are_told_at_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    bad = [BAD["no affine"](tmp_path / "a"), BAD["cut short"](tmp_path / "b")]
    with pytest.raises(StrokeprepError) as caught:
        geometry.admit([{path: 3} for path in bad], {})
    assert "2 faults" in str(caught.value)
    assert all(path in str(caught.value) for path in bad)

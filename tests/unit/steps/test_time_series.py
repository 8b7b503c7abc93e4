"""Steps along time."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from strokeprep.kinds import KINDS
from strokeprep.steps import deface, time_series

PWI = KINDS["pwi"]
AFFINE = np.diag([-2.0, 2.0, 5.0, 1.0])


def stored(path, data: np.ndarray) -> str:
    nib.save(nib.Nifti1Image(data, AFFINE), path)
    return str(path)


def test_the_image_of_an_mr_series_is_the_mean_of_its_frames_as_they_are(tmp_path):
    frames = np.random.default_rng(0).integers(0, 900, (5, 6, 4, 7)).astype(np.int16)
    mean = str(tmp_path / "mean.nii.gz")
    about = time_series.average(stored(tmp_path / "dsc.nii.gz", frames), mean, kind=PWI)
    written = nib.load(mean)
    assert written.get_data_dtype() == np.int16
    assert np.array_equal(written.affine, AFFINE)
    assert np.abs(np.asarray(written.dataobj) - frames.mean(axis=3)).max() <= 0.5
    assert about["Description"].startswith("Mean of the MR perfusion series")
    assert about["SkullStripped"] is False


def test_the_face_is_emptied_in_every_frame_of_an_mr_series(tmp_path):
    frames = np.full((5, 6, 4, 7), 300, np.int16)
    face = np.zeros((5, 6, 4), np.uint8)
    face[:2, 3:] = 1
    target = str(tmp_path / "defaced.nii.gz")
    raw, mask = stored(tmp_path / "raw.nii.gz", frames), stored(tmp_path / "face.nii.gz", face)
    deface.image(raw, None, mask, target, kind=PWI)
    written = np.asarray(nib.load(target).dataobj)
    assert not written[face > 0].any()
    assert (written[face == 0] == 300).all()

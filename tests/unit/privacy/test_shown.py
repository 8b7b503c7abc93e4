"""No face is released, whatever was emptied, whatever the config says, and in no label."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from heads import TO_TEMPLATE, Head, head
from scipy import ndimage
from strokeprep.corrections.given import Given
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, transforms
from strokeprep.kinds import KINDS
from strokeprep.privacy import shown
from strokeprep.registration import location, template
from strokeprep.registration.head import way_up
from strokeprep.registration.location import Location
from strokeprep.segmentation.head_files import HeadFiles
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import FACES, NetworkSettings
from strokeprep.steps import deface

pytestmark = pytest.mark.slow  # all look at simulated heads

MODALITY = {"ct": "ct", "t1": "mr", "b0": "mr"}
# Two of the 23, which turn the head about its long axis and about the line between the ears.
TURNED = {"front and back": ((0, 1, 2), (-1, -1, 1)), "upside down": ((0, 1, 2), (1, -1, -1))}


@cache
def made(contrast: str = "ct") -> Head:
    return head(contrast)


def lying(contrast: str, turn: str):
    """A head whose header turns it, and the affine that the header should have."""
    order, signs = TURNED[turn]
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag(signs)[list(order)]
    whole = made(contrast).image
    return images.from_array(images.array(whole), matrix @ images.affine(whole))


def files(folder: Path, brain: np.ndarray, image) -> HeadFiles:
    """Brain and location of a head, as the steps before defacing leave them."""
    names = [str(folder / name) for name in ("brain.nii.gz", "located.h5", "located.json")]
    images.write(images.like(brain.astype(np.uint8), image), names[0])
    location.write(Location(TO_TEMPLATE), *names[1:])
    return HeadFiles(names[0], names[1:])


@pytest.mark.parametrize("contrast", MODALITY)
def test_a_head_that_lies_as_its_location_says_is_not_refused(contrast):
    way_up.check_location(made(contrast).image, MODALITY[contrast], TO_TEMPLATE, "head")


@pytest.mark.parametrize(
    ("contrast", "turn"),
    [("ct", "front and back"), ("t1", "upside down"), ("b0", "front and back")],
)
def test_no_face_is_sought_where_the_head_lies_another_way_up(tmp_path, contrast, turn):
    image = lying(contrast, turn)
    raw, target = str(tmp_path / "raw.nii.gz"), str(tmp_path / "face.nii.gz")
    images.write(image, raw)
    believed = files(tmp_path, made(contrast).brain, made(contrast).image)
    with pytest.raises(StrokeprepError, match="another way up"):
        deface.face(
            raw, believed, target,
            modality=MODALITY[contrast], backend="template", margin_mm=3, networks=NetworkSettings(),
        )  # fmt: skip
    assert not Path(target).exists()


def test_a_turned_head_that_is_declared_defaced_is_found(tmp_path):
    image = lying("ct", "front and back")
    images.write(image, str(tmp_path / "head.nii.gz"))
    believed = files(tmp_path, made().brain, made().image)
    [leak] = shown.of_heads(
        tmp_path, [shown.Head("head.nii.gz", "head.nii.gz", "ct", True, believed)]
    )
    assert leak.find == "face"


def corrected_face(folder: Path, mask: np.ndarray) -> dict:
    """A head that is emptied as a person drew the face; returns the sidecar of the mask."""
    names = [str(folder / name) for name in ("raw.nii.gz", "drawn.nii.gz", "face.nii.gz")]
    images.write(made().image, names[0])
    images.write(images.like(mask.astype(np.uint8), made().image), names[1])
    drawn = Given(names[1], {"File": "corrections:x", "Digest": "y"}, folder / "found.nii.gz")
    about = deface.face(
        names[0], files(folder, made().brain, made().image), names[2],
        modality="ct", backend="template", margin_mm=3, networks=NetworkSettings(),
        correction=drawn,
    )  # fmt: skip
    deface.image(names[0], None, names[2], str(folder / "head.nii.gz"), kind=KINDS["ncct"])
    return about


@pytest.mark.parametrize("whole", [True, False])
def test_a_face_that_a_person_drew_is_judged_like_any_other(tmp_path, whole):
    _, y, z = np.indices(made().face.shape)
    drawn = np.zeros_like(made().face)
    drawn[:, int(y[made().face].min()) :, : int(z[made().face].max()) + 2] = True
    drawn &= ~made().brain
    about = corrected_face(tmp_path, drawn if whole else made().face & (z < 12))
    assert about["Manual"] is True and about["Corrections"][0]["Replaces"]
    believed = files(tmp_path, made().brain, made().image)
    leaks = list(
        shown.of_heads(tmp_path, [shown.Head("head.nii.gz", "head.nii.gz", "ct", False, believed)])
    )
    assert [leak.find for leak in leaks] == ([] if whole else ["face"])


def test_a_face_that_reaches_into_the_brain_is_refused(tmp_path):
    with pytest.raises(StrokeprepError, match="ml of the brain.*Erase it there"):
        corrected_face(tmp_path, made().face | made().brain)


@pytest.mark.parametrize("declared", [True, False])
def test_a_face_is_found_whatever_was_declared(tmp_path, declared):
    images.write(made().image, str(tmp_path / "head.nii.gz"))
    believed = files(tmp_path, made().brain, made().image)
    [leak] = shown.of_heads(
        tmp_path, [shown.Head("head.nii.gz", "head.nii.gz", "ct", declared, believed)]
    )
    assert leak.find == "face" and "ml of tissue lie where a face would be" in leak.what


@pytest.mark.parametrize(("contrast", "folder"), [("ct", "ct"), ("t1", "anat")])
def test_in_template_space_a_face_is_found_without_any_location(tmp_path, contrast, folder):
    name = tmp_path / folder / "sub-1_space-MNI152NLin2009aSym_res-2_desc-preproc_x.nii.gz"
    name.parent.mkdir()
    whole, air = made(contrast).image, images.background(MODALITY[contrast])
    grid = grids.cubic_grid(template.load().t1, 2.0)
    moved = transforms.resample(whole, grid, [TO_TEMPLATE.GetInverse()], outside=air)
    images.write(moved, str(name))
    [leak] = shown.of_template_space(tmp_path, [name])
    assert leak.find == "face"
    emptied = images.array(moved).copy()
    emptied[
        images.array(
            FACES["template"].run(Request(grid, "", location=Location(sitk.Transform())), grid).face
        )
        > 0
    ] = air
    images.write(images.like(emptied, moved), str(name))
    assert list(shown.of_template_space(tmp_path, [name])) == []


def tissue() -> np.ndarray:
    return images.array(made().image) > -300


def skin() -> np.ndarray:
    """The surface of the head, one voxel thick."""
    return tissue() & ~ndimage.binary_erosion(tissue())


def grey_levels() -> np.ndarray:
    return np.clip((images.array(made().image) + 1000) / 8, 0, 127)


def turned_skin() -> np.ndarray:
    return skin()[::-1, ::-1]


@pytest.mark.parametrize("drawn", [tissue, skin, grey_levels, turned_skin])
def test_a_label_that_is_a_head_or_its_skin_is_refused(tmp_path, drawn):
    assert [leak.find for leak in leaks_of_label(tmp_path, drawn())] == ["face"]


def test_a_label_of_the_whole_brain_passes(tmp_path):
    assert leaks_of_label(tmp_path, made().brain) == []


def leaks_of_label(folder: Path, marked: np.ndarray) -> list:
    images.write(images.like(marked.astype(np.uint8), made().image), str(folder / "drawn.nii.gz"))
    believed = files(folder, made().brain, made().image)
    return list(shown.of_drawn(folder, [shown.Drawn("drawn.nii.gz", believed)]))


# --- Series ---------------------------------------------------------------------------------


@cache
def nodding(contrast: str = "ct") -> tuple[np.ndarray, np.ndarray]:
    """A series in which the head nods by 15 degrees and rises by 18 mm in one frame, and the true face in each frame."""
    whole, frames, faces = made(contrast), [], []
    for turn_degrees in (0, 0, 0, 15, 0):
        centre = whole.image.TransformContinuousIndexToPhysicalPoint((48, 54, 30))
        nod = sitk.Euler3DTransform(
            centre, np.radians(turn_degrees), 0, 0, (0, 0, -1.2 * turn_degrees)
        )
        air = images.background(MODALITY[contrast])
        frames.append(
            images.array(transforms.resample(whole.image, whole.image, [nod], outside=air))
        )
        face = images.like(whole.face.astype(np.uint8), whole.image)
        faces.append(images.array(transforms.resample(face, face, [nod], transforms.NEAREST)) > 0)
    return np.stack(frames, axis=3), np.stack(faces, axis=3)


def released(folder: Path, contrast: str) -> np.ndarray:
    """The series after defacing, with the mask found on its mean."""
    series, _ = nodding(contrast)
    affine = images.affine(made(contrast).image)
    raw, mask, target = (str(folder / f"{name}.nii.gz") for name in ("raw", "face", "series"))
    images.write_array(series, affine, raw)
    deface.face(
        raw, files(folder, made(contrast).brain, made(contrast).image), mask,
        modality=MODALITY[contrast], backend="template", margin_mm=3, networks=NetworkSettings(),
    )  # fmt: skip
    deface.image(raw, None, mask, target, kind=KINDS["ctp" if contrast == "ct" else "pwi"])
    images.write(images.read_mean(target), str(folder / "mean.nii.gz"))
    return np.asarray(nib.load(target).dataobj)


def leaks_of_series(folder: Path, contrast: str) -> list:
    believed = files(folder, made(contrast).brain, made(contrast).image)
    head = shown.Head("series.nii.gz", "mean.nii.gz", MODALITY[contrast], False, believed)
    return list(shown.of_heads(folder, [head]))


@pytest.mark.parametrize("contrast", ["ct", "t1"])
def test_the_face_goes_in_the_frame_in_which_the_head_nods(tmp_path, contrast):
    written, (_, faces) = released(tmp_path, contrast), nodding(contrast)
    left = written != images.background(MODALITY[contrast])
    shares = [left[..., frame][faces[..., frame]].mean() for frame in range(written.shape[3])]
    assert max(shares) < 0.02
    assert leaks_of_series(tmp_path, contrast) == []


def test_a_face_that_is_left_in_one_frame_is_found(tmp_path, monkeypatch):
    contrast = "ct"
    monkeypatch.setattr(deface, "_where_it_moved", lambda *_: [])  # one mask for all frames
    written, (_, faces) = released(tmp_path, contrast), nodding(contrast)
    left = written[..., 3] != images.background(MODALITY[contrast])
    assert left[faces[..., 3]].mean() > 0.2
    [leak] = leaks_of_series(tmp_path, contrast)
    assert leak.find == "face" and "in frame 3" in leak.what

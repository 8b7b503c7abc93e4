"""A correction is taken as its author meant it, or refused with what to do."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import corrected_heads as heads
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.corrections.given import Given
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, transforms, whole
from strokeprep.settings.registration import REGISTRATION
from strokeprep.settings.study import TemplateSettings
from strokeprep.steps import corrections, register

INSIDE = (heads.radius() < 0.5).astype(np.uint8)
# The CTA is the NCCT's head, 12 mm to the side and turned.
MOVE = np.eye(4)
MOVE[:3, :3], MOVE[:3, 3] = nib.eulerangles.euler2mat(0.1, 0.0, -0.05), (12, -9, 6)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    """The images of a patient."""
    folder = tmp_path_factory.mktemp("raw")
    heads.write_head(folder / "01_ncct.nii.gz")
    shown = heads.as_image(heads.head())
    moved = transforms.resample(
        shown, shown, [transforms.linear(np.linalg.inv(MOVE))], outside=-1000
    )
    images.write(moved, folder / "01_cta.nii.gz")
    return folder


def accept(raw: Path, path: Path, word: str, scan: str = "ncct", **options) -> Path:
    """The correction as steps take it."""
    target = heads.target(raw, word, scan)
    made = path.parent / f"made{Path(target.name).suffix.replace('.gz', '.nii.gz')}"
    options = {"is_rigid": True, "template": TemplateSettings()} | options
    corrections.accept(str(path), target, (str(made), f"{made}.json"), **options)
    return made


def test_a_mask_is_written_on_the_grid_of_its_image_with_the_digest_of_what_was_given(
    raw, tmp_path
):
    path = heads.by_slicer(heads.brain(), tmp_path / "brain.seg.nrrd")
    made = accept(raw, path, "brain")
    assert (nib.load(made).affine == nib.load(raw / "01_ncct.nii.gz").affine).all()
    assert (images.array(images.read(made)) == heads.brain()).all()
    assert json.loads(Path(f"{made}.json").read_text()) == {
        "File": "corrections:sub-01/anat/sub-01_acq-ncct_space-orig_desc-brain_mask.nii.gz",
        "Digest": whole.digest(path),
    }


@pytest.mark.parametrize("ending", ["txt", "tfm", "mat", "h5"])
def test_a_transform_of_any_class_and_ending_means_the_same(raw, tmp_path, ending):
    linear = transforms.linear(MOVE)
    euler = sitk.Euler3DTransform()
    euler.SetMatrix(linear.GetMatrix(), 1e-6)
    euler.SetTranslation(linear.GetTranslation())
    given = {"tfm": euler, "h5": sitk.CompositeTransform([linear])}.get(ending, linear)
    sitk.WriteTransform(given, str(tmp_path / f"moved.{ending}"))
    found = transforms.read(accept(raw, tmp_path / f"moved.{ending}", "registration", "cta"))
    assert np.allclose(transforms.matrix(found), MOVE, atol=1e-9)


def test_a_transform_of_itksnap_is_taken(raw, tmp_path):
    lps = transforms.linear(MOVE)
    numbers = " ".join(map(str, [*lps.GetMatrix(), *lps.GetTranslation()]))
    path = tmp_path / "manual.txt"
    path.write_text(
        "#Insight Transform File V1.0\n#Transform 0\n"
        f"Transform: MatrixOffsetTransformBase_double_3_3\nParameters: {numbers}\n"
        "FixedParameters: 0 0 0\n"
    )
    found = transforms.read(accept(raw, path, "registration", "cta"))
    assert np.allclose(transforms.matrix(found), MOVE, atol=1e-9)


def test_what_is_replaced_is_kept_and_may_have_failed(raw, tmp_path):
    made = accept(raw, heads.by_itksnap(heads.brain(), tmp_path / "b.nii.gz"), "brain")
    given = Given.of([str(made), f"{made}.json"], str(tmp_path / "replaced/b.txt"))
    [about] = given.sidecar(lambda path: Path(path).write_text("before"))["Corrections"]
    assert about["Replaces"] == whole.digest(tmp_path / "replaced/b.txt")

    def fails(path):
        raise StrokeprepError("No brain was found", "image", "Correct it.")

    [about] = given.sidecar(fails)["Corrections"]
    assert about["Replaces"] is None and not (tmp_path / "replaced/b.txt").exists()


def nifti(mask: np.ndarray, path: Path, affine: np.ndarray = heads.AFFINE) -> Path:
    nib.save(nib.Nifti1Image(mask, affine), path)
    return path


def beside(path: Path, *voxels: float) -> Path:
    affine = heads.AFFINE.copy()
    affine[:3, 3] += affine[:3, :3] @ voxels
    return nifti(heads.brain(), path, affine)


def coarser(path: Path) -> Path:
    return nifti(heads.brain()[::2, ::2, ::2], path, heads.AFFINE @ np.diag([2, 2, 2, 1]))


def mirrored_header(path: Path) -> Path:
    return nifti(heads.brain(), path, heads.AFFINE @ np.diag([-1, 1, 1, 1]))


def without_position(path: Path) -> Path:
    image = nib.Nifti1Image(heads.brain(), None)
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, path)
    return path


def cut_short(path: Path) -> Path:
    whole = nifti(heads.brain(), path).read_bytes()
    path.write_bytes(gzip.compress(gzip.decompress(whole)[:5000]))
    return path


def text(path: Path) -> Path:
    path.write_text("a brain")
    return path


def two_segments(path: Path) -> Path:
    return heads.by_slicer(heads.brain() + INSIDE, path.with_name("x.seg.nrrd"), ("brain", "bleed"))


def overlapping(path: Path) -> Path:
    return heads.in_layers([heads.brain(), INSIDE], path.with_name("x.seg.nrrd"))


def colours(path: Path) -> Path:
    image = sitk.GetImageFromArray(np.zeros((*heads.SHAPE[::-1], 3), np.uint8), isVector=True)
    sitk.WriteImage(image, str(path.with_name("x.nrrd")))
    return path.with_name("x.nrrd")


def series(path: Path) -> Path:
    return nifti(np.stack([heads.brain()] * 2, axis=-1), path)


MASKS = {
    "no image": (text, "brain", "Not a readable NIfTI image.*Save it again"),
    "a segmentation that is no NRRD": (
        lambda path: text(path.with_name("x.seg.nrrd")),
        "brain",
        "Not a readable NRRD.*Save it again",
    ),
    "a file that is cut short": (cut_short, "brain", "cut short.*Save it again"),
    "a series": (series, "brain", "4 dimensions.*as one volume"),
    "no position": (without_position, "brain", "no affine.*with the geometry of the image"),
    "a grid beside the image's": (
        lambda path: beside(path, 0.5, 0, 0),
        "brain",
        "not lie on the grid of 01_ncct.nii.gz.*0.5 voxels apart.*without resampling",
    ),
    "a grid of another place": (
        lambda path: beside(path, 25, 0, 0),
        "brain",
        "reaches out of the image: ",
    ),
    "a coarser grid": (
        coarser,
        "brain",
        "Its voxels are 8 x 8 x 9, those of the image 4 x 4 x 4.5",
    ),
    "a mirrored header": (mirrored_header, "brain", "an axis runs the other way"),
    "flipped voxels": (
        lambda path: nifti(heads.brain()[::-1], path),
        "brain",
        "flipped: along its first axis.*flip it",
    ),
    "voxels upside down": (
        lambda path: nifti(np.ascontiguousarray(heads.brain()[..., ::-1]), path),
        "brain",
        "flipped: along its third axis",
    ),
    "nothing": (lambda path: nifti(0 * heads.brain(), path), "brain", "Nothing is marked.*layer"),
    "a probability": (
        lambda path: nifti(heads.brain() * np.float32(0.6), path),
        "brain",
        "whole, non-negative numbers.*Threshold it",
    ),
    "negative values": (
        lambda path: nifti(-heads.brain().astype(np.int16), path),
        "brain",
        "whole, non-negative",
    ),
    "two values": (
        lambda path: nifti(heads.brain() + INSIDE, path),
        "brain",
        "2 values: 1, 2.*Keep the one",
    ),
    "two segments": (two_segments, "brain", r"2 values: 1 \(brain\), 2 \(bleed\)"),
    "segments that overlap": (overlapping, "brain", "overlap.*one label map"),
    "colours": (colours, "brain", "several values in each voxel"),
    "all but the brain": (lambda path: nifti(1 - heads.brain(), path), "brain", "fills.*Invert it"),
    "a part of a brain": (
        lambda path: nifti((heads.radius() < 0.1).astype(np.uint8), path),
        "brain",
        "brain mask holds .* ml.*whole brain",
    ),
    "skull instead of brain": (
        lambda path: nifti(((heads.radius() > 1) & (heads.radius() < 1.25)).astype(np.uint8), path),
        "brain",
        "of the mask lies in tissue.*another patient",
    ),
    "half a head as an artery": (
        lambda path: nifti(heads.brain(), path),
        "artery",
        "artery holds .* ml.*few voxels",
    ),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_that_does_not_fit_is_refused_with_what_to_do(raw, tmp_path, name):
    make, word, message = MASKS[name]
    scan = {"artery": "ctp"}.get(word, "ncct")
    if scan == "ctp" and not (raw / "01_ctp.nii.gz").exists():
        heads.write_head(raw / "01_ctp.nii.gz")
    path = make(tmp_path / "given.nii.gz")
    with pytest.raises(StrokeprepError, match=message) as caught:
        accept(raw, path, word, scan)
    assert str(caught.value.where).startswith(str(path)) and caught.value.remedy
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name]


def matrix(*changes: tuple[int, int, float]) -> sitk.Transform:
    found = MOVE.copy()
    for row, column, value in changes:
        found[row, column] = value
    return transforms.linear(found)


def saved(transform: sitk.Transform):
    def save(path: Path) -> Path:
        sitk.WriteTransform(transform, str(path))
        return path

    return save


def bare(path: Path) -> Path:
    np.savetxt(path, MOVE)
    return path


def warp() -> sitk.Transform:
    return sitk.DisplacementFieldTransform(sitk.Image([4, 4, 4], sitk.sitkVectorFloat64))


def stretched(factor: float) -> sitk.Transform:
    return transforms.linear(MOVE @ np.diag([factor, factor, factor, 1]))


TRANSFORMS = {
    "a text": (text, "Not a readable ITK transform.*Save it as a linear"),
    "a matrix alone": (bare, "matrix alone, as FSL and Convert3D.*ITK-SNAP save it as ITK"),
    "a transform of slices": (saved(sitk.AffineTransform(2)), "2D images"),
    "numbers that are none": (saved(matrix((0, 3, np.nan))), "not finite|Not a readable"),
    "a mirror": (saved(transforms.linear(MOVE @ np.diag([-1, 1, 1, 1]))), "mirrors the head"),
    "centimetres": (saved(stretched(0.1)), "scales the head by 0.10.*in millimetres"),
    "a scale in a rigid study": (
        saved(stretched(1.03)),
        "not rigid.*registration.to_reference to affine",
    ),
    "the way to nowhere": (saved(matrix((0, 3, 900.0))), "share 0% of their field of view"),
    "the other direction": (
        saved(transforms.linear(np.linalg.inv(MOVE))),
        "other way round.*maps points of the target to points of the scan",
    ),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_that_does_not_fit_is_refused_with_what_to_do(raw, tmp_path, name):
    make, message = TRANSFORMS[name]
    path = make(tmp_path / "given.txt")
    with pytest.raises(StrokeprepError, match=message) as caught:
        accept(raw, path, "registration", "cta")
    assert caught.value.where == str(path) and caught.value.remedy
    assert [file.name for file in tmp_path.iterdir()] == ["given.txt"]


def test_a_warp_is_refused_for_a_scan_and_alone_for_the_template(raw, tmp_path):
    path = saved(warp())(tmp_path / "given.h5")
    with pytest.raises(StrokeprepError, match="must be linear"):
        accept(raw, path, "registration", "cta")
    with pytest.raises(StrokeprepError, match="one direction only.*other direction as well"):
        accept(raw, path, "template")


def test_an_affine_study_takes_an_affine_transform(raw, tmp_path):
    path = saved(stretched(1.03))(tmp_path / "given.txt")
    accept(raw, path, "registration", "cta", is_rigid=False)


def given(path: Path, name: str) -> Given:
    return Given(str(path), {"File": f"corrections:{name}", "Digest": "x"}, path.parent / "before")


def test_a_linear_correction_of_one_direction_gives_the_other(tmp_path, monkeypatch):
    linear = saved(transforms.linear(MOVE))(tmp_path / "given.h5")
    fails = StrokeprepError("The brain fits nowhere", "image", "Look at it.")

    def to_template(*_, **__):
        raise fails

    monkeypatch.setattr(register.deformable, "to_template", to_template)
    monkeypatch.setattr(register.sitk, "Mask", lambda image, *_: image)
    images.write_array(heads.head(), heads.AFFINE, tmp_path / "head.nii.gz")
    there, back = str(tmp_path / "there.h5"), str(tmp_path / "back.h5")
    for corrections_given, expected in (
        ((given(linear, "there"), None), MOVE),
        ((None, given(linear, "back")), np.linalg.inv(MOVE)),
    ):
        about, _ = register.corrected_to_template(
            str(tmp_path / "head.nii.gz"), str(tmp_path / "head.nii.gz"), [], there, back,
            corrections_given,
            names=("ncct", "MNI"), settings=REGISTRATION, seed=1, template=TemplateSettings(),
        )  # fmt: skip
        found = [transforms.matrix(transforms.read(path)) for path in (there, back)]
        assert np.allclose(found[0], expected) and np.allclose(found[0] @ found[1], np.eye(4))
        assert about["Manual"] and about["Corrections"][0]["Replaces"] is None
        assert about["Type"] == "affine"


def test_two_directions_that_do_not_undo_each_other_are_refused(raw, tmp_path):
    path = saved(transforms.linear(np.eye(4)))(tmp_path / "given.h5")
    other = transforms.linear(MOVE)
    target = heads.target(raw, "template")
    with pytest.raises(StrokeprepError, match="not each other's inverse.*from one registration"):
        corrections.transform(path, target, [other], True, TemplateSettings())
    corrections.transform(path, target, [transforms.linear(np.eye(4))], True, TemplateSettings())

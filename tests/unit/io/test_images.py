"""Images keep their voxels and their position; all other header fields are dropped."""

import nibabel as nib
import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.io import images

OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(x=0.2, y=-0.05, z=0.1) @ np.diag([-0.5, -0.5, 2.0]), [40.0, 31, -87]
)


def stored(path, data, affine=OBLIQUE, **header):
    nifti = nib.Nifti1Image(data, affine)
    for key, value in header.items():
        nifti.header[key] = value
    nib.save(nifti, path)
    return path


@pytest.fixture
def ct(tmp_path):
    data = np.arange(6 * 5 * 4, dtype=np.int16).reshape(6, 5, 4)
    return stored(tmp_path / "ct.nii.gz", data, descrip=b"SMITH^JOHN", aux_file=b"born 1950")


def test_reading_and_writing_keeps_voxels_and_position(ct, tmp_path):
    images.write(images.read(ct), tmp_path / "again.nii.gz")
    before, after = nib.load(ct), nib.load(tmp_path / "again.nii.gz")
    assert np.array_equal(before.dataobj, after.dataobj)
    assert np.allclose(before.affine, after.affine, atol=1e-5)
    assert after.get_data_dtype() == np.int16


def test_a_file_on_the_grid_of_another_has_exactly_its_affine(ct, tmp_path):
    images.write(images.read(ct), tmp_path / "again.nii.gz", on=ct)
    assert np.array_equal(nib.load(ct).affine, nib.load(tmp_path / "again.nii.gz").affine)


def test_writing_on_a_grid_that_does_not_match_is_an_error(ct, tmp_path):
    moved = images.read(ct)
    moved.SetOrigin((0, 0, 0))
    with pytest.raises(ValueError, match="grid"):
        images.write(moved, tmp_path / "again.nii.gz", on=ct)


def test_no_text_of_the_header_survives(ct, tmp_path):
    images.write(images.read(ct), tmp_path / "again.nii.gz")
    header = nib.load(tmp_path / "again.nii.gz").header
    assert not any(header[key].item() for key in ("descrip", "aux_file", "db_name", "intent_name"))
    assert not header.extensions


def test_nifti_coordinates_are_ras_and_itk_coordinates_lps(ct):
    image = images.read(ct)
    ras = nib.affines.apply_affine(nib.load(ct).affine, [3, 2, 1])
    lps = image.TransformIndexToPhysicalPoint((3, 2, 1))
    assert np.allclose(np.array(lps) * [-1, -1, 1], ras, atol=1e-4)
    assert np.allclose(images.affine(image), nib.load(ct).affine, atol=1e-5)


def test_scaled_voxels_are_read_in_their_units(tmp_path):
    data = np.linspace(0, 1, 60).reshape(5, 4, 3)
    nifti = nib.Nifti1Image(data, np.eye(4))
    nifti.set_data_dtype(np.int16)
    nib.save(nifti, tmp_path / "scaled.nii.gz")
    read = images.array(images.read(tmp_path / "scaled.nii.gz"))
    assert read.dtype == np.float32
    assert np.allclose(read, data, atol=1e-4)


def test_a_grid_equals_that_of_its_image(ct):
    grid = images.read_grid(ct)
    full = images.read(ct)
    assert (grid.GetSize(), grid.GetOrigin()) == (full.GetSize(), full.GetOrigin())


def test_an_error_names_a_truncated_file(tmp_path):
    noise = np.random.default_rng(0).integers(0, 1000, (16, 16, 16)).astype(np.int16)
    ct = stored(tmp_path / "ct.nii.gz", noise)
    ct.write_bytes(ct.read_bytes()[:-2000])
    with pytest.raises(StrokeprepError, match=r"cut short.*ct\.nii\.gz"):
        images.read(ct)


def test_an_error_names_a_missing_file(tmp_path):
    with pytest.raises(StrokeprepError, match="File is missing"):
        images.read(tmp_path / "nowhere.nii.gz")


def test_a_gantry_tilt_is_refused(tmp_path):
    sheared = np.eye(4)
    sheared[1, 2] = 0.3
    path = stored(tmp_path / "tilt.nii.gz", np.zeros((4, 4, 4), np.int16), sheared)
    with pytest.raises(StrokeprepError, match="sheared"):
        images.read(path)


def test_casting_to_an_integer_type_clips_instead_of_wrapping():
    assert images.as_dtype(np.array([-1e6, 0.6, 1e6]), np.int16).tolist() == [-32768, 1, 32767]


def test_values_that_are_no_numbers_are_never_written(tmp_path):
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="no numbers"):
            images.write_array(np.full((2, 2, 2), value), np.eye(4), tmp_path / "map.nii.gz")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_write_leaves_no_file(tmp_path, monkeypatch):
    def cut(nifti, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(nib.Nifti1Image, "to_stream", cut)
    with pytest.raises(KeyboardInterrupt):
        images.write_array(np.zeros((3, 3, 3)), np.eye(4), tmp_path / "out.nii.gz")
    assert list(tmp_path.iterdir()) == []


STORED = ("<i2", ">i2", ">u2", ">i4", ">f4", ">f8", "<i8", ">i8", "<u8")


@pytest.mark.parametrize("dtype", STORED)
def test_every_byte_order_and_integers_of_64_bits_can_be_read_written_and_compared(tmp_path, dtype):
    path, again = tmp_path / "ct.nii", tmp_path / "again.nii.gz"
    data = np.arange(6 * 5 * 4).reshape(6, 5, 4).astype(dtype)
    header = nib.Nifti1Header(endianness=dtype[0])
    header.set_data_dtype(np.dtype(dtype))
    nib.save(nib.Nifti1Image(data, OBLIQUE, header, dtype=np.dtype(dtype)), path)
    nifti = images.open_nifti(path)
    images.write_array(images.voxels(nifti, path), nifti.affine, again)
    assert np.array_equal(nib.load(again).dataobj, data)
    stored, written = (
        b"".join(block.tobytes() for block in images.blocks(images.open_nifti(each), each, 2))
        for each in (path, again)
    )
    assert stored == written
    assert np.array_equal(images.array(images.read(path)), data)


def test_an_image_larger_than_any_scan_is_refused_unread(tmp_path):
    path = stored(tmp_path / "ct.nii", np.zeros((2, 2, 2), np.int16))
    with path.open("r+b") as file:
        file.seek(42)
        file.write(np.array([3000, 3000, 3000], "<i2").tobytes())
        file.truncate(1 << 40)
    with pytest.raises(StrokeprepError, match="more than 32 GiB"):
        next(images.blocks(images.open_nifti(path), path, 1))


def test_what_was_removed_from_a_ct_is_air_but_not_what_looks_so_within():
    brain = np.zeros((12, 12, 12), np.float32)
    brain[3:9, 3:9, 3:9] = 36
    brain[6, 6, 6] = 0
    shown = images.array(images.with_air(images.from_array(brain, np.eye(4))))
    assert np.all(shown[0] == images.AIR_HU)
    assert shown[6, 6, 6] == 0


@pytest.mark.parametrize("outside", [-1000.0, -3024.0])
def test_a_ct_in_air_stays_as_it_is(outside):
    head = images.from_array(np.full((6, 6, 6), outside, np.float32), np.eye(4))
    assert images.with_air(head) is head


def test_a_ct_whose_border_shows_tissue_stays_as_it_is():
    tissue = np.random.default_rng(1).normal(36, 5, (8, 8, 8)).round().astype(np.float32)
    head = images.from_array(tissue, np.eye(4))
    assert images.with_air(head) is head

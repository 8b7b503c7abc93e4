"""Slices become volumes and series as they were taken, or none."""

from __future__ import annotations

from dataclasses import replace

import exports
import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless
from strokeprep.intake.reading import headers
from strokeprep.io import images

TIMES = tuple(np.cumsum([0.0, *[1.523] * 7, *[3.1] * 4]).round(3).tolist())
SMALL = exports.head((20, 22, 5))


@pytest.fixture
def perfusion():
    return exports.frames(SMALL, TIMES)


def one(folder):
    (stack,) = exports.read(folder)
    return stack


def volume_of(folder):
    stack = one(folder)
    assert stack.faults == ()
    return stack.volume()


@pytest.mark.parametrize("maker", exports.MAKERS)
def test_a_volume_comes_back_bit_for_bit_and_in_its_place(maker, tmp_path):
    head = exports.head()
    if exports.VENDORS[maker].padding:  # what the scanner pads is air
        head = exports.head().clip(-1024)
    back = volume_of(
        exports.write(tmp_path, exports.series(exports.study(maker)), exports.frames(head))
    )
    assert np.array_equal(back.array, head)
    assert np.abs(back.affine - exports.affine()).max() < 1e-6


@pytest.mark.parametrize("maker", exports.MAKERS)
def test_a_series_comes_back_with_its_times_whatever_the_habits_of_its_maker(
    maker, tmp_path, perfusion
):
    stack = one(exports.write(tmp_path, exports.series(exports.study(maker)), perfusion))
    assert np.abs(stack.clock.starts - TIMES).max() < 1e-3 and stack.clock.offsets is None
    back = stack.volume()
    assert np.array_equal(back.array, SMALL[..., None] + np.arange(len(TIMES)))
    assert np.abs(back.affine - exports.affine()).max() < 1e-6


@pytest.mark.parametrize("order", ["frames", "slices", "to-and-fro"])
def test_the_order_of_instance_numbers_does_not_matter(order, tmp_path, perfusion):
    vendor = exports.habits("siemens", order=order)
    back = volume_of(exports.write(tmp_path, exports.series(exports.study(vendor)), perfusion))
    assert np.array_equal(back.array[..., 3], SMALL + 3)


def test_instance_numbers_that_start_again_in_each_frame_do_not_matter(tmp_path, perfusion):
    exports.write(tmp_path, exports.series(), perfusion)

    def restart(dataset):
        dataset.InstanceNumber = (dataset.InstanceNumber - 1) % 5 + 1

    exports.edit(tmp_path, restart)
    assert np.array_equal(volume_of(tmp_path).array[..., 7], SMALL + 7)


def test_a_series_over_midnight_keeps_its_intervals(tmp_path, perfusion):
    late = exports.study(begins=exports.NOON.replace(hour=23, minute=59, second=58))
    exports.write(tmp_path, exports.series(late), perfusion)

    def without_dates(dataset):
        del dataset.AcquisitionDateTime
        for name in ("AcquisitionDate", "ContentDate"):
            setattr(dataset, name, "")

    assert np.allclose(one(tmp_path).clock.starts, TIMES, atol=1e-3)
    exports.edit(tmp_path, without_dates)
    assert np.allclose(one(tmp_path).clock.starts, TIMES, atol=1e-3)


def test_a_constant_acquisition_time_leaves_the_content_time(tmp_path, perfusion):
    vendor = exports.habits("siemens", clocks=("ContentTime",))
    stack = one(exports.write(tmp_path, exports.series(exports.study(vendor)), perfusion))
    assert stack.clock.tag == "ContentTime" and np.allclose(stack.clock.starts, TIMES, atol=1e-3)


def test_a_clock_of_whole_seconds_is_said_to_be_one(tmp_path):
    vendor = exports.habits("ge", clocks=("ContentTime",))
    planes = exports.frames(SMALL, [2.0 * index for index in range(12)])
    stack = one(exports.write(tmp_path, exports.series(exports.study(vendor)), planes))
    assert stack.faults == () and "whole seconds" in stack.remarks[0]


def test_slices_of_a_frame_that_were_taken_one_after_the_other_keep_their_times(
    tmp_path, perfusion
):
    shuttled = [
        [replace(plane, seconds=plane.seconds + 0.1 * k) for k, plane in enumerate(frame)]
        for frame in perfusion
    ]
    stack = one(exports.write(tmp_path, exports.series(), shuttled))
    assert np.allclose(stack.clock.starts, TIMES, atol=1e-3)
    assert np.allclose(stack.clock.offsets, 0.1 * np.arange(5), atol=1e-3)


def test_without_any_clock_nothing_is_put_in_order(tmp_path, perfusion):
    vendor = exports.habits("siemens", clocks=())
    exports.write(tmp_path, exports.series(exports.study(vendor)), perfusion)

    def without_count(dataset):
        del dataset.AcquisitionNumber

    exports.edit(tmp_path, without_count)
    stack = one(tmp_path)
    assert "no clock" in stack.faults[0] and stack.frames == ()


def test_a_count_gives_the_order_and_no_times(tmp_path, perfusion):
    vendor = exports.habits("siemens", clocks=())
    stack = one(exports.write(tmp_path, exports.series(exports.study(vendor)), perfusion))
    assert stack.clock.tag == "AcquisitionNumber" and stack.clock.starts is None


def test_a_lost_slice_of_one_frame_is_a_fault(tmp_path, perfusion):
    stack = one(exports.write(tmp_path, exports.series(), exports.without(perfusion, [(6, 2)])))
    assert stack.faults == (
        "1 of 5 positions have another number of images than 12 (position 3): "
        "a slice or a part of a frame was lost",
    )


@pytest.mark.parametrize("lost", [[11], [11, 12]])
def test_lost_slices_of_a_volume_are_a_fault(lost, tmp_path):
    planes = exports.without(exports.frames(), [(0, index) for index in lost])
    assert "slices are missing" in one(exports.write(tmp_path, exports.series(), planes)).faults[0]


def test_a_file_that_is_there_twice_counts_once(tmp_path):
    exports.write(tmp_path, exports.series())
    (tmp_path / "copy").write_bytes((tmp_path / "IM00003").read_bytes())
    assert np.array_equal(volume_of(tmp_path).array, exports.head())
    assert one(tmp_path).files == exports.SHAPE[2] + 1


def test_two_files_that_claim_to_be_one_image_and_differ_are_a_fault(tmp_path):
    exports.write(tmp_path, exports.series())
    content = bytearray((tmp_path / "IM00003").read_bytes())
    content[-7] ^= 1
    (tmp_path / "copy").write_bytes(content)
    assert one(tmp_path).faults == ("two files claim to be one image and differ",)


def test_a_series_that_was_sent_twice_under_new_numbers_is_one_volume(tmp_path):
    exports.write(tmp_path, exports.series())
    exports.write(tmp_path / "again", exports.series())

    def renumber(dataset):
        dataset.InstanceNumber += 100
        dataset.SOPInstanceUID += ".1"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID

    exports.edit(tmp_path / "again", renumber)
    assert np.array_equal(volume_of(tmp_path).array, exports.head())


def test_two_orientations_and_two_kernels_of_one_series_are_stacks_of_their_own(tmp_path):
    axial, sharp = exports.series(), exports.series(tags={"ConvolutionKernel": "Hr68f"})
    turned = [
        [replace(plane, rows=plane.columns, columns=-plane.rows) for plane in exports.frames()[0]]
    ]
    exports.write(tmp_path / "a", axial)
    for name, made, planes in (("b", sharp, exports.frames()), ("c", axial, turned)):
        exports.slices.write(tmp_path / name, made, planes, first=100 if name == "b" else 200)
    assert [len(stack.frames) for stack in exports.read(tmp_path)] == [1, 1, 1]


def test_a_slope_of_its_own_for_each_slice_is_applied(tmp_path):
    exports.write(tmp_path, exports.series())

    def scale(dataset):
        dataset.RescaleSlope = "0.5" if dataset.InstanceNumber % 2 else "2"

    exports.edit(tmp_path, scale)
    back = volume_of(tmp_path).array
    stored = exports.head().astype(float) + 1024
    assert back.dtype == np.float32
    assert np.allclose(back[:, :, 0], (stored[:, :, 0] * 0.5 - 1024).clip(-1200), atol=1e-3)
    assert np.allclose(back[:, :, 1], stored[:, :, 1] * 2 - 1024, atol=1e-3)


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "kind"),
    [
        ([0, 40000], 1, -8192, np.int16),
        ([0, 65535], 1, -32768, np.int16),
        ([0, 65535], 1, -32767, np.int32),
        ([0, 4095], 8, -1024, np.int16),
        ([0, 4095], 9, -1024, np.int32),
        ([0, 1], 40000, 0, np.int32),
        ([0, 200], -3, 500, np.int16),
    ],
)
def test_values_take_16_bits_where_those_hold_them(stored, slope, intercept, kind, tmp_path):
    exports.write(tmp_path, exports.series(exports.study(modality="MR")), [exports.frames()[0][:1]])

    def change(dataset):
        pixels = np.resize(np.array(stored, np.uint16), (dataset.Rows, dataset.Columns))
        dataset.PixelData, dataset.PixelRepresentation = pixels.tobytes(), 0
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept

    exports.edit(tmp_path, change)
    (stack,) = exports.read(tmp_path)
    array = stack.volume().array
    assert array.dtype == kind
    assert set(np.unique(array).tolist()) == {each * slope + intercept for each in stored}


def test_padding_is_air_whether_or_not_the_header_names_it(tmp_path):
    exports.write(tmp_path, exports.series(exports.study("ge")))
    assert volume_of(tmp_path).array.min() >= images.AIR_HU

    def unnamed(dataset):
        del dataset.PixelPaddingValue

    exports.edit(tmp_path, unnamed)
    assert volume_of(tmp_path).array.min() >= images.AIR_HU


def test_a_number_without_a_value_is_none(tmp_path):
    exports.write(tmp_path, exports.series())
    taken = {*headers.PLAIN_TAGS} - {*headers.VECTORS, "Rows", "Columns", "Modality"}

    def emptied(dataset):
        for name in sorted(taken - {each for each in taken if "UID" in each}):
            if not name.startswith(("Bits", "Pixel", "Samples", "Rescale", "PatientID")):
                setattr(dataset, name, None)

    exports.edit(tmp_path, emptied)
    stack = one(tmp_path)
    assert np.array_equal(stack.volume().array, exports.head())
    assert not [name for name, value in stack.facts.items() if value == "None"]


def test_slices_without_a_position_are_a_fault(tmp_path):
    exports.write(tmp_path, exports.series())

    def unplaced(dataset):
        del dataset.ImagePositionPatient

    exports.edit(tmp_path, unplaced)
    assert one(tmp_path).faults == ("nothing says where its slices lie",)


def test_ten_series_that_are_frames_of_one_are_joined(tmp_path, perfusion):
    stack = one(exports.write(tmp_path, exports.series(exports.study("canon")), perfusion))
    assert stack.remarks == ("12 series are its frames",) and len(stack.frames) == 12


# --- Other forms of files -------------------------------------------------------------------


def test_a_volume_in_one_file_comes_back(tmp_path):
    exports.enhanced(tmp_path / "volume", exports.series(), exports.frames())
    back = volume_of(tmp_path)
    assert np.array_equal(back.array, exports.head())
    assert np.abs(back.affine - exports.affine()).max() < 1e-6


def test_a_series_in_one_file_comes_back_with_its_times(tmp_path, perfusion):
    exports.enhanced(tmp_path / "series", exports.series(), perfusion)
    stack = one(tmp_path)
    assert np.allclose(stack.clock.starts, TIMES, atol=1e-3) and stack.files == 1
    assert np.array_equal(stack.volume().array[..., 5], SMALL + 5)


def test_a_private_sequence_with_another_position_moves_no_frame(tmp_path):
    exports.enhanced(tmp_path / "volume", exports.series(), exports.frames())

    def philips(dataset):
        for each in dataset.PerFrameFunctionalGroupsSequence:
            position = [at + 3.5 for at in each.PlanePositionSequence[0].ImagePositionPatient]
            corner = exports.group(ImagePositionPatient=position, RescaleSlope="2")
            block = each.private_block(0x2005, "Philips MR Imaging DD 005", create=True)
            block.add_new(0x0F, "SQ", [corner])

    exports.edit(tmp_path, philips)
    back = volume_of(tmp_path)
    assert np.array_equal(back.array, exports.head())
    assert np.abs(back.affine - exports.affine()).max() < 1e-6


def test_a_file_of_many_frames_that_lacks_one_is_no_image(tmp_path):
    exports.enhanced(tmp_path / "volume", exports.series(), exports.frames())
    exports.edit(tmp_path, lambda dataset: setattr(dataset, "NumberOfFrames", 15))
    assert exports.read(tmp_path) == []


@pytest.mark.parametrize("maker", ["siemens", "ge"])  # unsigned and signed
def test_packed_pixels_come_back(maker, tmp_path):
    exports.write(tmp_path, exports.series(exports.study(maker)))
    exports.edit(tmp_path, lambda dataset: dataset.compress(RLELossless))
    assert np.array_equal(volume_of(tmp_path).array, exports.head())


@pytest.mark.parametrize(("implicit", "little"), [(True, True), (False, False)])
def test_files_of_either_byte_order_and_without_representations_come_back(
    implicit, little, tmp_path
):
    exports.write(tmp_path, exports.series(exports.study("ge")))
    for path in tmp_path.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else ExplicitVRBigEndian
        )
        if not little:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<i2").astype(">i2").tobytes()
        forced = {"implicit_vr": implicit, "little_endian": little, "force_encoding": True}
        pydicom.dcmwrite(path, dataset, **forced)
    assert np.array_equal(volume_of(tmp_path).array, exports.head())


def test_bits_of_an_overlay_above_the_pixels_are_left_out(tmp_path):
    exports.write(tmp_path, exports.series())

    def drawn_over(dataset):
        stored = np.frombuffer(dataset.PixelData, "<u2") | 0x8000
        dataset.PixelData = stored.astype("<u2").tobytes()

    exports.edit(tmp_path, drawn_over)
    assert np.array_equal(volume_of(tmp_path).array, exports.head())


def test_copies_that_cannot_be_read_are_a_fault_of_their_series_alone(tmp_path):
    exports.write(tmp_path, exports.series())
    exports.edit(tmp_path, lambda dataset: dataset.add_new(0x00280120, "US", 1059))
    (tmp_path / "copy").write_bytes((tmp_path / "IM00008").read_bytes())
    (fault,) = one(tmp_path).faults
    assert fault.startswith("its copies cannot be compared: its padding")

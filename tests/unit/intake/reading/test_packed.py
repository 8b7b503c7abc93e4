"""Pixels come back from each way of packing them, or are refused by one message."""

from __future__ import annotations

import base64

import exports
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless
from strokeprep.intake.reading import files, headers

SMALL = exports.head((12, 14, 4))
PATTERN = (np.add.outer(np.arange(14) * 37, np.arange(12) * 11) % 900).astype(np.uint16)
# The pattern above by CharLS 2.4 (pyjpegls 1.5.1), since nothing installed here can write it.
JPEG_LS = base64.b64decode(
    "/9j/9wALCgAOAAwBAREA/9oACAEBAAAAAJVVVNH/KqaPw0sokh7msY5YNd2ZmZlUoUVVVVVtkibbbaSRAkkkkkk8"
    "RSSSSS4QVVVWn1VVVh5VVVYdf/zj/3Nv/00//P/Z"
)
JPEG_LOSSLESS, JPEG_LS_SYNTAX = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80"
JPEG_2000, JPEG_BASELINE = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.50"
HIGH_THROUGHPUT = "1.2.840.10008.1.2.4.201"
PACKERS = {JPEG_LOSSLESS: "JPEG", JPEG_2000: "JPEG2000"}


def packed(stored: np.ndarray, syntax: str, path) -> bytes:
    """One frame as SimpleITK packs it."""
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(path))
    writer.UseCompressionOn()
    writer.SetCompressor(PACKERS[syntax])
    writer.Execute(sitk.GetImageFromArray(stored[None]))
    written = pydicom.dcmread(path)
    assert written.file_meta.TransferSyntaxUID == syntax
    (frame,) = pydicom.encaps.generate_frames(written.PixelData, number_of_frames=1)
    return frame


def repack(dataset, syntax: str, frames: list[bytes]) -> None:
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)


def volume(folder):
    (stack,) = exports.read(folder)
    assert stack.faults == ()
    return stack.volume().array


@pytest.mark.parametrize("syntax", list(PACKERS))
@pytest.mark.parametrize("maker", ["siemens", "ge"])  # unsigned and signed
def test_jpeg_lossless_and_jpeg_2000_come_back(syntax, maker, tmp_path):
    folder = exports.write(
        tmp_path / "in", exports.series(exports.study(maker)), exports.frames(SMALL)
    )
    plain = volume(folder)

    def pack(dataset):
        repack(dataset, syntax, [packed(dataset.pixel_array, syntax, tmp_path / "one.dcm")])

    exports.edit(folder, pack)
    assert np.array_equal(volume(folder), plain)


def test_jpeg_ls_comes_back(tmp_path):
    exports.write(tmp_path, exports.series(), exports.frames(SMALL))

    def pack(dataset):
        dataset.BitsStored, dataset.HighBit = 10, 9
        repack(dataset, JPEG_LS_SYNTAX, [JPEG_LS])

    exports.edit(tmp_path, pack)
    back = volume(tmp_path)
    assert all(np.array_equal(back[:, ::-1, k].T, PATTERN.astype(int) - 1024) for k in range(4))


@pytest.mark.parametrize("syntax", [*PACKERS, RLELossless])
def test_a_series_in_one_packed_file_comes_back(syntax, tmp_path):
    times = [1.5 * index for index in range(11)]
    exports.enhanced(tmp_path / "series", exports.series(), exports.frames(SMALL, times))
    plain = volume(tmp_path)

    def pack(dataset):
        stored = np.frombuffer(dataset.PixelData, "<u2").reshape(-1, 14, 12)
        if syntax == RLELossless:
            dataset.compress(RLELossless)
        else:
            scratch = tmp_path.parent / f"{tmp_path.name}.dcm"
            repack(dataset, syntax, [packed(each, syntax, scratch) for each in stored])

    exports.edit(tmp_path, pack)
    assert plain.shape == (12, 14, 4, 11) and np.array_equal(volume(tmp_path), plain)


def reason(folder) -> str:
    (source,) = files.found(folder)
    ((_, found),) = headers.each([source])
    return found if isinstance(found, str) else ""


def test_a_way_of_packing_that_is_not_known_is_said_before_anything_is_written(tmp_path):
    exports.write(tmp_path, exports.series(), [exports.frames(SMALL)[0][:1]])
    exports.edit(tmp_path, lambda dataset: repack(dataset, HIGH_THROUGHPUT, [b"\xff\x4f"]))
    assert reason(tmp_path).endswith("not known here; export it uncompressed")


def test_what_is_no_jpeg_although_the_header_says_so_is_refused(tmp_path):
    exports.write(tmp_path, exports.series(), exports.frames(SMALL))
    exports.edit(tmp_path, lambda dataset: repack(dataset, JPEG_LOSSLESS, [b"no JPEG"]))
    (stack,) = exports.read(tmp_path)
    with pytest.raises(headers.Unreadable, match="cannot be unpacked"):
        stack.volume()


def test_a_packed_file_that_lacks_a_frame_is_refused(tmp_path):
    exports.enhanced(tmp_path / "volume", exports.series(), exports.frames(SMALL))
    exports.edit(tmp_path, lambda dataset: repack(dataset, JPEG_LS_SYNTAX, [JPEG_LS] * 3))
    (stack,) = exports.read(tmp_path)
    with pytest.raises(headers.Unreadable, match="unpacked|packed frames"):
        stack.volume()


def test_packing_that_loses_grey_values_is_known_by_its_syntax(tmp_path):
    exports.write(tmp_path, exports.series(), [exports.frames(SMALL)[0][:1]])
    exports.edit(tmp_path, lambda dataset: repack(dataset, JPEG_BASELINE, [b"\xff\xd8"]))
    (source,) = files.found(tmp_path)
    assert headers.read(source)[0].facts["LossyImageCompression"] == "01"

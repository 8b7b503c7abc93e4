"""A header is read once while its file stays as it is, quickly where it is plain, and always alike."""

from __future__ import annotations

import os

import exports
import pytest
from strokeprep.intake.reading import headers, pixels, quick
from strokeprep.intake.reading.files import Source

FOREVER_NS = 1 << 62
PLANES = exports.frames(exports.head((12, 14, 5)))


@pytest.fixture
def reads(monkeypatch):
    """The files that were opened for their headers, in order, whatever was read before."""
    opened, right = [], headers._read_now

    def counted(source):
        opened.append(source.path)
        return right(source)

    monkeypatch.setattr(headers, "_read_now", counted)
    monkeypatch.setattr(headers, "SETTLED_NS", -FOREVER_NS)
    return opened


@pytest.fixture
def source(tmp_path):
    exports.write(tmp_path, exports.series(), PLANES)
    return Source(str(tmp_path / "IM00001"))


def test_list_plan_and_conversion_read_a_header_once(source, reads):
    assert headers.identity(source)["PatientID"] == "P-1"
    first, again = headers.read(source), headers.read(source)
    assert first is again and len(reads) == 1


def test_a_file_that_changed_is_read_again(source, reads, tmp_path):
    headers.read(source)
    exports.edit(tmp_path, lambda dataset: setattr(dataset, "PatientID", "P-2"))
    assert headers.identity(source)["PatientID"] == "P-2"
    os.utime(source.path, ns=(1, 1))
    headers.read(source)
    assert len(reads) == 3


def test_a_file_that_may_be_written_still_is_not_remembered(source, reads, monkeypatch):
    monkeypatch.setattr(headers, "SETTLED_NS", FOREVER_NS)
    headers.read(source)
    headers.read(source)
    assert len(reads) == 2


def as_pydicom_reads(source, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(quick, "header", lambda *_: None)
        return headers._read_now(source)


@pytest.mark.parametrize("name", ["Planted^Name", "Müller^Ünal", "山田^太郎", "A\\B=C^ ", ""])
@pytest.mark.parametrize("maker", exports.MAKERS)
def test_a_plain_header_says_the_same_as_to_pydicom(name, maker, tmp_path, monkeypatch):
    of = exports.study(maker, private=True)
    exports.write(tmp_path, exports.series(of), PLANES)

    def renamed(dataset):
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.PatientName = name
        dataset.SeriesDescription = name[:3]

    exports.edit(tmp_path, renamed)
    for path in sorted(tmp_path.iterdir()):
        made = headers._read_now(Source(str(path)))
        assert quick.header(path.read_bytes(), headers.wanted_tags(), pixels.EXPLICIT)
        assert made == as_pydicom_reads(Source(str(path)), monkeypatch)


@pytest.mark.parametrize("cut", [0, 131, 140, 400, 700])
def test_a_header_that_is_cut_is_left_to_pydicom(cut, source):
    with open(source.path, "rb") as file:
        start = file.read(cut)
    assert quick.header(start, headers.wanted_tags(), pixels.EXPLICIT) is None


@pytest.mark.parametrize("syntax", [pixels.IMPLICIT, pixels.BIG])
def test_other_byte_orders_are_left_to_pydicom(syntax, source):
    with open(source.path, "rb") as file:
        start = file.read().replace(
            pixels.LITTLE.encode() + b"\0", syntax.encode().ljust(20, b"\0")
        )
    assert quick.header(start, headers.wanted_tags(), pixels.EXPLICIT) is None

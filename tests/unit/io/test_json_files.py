"""Files that were given are read, or refused with a message that names the file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, json_files


def test_a_sidecar_is_read_with_or_without_a_byte_order_mark(tmp_path):
    for mark in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "ct.json").write_bytes(mark + b'{"KVP": 120}')
        assert json_files.read(tmp_path / "ct.json") == {"KVP": 120}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b'"text"', b'{"a": "\xff"}', b"[" * 99_999, b'{"a": 1' + b"0" * 99 + b"}"],
)
def test_a_file_that_is_no_sidecar_is_refused_and_named(tmp_path, content):
    path = tmp_path / "ct.json"
    path.write_bytes(content)
    with pytest.raises(StrokeprepError) as caught:
        json_files.read(path)
    assert caught.value.where == str(path)


def test_a_missing_sidecar_is_named(tmp_path):
    with pytest.raises(StrokeprepError, match="missing.*ct.json"):
        json_files.read(tmp_path / "ct.json")


def pipe(path):
    os.mkfifo(path)


def dangling_link(path):
    path.symlink_to("gone.json")


def link_to_itself(path):
    path.symlink_to(path.name)


def folder(path):
    path.mkdir()


def listening_socket(path):
    socket.socket(socket.AF_UNIX).bind(str(path))


def file_of_the_future(path):
    path.write_text("{}")
    os.utime(path, (2e9, 4e9))


def device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    "make",
    [pipe, dangling_link, link_to_itself, folder, listening_socket, device, file_of_the_future],
)
@pytest.mark.parametrize("read", [json_files.read, images.open_nifti], ids=["sidecar", "image"])
def test_what_is_no_file_is_refused_at_once(tmp_path, monkeypatch, make, read):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    path = Path("a.nii.gz" if read is images.open_nifti else "a.json")
    make(path)
    with pytest.raises(StrokeprepError) as caught:
        read(path)
    assert caught.value.where == str(path)


def test_a_sidecar_of_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "ct.json"
    with path.open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(StrokeprepError, match="larger than 64 MiB"):
        json_files.read(path)

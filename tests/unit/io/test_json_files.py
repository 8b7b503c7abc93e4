"""JSON sidecars are read, or refused with a message that names the file."""

from __future__ import annotations

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.io import json_files


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

"""Sizes of scans come from a few headers of each kind; files that are no images are passed over."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from strokeprep.guide.cost import sizes
from strokeprep.study.scans import Row


def image(path: Path, shape: tuple[int, ...], zooms: tuple[float, ...]) -> Row:
    made = nib.Nifti1Image(np.zeros(shape, np.int8), None)
    made.header.set_zooms(zooms)
    made.header.set_xyzt_units("mm", "sec")
    nib.save(made, path)
    return Row("1", None, "ctp" if len(shape) == 4 else "t1w", path)


def test_a_size_is_the_mean_of_its_kind(tmp_path):
    rows = [image(tmp_path / f"{n}.nii.gz", (n, 10, 10), (2, 1, 1)) for n in (10, 30)]
    found = sizes.of_kinds(rows)["t1w"]
    assert (found.voxels, found.volume_ml, found.all_voxels) == (2000, pytest.approx(4), 2000)


def test_a_series_has_frames_and_lasts(tmp_path):
    found = sizes.of_kinds([image(tmp_path / "s.nii", (4, 4, 2, 20), (5, 5, 5, 1.5))])["ctp"]
    assert (found.voxels, found.frames, found.seconds) == (32, 20, pytest.approx(30))


def test_files_without_a_header_are_passed_over(tmp_path):
    (tmp_path / "empty.nii.gz").touch()
    (tmp_path / "text.nii").write_text("no image")
    bad = [
        Row("1", None, "flair", tmp_path / name)
        for name in ("empty.nii.gz", "text.nii", "none.nii")
    ]
    good = image(tmp_path / "good.nii.gz", (2, 2, 2), (1, 1, 1))
    assert list(sizes.of_kinds([*bad, good])) == ["t1w"]


def test_of_many_files_a_few_from_the_whole_list_are_read(monkeypatch):
    read = []
    monkeypatch.setattr(sizes, "_size", read.append)
    sizes.of_kinds(Row(str(n), None, "t1w", Path(f"{n}")) for n in range(1000))
    assert len(read) <= sizes.MOST_READ
    assert int(read[-1].name) > 900

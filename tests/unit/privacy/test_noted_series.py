"""A series is not unpacked again if what was noted while it was written shows no face, and else it is."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.io import images
from strokeprep.privacy import undefaced
from strokeprep.series.extremes import Noted
from strokeprep.study import naming

AFFINE = np.diag([-4.0, -4.0, 5.0, 1.0])
SHAPE, FRAMES = (32, 32, 16), 4
FACE = np.s_[8:24, 16:, :10]
SERIES = "sub-1/ct/sub-1_acq-ctp_desc-preproc_ct.nii.gz"
MASK = "sub-1/anat/sub-1_acq-ctp_space-orig_label-face_mask.nii.gz"


class Written:
    """A series and the note of the pass that wrote it."""

    def __init__(self, folder) -> None:
        self.root, self.notes = folder / "out", folder / "notes"
        face = np.zeros(SHAPE, np.uint8)
        face[FACE] = 1
        images.write_array(face, AFFINE, self.root / MASK)
        self.frames = np.random.default_rng(0).integers(0, 80, (*SHAPE, FRAMES)).astype(np.int16)
        self.frames[FACE] = images.AIR_HU

    def write(self) -> None:
        images.write_array(self.frames, AFFINE, self.root / SERIES)

    def note(self) -> None:
        noted = Noted(tuple(slice(0, n) for n in SHAPE), SHAPE, images.AIR_HU)
        for frame in np.moveaxis(self.frames, -1, 0):
            noted.add(frame)
        noted.write(self.notes / naming.extremes(SERIES), self.root / SERIES)

    def leaks(self, raw=None) -> list[tuple[str, str]]:
        paths, masks = [self.root / SERIES], [self.root / MASK]
        found = undefaced.of_voxels(self.root, paths, masks, raw or {}, extremes=self.notes)
        return [(leak.find, leak.what) for leak in found]


@pytest.fixture
def written(tmp_path) -> Written:
    return Written(tmp_path)


@pytest.fixture
def unpacked(monkeypatch) -> list[str]:
    """The names of the files that were unpacked."""
    names, blocks = [], images.blocks

    def seen(nifti, path, slices):
        names.append(path.name)
        return blocks(nifti, path, slices)

    monkeypatch.setattr(images, "blocks", seen)
    return names


def test_a_series_that_was_seen_to_be_empty_is_not_unpacked(written, unpacked):
    written.write()
    written.note()
    assert (written.leaks(), unpacked) == ([], [])


def test_a_face_in_one_frame_is_found_and_its_frame_named(written, unpacked):
    written.frames[(*FACE, 2)] = 40
    written.write()
    written.note()
    assert written.leaks() == [("face", "the region of the face is not empty in frame 2")]
    assert unpacked


def test_a_face_written_after_the_note_is_found(written):
    written.write()
    written.note()
    written.frames[(*FACE, 1)] = 40
    written.write()
    assert written.leaks() == [("face", "the region of the face is not empty in frame 1")]


def test_a_series_as_large_as_a_raw_one_is_compared_with_it(written, unpacked):
    written.write()
    written.note()
    assert written.leaks(raw={"0" * 32: (*SHAPE, FRAMES)}) == []
    assert unpacked

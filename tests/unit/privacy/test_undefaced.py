"""An image may keep the voxels it came with if it came without a face, and not otherwise."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from heads import TO_TEMPLATE, Head, head
from raw_digests import raw_digests
from strokeprep.io import images
from strokeprep.kinds import KINDS
from strokeprep.privacy import shown, undefaced
from strokeprep.quality.defacing import STRIPPED, WHOLE
from strokeprep.registration import location
from strokeprep.registration.location import Location
from strokeprep.segmentation.head_files import HeadFiles
from strokeprep.settings.backends import NetworkSettings
from strokeprep.steps import deface

pytestmark = pytest.mark.slow  # all look at simulated heads

NAMES = {"ncct": "ct/sub-1_acq-ncct_desc-defaced_ct", "t1w": "anat/sub-1_desc-defaced_T1w"}
CONTRAST = {"ncct": "ct", "t1w": "t1"}
NEVER = [np.s_[:0]]


class Subject:
    """Scans of one head, with where it lies in each, as the steps before defacing leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "out"
        self.heads: list[shown.Head] = []
        self.shown: dict[str, str] = {}
        self.raw: list[str] = []

    def released(self, scan: str, *, stripped=False, declared=False, spared=NEVER[0]) -> None:
        """Deface a scan, unless it is declared defaced; ``spared`` voxels of the mask are kept."""
        made, modality = head(CONTRAST[scan]), KINDS[scan].modality
        raw, files = self._raw(scan, made, stripped), self._files(scan, made)
        mask = str(self.folder / f"{scan}_face.nii.gz")
        if not declared:
            facts = deface.face(
                raw, files, mask,
                modality=modality, backend="template", margin_mm=3, networks=NetworkSettings(),
            )  # fmt: skip
            self.shown[scan] = facts["Metrics"]["Shows"]
            self._spare(mask, raw, spared)
        name = f"sub-1/{NAMES[scan]}.nii.gz"
        deface.image(raw, None, None if declared else mask, str(self.root / name), kind=KINDS[scan])
        self.heads.append(shown.Head(name, name, modality, declared, tuple(files)))

    def leaks(self) -> list[str]:
        """What the audit finds: the kind of leak and the file."""
        paths = [self.root / each.image for each in self.heads]
        raw = [self.raw[i] for i, each in enumerate(self.heads) if not each.declared]
        voxels = undefaced.of_voxels(self.root, paths, [], raw_digests(raw), self.heads)
        found = itertools.chain(shown.of_heads(self.root, self.heads), voxels)
        return [f"{leak.find} {Path(leak.where).name.partition('_desc')[0]}" for leak in found]

    def _raw(self, scan: str, made: Head, stripped: bool) -> str:
        data = images.array(made.image).copy()
        if stripped:
            data[~made.brain] = images.background(KINDS[scan].modality)
        path = str(self.folder / f"{scan}.nii.gz")
        images.write(images.like(data, made.image), path)
        self.raw.append(path)
        return path

    def _files(self, scan: str, made: Head) -> HeadFiles:
        brain, *located = (str(self.folder / f"{scan}_{e}") for e in ("b.nii.gz", "l.h5", "l.json"))
        images.write(images.like(made.brain.astype(np.uint8), made.image), brain)
        location.write(Location(TO_TEMPLATE), *located)
        return HeadFiles(brain, located)

    def _spare(self, mask: str, raw: str, spared) -> None:
        face = images.read(mask)
        marked = images.array(face)
        marked[spared] = 0
        images.write(images.like(marked, face), mask, raw)


@pytest.fixture
def subject(tmp_path):
    (tmp_path / "out/sub-1/ct").mkdir(parents=True)
    (tmp_path / "out/sub-1/anat").mkdir()
    return Subject(tmp_path)


def test_a_stripped_scan_passes_beside_one_with_a_face_and_both_are_right(subject):
    subject.released("ncct")
    subject.released("t1w", stripped=True)
    assert subject.shown == {"ncct": WHOLE, "t1w": STRIPPED}
    assert subject.leaks() == []
    face = images.array(images.read(subject.folder / "ncct_face.nii.gz")) > 0
    assert face[head("ct").face].mean() > 0.99
    assert not images.array(images.read(subject.folder / "t1w_face.nii.gz")).any()


@pytest.mark.parametrize("scan", NAMES)
def test_an_undefaced_scan_with_an_empty_mask_does_not_pass(subject, scan):
    subject.released(scan, spared=np.s_[:])
    assert [each.split()[0] for each in subject.leaks()] == ["face", "raw"]


@pytest.mark.parametrize("scan", NAMES)
def test_an_undefaced_scan_that_is_declared_defaced_does_not_pass(subject, scan):
    subject.released(scan, declared=True)
    assert [each.split()[0] for each in subject.leaks()] == ["face"]


@pytest.mark.parametrize("scan", NAMES)
def test_a_stripped_scan_that_is_declared_defaced_passes(subject, scan):
    subject.released(scan, stripped=True, declared=True)
    assert subject.leaks() == []


def test_nothing_passes_for_a_scan_that_the_audit_is_not_told_of(subject):
    subject.released("t1w", stripped=True)
    paths = [subject.root / subject.heads[0].image]
    digests = raw_digests(subject.raw)
    assert [leak.find for leak in undefaced.of_voxels(subject.root, paths, [], digests)] == ["raw"]


def test_a_copy_on_another_grid_of_a_scan_without_a_face_passes_with_it(subject):
    subject.released("t1w", stripped=True)
    copy = subject.root / "sub-1/anat/sub-1_space-ncct_T1w.nii.gz"
    copy.write_bytes((subject.root / subject.heads[0].image).read_bytes())
    paths = [copy, subject.root / subject.heads[0].image]
    digests = raw_digests(subject.raw)
    assert list(undefaced.of_voxels(subject.root, paths, [], digests, subject.heads)) == []


def test_a_location_that_is_not_there_lets_nothing_pass(subject):
    subject.released("t1w", stripped=True, declared=True)
    sitk.WriteTransform(sitk.Transform(), str(subject.folder / "t1w_l.h5"))
    (subject.folder / "t1w_l.h5").write_bytes(b"")
    assert [each.split()[0] for each in subject.leaks()] == ["file"]

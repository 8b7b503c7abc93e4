"""The maps and tables of all patients, against the same computed directly from the files of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from strokeprep.accuracy.figures import Measure
from strokeprep.accuracy.truth import Truth
from strokeprep.io import tables
from strokeprep.kinds import KINDS
from strokeprep.quality.judgement import Measurement
from strokeprep.study import derived, naming
from strokeprep.study.naming import Space

Row = Mapping[str, str]
# Images that can be compared, by kind, with their desc- entity.
AVERAGED = {"trace": derived.NORMALISED, "adc": derived.RECALCULATED, "t1w": derived.NORMALISED}


def measurements(
    root: Path,
    truth: Path,
    template: Space,
    at_least: int,
    atlases: Mapping[str, Path],
    measured: Measure,
) -> Iterator[Measurement]:
    """All measures of a cohort whose maps lie below ``root``; ``atlases`` are label images by name."""
    members = tables.read(root / "docs/cohort/members.tsv")
    listed = (root / "docs/cohort/lesions.txt").read_text().split()
    masks = {name.partition("/")[0]: name for name in listed}
    yield measured("cohort_members", "row_errors", members_wrong(members, truth))
    worst: dict[str, float] = {}  # of the maps of all patients and of each group
    for group in (None, *sorted({row["group"] for row in members} - {tables.MISSING})):
        people = [row["participant_id"] for row in members if group in (None, row["group"])]
        drawn = {each: masks[each] for each in people if each in masks}
        maps = Group(root, template, group, people, drawn)
        for name, found, wanted in (*maps.of_lesions(at_least), *maps.of_images()):
            apart = np.abs(found.astype(float) - wanted).max(initial=0) if found.size else np.inf
            worst[name] = max(float(apart), worst.get(name, 0.0))
    for name, apart in worst.items():
        yield measured(f"cohort_{name}", "max_difference", apart)
    for name, path in atlases.items():
        rows = [
            row for row in tables.read(root / "docs/cohort/regions.tsv") if row["atlas"] == name
        ]
        wrong = regions_wrong(rows, {each: root / mask for each, mask in masks.items()}, path)
        yield measured("cohort_regions", "row_errors", wrong)


def members_wrong(members: Sequence[Row], truth: Path) -> int:
    """How many patients are missing, or have another side or type of lesion than was simulated.

    Where there are groups at all, they are the types. The usual study has one type, and tells no side.
    """
    told = {row["participant_id"]: row for row in members}
    has_groups = any(row["group"] != tables.MISSING for row in members)
    wrong = 0
    for folder in sorted(truth.glob("sub-*")):
        facts, row = Truth(folder).facts, told.get(folder.name)
        if row is None or "side" not in facts:
            wrong += row is None
            continue
        side = tables.MISSING if facts["side"] == "none" else facts["side"]
        group = facts["type"] if has_groups else tables.MISSING
        wrong += (row["side"], row["group"]) != (side, group)
    return wrong


def regions_wrong(rows: Sequence[Row], masks: Mapping[str, Path], atlas: Path) -> int:
    """How many rows tell another volume or share than a count of voxels; rows that are missing, too.

    The atlas has to lie on the grid of the masks.
    """
    labels = _voxels(atlas)
    sizes = np.bincount(labels.ravel())
    expected = len(masks) * np.count_nonzero(sizes[1:])
    wrong = abs(len(rows) - expected)
    for person, path in masks.items():
        lesion = _voxels(path) > 0
        ml = abs(np.linalg.det(nib.load(path).affine[:3, :3])) / 1000
        counts = np.bincount(labels[lesion], minlength=len(sizes))
        for row in (each for each in rows if each["participant_id"] == person):
            here, of = counts[int(row["index"])], sizes[int(row["index"])]
            wanted = [here * ml, here / of, here / max(lesion.sum(), 1)]
            told = [
                _number(row[key]) for key in ("lesion_ml", "share_of_region", "share_of_lesion")
            ]
            wrong += not np.allclose(told, wanted, rtol=1e-5)
    return int(wrong)


@dataclass(frozen=True)
class Group:
    """Patients whose maps are made together, with their lesion masks; a name of None means all."""

    root: Path
    template: Space
    name: str | None
    people: Sequence[str]
    masks: Mapping[str, str]

    def of_lesions(self, at_least: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Each map of lesions: its name, as it was written, and by direct computation."""
        if not self.masks:
            return
        drawn = np.stack([_voxels(self.root / mask) > 0 for mask in self.masks.values()])
        seen = [
            _voxels(self.root / f"{mask.partition('_label-')[0]}_desc-brain_mask.nii.gz") > 0
            for mask in self.masks.values()
        ]
        n, count = len(drawn), drawn.sum(axis=0)
        yield "share", self.lesion_map("probseg"), (count / n).astype(np.float32)
        yield "count", self.lesion_map("probseg", "count"), count
        yield "seen", self.lesion_map("probseg", "cohortN"), (drawn | np.stack(seen)).sum(axis=0)
        yield "at_least", self.lesion_map("mask", "atLeast"), (count >= at_least).astype(np.uint8)
        turned = np.sum([_to_left(each) for each in drawn], axis=0)
        yield "flipped", self.lesion_map("probseg", "flipped"), (turned / n).astype(np.float32)

    def of_images(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """The same for images; means and deviations by the spread, in voxels that all scans show."""
        for kind, desc in AVERAGED.items():
            suffix = KINDS[kind].suffix
            ending = f"_space-{self.template.label}_res-{self.template.res}_desc-{desc}_{suffix}"
            found = [sorted((self.root / each).rglob(f"*{ending}.nii.gz")) for each in self.people]
            paths = [path for each in found for path in each]
            if len(paths) < 2:
                continue
            seen = np.stack([self.brain(path) for path in paths])
            coverage = self.image_map(kind, "cohortN")
            yield f"{kind}_seen", coverage, np.where(coverage > 0, seen.sum(axis=0), 0)
            shown = seen.all(axis=0) & (coverage > 0)
            values = np.stack([_voxels(path)[shown] for path in paths]).astype(np.float64)
            for what, direct in (("Mean", values.mean(axis=0)), ("Sd", values.std(axis=0, ddof=1))):
                mapped = self.image_map(kind, f"cohort{what}")[shown]
                yield f"{kind}_{what.lower()}", mapped / values.std(), direct / values.std()

    @staticmethod
    def brain(path: Path) -> np.ndarray:
        """Where the scan of a normalised image shows the brain."""
        stem = path.name.partition("_desc-")[0]
        return _voxels(path.with_name(f"{stem}_desc-brain_mask.nii.gz")) > 0

    def lesion_map(self, suffix: str, desc: str | None = None) -> np.ndarray:
        name = naming.of_template(self.template, self.name, "anat", suffix, label="L", desc=desc)
        return _voxels(self.root / name)

    def image_map(self, kind: str, desc: str) -> np.ndarray:
        of = KINDS[kind]
        name = naming.of_template(self.template, self.name, of.scan.datatype, of.suffix, desc=desc)
        return _voxels(self.root / name)


def _to_left(lesion: np.ndarray) -> np.ndarray:
    """A mask, mirrored if its larger part lies on the right of the grid (RAS)."""
    half = lesion.shape[0] // 2
    left, right = lesion[:half].sum(), lesion[-half:].sum()
    return lesion[::-1] if right > left else lesion


def _voxels(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def _number(cell: str) -> float:
    return 0.0 if cell == tables.MISSING else float(cell)

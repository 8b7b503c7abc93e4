"""A study as it looks when it is finished, of images of a few voxels: what a release is made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from strokeprep.io.whole import write_json, write_text
from strokeprep.release import archive, case, export
from strokeprep.release.archives import ARCHIVES
from strokeprep.settings import config
from strokeprep.settings.config import Config
from strokeprep.study import naming, table
from strokeprep.study.layouts import designs
from strokeprep.study.naming import Space
from strokeprep.study.scans import Subject

SHAPE, OWN_SHAPE, FRAMES = (6, 5, 4), (4, 4, 3), 3
TILTED = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0, 0, 0.2) @ np.diag([1.1, 1.1, 2.5]), [-20.1, 7.3, 11.9]
)
CLINICAL = {
    "demographic_baseline": (
        "participant_id\tsex\tage\tglucose\tonset_to_door",
        "sub-01\tF\t89\t105\t80.5",
        "sub-02\tF\t84\tn/a\tn/a",
        "sub-03\tM\t71\t98.5\t12",
    ),
    "outcome": ("participant_id\tmrs_90d\ttici", "sub-01\t3\t2b", "sub-02\t6\tn/a", "sub-03\t0\t3"),
}
SCANNER = {"Manufacturer": "Maker", "ManufacturersModelName": "Model"}


class Finished(NamedTuple):
    """A finished study and what is to be released of it."""

    folder: Path
    config: Config
    subjects: tuple[Subject, ...]

    @property
    def derivatives(self) -> Path:
        return Path(self.config.output)

    @property
    def release(self) -> Path:
        return Path(str(self.config.release.folder))

    @property
    def private(self) -> export.Private:
        return export.Private(self.folder / "work/release")

    def members(self, subject: Subject) -> list[archive.Member]:
        template = Space(self.config.template.name, self.config.template.res)
        return archive.members(ARCHIVES[self.config.release.archive], subject, template)

    def source(self, subject: str, name: str) -> Path:
        """The output that becomes the image whose name ends like this."""
        found = next(each for each in self.subjects if each.name == subject)
        member = next(each for each in self.members(found) if each.path.endswith(name))
        return self.derivatives / member.source

    def prepared(self) -> dict[str, Path]:
        """What the jobs of cases write."""
        written = {}
        for subject in self.subjects:
            path = self.folder / f"work/release/cases/sub-{subject.name}.json"
            copies = self.folder / f"work/release/copies/sub-{subject.name}"
            write_json(case.prepared(self.members(subject), self.derivatives, copies), path)
            written[f"sub-{subject.name}"] = path
        return written

    def export(self, left_out: tuple[Mapping[str, str], ...] = (), **more) -> Path:
        """Release it; returns the folder."""
        given = self.config
        made = archive.Finished(
            self.derivatives, given.study, given.release, given.template, version="0.1.0"
        )
        export.write(made, self.prepared(), left_out, self.private, **more)
        return self.release


def finished(folder: Path, subjects: int = 2, **release) -> Finished:
    """Write the outputs of a simulated study that a release is made from."""
    settings = config.load(
        {
            "study": {"layout": "phantom", "license": "CC-BY-NC-SA-4.0", "name": "Strokes"},
            "output": str(folder / "derivatives"),
            "work": str(folder / "work"),
            "phantom": {"folder": str(folder), "subjects": subjects},
            "release": {"folder": str(folder / "release"), "smallest_group": 1} | release,
        }
    )
    study = table.build(designs.read(settings), settings.reference, (), ())
    done = Finished(folder, settings, study.subjects)
    for subject in study.subjects:
        for member in done.members(subject):
            _write(done.derivatives / member.source, member)
    for name, lines in CLINICAL.items():
        write_text(
            "\n".join(lines[: subjects + 1]) + "\n", done.derivatives / f"phenotype/{name}.tsv"
        )
    people = "\n".join(f"sub-{each.name}" for each in study.subjects)
    write_text(f"participant_id\n{people}\n", done.derivatives / "participants.tsv")
    return done


def _write(path: Path, member: archive.Member) -> None:
    """An image as the workflow writes it; each has values of its own."""
    on_reference = member.on_reference or member.path.endswith("_ncct")
    shape = SHAPE if on_reference else OWN_SHAPE
    random = np.random.default_rng(len(member.path))
    shape += (FRAMES,) if member.content == "series" else ()
    most = {"mask": 2, "labels": 13}.get(member.content, 90)
    values = random.integers(0, most, shape)
    kind = {"mask": np.uint8, "labels": np.uint8, "map": np.float32}.get(member.content, np.int16)
    affine = TILTED if on_reference else np.diag([2, 2, 3, 1.0])
    nifti = nib.Nifti1Image(values.astype(kind), affine)
    nifti.set_qform(affine, 1)
    nifti.set_sform(affine, 1)
    if member.content == "series":
        nifti.header["pixdim"][4] = 1.5
        nifti.header.set_xyzt_units("mm", "sec")
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nifti, path)
    write_json(SCANNER if not member.on_reference else {}, naming.sidecar(str(path)))

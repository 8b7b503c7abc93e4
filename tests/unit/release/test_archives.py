"""A study of Johns Hopkins' or ATLAS' kind is released in their folders, and our own readers find it there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pytest
import trees
from strokeprep.errors import StrokeprepError
from strokeprep.io import tables
from strokeprep.io.whole import write_json, write_text
from strokeprep.registration import template
from strokeprep.release import archive, case, export
from strokeprep.release.archives import ARCHIVES
from strokeprep.release.archives.atlas import ATLAS, METADATA
from strokeprep.release.archives.jhu import JHU
from strokeprep.settings import config
from strokeprep.study import naming, table
from strokeprep.study.layouts import designs
from strokeprep.study.naming import Space
from strokeprep.study.scans import Study

MNI = Space("MNI152NLin2009aSym", "1")
PEOPLE = {
    "jhu": "participant_id\tage\tlesion_type\nsub-0ab4fbd5\t71\tischemic\nsub-10000002\t60\tnone\n",
    "atlas": "participant_id\tcenter\tlesions_other\tfield_strength\nsub-r001s001\t7\t2\t3\n",
}
COUNTED = "participant_id\tlesions_left_cortical\tlesions_other\nsub-r001s001\t4\t9\n"


class Released(NamedTuple):
    release: Path
    root: Path  # of the archive in it
    study: Study
    cases: dict[str, str]  # by subject

    def files(self, subject: str) -> set[str]:
        found = self.root.rglob(f"{self.cases[subject]}*.nii.gz")
        return {path.name.removeprefix(self.cases[subject]) for path in found}


def read(layout: str, root: Path, output: Path) -> tuple[config.Config, Study]:
    """The study that a layout's reader finds in a folder."""
    release = {"archive": layout, "smallest_group": 1, "folder": str(output.parent / "release")}
    given = {"layout": layout, "root": str(root), "license": "CC0", "name": "A study"}
    settings = config.load({"study": given, "output": str(output), "release": release})
    return settings, table.build(designs.read(settings), settings.reference, (), ())


def released(folder: Path, layout: str, absent: str, monkeypatch: pytest.MonkeyPatch) -> Released:
    """The release of the tree of a layout, whose outputs have voxels of their own, without some."""
    settings, study = read(layout, getattr(trees, layout)(folder / "raw"), folder / "derivatives")
    output, chosen = folder / "derivatives", ARCHIVES[layout]
    prepared = {}
    for subject in study.subjects:
        if archive.lacking(chosen, subject, ("lesion",) if layout == "jhu" else (), MNI):
            continue
        members = archive.members(chosen, subject, MNI)
        for number, member in enumerate(members):
            if not re.search(absent, member.source):
                write_image(output / member.source, member.content, number)
        prepared[f"sub-{subject.name}"] = folder / f"cases/sub-{subject.name}.json"
        found = case.prepared(members, output, folder / "copies")
        write_json(found, prepared[f"sub-{subject.name}"])
    write_text(PEOPLE[layout], output / "participants.tsv")
    write_text(COUNTED, output / naming.ALL_LESIONS)
    small = template.Template("T", *(template.load().t1[::40, ::40, ::40],) * 2)
    monkeypatch.setattr(template, "standard", lambda settings: small)
    private = export.Private(folder / "private")
    made = archive.Finished(output, settings.study, settings.release, settings.template, "1")
    export.write(made, prepared, [], private)
    numbers = tables.read(private.numbers)
    release = folder / "release"
    cases = {
        row["participant_id"].removeprefix("sub-"): path.name
        for row in numbers
        for path in [*release.rglob("sub-*")]
        if path.is_dir() and int(row["number"]) == number_of(path.name, layout)
    }
    return Released(release, release / chosen.root, study, cases)


def number_of(name: str, layout: str) -> int:
    return int(name.removeprefix("sub-"), 16) if layout == "jhu" else int(name[-3:])


def write_image(path: Path, content: str, number: int) -> None:
    random = np.random.default_rng(number)
    values = random.integers(0, 2 if content == "mask" else 200, (5, 4, 3))
    kind = np.uint8 if content == "mask" else np.int16
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values.astype(kind), np.diag([2, 2, 2, 1])), path)
    write_json({"Manufacturer": "Maker"}, naming.sidecar(str(path)))


@pytest.fixture(scope="module")
def jhu(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        yield released(
            tmp_path_factory.mktemp("jhu"), "jhu", "desc-(normalised|recalculated)", patch
        )


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        yield released(tmp_path_factory.mktemp("atlas"), "atlas", "nothing", patch)


def roles(study: Study, name: str) -> set[str]:
    """The kinds of the images and labels of a patient."""
    subject = study.by_name[name]
    images = {image.kind.name for scan in subject.scans for image in scan.images}
    return images | {label.kind.name for label in subject.labels}


def test_johns_hopkins_reader_finds_every_case_with_its_scans_and_lesion(jhu, tmp_path):
    _, again = read("jhu", jhu.root, tmp_path / "derivatives")
    assert {f"sub-{each.name}" for each in again.subjects} == set(jhu.cases.values())
    for subject, called in jhu.cases.items():
        found = roles(again, called.removeprefix("sub-"))
        assert found == roles(jhu.study, subject) - {"pwi"}, subject


def test_b0_and_dwi_are_one_file_of_raw_data_from_which_the_reader_takes_both(jhu, tmp_path):
    _, again = read("jhu", jhu.root, tmp_path / "derivatives")
    called = jhu.cases["0ab4fbd5"]
    series = jhu.root / f"raw-data/DWI/{called}/{called}_DWI.nii.gz"
    natively = jhu.root / f"DWI-mask/{called}/{called}"
    parts = [nib.load(f"{natively}_{name}_space-orig.nii.gz") for name in ("B0", "DWI")]
    assert np.array_equal(
        nib.load(series).dataobj, np.stack([each.dataobj for each in parts], axis=-1)
    )
    subject = again.by_name[called.removeprefix("sub-")]
    made_of = {i.kind.name: i.series for scan in subject.scans for i in scan.images if i.series}
    assert made_of == {"b0": series, "trace": series}


def test_identifiers_are_eight_hexadecimal_digits_that_tell_nothing_of_the_patient(jhu):
    assert all(re.fullmatch(r"sub-[0-9a-f]{8}", called) for called in jhu.cases.values())
    assert not {f"sub-{subject}" for subject in jhu.cases} & set(jhu.cases.values())
    texts = "".join(path.read_text() for path in jhu.release.rglob("*.tsv"))
    assert not any(subject in texts for subject in jhu.cases)


def test_the_folders_are_those_of_johns_hopkins(jhu):
    assert sorted(path.name for path in jhu.root.iterdir()) == [
        "DWI-MNI-IntensityNormalized",
        "DWI-mask",
        "documentation",
        "phenotype",
        "raw-data",
        "templates",
    ]
    assert {"_DWI_space-orig.nii.gz", "_DWI_space-MNI.nii.gz", "_FLAIR.nii.gz"} <= jhu.files(
        "0ab4fbd5"
    )
    assert (jhu.root / "templates/tpl-MNI152NLin2009aSym_desc-brain_T1w.nii.gz").is_file()


def test_a_product_that_a_study_did_not_give_is_named_and_not_made_up(jhu):
    assert "_DWI_space-MNI_desc-normalized.nii.gz" not in jhu.files("0ab4fbd5")
    readme = (jhu.release / "README.md").read_text()
    assert "no case has them: " in readme and "`*_DWI_space-MNI_desc-normalized`" in readme


def test_maps_of_a_patient_who_is_to_be_left_out_are_refused(tmp_path):
    write_text("participant_id\nsub-01\n", tmp_path / "docs/cohort/members.tsv")
    given = {"study": {"layout": "phantom"}, "release": {"leave_out": {"01": "consent withdrawn"}}}
    settings = config.load(given)
    about = (settings.study, settings.release, settings.template, "1", tmp_path / "archive")
    with pytest.raises(StrokeprepError, match="sub-01.*snakemake cohort again"):
        JHU.further(archive.Contents(tmp_path, *about, JHU, {}, {}))


def test_the_dictionary_explains_the_columns_of_the_tables(jhu):
    documentation = jhu.root / "documentation"
    dictionary = json.loads((documentation / "dictionary.json").read_text())
    rows = tables.read(documentation / "participants.tsv")
    assert {*rows[0]} == {"participant_id", *dictionary}
    assert dictionary["Lesion-type"]["Levels"]["ischemic"] == "infarct"
    assert "  ischemic: infarct" in (documentation / "dictionary.txt").read_text()
    (own,) = tables.read(
        jhu.root / f"phenotype/{jhu.cases['0ab4fbd5']}/{jhu.cases['0ab4fbd5']}_phenotype.tsv"
    )
    assert (own["Age"], own["Lesion-type"], own["Sex"]) == ("71", "ischemic", "n/a")


def test_atlas_reader_finds_scan_and_lesion_in_the_folder_of_the_site(atlas, tmp_path):
    _, again = read("atlas", atlas.root, tmp_path / "derivatives")
    (called,) = atlas.cases.values()
    assert re.fullmatch(r"sub-r007s\d{3}", called)
    assert roles(again, called.removeprefix("sub-")) == {"t1w", "lesion"}
    folder = atlas.root / f"Training/R007/{called}/ses-1/anat"
    assert len(list(folder.iterdir())) == 2
    assert (atlas.root / "Training/R007/dataset_description.json").is_file()


def test_the_table_of_atlas_has_its_columns_with_counts_where_nothing_was_told(atlas):
    (row,) = read_csv(atlas.root / "MetaData.csv")
    assert list(row) == ["Subject ID", "Session", *METADATA]
    assert row["# Lesions Other Location"] == "2"  # told by the clinical table
    assert row["# Lesions LH Cortical and White Matter"] == "4"  # counted
    assert (row["Scanner Strength"], row["INDI Subject ID"]) == ("3", "")
    assert (atlas.root / "MetaData.xlsx").is_file()


def read_csv(path: Path) -> list[dict[str, str]]:
    heading, *lines = (line.split(",") for line in path.read_text().splitlines())
    return [dict(zip(heading, line, strict=True)) for line in lines]


def test_atlas_is_refused_for_a_study_in_another_space():
    with pytest.raises(StrokeprepError, match="MNI152NLin2009aSym"):
        archive.refuse_other_template(ATLAS, Space("MNI152NLin6Asym", "1"))
    archive.refuse_other_template(JHU, Space("MNI152NLin6Asym", "1"))


def test_the_settings_of_a_release_as_they_come_suit_every_archive():
    given = config.load({"study": {"layout": "phantom"}}).release
    for each in ARCHIVES.values():
        archive.refuse_unknown(each, given, ["01"])

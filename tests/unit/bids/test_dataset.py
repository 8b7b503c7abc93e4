"""The dataset-level files hold what BIDS requires and nothing that identifies a person."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import trees
from strokeprep import kinds
from strokeprep.bids import dataset
from strokeprep.clinical import tables as clinical
from strokeprep.errors import StrokeprepError
from strokeprep.settings.study import StudySettings


def written(
    folder: Path, subjects: tuple[str, ...] = ("01", "02"), *, study: dict | None = None, **options
) -> dataset.Written:
    """Write the dataset-level files with the options that all tests share."""
    settings = StudySettings(layout="bids", name="A study", **(study or {}))
    return dataset.write(
        folder / "derivatives", settings=settings, version="1.2.3", subjects=subjects, **options
    )


def table(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a written table."""
    with (folder / "derivatives" / f"{name}.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def raw(folder: Path, **tables: str) -> Path:
    """A raw dataset of tables only, with ``|`` between cells; ``__`` in a name is a folder."""
    for name, text in tables.items():
        path = folder / "raw" / f"{name.replace('__', '/')}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("|", "\t"))
    return folder / "raw"


def isles(folder: Path, subject: str, session: str, tool: str, text: str) -> Path:
    """A table of one patient, as in ISLES'24."""
    name = f"sub-{subject}_ses-{session}_{tool}.csv"
    path = folder / "raw/train/phenotype" / f"sub-{subject}" / f"ses-{session}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return folder / "raw"


def test_the_description_names_version_license_and_a_link_to_raw(tmp_path: Path) -> None:
    written(tmp_path, study={"license": "CC0", "authors": ("A. Author",)})
    about = json.loads((tmp_path / "derivatives/dataset_description.json").read_text())
    assert about["DatasetType"] == "derivative"
    assert about["GeneratedBy"] == [{"Name": "strokeprep", "Version": "1.2.3"}]
    assert about["DatasetLinks"] == {"raw": "sourcedata/raw"}
    assert (about["License"], about["Authors"]) == ("CC0", ["A. Author"])


def test_license_and_authors_are_left_out_if_they_are_not_given(tmp_path: Path) -> None:
    written(tmp_path)
    about = json.loads((tmp_path / "derivatives/dataset_description.json").read_text())
    assert not about.keys() & {"License", "Authors"}


@pytest.mark.parametrize("link", ["/data/raw", "file:///data/raw", "~/raw", r"C:\raw"])
def test_a_link_to_a_local_path_is_refused(tmp_path: Path, link: str) -> None:
    with pytest.raises(StrokeprepError, match="path of this machine"):
        written(tmp_path, links={"raw": link})


def test_the_names_of_the_files_are_known_before_they_are_written(tmp_path: Path) -> None:
    root = raw(tmp_path, phenotype__outcome="participant_id|mrs\nsub-01|3\n")
    made = written(tmp_path, raw_root=root, arteries={1: "BA"})
    folder = tmp_path / "derivatives"
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(dataset.files(clinical.names(root), has_arteries=True)) == found
    assert {path.relative_to(folder).as_posix() for path in made.paths} == found


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in written(tmp_path, arteries={2: "b", 1: "a"}).paths]
    again = [path.read_bytes() for path in written(tmp_path, arteries={1: "a", 2: "b"}).paths]
    assert first == again


def test_participants_are_exactly_the_subjects_in_order(tmp_path: Path) -> None:
    root = raw(tmp_path, participants="participant_id|age\nsub-03|50\nsub-01|60\n")
    written(tmp_path, subjects=("02", "01"), raw_root=root)
    assert table(tmp_path, "participants") == [
        {"participant_id": "sub-01", "age": "60"},
        {"participant_id": "sub-02", "age": "n/a"},
    ]


def test_only_known_columns_reach_participants(tmp_path: Path) -> None:
    root = raw(tmp_path, participants="participant_id|weight|Gender|name\nsub-01|80|F|Jane\n")
    written(tmp_path, ("01",), raw_root=root)
    assert table(tmp_path, "participants") == [
        {"participant_id": "sub-01", "weight": "80", "sex": "F"}
    ]


@pytest.mark.parametrize(
    ("age", "kept"), [("93", "89"), ("89+", "89"), ("067Y", "67"), ("61.5", "61.5"), ("?", "n/a")]
)
def test_high_ages_are_capped(tmp_path: Path, age: str, kept: str) -> None:
    root = raw(
        tmp_path,
        participants=f"participant_id|age\nsub-01|{age}\n",
        phenotype__baseline=f"participant_id|PatientAge|nihss\nsub-01|{age}|12\n",
    )
    written(tmp_path, ("01",), raw_root=root)
    assert table(tmp_path, "participants")[0].get("age", "n/a") == kept
    assert table(tmp_path, "phenotype/baseline") == [
        {"participant_id": "sub-01", "age": kept, "nihss": "12"}
    ]


def test_isles_tables_become_one_row_per_patient(tmp_path: Path) -> None:
    isles(tmp_path, "01", "01", "demographic_baseline", "Age;Sex;NIHSS\n71;M;12\n")
    isles(tmp_path, "02", "01", "demographic_baseline", "Age,Sex,Glucose\n95,F,\n")
    root = isles(tmp_path, "01", "02", "outcome", "mRS 3 months\n2\n")
    written(tmp_path, raw_root=root)
    assert table(tmp_path, "phenotype/demographic_baseline") == [
        {"participant_id": "sub-01", "age": "71", "sex": "M", "nihss": "12", "glucose": "n/a"},
        {"participant_id": "sub-02", "age": "89", "sex": "F", "nihss": "n/a", "glucose": "n/a"},
    ]
    assert table(tmp_path, "phenotype/outcome")[1] == {
        "participant_id": "sub-02",
        "mrs_90d": "n/a",
    }
    assert [row["age"] for row in table(tmp_path, "participants")] == ["71", "89"]


def test_a_table_of_all_patients_can_be_csv(tmp_path: Path) -> None:
    root = raw(tmp_path, phenotype__outcome="participant_id|mrs\nsub-01|3\nsub-02|1\n")
    lines = (root / "phenotype/outcome.tsv").read_text().replace("\t", ";")
    (root / "phenotype/outcome.tsv").unlink()
    (root / "phenotype/outcome.csv").write_text(lines)
    written(tmp_path, raw_root=root)
    assert [row["mrs"] for row in table(tmp_path, "phenotype/outcome")] == ["3", "1"]


def test_the_table_of_participants_can_be_in_the_documentation_as_at_johns_hopkins(
    tmp_path: Path,
) -> None:
    root = raw(tmp_path, documentation__participants="participant_id|age|Sex\nsub-02|50|F\n")
    written(tmp_path, raw_root=root)
    assert table(tmp_path, "participants")[1] == {
        "participant_id": "sub-02",
        "age": "50",
        "sex": "F",
    }


@pytest.mark.parametrize(
    ("layout", "read"),
    [
        ("bids", ["participants.tsv"]),
        ("isles24", ["train/phenotype/{0}/ses-01/{0}_ses-01_demographic_baseline.csv"]),
        ("jhu", ["documentation/participants.tsv", "phenotype/phenotype.tsv"]),
        ("atlas", ["ATLAS_2/20220425_ATLAS_2.0_MetaData.xlsx"]),
    ],
)
def test_the_tables_of_every_layout_are_sources(
    tmp_path: Path, layout: str, read: list[str]
) -> None:
    root = getattr(trees, layout)(tmp_path)
    patients = [path.name for path in root.glob("train/raw_data/sub-*")] or [""]
    wanted = {name.format(patient) for name in read for patient in patients}
    told = clinical.sources(root)
    assert {Path(path).relative_to(root).as_posix() for path in told} == wanted


@pytest.mark.parametrize(
    "name",
    [
        "train/phenotype/sub-01/ses-01/sub-01_ses-01_outcome.xls",
        "phenotype/outcome.xls",
        "ATLAS_2/20220425_ATLAS_2.0_MetaData.ods",
        "20211112_ATLAS_2.0_SupplementaryInfo.csv",
        "Training_Raw/R001/sub-r001s001/ses-1/sub-r001s001_ses-1_metadata.csv",
        "documentation/scores.ods",
    ],
)
def test_a_table_that_cannot_be_read_is_a_remark_with_a_remedy(tmp_path: Path, name: str) -> None:
    (told,) = dataset.remarks(tmp_path / "out", [], [], trees.make(tmp_path / "raw", [name]))
    assert f"cannot be read: {name}. Save" in told and "as CSV" in told


def test_many_tables_that_cannot_be_read_are_one_remark(tmp_path: Path) -> None:
    root = trees.make(tmp_path, [f"phenotype/score{n}.xls" for n in range(9)])
    (told,) = dataset.remarks(tmp_path / "out", [], [], root)
    assert "phenotype/score0.xls" in told and "and 6 more. Save" in told


def test_tables_also_saved_as_csv_and_dictionaries_and_hidden_files_need_no_remark(
    tmp_path: Path,
) -> None:
    place = "train/phenotype/sub-01/ses-02/sub-01_ses-02_outcome"
    names = [f"{place}.xlsx", f"{place}.csv", "phenotype/nihss.ods", "phenotype/nihss.csv"]
    names += ["train/clinical_data-description.xlsx", "phenotype/._mrs.xlsx", "participants.tsv"]
    assert dataset.remarks(tmp_path / "out", [], [], trees.make(tmp_path / "raw", names)) == []


def test_participants_of_an_earlier_run_stay_listed_and_are_a_remark(tmp_path: Path) -> None:
    root = raw(tmp_path, participants="participant_id|age\nsub-01|60\nsub-02|50\n")
    out = tmp_path / "derivatives"
    for name in ("sub-01", "sub-03", "docs"):
        (out / name).mkdir(parents=True)
    (out / "sub-04").touch()
    given = ["01", "02", "03"]
    subjects = dataset.listed(out, ["02"], given)
    assert subjects == ["01", "02", "03"]
    written(tmp_path, subjects, raw_root=root)
    ages = {row["participant_id"]: row["age"] for row in table(tmp_path, "participants")}
    assert ages == {"sub-01": "60", "sub-02": "50", "sub-03": "n/a"}
    (told,) = dataset.remarks(out, ["02"], given, root)
    assert "also holds sub-01, sub-03 of an earlier run" in told


def test_a_withdrawn_participant_is_listed_no_more_and_is_a_remark(tmp_path: Path) -> None:
    for name in ("sub-01", "sub-02"):
        (tmp_path / "out" / name).mkdir(parents=True)
    assert dataset.listed(tmp_path / "out", ["02"], ["02"]) == ["02"]
    (told,) = dataset.remarks(tmp_path / "out", ["02"], ["02"], None)
    assert "the study has no sub-01 any more" in told


def test_a_first_run_and_one_on_the_same_patients_need_no_remark(tmp_path: Path) -> None:
    assert dataset.remarks(tmp_path / "out", ["01"], ["01"], None) == []
    (tmp_path / "out/sub-01").mkdir(parents=True)
    assert dataset.remarks(tmp_path / "out", ["01"], ["01"], None) == []
    assert dataset.listed(tmp_path / "out", ["01"], ["01"]) == ["01"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("participant_id|a\nsub-01|1\nsub-01|2\n", "More than one row for sub-01"),
        ("who|a\nsub-01|1\n", "no participant_id column"),
        ("participant_id|a|a\nsub-01|1|2\n", "repeated headings"),
        ("participant_id|a\nsub-01\n", "another number of cells"),
        ("", "Table is empty"),
    ],
)
def test_an_inconsistent_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StrokeprepError, match=message):
        written(tmp_path, raw_root=raw(tmp_path, phenotype__base=text))


def test_the_names_of_vessels_are_a_table_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    written(tmp_path, arteries={10: "P1-L", 2: "ICA-R"})
    assert table(tmp_path, "seg-CoW_dseg") == [
        {"index": "2", "name": "ICA-R"},
        {"index": "10", "name": "P1-L"},
    ]


def test_the_readme_explains_how_to_validate(tmp_path: Path) -> None:
    written(tmp_path)
    text = (tmp_path / "derivatives/README.md").read_text()
    assert "bids-validator-deno" in text
    assert "strokeprep bids-schema" in text


def test_every_desc_of_a_perfusion_map_is_explained():
    descs = {kind.desc for kind in kinds.MODEL_MAPS.values() if kind.desc}
    assert descs and descs <= dataset.DESCRIPTIONS.keys()

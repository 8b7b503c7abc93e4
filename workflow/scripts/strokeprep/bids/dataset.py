"""The files that make a folder of derivatives a BIDS dataset: description, tables, README.

No local path, name or date gets in: the raw dataset is a link a user sets, and of the raw tables
only columns without identifying headings or values are carried over.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from strokeprep.errors import StrokeprepError
from strokeprep.io.tables import MISSING, render
from strokeprep.io.whole import write_json, write_text
from strokeprep.study import naming

# The version the schema extension is built on (bids_schema.SCHEMA_VERSION).
BIDS_VERSION = "1.11.1"
# Where `bids:raw:` points until the user says otherwise: the place BIDS reserves for sources.
RAW_LINK = "sourcedata/raw"
LOCAL_LINK = re.compile(r"^(/|~|file:|[A-Za-z]:\\|\\)", re.IGNORECASE)

# Where a raw dataset may have tables of patients, and of what sorts; CSV and TSV can be read.
TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods")
TABLE_FOLDERS = (".", "train", "ATLAS*", "documentation", "phenotype", "train/phenotype")
TABLE_FOLDERS_OF_PATIENTS = ("phenotype", "train/phenotype", "Training*/*", "ATLAS*/Training*/*")
NO_TABLE_OF_PATIENTS = re.compile(r"description|dictionary", re.IGNORECASE)
MOST_NAMED = 3

# The only columns of participants.tsv.
PARTICIPANT_COLUMNS: dict[str, dict[str, str]] = {
    "age": {"Description": "Age; 89 stands for 89 and above", "Units": "year"},
    "sex": {"Description": "Sex, as the source table gives it"},
    "handedness": {"Description": "Handedness, as the source table gives it"},
    "species": {"Description": "Species, as the source table gives it"},
    "group": {"Description": "Group of the study the participant belongs to"},
}
COLUMN_ALIASES = {"gender": "sex"}

# Headings (as `_words` writes them) and values that may identify a person.
PRIVATE_HEADING = re.compile(
    r"name|birth|date|accession|address|phone|mail|postcode|identif"
    r"|(patient|subject|participant|case|study)_?id\b"
    r"|(^|_)(dob|mrn|pid|ssn|uid|id|zip|initials|hospital|institution|physician|operator"
    r"|comments?|notes?|remarks?)(_|$)"
    r"|^(patient|subject|participant|case)?$"
)
PRIVATE_VALUE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    r"|\b(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])\b|\d{1,2}\.? ?[A-Za-z]{3,9} ?\d{4}|@"
)
# Higher ages are rare enough to identify a person; BIDS caps them here.
MAX_AGE = 89
AGE_HEADING = re.compile(r"^(patient_)?age(_(y|yrs|years|at_\w+))?$")
AGE_VALUE = re.compile(r"(?P<years>\d+(\.\d+)?) *(\+|y|yrs|years)?", re.IGNORECASE)

# What each desc- of a file name stands for.
DESCRIPTIONS = {
    "brain": "Brain mask, or image with everything outside the brain set to background",
    "defaced": "Original grid; voxels of the face replaced, identifying header fields cleared",
    "infarct": "Manually drawn infarct",
    "aif": "Arterial input and venous outflow of a perfusion series",
    "coverage": "Where a motion-corrected series shows the head in every frame",
    "mean": "Mean of a series before contrast, head still",
    "motion": "Where the head was in every frame of a series",
    "preproc": "Preprocessed series: motion corrected, resampled in time",
}

BIDSIGNORE = """\
# not in BIDS 1.11.1: CT (BEP024 draft), CT-perfusion maps, transforms (BEP014 draft), \
tabular time series (BEP012 draft)
**/ct
**/perf/*_cbf.*
**/perf/*_cbv.*
**/perf/*_mtt.*
**/perf/*_tmax.*
**/perf/*_mask.*
**/perf/*_dseg.*
*_xfm.*
*_timeseries.*
"""

README = """\
# {name}

Acute-stroke images preprocessed with strokeprep {version}: defaced, skull-stripped, registered
within each patient and to a template, with every manual mask carried along.

    sub-<id>/[ses-<id>/]
        ct/      CT, CT angiography, CT perfusion, and the transforms from them
        dwi/     diffusion images, their masks and transforms
        anat/    T1-weighted MRI; masks and segmentations drawn on CT or T1
        perf/    CT-perfusion maps
    phenotype/   clinical tables, without identifying columns
    docs/qc/     quality control
    participants.tsv, descriptions.tsv

Every image has a JSON sidecar that says what it was made from (`Sources`) and which image its
grid belongs to (`SpatialReference`). `bids:raw:` points to the raw dataset through `DatasetLinks`
in `dataset_description.json`; set it to where you keep that dataset.

## Validity

Valid under BIDS {bids} except CT, CT-perfusion maps, transforms and time series, which BIDS does
not yet define; those follow the drafts BEP024, BEP014 and BEP012 in naming and are checked with
strokeprep's schema extension (strokeprep's own, not the community's). To check the standard part:

    pip install bids-validator-deno==3.0.2 bidsschematools==1.2.7
    bids-validator-deno <this folder>

To check everything, with nothing ignored (REPO is where strokeprep's code lies):

    PYTHONPATH=REPO/workflow/scripts python -m strokeprep.bids.schema schema.json
    cp -rl <this folder> unfiltered && rm unfiltered/.bidsignore
    bids-validator-deno unfiltered --schema "file://$PWD/schema.json"

pybids reads CT by `datatype` when told of it:

    PYTHONPATH=REPO/workflow/scripts python -m strokeprep.bids.schema --pybids pybids.json
    python -c 'from bids import BIDSLayout; BIDSLayout(".", validate=False, is_derivative=True, \
        config=["pybids.json", "derivatives"])'
"""


class Written(NamedTuple):
    """The files written, and remarks on what was left out of the tables."""

    paths: list[Path]
    remarks: list[str]


@dataclass
class Table:
    """A table with one row per participant, its column descriptions, and what was dropped."""

    columns: list[str]
    rows: dict[str, dict[str, str]]
    meanings: dict[str, Any] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


def write(
    folder: Path,
    *,
    name: str,
    version: str,
    subjects: Sequence[str],
    license: str = "",
    authors: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
    raw_root: Path | None = None,
    cow_labels: Mapping[int, str] | None = None,
) -> Written:
    """Write every dataset-level file; ``subjects`` are those with outputs, without ``sub-``."""
    people = sorted(f"sub-{subject}" for subject in subjects)
    tables = _phenotype(raw_root, people)
    about = _about(name, version, license, authors, links or {"raw": RAW_LINK})
    write_json(about, folder / "dataset_description.json")
    write_text(README.format(name=name, version=version, bids=BIDS_VERSION), folder / "README.md")
    write_text(f"{version}\n  - Derivatives made with strokeprep {version}.\n", folder / "CHANGES")
    write_text(BIDSIGNORE, folder / ".bidsignore")
    participants = _participants(raw_root, people, tables)
    _write_table(folder / "participants", participants, "The patients", people)
    for tool, table in tables.items():
        _write_table(folder / "phenotype" / tool, table, f"Clinical data: {tool}", people)
    _write_descriptions(folder)
    if cow_labels is not None:
        # No JSON: the segmentations would inherit it and clash with their own.
        named = [{"index": key, "name": cow_labels[key]} for key in sorted(cow_labels)]
        write_text(render(named, ["index", "name"]), folder / naming.COW_TABLE)
    return Written(
        [folder / path for path in files(tables, cow_labels is not None)],
        [
            f"phenotype/{tool}: columns left out because they may identify a person: "
            + ", ".join(name or "(no heading)" for name in table.dropped)
            for tool, table in tables.items()
            if table.dropped
        ],
    )


def clinical_tables(raw_root: Path | None) -> list[str]:
    """The names of the raw dataset's clinical tables, from a look at file names alone."""
    return list(_tools(raw_root))


def sources(raw_root: Path | None) -> list[str]:
    """The raw files that :func:`write` reads: tables, and what JSON says of their columns."""
    beside = ((path, path.with_suffix(".json")) for path in _read(raw_root))
    return [str(path) for pair in beside for path in pair if path.is_file()]


def listed(folder: Path, subjects: Iterable[str]) -> list[str]:
    """Whom ``participants.tsv`` lists: the subjects, and who else has a folder in the output.

    BIDS wants a row for every folder, and an earlier run may have worked on others.
    """
    return sorted({*subjects, *_with_folder(folder)})


def remarks(folder: Path, subjects: Iterable[str], raw_root: Path | None) -> list[str]:
    """What a user should know of the dataset before it is made; a look at file names alone."""
    earlier = sorted(f"sub-{name}" for name in {*_with_folder(folder)} - {*subjects})
    unread = _unread(raw_root)
    told = []
    if earlier:
        told.append(
            f"{folder} also holds {_some(earlier)} of an earlier run, which participants.tsv goes "
            "on to list. Remove the folders, and the files of that name in docs/qc, where they "
            "are not to be released."
        )
    if unread:
        told.append(
            f"tables of patients left out, which cannot be read: {_some(unread)}. Save those in "
            "phenotype/ as CSV in their place, others as phenotype/NAME.csv with a row for each "
            "patient and a column participant_id."
        )
    return told


def files(clinical: Iterable[str], has_cow: bool) -> list[str]:
    """The files :func:`write` makes for a raw dataset with these clinical tables."""
    tables = ["participants", "descriptions", *(f"phenotype/{name}" for name in clinical)]
    return [
        *("dataset_description.json", "README.md", "CHANGES", ".bidsignore"),
        *([naming.COW_TABLE] if has_cow else []),
        *(table + ending for table in tables for ending in (".tsv", ".json")),
    ]


def _about(
    name: str, version: str, license: str, authors: Sequence[str], links: Mapping[str, str]
) -> dict[str, Any]:
    for link in links.values():
        if LOCAL_LINK.search(link):
            raise StrokeprepError(
                "The dataset would publish a path of this machine",
                link,
                "Give a web address, a DOI, or a path relative to the derivatives.",
            )
    about: dict[str, Any] = {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
    }
    if license:
        about["License"] = license
    if authors:
        about["Authors"] = list(authors)
    return about | {
        "GeneratedBy": [{"Name": "strokeprep", "Version": version}],
        "SourceDatasets": [{"URL": f"bids:{link}:"} for link in links],
        "DatasetLinks": dict(links),
    }


def _participants(
    raw_root: Path | None, people: Sequence[str], tables: Mapping[str, Table]
) -> Table:
    """Allow-listed columns of the raw participants.tsv, gaps filled from the clinical tables."""
    found = [_read_table(path, people) for path in _participant_tables(raw_root)]
    values: dict[str, dict[str, str]] = {person: {} for person in people}
    for table in [*found, *tables.values()]:
        for column in table.columns:
            wanted = COLUMN_ALIASES.get(_words(column), _words(column))
            for person, row in table.rows.items():
                if wanted in PARTICIPANT_COLUMNS and row[column] != MISSING:
                    values[person].setdefault(wanted, row[column])
    columns = [name for name in PARTICIPANT_COLUMNS if any(name in row for row in values.values())]
    meanings = {name: PARTICIPANT_COLUMNS[name] for name in columns}
    return Table(columns, values, meanings)


def _phenotype(raw_root: Path | None, people: Sequence[str]) -> dict[str, Table]:
    """The clinical tables of the raw dataset, one row per participant."""
    return {tool: _read_tool(paths, people) for tool, paths in _tools(raw_root).items()}


def _bases(raw_root: Path | None) -> list[Path]:
    """Where tables may lie: ISLES'24 comes with a ``train`` folder around everything."""
    return [] if raw_root is None else [raw_root, raw_root / "train"]


def _participant_tables(raw_root: Path | None) -> list[Path]:
    """Tables of the patients themselves, the foremost first; that of JHU lies apart."""
    places = ("participants.tsv", "documentation/participants.tsv")
    files = (base / place for base in _bases(raw_root) for place in places)
    return [path for path in files if path.is_file()]


def _tools(raw_root: Path | None) -> dict[str, list[Path]]:
    """Clinical tables by name: BIDS has one file each, ISLES'24 one per patient and session."""
    tools: dict[str, list[Path]] = {}
    for base in _bases(raw_root):
        for path in sorted((base / "phenotype").glob("*.[ct]sv")):
            tools.setdefault(path.stem, []).append(path)
        for path in sorted((base / "phenotype").glob("sub-*/ses-*/sub-*_ses-*_*.csv")):
            tools.setdefault(path.stem.split("_", 2)[2], []).append(path)
    return tools


def _read(raw_root: Path | None) -> list[Path]:
    """Every raw table that is read."""
    tools = [path for paths in _tools(raw_root).values() for path in paths]
    return [*_participant_tables(raw_root), *tools]


def _unread(raw_root: Path | None) -> list[str]:
    """Tables of patients, below the root, that are not read, also not saved in another format."""
    if raw_root is None:
        return []
    read = {path.stem for path in _read(raw_root)}
    patterns = [f"{folder}/*" for folder in TABLE_FOLDERS]
    patterns += [f"{folder}/sub-*/ses-*/sub-*" for folder in TABLE_FOLDERS_OF_PATIENTS]
    return sorted(
        path.relative_to(raw_root).as_posix()
        for pattern in patterns
        for path in raw_root.glob(pattern)
        if path.suffix in TABLES
        and path.stem not in read
        and not path.name.startswith(".")
        and not NO_TABLE_OF_PATIENTS.search(path.stem)
    )


def _with_folder(folder: Path) -> list[str]:
    """The subjects, without ``sub-``, that have a folder in a dataset."""
    return [path.name.removeprefix("sub-") for path in folder.glob("sub-*") if path.is_dir()]


def _some(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _read_tool(paths: Sequence[Path], people: Sequence[str]) -> Table:
    """One table of one or many files; a patient must not appear in two of them."""
    merged = Table([], {})
    for table, path in ((_read_table(path, people), path) for path in paths):
        twice = merged.rows.keys() & table.rows.keys()
        if twice:
            raise _ambiguous(path, min(twice))
        merged.rows |= table.rows
        merged.meanings |= table.meanings
        merged.dropped = list(dict.fromkeys(merged.dropped + table.dropped))
        merged.columns = list(dict.fromkeys(merged.columns + table.columns))
    # Private in one patient's file is private in all.
    merged.columns = [name for name in merged.columns if name not in merged.dropped]
    return merged


def _read_table(path: Path, people: Iterable[str]) -> Table:
    """The harmless columns of the rows of ``people`` in a table, or of a patient's one row."""
    header, *lines = _cells(path)
    owner = path.stem.split("_")[0] if path.stem.startswith("sub-") else None
    key = None if owner else _key_column(header, path)
    wanted, rows = set(people), {}
    for line in lines:
        row = dict(zip(header, line, strict=True))
        person = owner or "sub-" + row[key].removeprefix("sub-")
        if person in rows:
            raise _ambiguous(path, person)
        if person in wanted:
            rows[person] = row
    dropped = [name for name in header if name != key and _is_private(name, rows.values())]
    columns = [name for name in header if name not in (key, *dropped)]
    rows = {
        person: {name: _cleaned(name, row[name]) for name in columns}
        for person, row in rows.items()
    }
    return Table(columns, rows, _meanings(path, columns), dropped)


def _cells(path: Path) -> list[list[str]]:
    """The stripped cells of a table line by line; the header's are distinct."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StrokeprepError("Table is not UTF-8", path, "Save it as UTF-8.") from error
    first = text.partition("\n")[0]
    delimiter = "\t" if path.suffix == ".tsv" else max(",;\t", key=first.count)
    lines = [
        [" ".join(cell.split()) for cell in line]
        for line in csv.reader(text.splitlines(), delimiter=delimiter)
        if line
    ]
    if not lines:
        raise StrokeprepError("Table is empty", path, "Fill it or remove it from the study.")
    for number, line in enumerate(lines, start=1):
        if len(line) != len(lines[0]) or len(set(lines[0])) != len(lines[0]):
            raise StrokeprepError(
                f"Table has repeated headings, or line {number} has another number of cells",
                path,
                "Correct the table or remove it from the study.",
            )
    return lines


def _key_column(header: Sequence[str], path: Path) -> str:
    if "participant_id" not in header:
        raise StrokeprepError(
            "Table has no participant_id column", path, "Name that column as BIDS does."
        )
    return "participant_id"


def _ambiguous(path: Path, person: str) -> StrokeprepError:
    return StrokeprepError(
        f"More than one row for {person}",
        path,
        "Keep one row per patient and table, or split the table by session.",
    )


def _words(heading: str) -> str:
    """A heading as lower-case words joined by underscores: ``PatientID`` gives ``patient_id``."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", heading)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")


def _is_private(heading: str, rows: Iterable[Mapping[str, str]]) -> bool:
    """Whether a column may identify a person, by its heading or by any value."""
    if PRIVATE_HEADING.search(_words(heading)):
        return True
    return any(PRIVATE_VALUE.search(row[heading]) for row in rows)


def _cleaned(heading: str, value: str) -> str:
    """A cell with gaps as BIDS marks them and ages capped."""
    if value.lower() in ("", MISSING, "na", "nan", "none"):
        return MISSING
    if not AGE_HEADING.search(_words(heading)):
        return value
    age = AGE_VALUE.fullmatch(value)
    return f"{min(float(age['years']), MAX_AGE):g}" if age else MISSING


def _meanings(path: Path, columns: Sequence[str]) -> dict[str, Any]:
    """What the table's own JSON says of the columns that are kept."""
    dictionary = path.with_suffix(".json")
    try:
        known = json.loads(dictionary.read_text()) if dictionary.is_file() else {}
    except ValueError as error:
        raise StrokeprepError(f"Not JSON ({error})", dictionary, "Correct the file.") from error
    return {name: known.get(name, {"Description": "As in the source table"}) for name in columns}


def _write_table(stem: Path, table: Table, description: str, people: Sequence[str]) -> None:
    """A table with a row for each of ``people``, and its JSON."""
    rows = [
        {"participant_id": person}
        | {name: table.rows.get(person, {}).get(name, MISSING) for name in table.columns}
        for person in people
    ]
    meanings = {name: table.meanings[name] for name in table.columns}
    write_text(render(rows, ["participant_id", *table.columns]), Path(f"{stem}.tsv"))
    write_json({"Description": description} | meanings, Path(f"{stem}.json"))


def _write_descriptions(folder: Path) -> None:
    rows = [{"desc_id": f"desc-{key}", "description": text} for key, text in DESCRIPTIONS.items()]
    write_text(render(rows, ["desc_id", "description"]), folder / "descriptions.tsv")
    meaning = {"Description": "What each desc- of a file name stands for"}
    write_json(meaning, folder / "descriptions.json")

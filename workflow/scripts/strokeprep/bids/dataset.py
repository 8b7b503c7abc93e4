"""The dataset-level files of the output: description, tables, README.

They hold no local path, no name and no date. The raw dataset is named by a link that the user sets,
and columns of raw tables with identifying headings or values are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from strokeprep.clinical import tables as clinical
from strokeprep.clinical.tables import Table
from strokeprep.errors import StrokeprepError
from strokeprep.io.tables import MISSING, render
from strokeprep.io.whole import write_json, write_text
from strokeprep.settings.study import StudySettings
from strokeprep.study import naming

# The version of the schema that the extension adds to (bids.schema.SCHEMA_VERSION).
BIDS_VERSION = "1.11.1"
LOCAL_LINK = re.compile(r"^(/|~|file:|[A-Za-z]:\\|\\)", re.IGNORECASE)

MOST_NAMED = 3

# The meaning of each desc- entity.
DESCRIPTIONS = {
    "atLeast": "Voxels with a lesion in at least so many patients as the sidecar says",
    "brain": "Brain mask, or image with everything outside the brain set to background",
    "cohortMean": "Mean of the images of many patients",
    "cohortN": "Number of patients whose scan shows a voxel",
    "cohortSd": "Standard deviation of the images of many patients",
    "count": "Number of patients with a lesion in a voxel",
    "defaced": "Original grid; voxels of the face replaced, identifying header fields cleared",
    "flipped": "Both sides as one: the larger part of each lesion lies on the left",
    "infarct": "Manually drawn infarct",
    "aif": "Arterial input and venous outflow of a perfusion series",
    "coverage": "Where a motion-corrected series shows the head in every frame",
    "sd": "Standard deviation of a perfusion map, by the vascular model",
    "mean": "Mean of a series; of CT perfusion that of the motion-corrected frames before contrast",
    "motion": "Position of the head in every frame of a series",
    "n4": "Bias field taken away by N4",
    "normalised": "Brain with grey levels that can be compared, by the method in the sidecar",
    "recalculated": "ADC computed from b0 and trace",
    "preproc": "Preprocessed series: motion corrected, resampled in time",
}

BIDSIGNORE = """\
# not in BIDS 1.11.1: CT (BEP024 draft), SWI (BEP004 draft), DSC perfusion, CT-perfusion maps and tables, \
transforms (BEP014 draft), tabular time series (BEP012 draft)
**/ct
**/anat/*_swi.*
**/perf/*_dsc.*
**/perf/*_cbf.*
**/perf/*_cbv.*
**/perf/*_mtt.*
**/perf/*_tmax.*
**/perf/*_delay.*
**/perf/*_spread.*
**/perf/*_probseg.*
**/perf/*_mask.*
**/perf/*_dseg.*
**/perf/*_regions.*
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
        anat/    structural MRI; masks and segmentations drawn on it or on CT
        perf/    CT-perfusion maps, MR perfusion series
    phenotype/   clinical tables, without identifying columns; what was measured of lesions
    tpl-<name>/  maps of all patients, if they were made
    docs/qc/     quality control
    participants.tsv, descriptions.tsv

Every image has a JSON sidecar that names the files it was made from (`Sources`) and the image whose
grid it has (`SpatialReference`). `bids:raw:` is the raw dataset. `DatasetLinks` in
`dataset_description.json` says where it is: set it to where you keep that dataset.

## Validity

The dataset is valid under BIDS {bids} except for CT, SWI, MR perfusion, CT-perfusion maps, transforms
and time series, which BIDS does not define yet. These are named after the drafts BEP024, BEP004, BEP014
and BEP012 where there is one, and are checked with an extension of the BIDS schema, which is part of
strokeprep and not of BIDS. To check the standard part:

    pip install bids-validator-deno==3.0.2 bidsschematools==1.2.7
    bids-validator-deno <this folder>

To check all files (REPO is the folder of strokeprep's code):

    pip install --no-deps REPO
    strokeprep bids-schema schema.json
    cp -rl <this folder> unfiltered && rm unfiltered/.bidsignore
    bids-validator-deno unfiltered --schema "file://$PWD/schema.json"

With this configuration, pybids knows the `datatype` of CT:

    strokeprep bids-schema --pybids pybids.json
    python -c 'from bids import BIDSLayout; BIDSLayout(".", validate=False, is_derivative=True, \
        config=["pybids.json", "derivatives"])'
"""


class Written(NamedTuple):
    """The files written, and remarks on what was left out of tables."""

    paths: list[Path]
    remarks: list[str]


def write(
    folder: Path,
    *,
    settings: StudySettings,
    version: str,
    subjects: Sequence[str],
    links: Mapping[str, str] | None = None,
    raw_root: Path | None = None,
    arteries: Mapping[int, str] | None = None,
) -> Written:
    """Write every dataset-level file; ``subjects`` are those with outputs, without ``sub-``."""
    people = sorted(f"sub-{subject}" for subject in subjects)
    tables = clinical.phenotype(raw_root, people, settings)
    links = links or {"raw": "sourcedata/raw"}  # the folder that BIDS reserves for sources
    about = _about(settings, version, links)
    write_json(about, folder / "dataset_description.json")
    write_text(
        README.format(name=settings.name, version=version, bids=BIDS_VERSION), folder / "README.md"
    )
    write_text(f"{version}\n  - Derivatives made with strokeprep {version}.\n", folder / "CHANGES")
    write_text(BIDSIGNORE, folder / ".bidsignore")
    participants = clinical.participants(raw_root, people, tables, settings)
    _write_table(folder / "participants", participants, "The patients", people)
    for tool, table in tables.items():
        _write_table(folder / "phenotype" / tool, table, f"Clinical data: {tool}", people)
    _write_descriptions(folder)
    if arteries:
        # Without a JSON: the segmentations would inherit it, and it contradicts their own.
        named = [{"index": key, "name": arteries[key]} for key in sorted(arteries)]
        write_text(render(named, ["index", "name"]), folder / naming.COW_TABLE)
    return Written(
        [folder / path for path in files(tables, bool(arteries))],
        [
            remark
            for tool, table in {"participants": participants, **tables}.items()
            for remark in left_out(tool, table, people)
        ],
    )


def left_out(tool: str, table: Table, people: Sequence[str]) -> Iterator[str]:
    """What of a raw table is not released. Cells are told by their place, not by what they hold."""
    without = [person for person in people if person not in table.rows]
    if without and table.others:
        yield (
            f"{tool}: there is no row for {_some(without)}, but there are rows of others: "
            f"{_some(table.others)}. Write participant_id as the study has it; spreadsheets drop "
            "leading zeros."
        )
    if table.unread:
        yield f"{tool}: sheets beside the first, which are not read: {', '.join(table.unread)}"
    if table.unknown:
        named = ", ".join(heading or "(no heading)" for heading in table.unknown)
        yield f"{tool}: columns left out, which neither strokeprep nor study.columns knows: {named}"
    yield from (f"{tool}: cell left out: {cell}" for cell in table.refused)


def listed(folder: Path, subjects: Iterable[str], given: Iterable[str]) -> list[str]:
    """The rows of ``participants.tsv``: the subjects, and others of ``given`` that were released.

    BIDS requires a row for every folder, and an earlier run may have processed other subjects.
    ``given`` are all subjects of the raw data: one that is no more among them was withdrawn.
    """
    return sorted({*subjects, *({*_with_folder(folder)} & {*given})})


def remarks(
    folder: Path, subjects: Iterable[str], given: Iterable[str], raw_root: Path | None
) -> list[str]:
    """Remarks for the user before a run, from file names alone."""
    others = {*_with_folder(folder)} - {*subjects}
    earlier = sorted(f"sub-{name}" for name in others & {*given})
    withdrawn = sorted(f"sub-{name}" for name in others - {*given})
    unread = clinical.unread(raw_root)
    texts = []
    if earlier:
        texts.append(
            f"{folder} also holds {_some(earlier)} of an earlier run, which this one leaves out; "
            "participants.tsv still lists them."
        )
    if withdrawn:
        texts.append(
            f"the study has no {_some(withdrawn)} any more: this run takes what was made of them "
            f"out of {folder}."
        )
    if unread:
        texts.append(
            f"tables of patients left out, which cannot be read: {_some(unread)}. Save those in "
            "phenotype/ as CSV or XLSX in the same folder, others as phenotype/NAME.csv with a row "
            "for each patient and a column participant_id."
        )
    return texts


def files(clinical: Iterable[str], has_arteries: bool) -> list[str]:
    """The files that :func:`write` makes for a raw dataset with these clinical tables."""
    tables = ["participants", "descriptions", *(f"phenotype/{name}" for name in clinical)]
    return [
        *("dataset_description.json", "README.md", "CHANGES", ".bidsignore"),
        *([naming.COW_TABLE] if has_arteries else []),
        *(table + ending for table in tables for ending in (".tsv", ".json")),
    ]


def _about(settings: StudySettings, version: str, links: Mapping[str, str]) -> dict[str, Any]:
    """The content of ``dataset_description.json``."""
    for link in links.values():
        if LOCAL_LINK.search(link):
            raise StrokeprepError(
                "The dataset would publish a path of this machine",
                link,
                "Give a web address, a DOI, or a path relative to the derivatives.",
            )
    about: dict[str, Any] = {
        "Name": settings.name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
    }
    if settings.license:
        about["License"] = settings.license
    if settings.authors:
        about["Authors"] = list(settings.authors)
    return about | {
        "GeneratedBy": [{"Name": "strokeprep", "Version": version}],
        "SourceDatasets": [{"URL": f"bids:{link}:"} for link in links],
        "DatasetLinks": dict(links),
    }


def _with_folder(folder: Path) -> list[str]:
    """The subjects, without ``sub-``, that have a folder in a dataset."""
    return [path.name.removeprefix("sub-") for path in folder.glob("sub-*") if path.is_dir()]


def _some(names: Sequence[str]) -> str:
    """The first names of a list, and the number of the others."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _write_table(stem: Path, table: Table, description: str, people: Sequence[str]) -> None:
    """Write a table with a row for each of ``people``, and its JSON."""
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
    meaning = {"Description": "The meaning of each desc- entity in a file name"}
    write_json(meaning, folder / "descriptions.json")

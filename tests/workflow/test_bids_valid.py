"""The output is a BIDS dataset: for the validator, for pybids, for bids2table."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import bids_tools
import bids_tree
import pytest
from strokeprep.bids import schema as bids_schema

# Advice that does not apply, by code and file (None: any): a lookup table for all spaces has no
# one space, authors and license are for a study's owner to say, an oblique scan stays oblique.
ACCEPTED_WARNINGS = {
    ("SIDECAR_KEY_RECOMMENDED", "/seg-CoW_dseg.tsv"),
    ("TOO_FEW_AUTHORS", "/dataset_description.json"),
    ("NO_AUTHORS", "/dataset_description.json"),
    ("JSON_KEY_RECOMMENDED", "/dataset_description.json"),
    ("AMBIGUOUS_AFFINE", None),
}
IGNORED = re.compile(
    r"/ct/|_xfm\.|_timeseries\.|_swi\."
    r"|/perf/.*_(cbf|cbv|mtt|tmax|delay|spread|probseg|regions|dsc|mask|dseg)\."
)
PYBIDS_NAMES = {
    "sub": "subject",
    "ses": "session",
    "acq": "acquisition",
    "ce": "ceagent",
    "seg": "segmentation",
}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schema extension, as a user builds it."""
    path = tmp_path_factory.mktemp("schema") / "schema.json"
    return bids_schema.write(bids_schema.extended_schema(), path)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file type the chain writes; ``raw`` lies beside it."""
    return bids_tree.write_derivatives(tmp_path_factory.mktemp("study") / "derivatives")


@pytest.fixture(scope="module", params=["every file type", "demo"])
def dataset(request: pytest.FixtureRequest) -> Path:
    """Derivatives: first those written by hand, then those of a real run."""
    if request.param == "demo":
        return request.getfixturevalue("demo").derivatives
    return request.getfixturevalue("written")


@pytest.fixture(scope="module", params=["every file type", "demo"])
def raw(request: pytest.FixtureRequest) -> Path:
    """A raw dataset with CT, and manual masks in its ``derivatives/manual``."""
    if request.param == "demo":
        return request.getfixturevalue("demo").raw
    folder = request.getfixturevalue("written").parent / "raw"
    bids_tree.write_manual(folder)
    return folder


def test_everything_is_valid_under_the_extended_schema(dataset: Path, schema: Path) -> None:
    report = bids_tools.validate(dataset, schema)
    assert report.errors == []
    assert report.files == len(bids_tools.files_checked(dataset))


def test_what_bids_defines_is_valid_under_the_stock_schema(dataset: Path) -> None:
    report = bids_tools.validate(dataset)
    checked = [path for path in bids_tools.files_checked(dataset) if not IGNORED.search(path)]
    assert report.errors == []
    assert report.files == len(checked)


def test_sidecars_hold_all_that_bids_recommends(dataset: Path, schema: Path) -> None:
    warnings = bids_tools.validate(dataset, schema).warnings
    assert [
        warning
        for warning in warnings
        if not {(warning.code, warning.location), (warning.code, None)} & ACCEPTED_WARNINGS
    ] == []


def test_the_raw_dataset_and_its_masks_are_valid(raw: Path, schema: Path) -> None:
    report = bids_tools.validate(raw, schema)
    assert report.errors == []
    assert report.files == len(bids_tools.files_checked(raw))
    assert bids_tools.validate(raw / "derivatives/manual", schema).errors == []


def test_stock_bids_rejects_ct_swi_and_dsc_so_the_extension_is_needed(written: Path) -> None:
    located = {issue.location for issue in bids_tools.validate(written.parent / "raw").errors}
    rejected = {Path(location).name.partition(".")[0].rpartition("_")[2] for location in located}
    assert rejected == {"ct", "swi", "dsc"}


@pytest.mark.parametrize("parser", [bids_tools.parse_with_pybids, bids_tools.parse_with_bids2table])
def test_parsers_read_the_entities_of_every_image(
    dataset: Path, parser: Callable[[Path], dict]
) -> None:
    images = {p.relative_to(dataset).as_posix() for p in dataset.glob("sub-*/**/*.nii.gz")}
    found = parser(dataset)
    assert images <= found.keys()
    assert {path: _known(path, found[path]) for path in images} == {
        path: _entities(path) for path in images
    }


def test_pybids_finds_transforms_by_where_they_lead(dataset: Path) -> None:
    transforms = {p.relative_to(dataset).as_posix() for p in dataset.glob("sub-*/**/*_xfm.[th]*")}
    found = bids_tools.parse_with_pybids(dataset)
    assert transforms
    assert {path: _known(path, found[path]) for path in transforms} == {
        path: _entities(path) for path in transforms
    }


@pytest.mark.parametrize("parser", [bids_tools.parse_with_pybids, bids_tools.parse_with_bids2table])
def test_parsers_read_raw_ct(raw: Path, parser: Callable[[Path], dict]) -> None:
    images = {p.relative_to(raw).as_posix() for p in raw.glob("sub-*/**/ct/*.nii.gz")}
    found = parser(raw)
    assert images
    assert {found[path]["datatype"] for path in images} == {"ct"}


def test_every_source_and_reference_exists(dataset: Path) -> None:
    for path, content in _sidecars(dataset):
        uris = [*content.get("Sources", []), content.get("SpatialReference", "")]
        local = [uri.removeprefix("bids::") for uri in uris if uri.startswith("bids::")]
        assert [uri for uri in local if not (dataset / uri).is_file()] == [], path


def test_every_image_names_its_sources(dataset: Path) -> None:
    sidecars = {path: content for path, content in _sidecars(dataset) if _is_image(path)}
    assert sidecars
    assert [path for path, content in sidecars.items() if not content["Sources"]] == []


def test_no_file_tells_where_it_was_made(dataset: Path) -> None:
    texts = [p for p in bids_tools.files_checked(dataset) if p.endswith((".json", ".tsv", ".md"))]
    home = re.compile(rf"{re.escape(str(dataset.parent))}|/(home|Users|root|tmp|work)/")
    assert [path for path in texts if home.search((dataset / path).read_text())] == []


def test_every_desc_is_explained(dataset: Path) -> None:
    with (dataset / "descriptions.tsv").open() as file:
        explained = {row["desc_id"] for row in csv.DictReader(file, delimiter="\t")}
    used = {match for p in dataset.glob("sub-*/**/*") for match in re.findall(r"desc-\w+?(?=_)",
                                                                             p.name)}  # fmt: skip
    assert used <= explained


def _sidecars(dataset: Path) -> list[tuple[Path, dict]]:
    return [(path, json.loads(path.read_text())) for path in dataset.glob("sub-*/**/*.json")]


def _is_image(sidecar: Path) -> bool:
    return sidecar.with_suffix(".nii.gz").is_file()


def _entities(path: str) -> dict[str, str]:
    """What a file name says, read without any BIDS tool."""
    *pairs, last = Path(path).name.split("_")
    datatype = Path(path).parts[-2]
    return dict(pair.split("-") for pair in pairs) | {
        "suffix": last.split(".")[0],
        "datatype": datatype,
    }


def _known(path: str, parsed: dict) -> dict[str, str | None]:
    """The same entities as a parser named them."""
    found = {
        key: parsed.get(PYBIDS_NAMES.get(key, key), parsed.get(key)) for key in _entities(path)
    }
    return {key: None if value is None else str(value) for key, value in found.items()}


# --- Seeded defects: what must not get past the checks --------------------------------------

CT = "sub-01/ses-01/ct/sub-01_ses-01_"
MNI = "acq-ncct_space-MNI152NLin2009aSym_res-2_ct"
IMAGE_KEYS = {"Description": "CT", "SkullStripped": False, "SpatialReference": "orig"}


def _add(folder: Path, name: str, **keys: object) -> str:
    """An image (or transform) and its sidecar; returns what the error must point to."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    stem = name.split(".")[0]
    (folder / f"{stem}.json").write_text(json.dumps(keys))
    shutil.copy(folder / f"{CT}acq-ncct_desc-defaced_ct.nii.gz", path)
    return stem


def _no_resolution(folder: Path) -> str:
    (folder / f"{CT}{MNI}.json").write_text('{"Description": "CT", "SpatialReference": "orig"}')
    return MNI


def _wrong_mask_type(folder: Path) -> str:
    name = "sub-01/ses-02/dwi/sub-01_ses-02_space-orig_label-L_desc-infarct_mask"
    content = json.loads((folder / f"{name}.json").read_text())
    (folder / f"{name}.json").write_text(json.dumps(content | {"Type": "lesion"}))
    return name


DEFECTS: dict[str, Callable[[Path], str]] = {
    "resampled image without Resolution and SkullStripped": _no_resolution,
    "space nobody knows without SpatialReference": lambda folder: _add(
        folder, f"{CT}acq-ncct_space-foo_ct.nii.gz", Description="CT", SkullStripped=False
    ),
    "suffix CT": lambda folder: _add(folder, f"{CT}acq-ncct_desc-x_CT.nii.gz", **IMAGE_KEYS),
    "perfusion map in ct": lambda folder: _add(folder, f"{CT}acq-ctp_cbf.nii.gz", **IMAGE_KEYS),
    "transform without to": lambda folder: _add(
        folder, f"{CT}acq-cta_from-cta_mode-image_xfm.txt", Description="Transform"
    ),
    "entities out of order": lambda folder: _add(
        folder, f"{CT}space-ncct_acq-ctp_ct.nii.gz", **IMAGE_KEYS
    ),
    "suffix rcbf": lambda folder: _add(
        folder, "sub-01/ses-01/perf/sub-01_ses-01_acq-ctp_rcbf.nii.gz", **IMAGE_KEYS
    ),
    "DWI series without b-values": lambda folder: _add(
        folder, "sub-01/ses-02/dwi/sub-01_ses-02_desc-preproc_dwi.nii.gz", **IMAGE_KEYS
    ),
    "mask Type in lower case": _wrong_mask_type,
}
SEEN_BY_STOCK_SCHEMA = {"suffix rcbf", "DWI series without b-values", "mask Type in lower case"}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_seeded_defect_is_caught(
    defect: str, written: Path, schema: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(written, tmp_path / "derivatives")
    where = DEFECTS[defect](broken)
    extended = bids_tools.validate(broken, schema).errors
    stock = bids_tools.validate(broken).errors
    assert any(where in issue.location for issue in extended)
    assert any(where in issue.location for issue in stock) == (defect in SEEN_BY_STOCK_SCHEMA)

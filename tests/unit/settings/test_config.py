"""A config is completed or refused in words that name the key and the way out."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from strokeprep import kinds
from strokeprep.errors import StrokeprepError
from strokeprep.settings import backends, config, faults
from strokeprep.settings.backends import choices
from strokeprep.study.layouts import designs, engine

ROOT = Path(__file__).parents[3]
# Sections in which nothing needs to stand.
FREE_NAMES = ("study.patterns.", "study.columns.NAME.", "models.sha256.", "cohort.atlases.NAME.",
              "perfusion.atlases.NAME.")  # fmt: skip
STUDIES = ("config", "bids", "isles24", "jhu", "atlas")
MINIMAL = {"study": {"layout": "bids", "root": "data"}}


def complete_of(given: dict) -> dict:
    """A config with every key, after all checks."""
    complete = config.completed(given)
    config.checked(complete)
    return complete


def load(**sections) -> dict:
    """The complete config of the smallest study with some sections added."""
    given = copy.deepcopy(MINIMAL)
    given["study"] |= sections.pop("study", {})
    return complete_of(given | sections)


def leaves(rules: dict, above: str = "") -> dict[str, list[tuple[str, dict]]]:
    """The keys that hold values, by their section; keys outside of one come under "General"."""
    tables: dict[str, list] = {}
    for key, rule in rules["properties"].items():
        if "properties" in rule:
            tables |= leaves(rule, f"{above}{key}.")
        else:
            tables.setdefault(above.rstrip(".") or "General", []).append((above + key, rule))
    return tables


# --- completing


def test_every_key_of_the_schema_is_filled_in_but_the_phantom():
    complete = load()
    for path in faults.key_paths(config.schema()):
        if not path.startswith("phantom") and not path.startswith(FREE_NAMES):
            place = complete
            for key in path.split("."):
                assert key in place, path
                place = place[key]


def test_given_values_stay_and_their_siblings_get_defaults():
    complete = load(deface={"brain_margin_mm": 8}, reference=["dwi"])
    assert complete["deface"] == {"ct": "template", "mr": "template", "brain_margin_mm": 8}
    assert complete["reference"] == ["dwi"]


def test_a_complete_config_stays_as_it_is():
    complete = load(output="out", seed=3)
    assert complete_of(complete) == complete


def test_the_given_config_and_the_schema_are_not_changed():
    given = copy.deepcopy(MINIMAL)
    complete = complete_of(given)
    complete["study"]["subjects"].append("01")
    complete["reference"].clear()
    assert given == MINIMAL
    assert load()["study"]["subjects"] == []
    assert load()["reference"][:4] == ["ncct", "cta", "dwi", "t1w"]


@pytest.mark.parametrize(("key", "value"), [("source", "dicom"), ("pathologies", ["atrophy"])])
def test_patients_of_mri_alone_come_without_dicom_and_without_other_diseases(key, value):
    given = {"study": {"layout": "phantom"}, "phantom": {"study": "jhu", key: value}}
    with pytest.raises(StrokeprepError, match=f"like jhu has no such patients: phantom.{key}"):
        config.load(given)


@pytest.mark.parametrize(
    ("output", "release"), [("a", "a/release"), ("a/b", "a"), ("a", "a"), ("out", "work")]
)
def test_a_release_is_a_folder_of_its_own(output, release):
    given = {"study": {"layout": "phantom"}, "output": output, "work": "work/w"}
    with pytest.raises(StrokeprepError, match="lies inside the folder of the"):
        config.load(given | {"release": {"folder": release}})


def test_work_stands_beside_the_output():
    assert load(output="release/")["work"] == "release-work"


@pytest.mark.parametrize(("size", "label"), [(1, "1"), (2.0, "2"), (1.5, "1p5")])
def test_the_resolution_gets_a_label_bids_allows(size, label):
    assert load(template={"resolution_mm": size})["template"]["res"] == label


def test_a_section_whose_lines_are_all_commented_out_is_empty():
    assert load(audit=None) == load()


def test_the_phantom_has_its_section_and_other_studies_have_not():
    simulated = complete_of({"study": {"layout": "phantom"}})
    assert simulated["phantom"]["subjects"] == 2
    assert "phantom" not in load()


# --- refusing


@pytest.mark.parametrize(
    ("wrong", "path", "meant"),
    [
        ({"refrence": ["ncct"]}, "refrence", "reference"),
        ({"study": {"layuot": "bids"}}, "study.layuot", "study.layout"),
        ({"study": {"seed": 3}}, "study.seed", "seed"),
        ({"layout": "bids"}, "layout", "study.layout"),
        ({"template": {"resolution": 1}}, "template.resolution", "template.resolution_mm"),
        ({"deface": {"margin_mm": 1}}, "deface.margin_mm", "deface.brain_margin_mm"),
        ({"study": {"patterns": {"lesoin": "x"}}}, "study.patterns.lesoin", "study.patterns.lesion"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_refused_with_the_nearest_known_one(wrong, path, meant):
    with pytest.raises(StrokeprepError, match=f"Did you mean {meant}[?]") as caught:
        load(**wrong)
    assert caught.value.where == path


def test_a_key_like_no_other_is_to_be_removed():
    with pytest.raises(StrokeprepError, match="not known: qqq. Remove it. config/README.md"):
        load(qqq=1)


@pytest.mark.parametrize(
    ("wrong", "path", "words"),
    [
        ({"seed": "one"}, "seed", "cannot be: one.* a whole number"),
        ({"seed": True}, "seed", "cannot be: true"),
        ({"seed": -1}, "seed", "at least 0"),
        ({"study": {"subjects": [12]}}, "study.subjects.0", "cannot be: 12.* text; put quotes"),
        ({"study": {"subjects": ["sub-01"]}}, "study.subjects.0", "letters and digits only"),
        ({"study": {"subjects": ["01", "01"]}}, "study.subjects", "names nothing twice"),
        ({"study": {"subjects": "01"}}, "study.subjects", "Give a list"),
        ({"study": {"layout": "nifti"}}, "study.layout", "one of phantom, bids"),
        ({"study": {"defaced": "yes"}}, "study.defaced", "true or false"),
        ({"study": {"patterns": {"ncct": 3}}}, "study.patterns.ncct", "Give text"),
        ({"audit": {"affine_difference": "1e-4"}}, "audit.affine_difference", "1.0e-4"),
        ({"audit": {"volume_change": 0}}, "audit.volume_change", "above 0"),
        ({"audit": 3}, "audit", "a section with keys"),
        ({"template": {"resolution_mm": 9}}, "template.resolution_mm", "at most 4"),
        ({"reference": []}, "reference", "not empty"),
        ({"reference": ["swi"]}, "reference.0", "one of ncct, cta, dwi, t1w"),
        ({"output": ""}, "output", "text that is not empty"),
        ({"models": {"device": "gpu"}}, "models.device", "auto, cpu, cuda or cuda:N"),
        ({"models": {"sha256": {"hd-bet": "12"}}}, "models.sha256.hd-bet", "64 hexadecimal"),
        ({"brain": {"ct": "hd-bet"}}, "brain.ct", f"one of {', '.join(choices('brain', 'ct'))}"),
        ({"accuracy": {"deface": {"dice": "high"}}}, "accuracy.deface.dice", "a number"),
        ({"perfusion": {"maps": {"lags_s": [1]}}}, "perfusion.maps.lags_s", "2 values or more"),
        (
            {"perfusion": {"maps": {"osvd_thresholds": [0.1, 0.2, 0.3, 0.4]}}},
            "perfusion.maps.osvd_thresholds",
            "3 values at most",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_plain_words(wrong, path, words):
    with pytest.raises(StrokeprepError, match=words) as caught:
        load(**wrong)
    assert caught.value.where == path


@pytest.mark.parametrize("given", [{}, {"study": None}, {"study": {"root": "x"}}])
def test_a_config_without_layout_says_which_there_are(given):
    with pytest.raises(StrokeprepError, match="lacks a key.*study.layout.*phantom, bids, isles24"):
        complete_of(given)


def test_faces_stay_only_where_someone_says_there_are_none():
    with pytest.raises(StrokeprepError, match="Faces would stay.*deface.mr.*study.defaced"):
        load(deface={"mr": "none"})
    assert load(study={"defaced": True}, deface={"mr": "none"})["deface"]["mr"] == "none"


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"study": {"root": None}}, "study.root"),
        ({"output": "data"}, "study.root: data"),
        ({"output": ".", "work": "../w"}, "study.root: data"),
        ({"output": "out", "work": "out/logs"}, "work: out/logs"),
        ({"template": {"name": "MNI152NLin6Asym"}}, "template.path"),
        ({"template": {"brain_mask": "mask.nii"}}, "template.brain_mask"),
        ({"phantom": {"subjects": 2}}, "phantom"),
        ({"study": {"patterns": {"ncct": "("}}}, "\\("),
        ({"study": {"patterns": {"ncct": "ncct"}}}, "ncct"),
    ],
)
def test_keys_that_contradict_one_another_are_refused(wrong, where):
    with pytest.raises(StrokeprepError) as caught:
        load(**wrong)
    assert where.replace("\\", "") in caught.value.where
    assert caught.value.remedy


# Anything YAML can hold, at keys that are known and at others.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
KEYS = st.sampled_from(sorted(faults.key_paths(config.schema())))


@settings(max_examples=150, deadline=None)
@given(path=KEYS, value=VALUES)
def test_no_value_ever_raises_anything_but_a_clear_error(path, value):
    given = copy.deepcopy(MINIMAL)
    *sections, key = path.split(".")
    inner = given
    for name in sections:
        inner = inner.setdefault(name, {})
    inner[key] = value
    try:
        complete = complete_of(given)
    except StrokeprepError as error:
        assert error.what and error.where and error.remedy
        return
    assert complete_of(complete) == complete


# --- schema, README and the files users start from


def test_every_key_is_described_and_has_a_default_unless_it_is_needed():
    for rows in leaves(config.schema()).values():
        for path, rule in rows:
            assert rule["description"].endswith("."), path
            assert ("default" in rule) != (path == "study.layout"), path


def test_a_limit_may_hold_for_one_size_of_the_study():
    limits = {"maps": {"slope": {"clinical": 0.03}, "r": 0.99}}
    assert config.limits_at(limits, "clinical") == {"maps": {"slope": 0.03, "r": 0.99}}
    assert config.limits_at(limits, "small") == {"maps": {"r": 0.99}}


def test_the_schema_knows_the_roles_scans_and_layouts_of_the_library():
    schema = config.schema()["properties"]
    keys = schema["study"]["properties"]
    roles = {*kinds.KINDS, *kinds.LABELS, engine.SERIES}
    assert set(keys["patterns"]["propertyNames"]["enum"]) == roles
    assert set(schema["reference"]["items"]["enum"]) <= set(kinds.SCANS)
    assert set(keys["layout"]["enum"]) == {*designs.READERS, "phantom"}


def test_the_schema_knows_the_backends_and_models_of_the_library():
    schema = config.schema()["properties"]
    for section in backends.BACKENDS:
        for modality in ("ct", "mr"):
            named = schema[section]["properties"][modality]["enum"]
            assert tuple(named) == choices(section, modality)
    known = schema["models"]["properties"]["sha256"]["propertyNames"]["enum"]
    assert set(known) == set(backends.MODELS)


@pytest.mark.parametrize("name", STUDIES)
def test_every_config_file_is_sound_and_separates_its_folders(name):
    given = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text(encoding="utf-8"))
    complete = complete_of(given)
    assert complete["study"]["layout"] == ("phantom" if name == "config" else name)
    assert {"output", "work"} <= set(given)
    assert name in complete["output"] or name == "config"


def test_no_two_config_files_write_to_one_folder():
    given = [yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) for name in STUDIES]
    folders = [each[key] for each in given for key in ("output", "work")]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize(("text", "number"), [("2", 2), ("0.5", 0.5), ("-1", -1)])
def test_numbers_of_the_command_line_come_as_text_and_are_read(text, number):
    rules = {"properties": {"a": {"properties": {"b": {"type": "number"}}}}}
    assert config._typed({"a": {"b": text}}, rules) == {"a": {"b": number}}


def test_text_stays_text_where_text_belongs():
    assert load(study={"subjects": ["01"]})["study"]["subjects"] == ["01"]
    assert load(output="12")["output"] == "12"


# --- Columns of the study ------------------------------------------------------------------


def with_columns(**columns) -> config.Config:
    study = {"layout": "bids", "root": "raw", "columns": columns}
    return config.checked(config.completed({"study": study}))


def test_a_column_of_the_study_is_read_with_its_levels_as_text():
    column = {"type": "level", "description": "Flow", "levels": {0: "none", 1: "full"}}
    assert with_columns(flow=column).study.columns["flow"].levels == {"0": "none", "1": "full"}


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("x", {"type": "number", "description": "d"}, "needs its range"),
        ("x", {"type": "level", "description": "d"}, "needs its levels"),
        ("x", {"type": "numbr", "description": "d"}, "one of number, integer"),
        ("x", {"type": "flag", "descripton": "d"}, "study.columns.NAME.description"),
        ("Free Text", {"type": "flag", "description": "d"}, "lower-case letters"),
    ],
)
def test_a_column_that_would_let_anything_through_is_refused(name, column, message):
    with pytest.raises(StrokeprepError, match=message):
        with_columns(**{name: column})


# --- Arteries of the study


def with_arteries(arteries) -> config.Config:
    study = {"layout": "bids", "root": "raw", "arteries": arteries}
    return config.checked(config.completed({"study": study}))


def test_arteries_are_numbered_however_yaml_reads_their_numbers():
    expected = {1: "basilar artery", 10: "Acom"}
    assert with_arteries({1: "basilar artery", "10": "Acom"}).study.arteries == expected


@pytest.mark.parametrize(
    ("arteries", "message"),
    [
        ({0: "background"}, "numbers above 0"),
        ({"left": "MCA"}, "numbers above 0"),
        ({1: "a\tb"}, "names of letters, digits, blanks and hyphens"),
        ({1: 5}, "study.arteries"),
    ],
)
def test_arteries_without_a_number_or_a_plain_name_are_refused(arteries, message):
    with pytest.raises(StrokeprepError, match=message):
        with_arteries(arteries)


# --- numbers that are none, and keys that stand twice


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"deface": {"brain_margin_mm": float("nan")}}, "deface.brain_margin_mm"),
        ({"gate": {"grid_mismatch_voxels": float("inf")}}, "gate.grid_mismatch_voxels"),
        ({"template": {"resolution_mm": float("nan")}}, "template.resolution_mm"),
        ({"gate": {"extent_mm": [60, float("nan")]}}, "gate.extent_mm"),
        ({"gate": {"voxel_mm": [20, 0.1]}}, "gate.voxel_mm"),
        ({"gate": {"air_hu": [-800, -1100]}}, "gate.air_hu"),
        (
            {"report": {"limits": {"mirror_ratio": [None, None, 2, 1]}}},
            "report.limits.mirror_ratio",
        ),
    ],
)
def test_a_number_that_is_none_and_reversed_limits_are_refused(sections, key):
    with pytest.raises(StrokeprepError, match=key):
        load(**sections)


@pytest.mark.parametrize(
    "text",
    [
        "study: {defaced: false, layout: bids, defaced: true}",
        "output: a\nwork: b\noutput: c\n",
        "study:\n  columns:\n    age: {type: age}\n    age: {type: number}\n",
    ],
)
def test_a_key_that_stands_twice_is_refused(tmp_path, text):
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(StrokeprepError, match="twice in one section"):
        faults.refuse_repeated(tmp_path / "study.yaml")


@pytest.mark.parametrize("study", STUDIES)
def test_the_configs_that_come_along_have_every_key_once(study):
    faults.refuse_repeated(ROOT / f"config/{study}.yaml")

"""The config: checked against its schema, completed with defaults, every fault in plain words.

The schema (``workflow/schemas/config.schema.yaml``) is the one place that knows keys, defaults
and limits; checks here are those a schema cannot express. It runs when the workflow is parsed.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from strokeprep.errors import StrokeprepError
from strokeprep.io.tables import is_number
from strokeprep.settings.backends import FACES
from strokeprep.study.layouts import engine

BUILT_IN_TEMPLATE = "MNI152NLin2009aSym"
PHANTOM = "phantom"
LIST_OF_KEYS = "config/README.md lists all keys."
NOT_EMPTY = "a list that is not empty"
CALLED = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a section with keys",
    "null": "null",
}


def load(config: Mapping, schema: Path) -> dict[str, Any]:
    """A complete copy of ``config``: every key of the schema is there and every value is sound.

    ``phantom`` alone stays away from studies that are not simulated.
    """
    rules = read_schema(schema)
    given = {"study": {}} | _typed(_without_empty_sections(config, rules), rules)
    _refuse_unknown(given, rules, rules)
    _refuse_invalid(given, rules)
    if given["study"]["layout"] != PHANTOM:
        rules = _without(rules, PHANTOM)
    complete = _completed(given, rules)
    if complete["work"] is None:
        complete["work"] = os.path.normpath(complete["output"]) + "-work"
    if complete["template"]["res"] is None:
        complete["template"]["res"] = f"{complete['template']['resolution_mm']:g}".replace(".", "p")
    _refuse_contradictions(complete)
    return complete


def limits_at(limits: Mapping[str, Mapping], size: str) -> dict[str, dict[str, float]]:
    """The limits of the score that hold for a study of that size."""
    return {
        step: {
            metric: limit[size] if isinstance(limit, Mapping) else limit
            for metric, limit in of_step.items()
            if not isinstance(limit, Mapping) or size in limit
        }
        for step, of_step in limits.items()
    }


@cache
def read_schema(path: Path) -> dict[str, Any]:
    """The schema as nested dicts."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def key_paths(rules: Mapping, above: str = "") -> Iterator[str]:
    """Every key of a schema, ``study.layout`` for the key of a section."""
    for key, rule in rules.get("properties", {}).items():
        yield above + key
        yield from (f"{above}{key}.{name}" for name in _free_names(rule))
        yield from key_paths(rule, f"{above}{key}.")


# --- Completing -----------------------------------------------------------------------------


def _without_empty_sections(config: Mapping, rules: Mapping) -> dict[str, Any]:
    """A copy in plain dicts; a section whose lines are all commented out (null) is empty."""
    sections = rules.get("properties", {})
    return {
        key: _without_empty_sections({} if value is None else value, sections.get(key, {}))
        if isinstance(value, Mapping)
        or (value is None and sections.get(key, {}).get("type") == "object")
        else value
        for key, value in config.items()
    }


def _typed(given: Mapping, rules: Mapping) -> dict[str, Any]:
    """Text where a number or a truth value belongs, as --config 'phantom={seed: 2}' hands it over."""
    sections = rules.get("properties", {})
    return {
        key: _typed(value, sections.get(key, {}))
        if isinstance(value, Mapping)
        else _read_as(value, sections.get(key, {}).get("type"))
        for key, value in given.items()
    }


def _read_as(value: Any, wanted: str | list[str] | None) -> Any:
    if isinstance(value, str) and wanted in ("integer", "number", "boolean"):
        read = yaml.safe_load(value) if re.fullmatch(r"true|false|[-+.\d]+", value) else value
        return read if isinstance(read, bool | int | float) else value
    return value


def _without(rules: Mapping, key: str) -> dict[str, Any]:
    kept = {name: rule for name, rule in rules["properties"].items() if name != key}
    return {**rules, "properties": kept}


def _completed(given: Mapping, rules: Mapping) -> dict[str, Any]:
    """``given`` with the schema's defaults where a key is missing, at any depth."""
    complete = dict(given)
    for key, rule in rules["properties"].items():
        if "properties" in rule:
            complete[key] = _completed(given.get(key, {}), rule)
        elif key not in complete:
            complete[key] = _fresh(rule["default"])
    return complete


def _fresh(default: Any) -> Any:
    """A copy, so that no caller can change the schema."""
    return default.copy() if isinstance(default, list | dict) else default


# --- Refusing -------------------------------------------------------------------------------


def _refuse_unknown(given: Mapping, rules: Mapping, schema: Mapping, above: str = "") -> None:
    known = rules.get("properties", {name: {} for name in _free_names(rules)})
    if not known:
        return
    for key, value in given.items():
        path = f"{above}{key}"
        if key not in known:
            raise StrokeprepError(
                "The config has a key that is not known", path, _meant(path, str(key), schema)
            )
        if isinstance(value, Mapping):
            _refuse_unknown(value, known[key], schema, f"{path}.")


def _free_names(rules: Mapping) -> list[str]:
    """The names a section without fixed keys may use, if the schema limits them."""
    return rules.get("propertyNames", {}).get("enum", [])


def _meant(path: str, key: str, schema: Mapping) -> str:
    """What a mistyped or misplaced key may have been meant to be."""
    paths = list(key_paths(schema))
    by_name = {each.rpartition(".")[2]: each for each in reversed(paths)}
    section = path.rpartition(".")[0]
    siblings = [each for each in paths if each.rpartition(".")[0] == section]
    near = by_name.get(key) or _closest(path, siblings) or by_name.get(_closest(key, by_name))
    return f"Did you mean {near}? {LIST_OF_KEYS}" if near else f"Remove it. {LIST_OF_KEYS}"


def _closest(word: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, known, 1)), "")


def _refuse_invalid(given: Mapping, rules: Mapping) -> None:
    errors = sorted(Draft202012Validator(rules).iter_errors(given), key=lambda each: each.json_path)
    if errors:
        error = errors[0]
        path = ".".join(str(each) for each in error.absolute_path)
        what, remedy = _in_words(error)
        missing = error.validator == "required"
        where = ".".join(filter(None, (path, _missing(error)))) if missing else path
        raise StrokeprepError(what, where or "config", f"{remedy} {LIST_OF_KEYS}")


def _missing(error: ValidationError) -> str:
    return next(key for key in error.validator_value if key not in error.instance)


def _in_words(error: ValidationError) -> tuple[str, str]:
    """What is wrong with a value, and what to write instead."""
    value, limit = error.instance, error.validator_value
    allowed = {
        "type": lambda: _types(limit),
        "enum": lambda: "one of " + ", ".join(map(str, limit)),
        "minimum": lambda: f"a number of at least {limit:g}",
        "maximum": lambda: f"a number of at most {limit:g}",
        "exclusiveMinimum": lambda: f"a number above {limit:g}",
        "pattern": lambda: error.schema.get("title", "text of letters and digits only"),
        "minLength": lambda: "text that is not empty",
        "minItems": lambda: f"a list of {limit} values or more" if limit > 1 else NOT_EMPTY,
        "maxItems": lambda: f"a list of {limit} values at most",
        "uniqueItems": lambda: "a list that names nothing twice",
    }
    if error.validator == "required":
        key = _missing(error)
        choices = error.schema["properties"].get(key, {}).get("enum")
        set_to = f" to one of {', '.join(choices)}" if choices else ""
        return "The config lacks a key it needs", f"Set it{set_to}."
    what = f"The config has a value that cannot be: {_shown(value)}"
    return what, f"Give {allowed[error.validator]()}{_hint(value, error)}."


def _types(wanted: str | list[str]) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    return " or ".join(CALLED[name] for name in names)


def _shown(value: Any) -> str:
    """A value as a config file would have it."""
    return yaml.safe_dump(value, default_flow_style=True, width=1000).split("\n")[0][:80]


def _hint(value: Any, error: ValidationError) -> str:
    """The two traps of YAML: 1e-4 is text, and 0012 is the number 10."""
    if error.validator != "type":
        return ""
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and "string" in str(error.validator_value)
    ):
        return "; put quotes around it"
    if isinstance(value, str) and is_number(value):
        return "; YAML takes 1e-4 for text and 0.0001 or 1.0e-4 for a number"
    return ""


def _refuse_contradictions(config: Mapping) -> None:
    """What single values cannot show: keys that need, or exclude, one another."""
    study, template = config["study"], config["template"]
    if study["layout"] != PHANTOM and study["root"] is None:
        raise StrokeprepError(
            "The config does not say where the study is",
            "study.root",
            "Set it to the folder of the study.",
        )
    if study["layout"] != PHANTOM and PHANTOM in config:
        raise StrokeprepError(
            f"The synthetic study is described, and the layout is {study['layout']}",
            PHANTOM,
            f"Remove the section, or set study.layout to {PHANTOM}.",
        )
    if template["name"] != BUILT_IN_TEMPLATE and template["path"] is None:
        raise StrokeprepError(
            f"There is no built-in template {template['name']}",
            "template.path",
            f"Set it to the template image, or template.name to {BUILT_IN_TEMPLATE}.",
        )
    if template["brain_mask"] is not None and template["path"] is None:
        raise StrokeprepError(
            "The built-in template has its own brain mask",
            "template.brain_mask",
            "Remove it, or set template.path to the image it belongs to.",
        )
    _refuse_faces(config)
    _refuse_mixed_folders(config)
    for role, regex in study["patterns"].items():
        engine.expression(role, regex)


def _refuse_faces(config: Mapping) -> None:
    """A dataset may only be left as it is if someone says that it has no faces."""
    for modality in ("ct", "mr"):
        backend = FACES[config["deface"][modality]]
        if backend.runs is None and not config["study"]["defaced"]:
            raise StrokeprepError(
                "Faces would stay in the output",
                f"deface.{modality}: {backend.name}",
                "Set study.defaced to true if the study has no faces any more, "
                f"or deface.{modality} to template.",
            )


def _refuse_mixed_folders(config: Mapping) -> None:
    """What is released, what is private and what is given must not lie in one another."""
    output = os.path.realpath(config["output"])
    inside = {"work": config["work"]}
    if config["study"]["root"] is not None:
        inside["study.root"] = config["study"]["root"]
    if PHANTOM in config:
        inside["phantom.folder"] = config[PHANTOM]["folder"]
    for key, folder in inside.items():
        if Path(os.path.realpath(folder)).is_relative_to(output):
            raise StrokeprepError(
                f"{key} lies inside the folder of the derivatives dataset",
                f"{key}: {folder}, output: {config['output']}",
                "The dataset is meant to be released whole: set output to a folder of its own.",
            )

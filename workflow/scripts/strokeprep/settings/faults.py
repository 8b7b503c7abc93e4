"""The faults of a config in plain words: keys that are not known, values that cannot be."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from strokeprep.errors import StrokeprepError
from strokeprep.settings.field import Schema

LIST_OF_KEYS = "config/README.md lists all keys."
NOT_EMPTY = "a list that is not empty"
ENDS = (2, 4)  # lists of so many numbers are the ends of a range, or of one range in another
CALLED = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a section with keys",
    "null": "null",
}


def key_paths(rules: Schema, above: str = "") -> Iterator[str]:
    """Every key of a schema, ``study.layout`` for the key of a section."""
    for key, rule in rules.get("properties", {}).items():
        yield above + key
        yield from (f"{above}{key}.{name}" for name in _free_names(rule))
        yield from key_paths(rule, f"{above}{key}.")
        yield from key_paths(of_each(rule), f"{above}{key}.NAME.")


def refuse_unknown(given: Mapping[str, Any], rules: Schema) -> None:
    """Raise for a key that the schema does not know, and name the nearest one that it does."""
    for path in _unknown(given, rules):
        raise StrokeprepError("The config has a key that is not known", path, _meant(path, rules))


def _unknown(given: Mapping[str, Any], rules: Schema, above: str = "") -> Iterator[str]:
    known = rules.get("properties", {name: {} for name in _free_names(rules)})
    if each := of_each(rules):
        known = dict.fromkeys(given, each)
    for key, value in given.items() if known else ():
        if key not in known:
            yield f"{above}{key}"
        elif isinstance(value, Mapping):
            yield from _unknown(value, known[key], f"{above}{key}.")


def of_each(rules: Schema) -> Schema:
    """The schema of the sections that a section holds under names of the user's."""
    each = rules.get("additionalProperties")
    return each if isinstance(each, dict) and "properties" in each else {}


def _free_names(rules: Schema) -> list[str]:
    """The names a section without fixed keys may use, if the schema limits them."""
    return rules.get("propertyNames", {}).get("enum", [])


def _meant(path: str, rules: Schema) -> str:
    """What a mistyped or misplaced key may have been meant to be."""
    paths = list(key_paths(rules))
    by_name = {each.rpartition(".")[2]: each for each in reversed(paths)}
    section, _, key = path.rpartition(".")
    siblings = [each for each in paths if each.rpartition(".")[0] == section]
    near = by_name.get(key) or _closest(path, siblings) or by_name.get(_closest(key, by_name))
    return f"Did you mean {near}? {LIST_OF_KEYS}" if near else f"Remove it. {LIST_OF_KEYS}"


def _closest(word: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, known, 1)), "")


# --- Values ---------------------------------------------------------------------


def refuse_invalid(given: Mapping[str, Any], rules: Schema) -> None:
    """Raise for the first value that the schema does not allow."""
    errors = sorted(Draft202012Validator(rules).iter_errors(given), key=lambda each: each.json_path)
    if errors:
        error = errors[0]
        path = ".".join(str(each) for each in error.absolute_path)
        what, remedy = _in_words(error)
        missing = error.validator == "required"
        where = ".".join(filter(None, (path, _missing(error)))) if missing else path
        raise StrokeprepError(what, where or "config", f"{remedy} {LIST_OF_KEYS}")


def refuse_senseless(given: Mapping[str, Any], rules: Schema, above: str = "") -> None:
    """Raise for a number that is none, or limits in the wrong order: no comparison would hold them."""
    sections, each = rules.get("properties", {}), of_each(rules)
    for key, value in given.items():
        where, rule = f"{above}{key}", sections.get(key, each)
        if isinstance(value, Mapping):
            refuse_senseless(value, rule, f"{where}.")
            continue
        values = value if isinstance(value, list) else [value]
        numbers = [number for number in values if isinstance(number, int | float)]
        what, remedy = f"The config has a value that cannot be: {_shown(value)}", LIST_OF_KEYS
        if not all(map(math.isfinite, numbers)):
            raise StrokeprepError(what, where, f"Give a number that is finite. {remedy}")
        if rule.get("minItems") in ENDS and numbers != sorted(numbers):
            raise StrokeprepError(what, where, f"Give the smaller end first. {remedy}")


def refuse_repeated(path: str | Path) -> None:
    """Raise for a key that stands twice in a section of a file: YAML would take the last, in silence."""
    try:
        document = yaml.compose(Path(path).read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return  # whoever reads its content says what is wrong
    nodes, seen = [document] if document else [], set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue  # an alias
        seen.add(id(node))
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        keys = [key.value for key, _ in pairs if isinstance(key, yaml.ScalarNode)]
        repeated = next((key for key in keys if keys.count(key) > 1), None)
        if repeated is not None:
            raise StrokeprepError(
                f"The config has the key {repeated} twice in one section", path, "Remove one."
            )
        nodes += [inner for _, inner in pairs] or (node.value if not pairs else [])


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
    if isinstance(value, str) and _is_number(value):
        return "; YAML takes 1e-4 for text and 0.0001 or 1.0e-4 for a number"
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

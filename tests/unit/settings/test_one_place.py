"""A setting is defined once: no second default, and no section handed on as a mapping."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml
from strokeprep.settings import config
from strokeprep.settings.field import DECLARED, _default, _section

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "workflow/scripts/strokeprep"
MODULES = sorted(LIBRARY.rglob("*.py"))
ADAPTERS = sorted((ROOT / "workflow/scripts").glob("*.py"))
RULES = sorted((ROOT / "workflow").rglob("*.smk"))
# What a section, or the object made of it, is called where it is handed on.
CALLED = {"config", "limits", "networks", "options", "settings", "template"}
UNTYPED = re.compile(r"(Mapping|dict)(\[str, (Any|float)\])?$|Any$")
# A patient's job hands the whole config to a Snakemake of its own, as the file that it reads.
HANDED_TO_SNAKEMAKE = {("run/patients.py", "run", "config")}


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Every function of a module."""
    tree = ast.parse(path.read_text())
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def parameters(function: ast.FunctionDef) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """The parameters of a function with their defaults."""
    places = [*function.args.posonlyargs, *function.args.args]
    defaults = [None] * (len(places) - len(function.args.defaults)) + function.args.defaults
    yield from zip(places, defaults, strict=True)
    yield from zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)


def declared(section: type) -> Iterator[tuple[str, Any]]:
    """The settings of a section and of those in it, with their defaults."""
    hints = get_type_hints(section)
    for field in fields(section):
        inner = _section(hints[field.name])
        if inner:
            yield from declared(inner)
        elif DECLARED in field.metadata and _default(field) is not MISSING:
            yield field.name, _default(field)


def same(given: ast.expr | None, default: Any) -> bool:
    """Whether a default in code is that of a setting, and not merely empty or a flag."""
    try:
        value = ast.literal_eval(given) if given is not None else None
    except ValueError:
        return False
    return bool(value) and not isinstance(value, bool) and value == default


def test_no_function_repeats_the_default_of_a_setting():
    settings = list(declared(config.Config))
    repeated = [
        f"{path.relative_to(LIBRARY)}:{function.lineno} {function.name}({argument.arg})"
        for path in MODULES
        for function in functions(path)
        for argument, given in parameters(function)
        for name, default in settings
        if argument.arg == name and same(given, default)
    ]
    assert repeated == []


def test_no_function_takes_a_section_as_a_mapping():
    taken = {
        (path.relative_to(LIBRARY).as_posix(), function.name, argument.arg)
        for path in MODULES
        if path.parent.name != "settings"  # where mappings become objects
        for function in functions(path)
        for argument, _ in parameters(function)
        if argument.arg in CALLED
        and argument.annotation is not None
        and UNTYPED.match(ast.unparse(argument.annotation))
    }
    assert taken == HANDED_TO_SNAKEMAKE


@pytest.mark.parametrize("path", [*MODULES, *ADAPTERS], ids=lambda path: path.stem)
def test_no_module_looks_a_setting_up_by_its_name(path):
    names = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
        and ast.unparse(node.value).rpartition(".")[2] in CALLED - {"config", "limits"}
    }
    assert names == set()


def test_rules_read_settings_as_attributes():
    found = [path.name for path in RULES if re.search(r"CONFIG\[|\bconfig\[", path.read_text())]
    assert found == []


@pytest.mark.parametrize("name", ["config", "bids", "isles24", "jhu", "atlas"])
def test_no_example_repeats_a_default(name):
    given = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    assert list(repeats(given, config.schema())) == []


def repeats(given: dict, rules: dict, above: str = "") -> Iterator[str]:
    """The keys of a config whose values are the defaults."""
    for key, value in given.items():
        rule = rules["properties"][key]
        if "properties" in rule:
            yield from repeats(value, rule, f"{above}{key}.")
        elif "default" in rule and rule["default"] == value:
            yield above + key

"""Write a schema for the BIDS validator, or a configuration for pybids, that includes CT.

    strokeprep bids-schema schema.json           for bids-validator-deno --schema
    strokeprep bids-schema --pybids pybids.json  for pybids.BIDSLayout(config=...)

Both are made from the installed package that they extend; ``bids-ct.yaml`` holds the additions. The
extension belongs to this project, not to BIDS.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from strokeprep.errors import StrokeprepError

ADDITIONS = Path(__file__).with_name("bids-ct.yaml")
# The validator contains this schema: change both pins together, and run the tests.
SCHEMA_PACKAGE, SCHEMA_VERSION = "bidsschematools", "1.2.7"
PYBIDS_PACKAGE, PYBIDS_VERSION = "pybids", "0.21.0"
# The validator's report shows it, so that nobody takes the extension for the standard.
VERSION_SUFFIX = "+stroke-ct"


def extended_schema(
    base: Mapping[str, Any] | None = None, additions: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The BIDS schema with CT, SWI, perfusion, transforms and time series."""
    schema = json.loads(json.dumps(_stock_schema() if base is None else base))
    additions = yaml.safe_load(ADDITIONS.read_text()) if additions is None else additions
    _merge(schema, additions["merge"], at="schema")
    _insert_entities(schema["rules"]["entities"], additions["entities_before_space"])
    _replace(schema, **additions["replace"])
    for key in ("bids_version", "schema_version"):
        schema[key] += VERSION_SUFFIX
    return schema


def pybids_config() -> dict[str, Any]:
    """The configuration ``"bids"`` of pybids with ``ct`` and the entities of templates; to be used instead."""
    _require("bids", PYBIDS_PACKAGE, PYBIDS_VERSION)
    config = json.loads((files("bids") / "layout/config/bids.json").read_text())
    datatype = next(entity for entity in config["entities"] if entity["name"] == "datatype")
    extended = datatype["pattern"].replace("|beh|", "|beh|ct|", 1)
    if extended == datatype["pattern"]:
        raise _changed(PYBIDS_PACKAGE, f"datatype pattern {extended}")
    datatype["pattern"] = extended
    config["entities"] += [
        {"name": name, "pattern": rf"[_/\\]+{key}-([a-zA-Z0-9]+)"}
        for name, key in (("template", "tpl"), ("cohort", "cohort"))
    ]
    return config | {"name": "bids-ct"}


def write(content: Mapping[str, Any], path: Path) -> Path:
    """Write ``content`` as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def _stock_schema() -> dict[str, Any]:
    _require("bidsschematools", SCHEMA_PACKAGE, SCHEMA_VERSION)
    return json.loads((files("bidsschematools") / "data/schema.json").read_text())


def _require(module: str, package: str, version: str) -> None:
    remedy = f"Install {package}=={version}."
    try:
        installed = import_module(module).__version__
    except ModuleNotFoundError as error:
        raise StrokeprepError("The package to extend is not installed", package, remedy) from error
    if installed != version:
        raise StrokeprepError(
            "The additions are made for another version", f"{package} {installed}", remedy
        )


def _changed(package: str, what: str) -> StrokeprepError:
    return StrokeprepError(f"{package} is not as expected", what, f"Review {ADDITIONS.name}.")


def _merge(into: dict[str, Any], new: Mapping[str, Any], at: str) -> None:
    """Add the leaves of ``new``; one that exists already is an error, as BIDS may adopt CT."""
    for key, value in new.items():
        if key not in into:
            into[key] = value
        elif isinstance(value, Mapping) and isinstance(into[key], dict) and not _is_term(value):
            _merge(into[key], value, f"{at}.{key}")
        else:
            raise _changed(SCHEMA_PACKAGE, f"{at}.{key} exists already")


def _is_term(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a single definition or rule, not a collection of them."""
    return any(not isinstance(item, Mapping) for item in value.values())


def _insert_entities(order: list[str], entities: list[str]) -> None:
    position = order.index("space")
    order[position:position] = entities


def _replace(schema: dict[str, Any], find: str, put: str, rules: list[str]) -> None:
    for rule in rules:
        node: Any = schema
        for key in rule.split("."):
            node = node[key]
        node["selectors"] = [selector.replace(find, put) for selector in node["selectors"]]
        if not any(put in selector for selector in node["selectors"]):
            raise _changed(SCHEMA_PACKAGE, f"{rule} does not mention {find}")


def main() -> int:
    """Write the schema, or the pybids configuration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="the JSON file to write")
    parser.add_argument("--pybids", action="store_true", help="write the pybids configuration")
    arguments = parser.parse_args()
    print(write(pybids_config() if arguments.pybids else extended_schema(), arguments.out))
    return 0

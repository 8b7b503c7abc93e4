"""Write the config's schema and the tables of its README from the settings.

strokeprep settings            names the files that are not current
strokeprep settings --write    writes them
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from strokeprep.settings import config, faults
from strokeprep.settings.field import Schema

CHECKOUT = Path(__file__).parents[4]
SCHEMA, README = "workflow/schemas/config.schema.yaml", "config/README.md"
COMMAND = "strokeprep settings --write"
HEADER = f"# Made from workflow/scripts/strokeprep/settings by {COMMAND}. Do not edit.\n"
BEGIN = f"<!-- Made from workflow/scripts/strokeprep/settings by {COMMAND}: do not edit. -->"
END = "<!-- End of what is made. -->"
GENERAL = "General"


class _Dumper(yaml.SafeDumper):
    """Lists in one line, and nothing by reference."""

    def ignore_aliases(self, data: object) -> bool:
        return True


_Dumper.add_representer(
    list,
    lambda self, values: self.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True),
)


def main() -> int:
    """Write the files, or name those that are not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the files")
    write = parser.parse_args().write
    changed = {name: text for name, text in files().items() if text != _now(name)}
    for name, text in changed.items():
        if write:
            (CHECKOUT / name).write_text(text, encoding="utf-8")
        print(f"{name} {'written' if write else f'is not current: {COMMAND}'}")
    return 0 if write else min(len(changed), 1)


def files() -> dict[str, str]:
    """What the files that are made from the settings should hold, by path in the checkout."""
    before, _, rest = _now(README).partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        SCHEMA: HEADER
        + yaml.dump(
            config.schema(), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True
        ),
        README: f"{before}{BEGIN}\n\n{tables(config.schema())}\n\n{END}{after}",
    }


def _now(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def tables(schema: Schema) -> str:
    """A heading, a sentence and a table for each section of a schema."""
    sections = dict(_sections(schema))
    return "\n\n".join(_table(name, sections[name]) for name in sorted(sections, key=_order))


def _sections(schema: Schema, above: str = "") -> Iterator[tuple[str, Schema]]:
    yield above, schema
    for key, rule in schema["properties"].items():
        path, each = f"{above}.{key}".lstrip("."), faults.of_each(rule)
        if "properties" in rule:
            yield from _sections(rule, path)
        elif each:
            yield from _sections(each, f"{path}.NAME")


def _order(name: str) -> bool:
    """The study comes first; the keys outside of any section follow it."""
    return name != "study"


def _table(name: str, section: Schema) -> str:
    level = "#" * (2 + name.count("."))
    rows = [
        _row(f"{name}.{key}".lstrip("."), rule)
        for key, rule in section["properties"].items()
        if "properties" not in rule
    ]
    about = [section["description"], ""] if name else []
    head = [f"{level} {name or GENERAL}", "", *about]
    return "\n".join([*head, "| key | default | meaning |", "|---|---|---|", *rows])


def _row(path: str, rule: Schema) -> str:
    default = f"`{json.dumps(rule['default'])}`" if "default" in rule else "needed"
    choices = ", ".join(f"`{name}`" for name in rule.get("enum", ()))
    return f"| `{path}` | {default} | {rule['description']}{f' One of {choices}.' if choices else ''} |"


if __name__ == "__main__":
    sys.exit(main())

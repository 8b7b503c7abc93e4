"""The config of a new study: the shipped file of its design, with its places and comments."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from strokeprep.errors import StrokeprepError
from strokeprep.guide.recognition import EXAMPLES
from strokeprep.settings import config as settings

# Keys that people change most often. They stand in the file as comments, with their defaults.
OFTEN_CHANGED = (
    ("study", "subjects"),
    ("study", "pseudonyms"),
    ("template", "resolution_mm"),
    ("models", "folder"),
    ("models", "device"),
    ("report", "faces"),
    ("release", "smallest_group"),
)
WIDTH = 100


def text(design: str, root: Path, name: str, links: Sequence[str], *, networks: bool) -> str:
    """A config for a study of a design that lies in ``root``; checked, so that a run takes it."""
    written = (EXAMPLES / f"{design}.yaml").read_text(encoding="utf-8")
    places = {"  root": str(root), "output": f"derivatives/{name}", "work": f"work/{name}"}
    for key, place in places.items():
        written = _set(written, key, quoted(place))
    if links:
        about = "# Links of the study lead to these folders. Remove those that should not be read."
        listed = ", ".join(map(quoted, links))
        written = written.replace("\n  name: ", f"\n  {about}\n  links: [{listed}]\n  name: ", 1)
        if "  links:" not in written:
            written = re.sub(r"(?m)^(  root: .*)$", rf"\1\n  {about}\n  links: [{listed}]", written)
    if not networks:
        written = _without_networks(written)
    return f"{written.rstrip()}\n\n{_often_changed()}"


def write(written: str, path: Path) -> None:
    """Write a config where there is none."""
    settings.load(yaml.safe_load(written))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(written)
    except FileExistsError:
        raise StrokeprepError(
            "A file of this name is there already, and stays as it is",
            path,
            "Give another name with --config, or use that file.",
        ) from None
    except OSError as error:
        remedy = "Give a file in a folder of your own with --config."
        raise StrokeprepError(
            f"The config cannot be written ({error.strerror})", path, remedy
        ) from error


def quoted(value: str) -> str:
    """A text as YAML has it in double quotes."""
    return json.dumps(value, ensure_ascii=False)


def _set(written: str, key: str, value: str) -> str:
    """The value of a key that the file has, exchanged; what follows it on its line stays."""
    changed, count = re.subn(rf"(?m)^{key}: \S+", lambda _: f"{key}: {value}", written, count=1)
    if not count:
        raise ValueError(f"the shipped config has no {key.strip()}")
    return changed


def _without_networks(written: str) -> str:
    """The template finds brains and, where any are looked for, faces."""
    written = re.sub(r"(?m)^brain: .*$", "brain: {ct: template, mr: template}", written)
    return re.sub(r"(?m)^deface: \{ct: totalsegmentator.*$", "deface: {ct: template}", written)


def _often_changed() -> str:
    rules = settings.schema()["properties"]
    lines = ["# What is often changed, with the defaults; config/README.md has every key."]
    for section, key in OFTEN_CHANGED:
        rule = rules[section]["properties"][key]
        says = rule["description"].partition(". ")[0].partition("; ")[0].rstrip(".")
        lines.append(f"#   {section}.{key}: {json.dumps(rule['default'])}"[:WIDTH])
        lines.append(f"#       {says}.")
    return "\n".join(lines) + "\n"

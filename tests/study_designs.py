"""The shipped configs of the study designs, pointed at trees of empty files, and their studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from strokeprep.settings import config
from strokeprep.study import table
from strokeprep.study.layouts import designs
from strokeprep.study.naming import Space
from strokeprep.study.scans import Study
from workflow_tools import REPOSITORY

TEMPLATE = Space("MNI152NLin2009aSym", "2")
DESIGNS = (
    "bids",
    "bids_protocol",
    "isles22",
    "isles24",
    "isles24_as_described",
    "jhu",
    "atlas",
    "atlas_native",
)


def design(name: str, root: Path) -> dict[str, Any]:
    """The config of a design whose study lies in a folder."""
    example = name.split("_")[0]
    given = yaml.safe_load((REPOSITORY / "config" / f"{example}.yaml").read_text())
    given["study"]["root"] = str(root)
    return given


def built(name: str, root: Path, *, defaced: bool) -> Study:
    """The study of a design, faces found by the template."""
    given = design(name, root)
    given["study"]["defaced"] = defaced
    given["deface"] = {"ct": "template", "mr": "template"}
    read = config.load(given)
    return table.build(designs.read(read), read.reference)

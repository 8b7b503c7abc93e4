"""The raw files as they were when their subject was admitted, so that they are known again.

Read in Snakemake's own process, so it imports the standard library alone. Snakemake itself compares
times of change, which a copy may keep.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strokeprep.io.whole import State, write_json


def record(paths: Iterable[str], target: Path) -> None:
    """Write down the state of a subject's raw files."""
    _write({path: State.of(Path(path)) for path in paths}, target)


def replaced(target: Path, paths: Iterable[str]) -> list[str]:
    """The raw files that are others than those in the record; a file that is not there is not told.

    The record takes up new times of the same content, so that a copied study is read again only once.
    """
    if not target.exists():
        return []
    known = {path: State(**state) for path, state in json.loads(target.read_text()).items()}
    there = [path for path in paths if path in known and Path(path).is_file()]
    now = known | {path: known[path].renewed(Path(path)) for path in there}
    found = [path for path in there if now[path].sha256 != known[path].sha256]
    if now != known and not found:
        _write(now, target)
    return found


def _write(states: Mapping[str, State], target: Path) -> None:
    write_json({path: asdict(state) for path, state in states.items()}, target)


def reports(folder: Path) -> dict[str, dict[str, Any]]:
    """The gate's reports of the subjects that it admitted."""
    paths = sorted(folder.glob("sub-*.json"))
    return {path.stem.removeprefix("sub-"): json.loads(path.read_text()) for path in paths}


def digests(report: Mapping[str, Any], names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The shape of each of these images by the digest of its voxels."""
    wanted = set(names)
    files = [file for file in report["files"] if file["path"] in wanted]
    return {file["digest"]: tuple(file["shape"]) for file in files}


def same_voxels(reports: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Groups of images with equal voxels, of one subject or of several."""
    seen: dict[str, list[str]] = {}
    for report in reports.values():
        for file in report["files"]:
            if "quantiles" in file:  # images only: all empty labels are equal
                seen.setdefault(file["digest"], []).append(file["path"])
    return [tuple(paths) for paths in seen.values() if len(paths) > 1]


def twins(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """By subject, its images that another subject has as well, each with the other's."""
    owners = {file["path"]: name for name, each in reports.items() for file in each["files"]}
    found: dict[str, list[tuple[str, str]]] = {}
    for group in same_voxels(reports):
        for path in group:
            others = [other for other in group if owners[other] != owners[path]]
            if others:
                found.setdefault(owners[path], []).append((path, others[0]))
    return found

"""The gate: check the raw files of a subject before anything is computed from them.

All faults of all files are reported at once. The gate never modifies a file: either its header is
used as it is, or the subject is excluded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from strokeprep.errors import StrokeprepError, combined
from strokeprep.gate import (
    diffusion_checks,
    given,
    header_checks,
    name_checks,
    sidecar_checks,
    voxel_checks,
)
from strokeprep.gate.checks import CHECKS, Finding
from strokeprep.gate.name_checks import Pseudonyms
from strokeprep.io import images, json_files, tables
from strokeprep.kinds import Kind, LabelKind
from strokeprep.settings.gate import GateSettings


@dataclass(frozen=True)
class RawImage:
    """A raw image, what it should be, and the image whose grid it must have."""

    path: str
    kind: Kind
    sidecar: str | None
    grid: str
    held: np.ndarray | None = None  # its voxels, where they are in memory and need no reading


@dataclass(frozen=True)
class RawLabel:
    """A raw mask or segmentation, and the image whose grid it must have, if that is known."""

    path: str
    kind: LabelKind
    grid: str | None


@dataclass(frozen=True)
class Report:
    """Facts and findings about the files of one subject."""

    files: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The findings that exclude the subject; empty if it is admitted."""
        return tuple(finding for finding in self.findings if finding.refused)

    def as_json(self) -> dict[str, Any]:
        """The report as a mapping, for a JSON file."""
        return {
            "admitted": not self.refused,
            "findings": [
                asdict(finding) | {"because": CHECKS[finding.check].why}
                for finding in self.findings
            ],
            "files": list(self.files),
        }

    def lines(self) -> list[str]:
        """The report as text, one line per finding."""
        return [f"{finding.verdict}: {finding.error()}" for finding in self.findings]

    def published(self, names: Mapping[str, str]) -> Report:
        """The report with paths replaced by BIDS names.

        The report of an excluded subject has to give the paths. That of an admitted subject is
        kept, and must not, as a path may hold the name of the patient.
        """

        bare = {Path(path).name: name.rpartition("/")[2] for path, name in names.items()}
        known = bare | dict(names)
        # One pattern, longest first: a path may be part of another, or of a name that replaces one.
        pattern = re.compile("|".join(map(re.escape, sorted(known, key=len, reverse=True))))

        def renamed(text: str) -> str:
            return pattern.sub(lambda match: known[match.group()], text) if known else text

        return Report(
            tuple(file | {"path": renamed(file["path"])} for file in self.files),
            tuple(
                replace(finding, what=renamed(finding.what), where=renamed(finding.where))
                for finding in self.findings
            ),
        )

    def enforce(self) -> None:
        """Raise one error that lists every refusal."""
        if self.refused:
            raise combined([finding.error() for finding in self.refused])


def inspect_files(
    files: Mapping[str, Any], settings: GateSettings, pseudonyms: str | None = None
) -> Report:
    """:func:`inspect` for files as :func:`strokeprep.study.raw_files.of_subject` lists them."""
    return inspect(
        [RawImage(**scan) for scan in files["scans"]],
        [RawLabel(**label) for label in files["labels"]],
        settings,
        files["entities"],
        Pseudonyms.of(tables.read(pseudonyms)) if pseudonyms else None,
    )


def inspect(
    scans: Sequence[RawImage],
    labels: Sequence[RawLabel],
    settings: GateSettings | None = None,
    entities: Iterable[str] = (),
    pseudonyms: Pseudonyms | None = None,
) -> Report:
    """Check all files of one subject, and the ``entities`` of their names, as ``ses-01``."""
    settings = settings or GateSettings()
    files: list[dict[str, Any]] = []
    findings: list[Finding] = []
    sidecars: dict[str, Mapping[str, Any]] = {}
    for scan in scans:
        facts, faults, sidecar = _image(scan, settings)
        files.append({"path": scan.path, "kind": scan.kind.name} | facts)
        findings += faults
        if scan.sidecar is not None and sidecar is not None:
            sidecars[scan.sidecar] = sidecar
    for label in labels:
        facts, faults = _label(label, settings)
        files.append({"path": label.path, "kind": label.kind.name} | facts)
        findings += faults
    refused = {finding.where for finding in findings if finding.refused}
    findings += diffusion_checks.of_pairs(_pairs([s for s in scans if s.path not in refused]))
    findings += _duplicates(files)
    findings += sidecar_checks.two_patients(sidecars)
    headers = {file["path"]: _header_texts(Path(file["path"])) for file in files}
    where = files[0]["path"] if files else ""
    findings += name_checks.of_labels(entities, sidecars, headers, where, pseudonyms)
    return Report(tuple(files), tuple(fault.judged(settings.tolerate) for fault in findings))


def _image(
    scan: RawImage, settings: GateSettings
) -> tuple[dict[str, Any], list[Finding], Mapping[str, Any] | None]:
    """Facts, findings and the sidecar of one image."""
    path, findings = Path(scan.path), []
    sidecar, faults = _sidecar(scan.sidecar)
    findings += faults
    try:
        nifti = images.open_nifti(path)
    except StrokeprepError as error:
        return {}, [*findings, _unreadable(error)], sidecar
    findings += header_checks.of_header(nifti, path, scan.kind.ndim, settings)
    if any(finding.refused for finding in findings):
        return {}, findings, sidecar
    findings += sidecar_checks.of_image(nifti, scan.kind, sidecar or {}, path, settings)
    findings += _on_grid(scan.path, scan.grid, settings)
    facts = header_checks.facts(nifti)
    try:
        content = voxel_checks.measure(nifti, path, scan.held)
    except StrokeprepError as error:
        return facts, [*findings, Finding.of("damaged", error.what, path, error.remedy)], sidecar
    findings += voxel_checks.of_image(content, scan.kind, path, settings)
    return facts | (content.facts() if content.finite else {}), findings, sidecar


def _label(label: RawLabel, settings: GateSettings) -> tuple[dict[str, Any], list[Finding]]:
    """Facts and findings of one label."""
    path = Path(label.path)
    try:
        nifti = images.open_nifti(path)
    except StrokeprepError as error:
        return {}, [_unreadable(error)]
    findings = list(header_checks.of_header(nifti, path, 3, settings))
    if any(finding.refused for finding in findings):
        return {}, findings
    findings += _on_grid(label.path, label.grid, settings)
    facts = header_checks.facts(nifti)
    try:
        marked = voxel_checks.count(nifti, path)
    except StrokeprepError as error:
        return facts, [*findings, Finding.of("damaged", error.what, path, error.remedy)]
    findings += voxel_checks.of_label(marked, label.kind, path, settings)
    return facts | marked.facts(), findings


def _header_texts(path: Path) -> list[str]:
    """The texts in a header; none of a file that cannot be read, which is told elsewhere."""
    try:
        return [text for _, text in images.header_texts(images.open_nifti(path))]
    except StrokeprepError:
        return []


def _sidecar(path: str | None) -> tuple[Mapping[str, Any] | None, list[Finding]]:
    """The content of a sidecar, and what is wrong with its file."""
    try:
        return (json_files.read(path) if path else None), []
    except StrokeprepError as error:
        return None, [Finding.of("sidecar", error.what, path, error.remedy)]


def _unreadable(error: StrokeprepError) -> Finding:
    missing = not os.path.exists(error.where)
    return Finding.of("missing" if missing else "unreadable", error.what, error.where, error.remedy)


def _on_grid(path: str, grid: str | None, settings: GateSettings) -> Iterator[Finding]:
    """Findings about two grids. An unreadable grid is reported with its own image."""
    if grid is None or grid == path:
        return
    try:
        yield from header_checks.same_grid(Path(path), Path(grid), settings)
    except StrokeprepError:
        return


def _pairs(scans: Sequence[RawImage]) -> list[tuple[str, str]]:
    """Each b0 with the DWI of its scan."""
    of: dict[str, dict[str, str]] = {name: {} for name in ("b0", "trace")}
    for scan in scans:
        of.get(scan.kind.name, {})[scan.grid] = scan.path
    return [(path, of["trace"][grid]) for grid, path in of["b0"].items() if grid in of["trace"]]


def _duplicates(files: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Images of the subject with equal voxels."""
    for first, *others in given.same_voxels({"": {"files": files}}):
        for other in others:
            yield Finding.of(
                "duplicate",
                f"The image has the same voxels as {first}",
                other,
                "Find out which name is right, and put the missing scan in place of the other.",
            )

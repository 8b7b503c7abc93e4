"""The time and disk that a run will take, from the voxels of its scans and what is made of them.

Each step costs so many seconds of processor time, and so many more per million voxels. Each sort of
file takes so many bytes per voxel. ``costs.yaml`` holds these numbers as ``benchmarks/estimate.py``
measured them on finished studies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from strokeprep import kinds
from strokeprep.guide.cost.sizes import Size
from strokeprep.segmentation.weights import needed
from strokeprep.settings.config import Config
from strokeprep.study import moves, naming, outputs
from strokeprep.study.moves import Move
from strokeprep.study.naming import Space
from strokeprep.study.scans import Scan, Study, Subject

COSTS = Path(__file__).with_name("costs.yaml")
TEMPLATE_ML = 8675  # the volume of the built-in template's grid
MILLION = 1e6


class Step(NamedTuple):
    """A part of the work on one patient: what it is, and the million voxels it is done on."""

    name: str
    mvox: float


class File(NamedTuple):
    """An image that will be written: its sort, and its voxels."""

    sort: str
    voxels: float


@dataclass(frozen=True)
class Estimate:
    """What a run will take."""

    cpu_s: float
    wall_s: float
    bytes: float
    unmeasured: tuple[str, ...] = ()  # networks that nobody measured, which come on top


@cache
def costs() -> Mapping[str, Any]:
    """The measured numbers."""
    return yaml.safe_load(COSTS.read_text(encoding="utf-8"))


def estimate(study: Study, config: Config, sizes: Mapping[str, Size], cores: int) -> Estimate:
    """What a run over a study will take on so many cores."""
    seconds, per_voxel, by_patient = costs()["seconds"], costs()["bytes"], []
    disk, unmeasured = 0.0, set()
    for subject in study.subjects:
        spent = 0.0
        for step in steps(subject, config, sizes):
            if step.name in seconds:
                fixed, slope = seconds[step.name]
                spent += fixed + slope * step.mvox
            else:
                unmeasured.add(step.name.partition("-")[2])
        by_patient.append(spent)
        for file in files(subject, template_of(config), sizes).values():
            disk += per_voxel[file.sort] * file.voxels
        disk += costs()["bytes_of_patient"]
    total = sum(by_patient)
    chain = costs()["longest_chain"] * max(by_patient, default=0)  # one patient's steps in a row
    clock = costs()["clock_per_cpu"] * max(total / cores, chain) + costs()["start_s"]
    return Estimate(total, clock, disk, tuple(sorted(unmeasured)))


def template_of(config: Config) -> Space:
    """The template's space as names have it."""
    return Space(config.template.name, config.template.res)


# --- Time -----------------------------------------------------------------------------------


def steps(subject: Subject, config: Config, sizes: Mapping[str, Size]) -> Iterator[Step]:
    """Everything that is done for one patient, in the words of ``costs.yaml``."""
    scans = [scan for scan in subject.scans if _role(scan) in sizes]
    everything = sum(sizes[_role(scan)].all_voxels * len(scan.images) for scan in scans)
    yield Step("patient", everything / MILLION)
    for scan in scans:
        size = sizes[_role(scan)]
        for done in ("scan", "judged"):
            yield Step(done, size.all_voxels * len(scan.images) / MILLION)
        yield from [Step("intensity", size.voxels / MILLION)] * len(scan.derived)
        for section, wanted in (("brain", scan.has_brain), ("deface", not scan.defaced)):
            backend = needed.backend(section, scan.modality, config)
            if wanted and backend.runs:
                yield Step(f"{section}-{backend.name}", size.voxels / MILLION)
        if scan.has_perfusion and subject.reference and subject.name not in config.perfusion.skip:
            yield Step("perfusion", size.all_voxels / MILLION)
    for label in subject.labels if config.lesions.tables else ():
        if label.kind.name == "lesion" and _role(label.scan) in sizes:
            yield Step("lesions", sizes[_role(label.scan)].voxels / MILLION)
    for move in moves.of_subject(subject, template_of(config)).values():
        if not _stays(move) and not _is_perfusion(move):
            yield Step("moved", _grid_voxels(move, subject, template_of(config), sizes) / MILLION)


def _role(scan: Scan) -> str:
    return scan.pilot.kind.name


def _is_perfusion(move: Move) -> bool:
    """Whether a move belongs to the work on a perfusion series."""
    names = {*kinds.MAPS, *kinds.AT_RISK}
    return move.kind.name in names or (move.scan.has_perfusion and _is_series(move))


def _is_series(move: Move) -> bool:
    return move.scan.is_4d and move.source == naming.defaced(move.scan, move.scan.pilot.kind.suffix)


# --- Disk -----------------------------------------------------------------------------------


def files(subject: Subject, template: Space, sizes: Mapping[str, Size]) -> dict[str, File]:
    """The images that are written for one patient, by their names in the derivatives."""
    names = outputs.outputs(subject, template) + outputs.perfusion_outputs(subject, template)
    planned = moves.of_subject(subject, template)
    made = {}
    for name in filter(_is_image, names):
        move = planned.get(name)
        scan = move.scan if move else _scan_of(name, subject)
        if _role(scan) in sizes:
            elsewhere = move and not _stays(move)
            made[name] = (
                _moved(name, move, subject, template, sizes)
                if move and elsewhere
                else _native(name, scan, sizes[_role(scan)])
            )
    return made


def _is_image(name: str) -> bool:
    return name.endswith(".nii.gz")


def _scan_of(name: str, subject: Subject) -> Scan:
    """The scan that a file on its own grid belongs to."""
    folder, _, file = name.rpartition("/")
    suffix = file.rpartition("_")[2].partition(".")[0]

    def fit(scan: Scan) -> tuple[bool, ...]:
        begins = any(file.startswith(f"{stem}_") for stem in (scan.stem, scan.mask_stem))
        held = folder.rpartition("/")[2] in (scan.datatype, scan.mask_datatype, kinds.PERFUSION)
        named = any(image.kind.suffix == suffix for image in scan.images)
        return folder.startswith(scan.folder), begins, held, named, bool(scan.entities)

    return max(subject.scans, key=fit)


def _native(name: str, scan: Scan, size: Size) -> File:
    """A file on a scan's own grid."""
    if _is_mask(name):
        return File("mask", size.voxels)
    if "_desc-defaced_" in name:
        return File("whole", size.all_voxels)
    if "_desc-preproc_" in name and scan.is_4d:
        return File("series", size.voxels * _seconds(size))
    sort = next((each for each in ("mean", "brain") if f"_desc-{each}_" in name), "map")
    return File(sort, size.voxels)


def _moved(
    name: str, move: Move, subject: Subject, template: Space, sizes: Mapping[str, Size]
) -> File:
    """A file on the grid of the reference or of the template."""
    voxels = _grid_voxels(move, subject, template, sizes)
    if _is_mask(name):
        return File("mask", voxels)
    if move.kind.name in kinds.MAPS:
        return File("moved_map", voxels)
    if _is_series(move):
        size, grid = sizes[_role(move.scan)], sizes[_role(subject.base)]
        inside = min(1.0, size.volume_ml / grid.volume_ml)  # what lies outside of a slab is empty
        return File("moved_series", voxels * inside * _seconds(size))
    return File("moved_brain" if move.brain else "moved_whole", voxels)


def _is_mask(name: str) -> bool:
    return name.removesuffix(".nii.gz").endswith(("_mask", "_dseg"))


def _stays(move: Move) -> bool:
    """Whether a label is copied on the grid it was drawn on."""
    return move.drawn is not None and not move.grid and not move.transforms


def _grid_voxels(move: Move, subject: Subject, template: Space, sizes: Mapping[str, Size]) -> float:
    """The voxels of the grid that something is moved to."""
    if not move.grid:
        return 1000 * TEMPLATE_ML / float((template.res or "1").replace("p", ".")) ** 3
    role = _role(subject.base)
    return sizes[role].voxels if role in sizes else 0


def _seconds(size: Size) -> float:
    """How long a series lasts; it is written at one frame per second."""
    return size.seconds or size.frames

"""The config: checked against its schema, completed with defaults, every fault in plain words.

The sections say which values there may be, :mod:`strokeprep.settings.faults` what is wrong with
others; checks here are those a schema cannot express. It runs when the workflow is parsed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from strokeprep.errors import StrokeprepError
from strokeprep.settings import faults, field
from strokeprep.settings.backends import (
    FACES,
    BrainSettings,
    DefaceSettings,
    NetworkSettings,
    ProposalSettings,
)
from strokeprep.settings.field import Schema, setting, typed
from strokeprep.settings.finished.cohort import CohortSettings
from strokeprep.settings.finished.lesions import LesionSettings
from strokeprep.settings.finished.release import ReleaseSettings
from strokeprep.settings.finished.report import ReportSettings
from strokeprep.settings.gate import GateSettings
from strokeprep.settings.limits import AuditSettings, Limit
from strokeprep.settings.perfusion import METHOD, CtpSettings, PerfusionSettings
from strokeprep.settings.registration import HeadSettings, MotionSettings, RegistrationSettings
from strokeprep.settings.study import (
    BUILT_IN_TEMPLATE,
    LARGEST_SEED,
    LEVELS,
    NUMBERS,
    SEED,
    IntakeSettings,
    IntensitySettings,
    PhantomSettings,
    Scan,
    StudySettings,
    TemplateSettings,
    path_pattern,
)

PHANTOM = "phantom"
REVIEW = "review"  # folder of the work folder
DATASETS = {"output": "the derivatives dataset", "release.folder": "the release"}
# The limit of a figure of the score, or its limits by size of the study; by step and figure.
AccuracyLimits = Mapping[str, Mapping[str, float | Mapping[str, float]]]


@dataclass(frozen=True)
class ThreadSettings:
    """CPU threads of heavy jobs."""

    registration: int = setting(
        1,
        "Threads of one registration. Two jobs of one thread are faster than one of two.",
        at_least=1,
    )
    segmentation: int = setting(
        1,
        "Threads of one network on a CPU. More hold fewer heads in memory at once; the number may "
        "change single voxels at a border.",
        at_least=1,
    )


@dataclass(frozen=True)
class Config:
    """Everything a run can be told."""

    study: StudySettings
    output: str = setting(
        "derivatives/strokeprep",
        "Folder of the derivatives dataset; fit to be released as it is. It must not hold the "
        "study.",
    )
    work: str | None = setting(
        None,
        "Folder for logs, reports on raw files and timings, which may tell more about patients "
        "than the dataset does and so must lie outside of it; null stands for output with "
        '"-work" added.',
    )
    reference: tuple[Scan, ...] = setting(
        ("ncct", "cta", "dwi", "t1w", "flair", "t2w", "t1wce"),
        "Scans the others are registered to, best first; each subject takes the first it has, and of "
        "several of a kind one whose acq- speaks of thin slices (mprage, 3d). "
        "Also the spaces in which labels or images of the study may already lie (space-ncct).",
        fewest=1,
        unique=True,
    )
    template: TemplateSettings = TemplateSettings()
    gate: GateSettings = GateSettings()
    deface: DefaceSettings = DefaceSettings()
    brain: BrainSettings = BrainSettings()
    models: NetworkSettings = NetworkSettings()
    proposal: ProposalSettings = ProposalSettings()
    registration: RegistrationSettings = RegistrationSettings()
    head: HeadSettings = HeadSettings()
    intensity: IntensitySettings = IntensitySettings()
    ctp: CtpSettings = CtpSettings()
    motion: MotionSettings = MotionSettings()
    perfusion: PerfusionSettings = PerfusionSettings()
    lesions: LesionSettings = LesionSettings()
    audit: AuditSettings = AuditSettings()
    report: ReportSettings = ReportSettings()
    release: ReleaseSettings = ReleaseSettings()
    cohort: CohortSettings = CohortSettings()
    threads: ThreadSettings = ThreadSettings()
    seed: int = setting(
        SEED,
        "Seed of everything random; the same seed gives the same result.",
        at_least=0,
        at_most=LARGEST_SEED,
    )
    intake: IntakeSettings = IntakeSettings()
    phantom: PhantomSettings | None = None
    accuracy: AccuracyLimits = setting(
        {},
        "Limits for the score of the synthetic study, as step, metric and number in the units of "
        "the score table, or numbers by size of the study; what is not listed is reported without "
        "a verdict.",
    )

    @property
    def limits(self) -> dict[str, Limit]:
        """The limits by which audit and report judge."""
        return {**self.report.limits, **self.audit.limits()}


@cache
def schema() -> Schema:
    """The JSON schema of a config."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "strokeprep configuration",
        **field.schema(Config),
        "description": (
            "Everything a run can be told. Each key has a default but study.layout and, for real "
            "studies, study.root. Keys that are not listed here are refused."
        ),
    }


def load(config: Mapping[str, Any]) -> Config:
    """A config as its typed sections, or one error in plain words."""
    return checked(completed(config))


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A complete copy of ``config``: every key is there and every value is sound.

    ``phantom`` alone stays away from studies that are not simulated.
    """
    rules = schema()
    given = {"study": {}} | _typed(_without_empty_sections(config, rules), rules)
    faults.refuse_unknown(given, rules)
    faults.refuse_invalid(given, rules)
    faults.refuse_senseless(given, rules)
    if given["study"]["layout"] != PHANTOM:
        rules = _without(rules, PHANTOM)
    complete = _completed(given, rules)
    if complete["work"] is None:
        complete["work"] = os.path.normpath(complete["output"]) + "-work"
    if complete["release"]["folder"] is None:
        complete["release"]["folder"] = os.path.normpath(complete["output"]) + "-release"
    if complete["release"]["verdicts"] is None:
        complete["release"]["verdicts"] = str(Path(complete["work"], REVIEW))
    if complete["template"]["res"] is None:
        complete["template"]["res"] = f"{complete['template']['resolution_mm']:g}".replace(".", "p")
    return complete


def checked(complete: Mapping[str, Any]) -> Config:
    """A complete config as its typed sections, none of which contradicts another."""
    config = typed(Config, complete)
    _refuse_contradictions(config)
    return config


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
    """Text where a number or a truth value belongs, as --config 'phantom={seed: 2}' hands it over.

    A key is text in the schema; YAML takes one such as 0 for a number.
    """
    sections = rules.get("properties", {})
    return {
        str(key): _typed(value, sections.get(key, {}))
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


# --- Contradictions -----------------------------------------------------------------------


def _refuse_contradictions(config: Config) -> None:
    """What single values cannot show: keys that need, or exclude, one another."""
    study, template = config.study, config.template
    if study.layout != PHANTOM and study.root is None:
        raise StrokeprepError(
            "The config does not say where the study is",
            "study.root",
            "Set it to the folder of the study.",
        )
    if study.layout != PHANTOM and config.phantom:
        raise StrokeprepError(
            f"The synthetic study is described, and the layout is {study.layout}",
            PHANTOM,
            f"Remove the section, or set study.layout to {PHANTOM}.",
        )
    if template.name != BUILT_IN_TEMPLATE and template.path is None:
        raise StrokeprepError(
            f"There is no built-in template {template.name}",
            "template.path",
            f"Set it to the template image, or template.name to {BUILT_IN_TEMPLATE}.",
        )
    if template.brain_mask is not None and template.path is None:
        raise StrokeprepError(
            "The built-in template has its own brain mask",
            "template.brain_mask",
            "Remove it, or set template.path to the image it belongs to.",
        )
    _refuse_usual_only(config)
    _refuse_senseless_territories(config)
    _refuse_unnamed_container(config)
    _refuse_faces(config)
    _refuse_mixed_folders(config)
    _refuse_open_columns(config)
    for role, regex in study.patterns.items():
        path_pattern(role, regex)


def _refuse_usual_only(config: Config) -> None:
    """What simulated patients of MRI alone cannot have."""
    simulated = config.phantom
    if simulated is None or simulated.study == PhantomSettings().study:
        return
    for key, asked in {
        "phantom.source": simulated.source != PhantomSettings().source,
        "phantom.pathologies": bool(simulated.pathologies),
    }.items():
        if asked:
            raise StrokeprepError(
                f"A simulated study like {simulated.study} has no such patients",
                key,
                f"Remove it, or set phantom.study to {PhantomSettings().study}.",
            )


def _refuse_senseless_territories(config: Config) -> None:
    """Inputs of territories are those of the vascular model alone, and their atlas is there and used."""
    perfusion = config.perfusion
    atlas = perfusion.vessels.territories
    if atlas is not None and perfusion.vessels.inputs == "global":
        raise StrokeprepError(
            "One arterial input has no territories",
            f"perfusion.vessels.territories: {atlas}",
            "Remove it, or set perfusion.vessels.inputs to local.",
        )
    if atlas is not None and atlas not in perfusion.atlases:
        raise StrokeprepError(
            "There is no such atlas of perfusion",
            f"perfusion.vessels.territories: {atlas}",
            "Give its files under this name in perfusion.atlases.",
        )
    if perfusion.vessels.inputs == "local" and perfusion.method != METHOD:
        raise StrokeprepError(
            f"Maps of {perfusion.method} are by one arterial input",
            "perfusion.vessels.inputs: local",
            f"Set it to global, or perfusion.method to {METHOD}.",
        )


def _refuse_open_columns(config: Config) -> None:
    """Columns that would let anything through."""
    for name, column in config.study.columns.items():
        lacks = {"range": column.type in NUMBERS and column.range is None}
        lacks["levels"] = column.type in LEVELS and not column.levels
        for key, lacking in lacks.items():
            if lacking:
                raise StrokeprepError(
                    f"A column of type {column.type} needs its {key}",
                    f"study.columns.{name}.{key}",
                    "Give it, so that nothing else passes for a value.",
                )


def _refuse_unnamed_container(config: Config) -> None:
    if config.proposal.backend == "deepisles" and config.proposal.container is None:
        raise StrokeprepError(
            "DeepISLES runs as a container, and the config does not say which",
            "proposal.container",
            "Set it to its image by digest: isleschallenge/deepisles@sha256:…",
        )


def _refuse_faces(config: Config) -> None:
    """A dataset may only be left as it is if someone says that it has no faces."""
    for modality in ("ct", "mr"):
        backend = FACES[getattr(config.deface, modality)]
        if backend.runs is None and not config.study.defaced:
            raise StrokeprepError(
                "Faces would stay in the output",
                f"deface.{modality}: {backend.name}",
                "Set study.defaced to true if the study has no faces any more, "
                f"or deface.{modality} to template.",
            )


def _refuse_mixed_folders(config: Config) -> None:
    """What is released, what is private and what is given must not lie in one another."""
    released = {"output": config.output, "release.folder": str(config.release.folder)}
    others = {"work": config.work, "study.root": config.study.root}
    others["study.corrections"] = config.study.corrections
    others["release.verdicts"] = config.release.verdicts
    if config.phantom:
        others["phantom.folder"] = config.phantom.folder
    for key, folder in released.items():
        for other, inside in (others | {k: v for k, v in released.items() if k != key}).items():
            if inside and Path(os.path.realpath(inside)).is_relative_to(os.path.realpath(folder)):
                raise StrokeprepError(
                    f"{other} lies inside the folder of {DATASETS[key]}",
                    f"{other}: {inside}, {key}: {folder}",
                    f"That is meant to be released whole: set {key} to a folder of its own.",
                )

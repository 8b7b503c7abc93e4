"""Where a study stands: which patients are done, stopped and why, at work, not begun, left out.

strokeprep status study.yaml          counts, what runs now, and what stopped
strokeprep status study.yaml --all    a line for each patient besides

Only what runs have written down in the work folder is read: lists of what was released, and what failed.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from strokeprep.errors import StrokeprepError
from strokeprep.guide.recognition import EXAMPLES
from strokeprep.guide.words import counted, shown
from strokeprep.run import endings, failures, lock
from strokeprep.run.released import LISTS, part
from strokeprep.settings import config as settings
from strokeprep.settings import faults
from strokeprep.settings.config import Config
from strokeprep.settings.docs import CHECKOUT
from strokeprep.study import table
from strokeprep.study.layouts import designs
from strokeprep.study.scans import Study

DONE, STOPPED, RUNNING, BEGUN = "done", "stopped", "running", "begun"
NOT_BEGUN, LEFT_OUT = "not begun", "left out"
STATES = (DONE, STOPPED, RUNNING, BEGUN, NOT_BEGUN, LEFT_OUT)
SUBJECT = re.compile(r"/logs/\w+/sub-([A-Za-z0-9]+)[/._]")
DRY_RUN = (
    "--dry-run --quiet rules"  # a table of jobs; without the rest it is pages for each patient
)
BY_PATIENT = 100  # patients from which on each is planned as one job
MOST_SHOWN = 20  # patients that are named, unless all are asked for

Failures = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Standing:
    """Where one part of a patient stands."""

    subject: str
    part: str
    state: str
    why: str = ""
    log: str = ""

    @property
    def line(self) -> str:
        """What the terminal shows of it."""
        why = f": {shown(self.why)}" if self.why else ""
        log = f"\n    log: {shown(self.log)}" if self.log else ""
        return f"  sub-{self.subject} {self.part} {self.state}{why}{log}"


def main(arguments: list[str] | None = None) -> int:
    """Print where a study stands; 1 if its config or its folder cannot be read."""
    options = _parser().parse_args(arguments)
    try:
        config = read(options.config)
        study, left_out = study_of(config)
    except StrokeprepError as error:
        print(f"strokeprep: {error}", file=sys.stderr)
        return 1
    found = [*standings(study, config), *left_out]
    print("\n".join(text(options.config, config, found, everything=options.all)))
    return 0


def read(path: Path) -> Config:
    """A config file, checked as a run checks it."""
    try:
        faults.refuse_repeated(path)
        given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        remedy = "Give the file that snakemake gets with --configfile."
        raise StrokeprepError("The config cannot be read", path, remedy) from error
    return settings.load(given)


def study_of(config: Config) -> tuple[Study, list[Standing]]:
    """The patients of a run, and those that its config leaves out."""
    rows = designs.read(config)
    study = config.study
    built = table.build(rows, config.reference, study.subjects, study.sessions, config.intensity)
    others = sorted({row.subject for row in rows} - built.by_name.keys())
    why = "not among study.subjects and study.sessions of the config"
    return built, [Standing(name, endings.IMAGES, LEFT_OUT, why) for name in others]


def standings(study: Study, config: Config) -> list[Standing]:
    """Where each part of each patient stands, by what runs have written down."""
    work = Path(str(config.work))
    at_work = lock.is_locked(work)
    released = {path.stem for path in (work / LISTS).glob("*.json")}
    failed: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for failure in failures.read(work):
        if match := SUBJECT.search(failure["log"]):
            failed[match[1], endings.part_of(failure)].append(failure)
    found = []
    for name, of in _parts(study):
        own = failed[name, of]
        if of == endings.PERFUSION and name in config.perfusion.skip:
            found.append(Standing(name, of, LEFT_OUT, "perfusion.skip of the config names it"))
        elif own:
            found.append(_failed(name, of, own, at_work))
        elif part(name, of) in released:
            found.append(Standing(name, of, DONE))
        else:
            found.append(Standing(name, of, BEGUN if _is_begun(work, name) else NOT_BEGUN))
    return found


def text(path: Path, config: Config, found: Sequence[Standing], *, everything: bool) -> list[str]:
    """What the terminal shows."""
    counts = Counter(state_of_patient(each) for each in _by_patient(found))
    lines = [f"{path}: {counted(sum(counts.values()), 'patient')}"]
    lines += [f"  {state:<10}{counts[state]:>6}" for state in STATES if counts[state]]
    shown_states = STATES if everything else (STOPPED, RUNNING)
    listed = [each for each in found if each.state in shown_states]
    most = len(listed) if everything else MOST_SHOWN
    lines += [each.line for each in listed[:most]]
    if len(listed) > most:
        lines.append(f"  and {len(listed) - most} more; --all names them")
    call = command(path, by_patient=sum(counts.values()) >= BY_PATIENT)
    return [*lines, f"Derivatives: {config.output}. What a run would do:", f"  {call} {DRY_RUN}"]


def command(path: Path, cores: int | str = "all", *, by_patient: bool = False) -> str:
    """The call of a run in this folder."""
    file = "workflow/by_patient.smk" if by_patient else "Snakefile"
    is_checkout = Path.cwd() == CHECKOUT
    words = ["snakemake", "--cores", str(cores), "--configfile", str(path)]
    if by_patient or not is_checkout:  # by itself Snakemake takes the Snakefile here
        words[1:1] = ["--snakefile", file if is_checkout else str(CHECKOUT / file)]
    return shlex.join(words)


def state_of_patient(parts: Iterable[Standing]) -> str:
    """The one word for a patient: the part that most needs a look, or has most to do, gives it."""
    states = {each.state for each in parts if each.part == endings.IMAGES or each.state != LEFT_OUT}
    if {DONE, NOT_BEGUN} <= states:
        return BEGUN
    return next(s for s in (RUNNING, STOPPED, BEGUN, NOT_BEGUN, LEFT_OUT, DONE) if s in states)


def _by_patient(found: Iterable[Standing]) -> list[list[Standing]]:
    patients: dict[str, list[Standing]] = defaultdict(list)
    for each in found:
        patients[each.subject].append(each)
    return list(patients.values())


def _parts(study: Study) -> list[tuple[str, str]]:
    """The parts that each patient has."""
    parts = []
    for subject in study.subjects:
        parts.append((subject.name, endings.IMAGES))
        if subject.reference and any(scan.has_perfusion for scan in subject.scans):
            parts.append((subject.name, endings.PERFUSION))
    return parts


def _failed(name: str, of: str, own: Failures, at_work: bool) -> Standing:
    """A part with records of jobs that failed, or run still while a run holds the work folder."""
    real = [each for each in own if not (at_work and failures.is_killed(each))]
    if not real:
        return Standing(name, of, RUNNING, ", ".join(sorted({each["rule"] for each in own})))
    steps = [each for each in real if each["rule"] != endings.WHOLE_PATIENT] or real
    why = f"{steps[0]['rule']}: {steps[0]['message']}"
    return Standing(name, of, STOPPED, why, steps[0]["log"])


def _is_begun(work: Path, name: str) -> bool:
    """Whether any run has looked at a patient: its raw files are checked before all else."""
    return (work / f"logs/admit/sub-{name}.log").exists()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "config",
        type=Path,
        nargs="?",
        default=EXAMPLES / "config.yaml",
        help="the file that snakemake gets with --configfile; without it, the built-in study",
    )
    parser.add_argument("--all", action="store_true", help="name every patient")
    return parser

"""Measure what steps and files cost on finished studies, and how well that foretells each of them.

    python benchmarks/estimate.py [--alone] [--write] [DESIGN:]STUDY ...

STUDY is the folder of a finished built-in study (DIR of make demo), DESIGN its STUDY= where that is not the
usual one. With --alone they were run at once, with nothing else on the machine and CORES=2 (--cores tells
another number), so that the clock is looked at as well. The numbers of
workflow/scripts/strokeprep/guide/cost/costs.yaml are measured anew, and written with --write. The table has
each study's processor time, time on the clock and disk as they were and as they are foretold: by the numbers
from all studies, and by those from the others alone, where these have done and written all that it has. Fails
if the first is off by more than 30 %.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.optimize import nnls
from strokeprep.guide.cost import estimate as costs
from strokeprep.guide.cost import sizes
from strokeprep.guide.cost.sizes import Size
from strokeprep.phantom.names import USUAL
from strokeprep.report import resources
from strokeprep.run.failures import SPENT
from strokeprep.settings import config as settings
from strokeprep.settings.config import Config
from strokeprep.study import table
from strokeprep.study.layouts import designs
from strokeprep.study.naming import MADE
from strokeprep.study.scans import Study

REPOSITORY = Path(__file__).parents[1]
LIMIT = 0.3
KEPT = costs.costs()  # as they are now
START_S = 10  # before the first job and after the last
# The step that a rule belongs to; a rule that is not listed belongs to the patient as a whole.
STEPS = {
    **dict.fromkeys(("approach", "register", "deface", "strip", "average", "label"), "scan"),
    **dict.fromkeys(("measure", "subject_report", "privacy"), "judged"),
    **dict.fromkeys(("separate", "unbias", "normalise_grey", "diffusivity"), "intensity"),
    "lesions": "lesions",
    **dict.fromkeys(("resample", "resample_label"), "moved"),
    **dict.fromkeys(
        (
            *("motion", "one_second", "one_second_moved", "perfusion", "resample_perfusion"),
            *("measure_perfusion", "audit_perfusion", "perfusion_report", "privacy_perfusion"),
            "perfusion_regions",
        ),
        "perfusion",
    ),
    "brain": "brain-{}",
    "face": "deface-{}",
}
SIMULATION = ("phantom", "phantom_dataset", "phantom_atlas", "score", "accuracy")
# Steps of one patient that wait for one another.
CHAIN = (
    *("admit", "brain", "approach", "face", "deface", "motion", "one_second", "perfusion"),
    *("resample_perfusion", "measure", "subject_report", "privacy"),
)


@dataclass(frozen=True)
class Finished:
    """A finished built-in study."""

    folder: Path
    config: Config
    study: Study
    sizes: Mapping[str, Size]
    jobs: list[resources.Job]  # but those of the simulation
    simulated_s: float  # processor time of the simulation

    @property
    def cpu_s(self) -> float:
        """Processor time of all its jobs."""
        return sum(job.cpu_s for job in self.jobs)

    @property
    def clock_s(self) -> float:
        """Time from the begin of the first job to the end of the last, those of the simulation included."""
        ended = [path.stat().st_mtime for path in (self.folder / "work/logs").rglob(f"*{SPENT}")]
        return max(ended) - min(ended) + min(job.wall_s for job in self.jobs)

    @property
    def bytes(self) -> int:
        """The room that work folder and output take; their common files are counted once."""
        files = [path for path in (self.folder / "work").rglob("*") if path.is_file()]
        return sum(path.stat().st_size for path in files)


def finished(named: str) -> Finished:
    """Read a finished study."""
    design, _, name = named.rpartition(":")
    folder = Path(name)
    given = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    if design:
        own = yaml.safe_load((REPOSITORY / f"config/simulated/{design}.yaml").read_text())
        given |= {key: own[key] for key in ("template", "intensity", "lesions")}
    count = len(list((folder / "raw").glob("sub-*")))
    given["phantom"] = {"folder": name, "subjects": count, "study": design or USUAL}
    given |= {"output": str(folder / "derivatives"), "work": str(folder / "work")}
    config = settings.load(given)
    rows = designs.read(config)
    study = table.build(rows, config.reference, intensity=config.intensity)
    jobs = resources.jobs(folder / "work")
    own = [job for job in jobs if job.rule not in SIMULATION]
    simulated = sum(job.cpu_s for job in jobs) - sum(job.cpu_s for job in own)
    return Finished(folder, config, study, sizes.of_kinds(rows), own, simulated)


def step_of(rule: str, config: Config) -> str:
    """The step that a rule's jobs belong to."""
    by_rule = {"brain": config.brain.ct, "face": config.deface.ct}
    return STEPS.get(rule, "patient").format(by_rule.get(rule))


def seconds(studies: Sequence[Finished]) -> dict[str, list[float]]:
    """Of each step the processor time at no voxels, and per million voxels."""
    spent: dict[str, list[float]] = defaultdict(list)
    amount: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in studies:
        by_step: dict[str, float] = defaultdict(float)
        for job in each.jobs:
            by_step[step_of(job.rule, each.config)] += job.cpu_s
        done = [s for one in each.study.subjects for s in costs.steps(one, each.config, each.sizes)]
        for name in {step.name for step in done}:
            mvox = [step.mvox for step in done if step.name == name]
            amount[name].append((len(mvox), sum(mvox)))
            spent[name].append(by_step[name])
    found = {}
    for name in sorted(spent):
        # Each study counts alike, whatever its size.
        weight = 1 / np.maximum(spent[name], 1e-6)
        solved, _ = nnls(np.array(amount[name]) * weight[:, None], np.ones(len(weight)))
        found[name] = [round(float(value), 3) for value in solved]
    return found


def per_voxel(studies: Sequence[Finished]) -> tuple[dict[str, float], float]:
    """The bytes per voxel of each sort of image, and what else a patient takes."""
    taken: dict[str, float] = defaultdict(float)
    voxels: dict[str, float] = defaultdict(float)
    rest, patients = 0.0, 0
    for each in studies:
        rest += each.bytes
        for subject in each.study.subjects:
            patients += 1
            made = costs.files(subject, costs.template_of(each.config), each.sizes)
            for name, file in made.items():
                path = each.folder / "work" / MADE / name
                size = path.stat().st_size if path.exists() else 0
                rest -= size
                taken[file.sort] += size
                voxels[file.sort] += file.voxels
    return {sort: round(taken[sort] / voxels[sort], 4) for sort in sorted(taken)}, rest / patients


def measured(studies: Sequence[Finished], cores: int, *, alone: bool) -> dict[str, Any]:
    """The content of costs.yaml."""
    by_sort, rest = per_voxel(studies)
    chains = [
        sum(max((job.wall_s for job in each.jobs if job.rule == rule), default=0) for rule in CHAIN)
        / (sum(job.wall_s for job in each.jobs) / len(each.study.subjects))
        for each in studies
    ]
    clocks = [cores * each.clock_s / (each.cpu_s + each.simulated_s) for each in studies if alone]
    return {
        "seconds": seconds(studies),
        "longest_chain": round(sum(chains) / len(chains), 2),
        "clock_per_cpu": round(sum(clocks) / len(clocks), 2) if alone else KEPT["clock_per_cpu"],
        "start_s": START_S,
        "bytes": by_sort,
        "bytes_of_patient": round(rest),
    }


def foretold(each: Finished, numbers: Mapping[str, Any], cores: int) -> tuple[float, float, float]:
    """Processor time, clock time and disk by some numbers; not a number where these lack something."""
    costs.costs = lambda: numbers  # type: ignore[assignment]
    try:
        found = costs.estimate(each.study, each.config, each.sizes, cores)
    except KeyError:  # of a sort of image
        return math.nan, math.nan, math.nan
    if found.unmeasured:
        return math.nan, math.nan, found.bytes
    return found.cpu_s, found.wall_s, found.bytes


def compared(
    studies: Sequence[Finished], numbers: Mapping[str, Any], cores: int, *, alone: bool
) -> Iterable[bool]:
    """Print how well each study is foretold; whether it is well enough."""
    print(
        "study", *(f"{what}\tforetold\tby_others" for what in ("cpu_s", "clock_s", "MB")), sep="\t"
    )
    for each in studies:
        others = [other for other in studies if other is not each]
        known = foretold(each, numbers, cores)
        of_others = measured(others, cores, alone=alone) if others else {}
        unknown = foretold(each, of_others, cores) if others else [math.nan] * 3
        share = each.cpu_s / (each.cpu_s + each.simulated_s)
        taken = (each.cpu_s, each.clock_s * share + START_S if alone else math.nan, each.bytes)
        yield from (not abs(a / b - 1) > LIMIT for a, b in zip(known, taken, strict=True))
        cells = [
            f"{value / scale:.0f}"
            for *values, scale in zip(taken, known, unknown, (1, 1, 1e6), strict=True)
            for value in values
        ]
        print(each.folder.name, *cells, sep="\t")


def main() -> int:
    """Measure, compare and write; 1 if a study is foretold badly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="+", metavar="[DESIGN:]STUDY")
    parser.add_argument("--cores", type=int, default=2, help="that the studies were run on")
    parser.add_argument(
        "--alone", action="store_true", help="they ran alone, so that the clock tells something"
    )
    parser.add_argument("--write", action="store_true", help="write costs.yaml")
    given = parser.parse_args()
    studies = [finished(named) for named in given.studies]
    numbers = measured(studies, given.cores, alone=given.alone)
    good = list(compared(studies, numbers, given.cores, alone=given.alone))
    print(yaml.safe_dump(numbers, sort_keys=False), end="")
    if given.write:
        costs.COSTS.write_text(HEAD + yaml.safe_dump(numbers, sort_keys=False))
    return 0 if all(good) else 1


HEAD = """\
# What steps and files cost, measured by benchmarks/estimate.py, which writes this file.
# seconds: processor time of a step at no voxels, and per million voxels. longest_chain: the share of a
# patient's time in which its steps wait for one another. clock_per_cpu: time on the clock by processor time of
# jobs and cores; part of it is Snakemake's own. bytes: per voxel of each sort of image.
"""

if __name__ == "__main__":
    sys.exit(main())

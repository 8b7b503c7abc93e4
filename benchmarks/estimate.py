"""Measure what steps and files cost on finished studies, and how well that foretells each of them.

    python benchmarks/estimate.py [--write] STUDY ...

STUDY is the folder of a finished built-in study (DIR of make demo), run alone on its machine. The numbers
of workflow/scripts/strokeprep/guide/cost/costs.yaml are measured anew, and written with --write. The table has
each study's processor time and disk as they were and as they are foretold: by the numbers from all studies,
and where there are several, by those from the others alone. Fails if the first is off by more than 30 %.
"""

from __future__ import annotations

import argparse
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
from strokeprep.report import resources
from strokeprep.settings import config as settings
from strokeprep.settings.config import Config
from strokeprep.study import table
from strokeprep.study.layouts import designs
from strokeprep.study.naming import MADE
from strokeprep.study.scans import Study

REPOSITORY = Path(__file__).parents[1]
LIMIT = 0.3
# The step that a rule belongs to; a rule that is not listed belongs to the patient as a whole.
STEPS = {
    **dict.fromkeys(("approach", "register", "deface", "strip", "average", "label"), "scan"),
    **dict.fromkeys(("resample", "resample_label"), "moved"),
    **dict.fromkeys(
        (
            *("motion", "one_second", "one_second_moved", "perfusion", "resample_perfusion"),
            *("measure_perfusion", "audit_perfusion", "perfusion_report", "privacy_perfusion"),
        ),
        "perfusion",
    ),
    "brain": "brain-{}",
    "face": "deface-{}",
}
SIMULATION = ("phantom", "phantom_dataset", "score", "accuracy")
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
    jobs: list[resources.Job]

    @property
    def cpu_s(self) -> float:
        """Processor time of all its jobs."""
        return sum(job.cpu_s for job in self.jobs)

    @property
    def bytes(self) -> int:
        """The room that work folder and output take; their common files are counted once."""
        files = [path for path in (self.folder / "work").rglob("*") if path.is_file()]
        return sum(path.stat().st_size for path in files)


def finished(folder: Path) -> Finished:
    """Read a finished study."""
    given = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    count = len(list((folder / "raw").glob("sub-*")))
    given["phantom"] = {"folder": str(folder), "subjects": count}
    given |= {"output": str(folder / "derivatives"), "work": str(folder / "work")}
    config = settings.load(given)
    rows = designs.read(config)
    jobs = [job for job in resources.jobs(folder / "work") if job.rule not in SIMULATION]
    return Finished(folder, config, table.build(rows, config.reference), sizes.of_kinds(rows), jobs)


def step_of(rule: str, config: Config) -> str:
    """The step that a rule's jobs belong to."""
    section = {"brain": config.brain, "face": config.deface}.get(rule)
    return STEPS.get(rule, "patient").format(section and section.ct)


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


def measured(studies: Sequence[Finished]) -> dict[str, Any]:
    """The content of costs.yaml."""
    by_sort, rest = per_voxel(studies)
    chains = [
        sum(max((job.wall_s for job in each.jobs if job.rule == rule), default=0) for rule in CHAIN)
        / (sum(job.wall_s for job in each.jobs) / len(each.study.subjects))
        for each in studies
    ]
    clocks = [sum(job.wall_s for job in each.jobs) / each.cpu_s for each in studies]
    return {
        "seconds": seconds(studies),
        "longest_chain": round(sum(chains) / len(chains), 2),
        "clock_per_cpu": round(min(clocks), 2),
        "start_s": 10,
        "bytes": by_sort,
        "bytes_of_patient": round(rest),
    }


def foretold(each: Finished, numbers: Mapping[str, Any]) -> tuple[float, float]:
    """Processor time and disk of a study by some numbers."""
    costs.costs = lambda: numbers  # type: ignore[assignment]
    found = costs.estimate(each.study, each.config, each.sizes, 1)
    return found.cpu_s, found.bytes


def compared(studies: Sequence[Finished], numbers: Mapping[str, Any]) -> Iterable[bool]:
    """Print how well each study is foretold; whether it is well enough."""
    print("study\tcpu_s\tforetold\tby_others\tMB\tforetold\tby_others")
    for each in studies:
        others = [other for other in studies if other is not each]
        known = foretold(each, numbers)
        unknown = foretold(each, measured(others)) if others else known
        cells = []
        for index, (was, scale) in enumerate(((each.cpu_s, 1), (each.bytes, 1e6))):
            cells += [was / scale, known[index] / scale, unknown[index] / scale]
            yield abs(known[index] / was - 1) <= LIMIT
        print("\t".join([each.folder.name, *(f"{cell:.0f}" for cell in cells)]))


def main() -> int:
    """Measure, compare and write; 1 if a study is foretold badly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", type=Path, nargs="+", metavar="STUDY")
    parser.add_argument("--write", action="store_true", help="write costs.yaml")
    given = parser.parse_args()
    studies = [finished(folder) for folder in given.studies]
    numbers = measured(studies)
    good = list(compared(studies, numbers))
    print(yaml.safe_dump(numbers, sort_keys=False), end="")
    if given.write:
        costs.COSTS.write_text(HEAD + yaml.safe_dump(numbers, sort_keys=False))
    return 0 if all(good) else 1


HEAD = """\
# What steps and files cost, measured by benchmarks/estimate.py, which writes this file.
# seconds: processor time of a step at no voxels, and per million voxels. longest_chain: the share of a
# patient's time in which its steps wait for one another. bytes: per voxel of each sort of image.
"""

if __name__ == "__main__":
    sys.exit(main())

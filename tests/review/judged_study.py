"""A study to judge: pages with pictures of a few voxels, a table of steps beside each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from strokeprep.drawing import pictures
from strokeprep.drawing.pictures import AXIAL, Picture, Scale, Slice
from strokeprep.io.whole import write_text
from strokeprep.report import plan
from strokeprep.report.pages import cohort, page, steps
from strokeprep.report.sections.parts import Figure, Section
from strokeprep.run import endings

STEPS = ("deface", "brain", "to-cta")


def picture(seed: int) -> Picture:
    values = np.random.default_rng(seed).random((24, 20, 3))
    return pictures.picture(pictures.strip(values, [Slice(AXIAL, 1)], Scale(0, 1)))


def section(name: str, seed: int) -> Section:
    """A step; another seed is another version of it."""
    frames = (("with mask", picture(seed)), ("image", picture(seed + 1)))
    return Section(name, f"Step {name}", "That it fits.", (Figure(name, frames),))


def write_case(root: Path, name: str, seed: int = 0) -> None:
    """The page of a case and its steps."""
    names, shown = plan.image_names(name), [section(each, seed) for each in STEPS]
    write_text(page.html(f"sub-{name}", shown, [], case=f"sub-{name}"), root / names.page)
    write_text(steps.table(steps.of(shown)), root / names.steps)


def write_study(root: Path, count: int) -> Path:
    """The pages of a study; returns that of the cohort."""
    names = [f"{n:04d}" for n in range(1, count + 1)]
    for name in names:
        write_case(root, name)
    return write_cohort(root, names)


def write_many(root: Path, count: int) -> Path:
    """A study of many cases, whose pages say nothing; returns the page of the cohort."""
    names = [f"{n:04d}" for n in range(1, count + 1)]
    listed = steps.table(steps.of([section(each, 0) for each in STEPS]))
    for name in names:
        write_text("a page", root / plan.image_names(name).page)
        write_text(listed, root / plan.image_names(name).steps)
    return write_cohort(root, names)


def write_cohort(root: Path, names: list[str]) -> Path:
    """The page of the cohort, from what lies in the folder."""
    ended = [endings.Ending(name, endings.IMAGES, 1, 1, ()) for name in names]
    cohort.write(ended, root, root / "work", root)
    return root / plan.COHORT

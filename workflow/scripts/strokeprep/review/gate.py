"""Whether people let a case pass: what ``snakemake release`` asks before it takes one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from strokeprep.report.pages import steps as of_pages
from strokeprep.report.pages.steps import Step
from strokeprep.review.verdicts import BAD, VERDICTS, Rater, Verdict
from strokeprep.settings.finished.release import Review

PEOPLE: dict[Review, int] = {"none": 0, "one": 1, "two": 2}


def objection(subject: str, made: Path, raters: Sequence[Rater], review: Review) -> str | None:
    """Why a patient may not be released, as far as people decide it."""
    steps = of_pages.read(made, subject)
    given = [
        (rater.name, _on(f"sub-{subject}", step, rater), step) for rater in raters for step in steps
    ]
    rejected = [
        (name, found, step) for name, found, step in given if found and found.verdict == BAD
    ]
    if rejected:
        return f"bad: {'; '.join(_told(*each) for each in rejected)}"
    lacking = [step.step for step in steps if len(_judging(step, given)) < PEOPLE[review]]
    if not steps and PEOPLE[review]:
        return "has no step that people could judge"
    return f"not judged by {review}: {', '.join(lacking)}" if lacking else None


def _on(case: str, step: Step, rater: Rater) -> Verdict | None:
    """What a rater said of a step, of this version or a former one."""
    return rater.verdicts.get((case, step.step))


def _judging(step: Step, given: Iterable[tuple[str, Verdict | None, Step]]) -> set[str]:
    """The raters who judged the step as it is now."""
    return {
        name
        for name, found, about in given
        if about is step and found and found.version == step.version and found.verdict in VERDICTS
    }


def _told(rater: str, found: Verdict, step: Step) -> str:
    """A rejection in words. One of a former version stands until its rater has looked again."""
    again = "" if found.version == step.version else ", made again since: look at it again"
    return f"{step.step} ({rater}{again})"

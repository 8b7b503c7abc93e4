"""How each subject of a run ended: done, stopped with a cause, skipped or unfinished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from strokeprep.io import tables
from strokeprep.io.whole import write_json, write_text
from strokeprep.run.failures import read as read_failures
from strokeprep.study import naming

# The two parts of a subject. Perfusion may fail, for instance without a bolus, and images be done.
IMAGES, PERFUSION = PARTS = "images", "perfusion"
PERFUSION_RULES = (
    "perfusion",
    "measure_perfusion",
    "audit_perfusion",
    "perfusion_report",
    "privacy_perfusion",
)
# The rule that runs all steps of a patient, where each patient is one job.
WHOLE_PATIENT = "patient"
STATUS_COLUMNS = {
    "participant_id": "The patient",
    "part": "Images, or what is derived from CT perfusion",
    "status": "done, stopped, skipped (by the config) or unfinished",
    "rule": "The step that stopped",
    "reason": "Why perfusion could not be computed, in a word",
}


@dataclass(frozen=True)
class Ending:
    """How one part of a subject ended."""

    subject: str
    part: str
    files: int
    present: int
    failures: tuple[Mapping[str, str], ...]

    @property
    def status(self) -> str:
        """One word: stopped, skipped, done or unfinished."""
        if self.failures:
            return "stopped"
        if not self.files:
            return "skipped"
        return "done" if self.present == self.files else "unfinished"

    @property
    def row(self) -> dict[str, str]:
        """Its row in the released table. Messages are left out: they may hold a path of the input."""
        first = self.failures[0] if self.failures else {}
        return {
            "participant_id": f"sub-{self.subject}",
            "part": self.part,
            "status": self.status,
            "rule": first.get("rule", tables.MISSING),
            "reason": first.get("reason") or tables.MISSING,
        }


def endings(wanted: Mapping[str, Mapping[str, Sequence[str]]], work: Path) -> list[Ending]:
    """How every part ended. ``wanted`` lists the files that a part should have, by subject."""
    failures = read_failures(work)
    return [
        Ending(
            name,
            part,
            len(files),
            sum(Path(path).exists() for path in files),
            tuple(each for each in _of_subject(failures, name) if _is_about(each, name, part)),
        )
        for name, parts in wanted.items()
        for part, files in parts.items()
    ]


def of_the_study(subjects: Iterable[str], work: Path) -> list[Mapping[str, str]]:
    """Failures that belong to no subject."""
    names = list(subjects)
    return [
        failure
        for failure in read_failures(work)
        if not any(_is_about(failure, name, part) for name in names for part in (IMAGES, PERFUSION))
    ]


def text(
    ended: Sequence[Ending],
    derivatives: Path,
    page: Path,
    others: Sequence[Mapping[str, str]] = (),
) -> str:
    """The summary for the terminal. ``others`` are failures that belong to no subject.

    ``page`` shows all subjects; in ``derivatives`` are those that an audit has passed.
    """
    subjects = list(dict.fromkeys(each.subject for each in ended))
    done = [
        name
        for name in subjects
        if all(each.status in ("done", "skipped") for each in ended if each.subject == name)
    ]
    lines = [_line(each) for each in ended]
    if others:
        lines.append(f"  all subjects: stopped\n{_reasons(others)}")
    return "\n".join(
        [
            "",
            *lines,
            f"{len(done)} of {len(subjects)} subjects done. Derivatives: {derivatives}",
            *([] if len(done) == len(subjects) else [f"Page of all subjects: {page}"]),
            "",
        ]
    )


def left_out(
    review: str | None, lacking: Sequence[str], ended: Sequence[Ending], searched: bool
) -> tuple[str, str] | None:
    """Why a patient is not released: the cause in a word, and the reason; None if nothing is known."""
    if review:
        return "review", review
    if lacking:
        return "incomplete", f"no {', '.join(lacking)}"
    for each in ended:
        if each.status != "done":
            step = f" by {each.row['rule']}" if each.failures else ""
            return "unfinished", f"{each.part} {each.status}{step}"
    return None if searched else ("unfinished", "not searched by the privacy audit")


def write_status(ended: Iterable[Ending], path: Path) -> None:
    """Write how each part ended as a table that may be released."""
    write_text(tables.render((each.row for each in ended), list(STATUS_COLUMNS)), path)
    meanings = {name: {"Description": text} for name, text in STATUS_COLUMNS.items()}
    write_json(meanings, path.with_suffix(".json"))


def gather(sources: Iterable[tuple[Mapping[str, str], Path]], path: Path) -> None:
    """Join one-row tables into one; the cells that say what each is about come first."""
    rows = [
        dict(about) | row for about, each in sources if each.exists() for row in tables.read(each)
    ]
    if rows:
        write_text(tables.render(rows, list(rows[0])), path)


def _of_subject(failures: Iterable[Mapping[str, str]], name: str) -> list[Mapping[str, str]]:
    """A subject's failures. That of its whole job counts only if no step of it failed."""
    own = [
        each
        for each in failures
        if any(_is_about(each, name, part) for part in (IMAGES, PERFUSION))
    ]
    return [each for each in own if each["rule"] != WHOLE_PATIENT] or own


def part_of(failure: Mapping[str, str]) -> str:
    """The part of a subject that a failure is about."""
    series = f"/{naming.PERFUSION}/" in failure["log"] and failure["rule"] != "motion"
    return PERFUSION if series or failure["rule"] in PERFUSION_RULES else IMAGES


def _is_about(failure: Mapping[str, str], name: str, part: str) -> bool:
    log = failure["log"]
    own = f"/sub-{name}/" in log or f"/sub-{name}." in log or f"/sub-{name}_" in log
    return own and part_of(failure) == part


def _reasons(failures: Iterable[Mapping[str, str]]) -> str:
    return "\n".join(
        f"    {failure['rule']}: {failure['message']}\n    log: {failure['log']}"
        for failure in failures
    )


def _line(ended: Ending) -> str:
    start = f"  sub-{ended.subject} {ended.part}: {ended.status}"
    if ended.failures:
        return f"{start}\n{_reasons(ended.failures)}"
    counts = {"done": f", {ended.files} files", "skipped": ""}
    return start + counts.get(ended.status, f", {ended.present} of {ended.files} files")

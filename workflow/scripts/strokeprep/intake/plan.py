"""What becomes of every series of a study: converted, waiting, or left, and why.

Of several series that are certainly of one kind, the first acquisition wins, then the softer kernel,
then thinner slices. Two acquisitions of one kind are not a matter of taste, so both wait.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from strokeprep.intake import overrides
from strokeprep.intake.overrides import Override
from strokeprep.intake.reading import headers
from strokeprep.intake.reading.headers import Slice
from strokeprep.intake.reading.stacks import Stack, stacks
from strokeprep.intake.roles.evidence import Beside, Evidence, Role
from strokeprep.intake.roles.mr import NO_WEIGHTING
from strokeprep.intake.roles.role import role as role_of
from strokeprep.intake.studies import Study
from strokeprep.io.tables import MISSING
from strokeprep.kinds import KINDS

CONVERT, WAIT, LEAVE = "convert", "wait", "leave"
# Reconstructions of one acquisition begin within this time of each other.
ONE_ACQUISITION_S = 8.0
USUAL_B = 1000.0  # s/mm2, of stroke protocols
KERNELS = ("soft", "unknown", "sharp")
PHASES = ("cta",)  # kinds whose later acquisitions are phases of the first
COLUMNS = (
    "study", "series", "number", "files", "decision", "kind", "name", "confidence", "reasons",
    "lacks", "rivals", "slices", "frames", "voxel_mm", "tilt_degrees", "clock", "remarks",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A series and what becomes of it."""

    study: str
    stack: Stack = field(repr=False)
    role: Role
    decision: str
    files: int
    said: Mapping[str, Any] = field(default_factory=dict)
    rivals: tuple[str, ...] = ()
    stem: str = ""  # below the raw dataset, without extension

    @property
    def kind(self) -> str:
        """The kind of scan it is or may be."""
        return self.role.kind

    def cells(self) -> dict[str, Any]:
        """The row of the table. Free text of headers is not among it."""
        grid, clock = self.stack.grid, self.stack.clock
        return {
            "study": self.study,
            "series": self.stack.name,
            "number": self.stack.number,
            "files": self.files,
            "decision": self.decision,
            "kind": self.kind or MISSING,
            "name": self.stem or MISSING,
            "confidence": self.role.confidence,
            "reasons": "; ".join(self.role.reasons) or MISSING,
            "lacks": "; ".join(self.role.lacks) or MISSING,
            "rivals": " ".join(self.rivals) or MISSING,
            "slices": len(grid.positions) if grid else MISSING,
            "frames": len(self.stack.frames) or MISSING,
            "voxel_mm": _size(grid) if grid else MISSING,
            "tilt_degrees": f"{grid.tilt_degrees:.3g}" if grid else MISSING,
            "clock": clock.tag if clock else MISSING,
            "remarks": "; ".join(self.stack.remarks) or MISSING,
        }


def _size(grid) -> str:
    return " x ".join(f"{each:.4g}" for each in (*reversed(grid.spacing), grid.step))


@dataclass(frozen=True)
class Plan:
    """All series of one study. ``unread`` counts files that are no usable images, by reason."""

    study: Study
    subject: str | None
    session: str | None
    rows: tuple[Row, ...]
    unread: Mapping[str, int]

    @property
    def converted(self) -> list[Row]:
        """The series that are written."""
        return [row for row in self.rows if row.decision == CONVERT]

    def table(self) -> list[dict[str, Any]]:
        """One row a series, and one for each reason why files are in none."""
        blank = dict.fromkeys(COLUMNS, MISSING)
        unread = [
            blank | {"study": self.study.key, "files": count, "decision": LEAVE, "reasons": why}
            for why, count in self.unread.items()
        ]
        return [*(row.cells() for row in self.rows), *unread]


def of_study(
    study: Study,
    subject: str | None,
    session: str | None,
    entries: Sequence[Override] = (),
) -> Plan:
    """The plan of a study, from all of its headers."""
    slices: list[Slice] = []
    unread: Counter[str] = Counter()
    for _, found in headers.each(list(study.sources)):
        if isinstance(found, str):
            unread[found] += 1
        else:
            slices += found
    made = stacks(slices)
    says = {stack.name: overrides.said(entries, study.key, stack) for stack in made}
    named = [str(each["session"]) for each in says.values() if "session" in each]
    session = named[-1] if named else session
    rows = _ranked(_judged(study, made, says))
    if faults := _of_study(study, subject, session):
        rows = [_waiting(row, faults) for row in rows]
    names = [replace(row, stem=_stem(row, subject, session)) for row in rows]
    return Plan(study, subject, session, tuple(names), dict(sorted(unread.items())))


def _judged(study: Study, made: Sequence[Stack], says: Mapping[str, Mapping]) -> list[Row]:
    """Each stack with its role, before rivals are compared."""
    agents = {stack.name for stack in made if Evidence(stack).has_agent}
    weighted = {stack.series_uid for stack in made if (stack.b_value or 0) > NO_WEIGHTING}
    decisions = {"certain": CONVERT, "doubtful": WAIT, "none": LEAVE}
    counted: set = set()
    rows = []
    for stack in made:
        beside = Beside(bool(agents - {stack.name}), stack.series_uid in weighted)
        role = role_of(stack, beside, says[stack.name])
        own = {each.source for each in stack.slices} - counted
        counted |= own
        rows.append(
            Row(study.key, stack, role, decisions[role.confidence], len(own), says[stack.name])
        )
    return rows


def _of_study(study: Study, subject: str | None, session: str | None) -> list[str]:
    """Why nothing of a study may be written."""
    faults = list(study.faults)
    if session is None:
        faults.append("no date tells which visit this is: give its session in the override file")
    if subject is None and not faults:
        faults.append("the patient has no code yet")
    return faults


def _waiting(row: Row, faults: Sequence[str]) -> Row:
    if row.decision == LEAVE:
        return row
    return replace(row, decision=WAIT, role=replace(row.role, lacks=(*row.role.lacks, *faults)))


def _stem(row: Row, subject: str | None, session: str | None) -> str:
    """The name a series gets in raw BIDS, as the layout ``bids`` reads it."""
    if row.decision != CONVERT:
        return ""
    kind = KINDS[row.kind]
    scan = kind.scan
    who = f"sub-{subject}_ses-{session}"
    words = [
        who,
        *([f"acq-{scan.acq}"] if scan.acq else []),
        *([f"ce-{scan.ce}"] if scan.ce else []),
    ]
    return f"sub-{subject}/ses-{session}/{scan.datatype}/{'_'.join([*words, kind.suffix])}"


# --- Rivals ---------------------------------------------------------------------------------


def _ranked(rows: list[Row]) -> list[Row]:
    """The rows, of which at most one of each kind is converted."""
    by_kind: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.kind:
            by_kind[row.kind].append(row)
    ranked: dict[str, Row] = {}
    trace = _best(by_kind.get("trace", []))
    for candidates in by_kind.values():
        for row in _settled(candidates, trace):
            ranked[row.stack.name] = row
    return [ranked.get(row.stack.name, row) for row in rows]


def _settled(candidates: Sequence[Row], trace: Row | None) -> list[Row]:
    """Candidates of one kind: the best is converted, others are left or wait beside it."""
    rivals = {
        row.stack.name: tuple(other.stack.name for other in candidates if other is not row)
        for row in candidates
    }
    certain = [row for row in candidates if row.decision == CONVERT]
    best = _best(certain, trace)
    if best is None:
        return [replace(row, rivals=rivals[row.stack.name]) for row in candidates]
    made = []
    for row in candidates:
        told = replace(row, rivals=rivals[row.stack.name])
        if row is not best:
            why = (*row.role.reasons, _why_not(row, best))
            told = replace(told, decision=LEAVE, role=replace(row.role, reasons=why))
        made.append(told)
    forced = "as" in best.said
    apart = [row for row in certain if row is not best and not _of_one_acquisition(row, best)]
    if apart and not forced and best.kind not in PHASES and not _same_pixels(apart, best):
        lack = f"{len(apart) + 1} acquisitions of one kind: choose one in the override file (skip)"
        made = [
            replace(row, decision=WAIT, role=replace(row.role, lacks=(*row.role.lacks, lack)))
            if row.stack.name in {each.stack.name for each in (best, *apart)}
            else row
            for row in made
        ]
    return made


def _same_pixels(others: Sequence[Row], best: Row) -> bool:
    """Whether all are copies of one series: same images at the same places and times."""

    def told(row: Row) -> tuple:
        grid = row.stack.grid
        places = grid.positions.round(3).tolist() if grid else []
        return (places, row.stack.began, row.stack.facts.get("ConvolutionKernel"))

    return all(told(row) == told(best) for row in others)


def _why_not(row: Row, best: Row) -> str:
    """Why a certain series is not the one that is converted."""
    if not _of_one_acquisition(row, best):
        return f"a later acquisition than {best.stack.name}"
    return f"another reconstruction of {best.stack.name}"


def _of_one_acquisition(row: Row, other: Row) -> bool:
    one, two = row.stack.began, other.stack.began
    return one is None or two is None or abs(one - two) <= ONE_ACQUISITION_S


def _best(rows: Sequence[Row], trace: Row | None = None) -> Row | None:
    """The best of several series of one kind: what a person said, then time, kernel, thickness."""
    if not rows:
        return None
    began = [row.stack.began for row in rows if row.stack.began is not None]
    first = min(began, default=0.0)

    def order(row: Row) -> tuple:
        late = max((row.stack.began or first) - first - ONE_ACQUISITION_S, 0.0)
        grid = row.stack.grid
        other_grid = trace is not None and row.kind in ("b0", "adc") and not _share_grid(row, trace)
        return (
            "as" not in row.said,
            other_grid,
            late,
            abs((row.stack.b_value or 0.0) - USUAL_B) if row.kind == "trace" else 0.0,
            bool(row.stack.directions),  # the scanner's own trace rather than our mean
            KERNELS.index(Evidence(row.stack).kernel),
            round(grid.step, 2) if grid else float("inf"),
            row.stack.number,
            row.stack.name,
        )

    return min(rows, key=order)


def _share_grid(row: Row, other: Row) -> bool:
    one, two = row.stack.grid, other.stack.grid
    if one is None or two is None or one.positions.shape != two.positions.shape:
        return False
    return (one.rows, one.columns) == (two.rows, two.columns) and bool(
        np.abs(one.affine - two.affine).max() < 1e-2
    )

"""One measured value, its limit and its verdict: the rows of the audit, the report and the score.

Limits stand in :mod:`strokeprep.settings.limits`. Snakemake's own process makes the cohort's page
from such rows, so this module needs the standard library alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from strokeprep.settings.limits import FAIL, LIMITS, NONE, ORDER, PASS, Limit

CHECK_COLUMNS = ("subject", "step", "metric", "value", "unit", "limit", "pass")
REPORT_COLUMNS = {
    "participant_id": "The patient",
    "step": "What the figure is about",
    "metric": "Name of the figure",
    "value": "The figure",
    "unit": "Its unit",
    "pass_range": "Where it passes",
    "fail_beyond": "The range outside of which it fails; between the two it warns",
    "verdict": "pass, warn, fail, or n/a where nothing is asked of it",
}


@dataclass(frozen=True)
class Measurement:
    """One value measured in one step of a subject."""

    subject: str
    step: str
    metric: str
    value: float
    limit: Limit
    judged: bool = True  # else it is only shown, and its limit is open

    @property
    def verdict(self) -> str:
        """``pass``, ``warn``, ``fail``, or ``n/a`` where nothing is asked of the value."""
        return self.limit.verdict(self.value)

    @property
    def passed(self) -> bool | None:
        """Whether it passes or fails; None if it does neither."""
        return {PASS: True, FAIL: False}.get(self.verdict)

    def check_row(self) -> dict[str, str]:
        """The row of an audit or score table, which name the limit of failing alone."""
        return {
            "subject": f"sub-{self.subject}",
            "step": self.step,
            "metric": self.metric,
            "value": f"{self.value:.6g}",
            "unit": self.limit.unit,
            "limit": self.limit.text(self.limit.fail),
            "pass": {True: "yes", False: "no", None: NONE}[self.passed],
        }

    def report_row(self) -> dict[str, str]:
        """The row of a report's table."""
        return {
            "participant_id": f"sub-{self.subject}",
            "step": self.step,
            "metric": self.metric,
            "value": f"{self.value:.5g}" if math.isfinite(self.value) else NONE,
            "unit": self.limit.unit,
            "pass_range": self.limit.text(self.limit.warn),
            "fail_beyond": self.limit.text(self.limit.fail),
            "verdict": self.verdict,
        }

    def __str__(self) -> str:
        return f"{self.verdict}\t{self.step}\t{self.metric}\t{self.value:.5g} {self.limit.unit}"


class Judge:
    """Holds the values measured of one subject against the limits of a config."""

    def __init__(self, subject: str, limits: Mapping[str, Limit] = LIMITS) -> None:
        self.subject, self.limits = subject, limits

    def __call__(self, step: str, metric: str, value: float, *, judged: bool = True) -> Measurement:
        """A measurement; with ``judged`` false, one that is only shown."""
        limit = self.limits[metric]
        return Measurement(
            self.subject, step, metric, float(value), limit if judged else limit.opened(), judged
        )


def about() -> dict[str, Any]:
    """The JSON beside a report's table: what its columns and figures mean."""
    columns: dict[str, Any] = {name: {"Description": text} for name, text in REPORT_COLUMNS.items()}
    columns["metric"]["Levels"] = {name: limit.reason for name, limit in LIMITS.items()}
    return columns


def worst(verdicts: Iterable[str]) -> str:
    """The gravest of several verdicts."""
    return max(verdicts, key=ORDER.index, default=NONE)

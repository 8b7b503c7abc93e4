"""Figures of the report and their verdicts.

Their limits stand in :mod:`strokeprep.settings.limits`. The cohort's page is made by Snakemake
itself, so this imports the standard library alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strokeprep.settings.limits import LIMITS, NONE, ORDER, Limit


@dataclass(frozen=True)
class Number:
    """One figure of one step."""

    step: str
    metric: str
    value: float
    limit: Limit

    @property
    def verdict(self) -> str:
        """``pass``, ``warn``, ``fail`` or ``n/a``."""
        return self.limit.verdict(self.value)

    def __str__(self) -> str:
        return f"{self.verdict}\t{self.step}\t{self.metric}\t{self.value:.5g} {self.limit.unit}"


COLUMNS = {
    "participant_id": "The patient",
    "step": "What the figure is about",
    "metric": "Name of the figure",
    "value": "The figure",
    "unit": "Its unit",
    "pass_range": "Where it passes",
    "fail_beyond": "The range outside of which it fails; between the two it warns",
    "verdict": "pass, warn, fail, or n/a where nothing is asked of it",
}


def rows(numbers: Sequence[Number], subject: str) -> list[dict[str, str]]:
    """Numbers as table rows."""
    return [
        {
            "participant_id": f"sub-{subject}",
            "step": number.step,
            "metric": number.metric,
            "value": f"{number.value:.5g}" if math.isfinite(number.value) else NONE,
            "unit": number.limit.unit,
            "pass_range": number.limit.text(number.limit.warn),
            "fail_beyond": number.limit.text(number.limit.fail),
            "verdict": number.verdict,
        }
        for number in numbers
    ]


def about() -> dict[str, Any]:
    """The JSON beside a table of numbers: what its columns and figures mean."""
    columns: dict[str, Any] = {name: {"Description": text} for name, text in COLUMNS.items()}
    columns["metric"]["Levels"] = {name: limit.reason for name, limit in LIMITS.items()}
    return columns


def worst(verdicts: Sequence[str]) -> str:
    """The gravest of several verdicts."""
    return max(verdicts, key=ORDER.index, default=NONE)


class Judge:
    """Makes numbers, with the limits of a config."""

    def __init__(self, limits: Mapping[str, Limit] = LIMITS) -> None:
        self.limits = limits

    def __call__(self, step: str, metric: str, value: float) -> Number:
        return Number(step, metric, float(value), self.limits[metric])

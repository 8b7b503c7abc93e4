"""One thing that was checked, with its value and its limit."""

from __future__ import annotations

from dataclasses import dataclass

from strokeprep.io.tables import MISSING

# Metrics of which more is better; every other must stay below its limit.
MORE_IS_BETTER = frozenset(
    {"dice", "dice_attainable", "brain_dice", "face_removed", "labels_kept", "correlation"}
)


@dataclass(frozen=True)
class Check:
    """One measured value and the limit it must keep: at least or at most, by its metric."""

    subject: str
    step: str
    metric: str
    value: float
    unit: str
    limit: float | None = None

    @property
    def passed(self) -> bool | None:
        """Whether the limit holds; None where there is none."""
        if self.limit is None:
            return None
        if self.metric in MORE_IS_BETTER:
            return self.value >= self.limit
        return self.value <= self.limit

    def row(self) -> dict[str, str]:
        """The check as a table row."""
        sign = "≥" if self.metric in MORE_IS_BETTER else "≤"
        return {
            "subject": f"sub-{self.subject}",
            "step": self.step,
            "metric": self.metric,
            "value": f"{self.value:.6g}",
            "unit": self.unit,
            "limit": MISSING if self.limit is None else f"{sign} {self.limit:g}",
            "pass": {True: "yes", False: "no", None: MISSING}[self.passed],
        }


CHECK_COLUMNS = ("subject", "step", "metric", "value", "unit", "limit", "pass")

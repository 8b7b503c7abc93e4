"""The pages about subjects and cohort, and the limits that a config sets for their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from strokeprep.settings.field import Schema, setting
from strokeprep.settings.limits import LIMITS, OPEN, Limit


def _schema_of_limits() -> Schema:
    """The schema of report.limits: limits of figures that stop nothing, their ends in one list."""
    ends = {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 4, "maxItems": 4}
    return {
        "type": "object",
        "description": (
            "Where a figure is judged, as [fails below, warns below, warns above, fails above]; "
            "null leaves an end open. A figure that fails stops nothing."
        ),
        "additionalProperties": False,
        "properties": {
            name: ends
            | {
                "default": [limit.fail[0], *limit.warn, limit.fail[1]],
                "description": f"{limit.reason} Unit: {limit.unit}.",
            }
            for name, limit in LIMITS.items()
            if (limit.warn, limit.fail) != (OPEN, OPEN) and not limit.audited
        },
    }


def limits_of(ends: Mapping[str, Sequence[float | None]]) -> dict[str, Limit]:
    """The limits of all figures, some of them moved to [fails below, warns below, …]."""
    return LIMITS | {
        name: replace(LIMITS[name], warn=(warn_low, warn_high), fail=(low, high))
        for name, (low, warn_low, warn_high, high) in ends.items()
    }


@dataclass(frozen=True)
class ReportSettings:
    """The pages about each subject and about the cohort."""

    faces: bool = setting(
        False,
        "Also write pages that show every head before and after defacing, into the work folder "
        "and never into the dataset. Such a page shows faces: treat it as the raw images.",
    )
    limits: Mapping[str, Limit] = setting(
        LIMITS, "Limits of figures.", schema=_schema_of_limits(), read=limits_of
    )

"""The figures of a subject between the job that measures them and those that judge and show them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from strokeprep.io.whole import write_json
from strokeprep.quality.judgement import Judge, Measurement


def step_of(topic: str, name: str) -> str:
    """What a figure of the audit is about: a topic, and the file that shows it.

    The whole name, since masks in two folders may bear one.
    """
    return f"{topic}:{name}"


def write(found: Iterable[Measurement], path: str | Path) -> None:
    """Save figures in full precision."""
    rows = [
        {"step": each.step, "metric": each.metric, "value": each.value, "judged": each.judged}
        for each in found
    ]
    write_json(rows, path)


def read(path: str | Path, judge: Judge) -> list[Measurement]:
    """Figures that :func:`write` saved, held against limits."""
    rows = json.loads(Path(path).read_text())
    return [judge(row["step"], row["metric"], row["value"], judged=row["judged"]) for row in rows]


class Audited:
    """The figures of the audit, for a page that calls the same things by other names."""

    def __init__(self, found: Iterable[Measurement]) -> None:
        self._found = list(found)

    def of(self, topic: str, name: str, step: str, *metrics: str) -> Iterator[Measurement]:
        """Those of a file, all or the ``metrics`` named, as figures of ``step``."""
        about = step_of(topic, name)
        here = [each for each in self._found if each.step == about]
        if not here:
            raise KeyError(f"nothing was measured of {about}")
        for each in here:
            if not metrics or each.metric in metrics:
                yield replace(each, step=step)

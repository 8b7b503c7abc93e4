"""How far a run is, subject by subject: for people who look on, and a line per subject for logs.

Snakemake reports each event as a record with attributes; this follows them and knows nothing else
of it. Its own log file keeps every rule's text.
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TextIO

# What Snakemake says of each job, and what progress says better.
CHATTER = frozenset(
    {"job_info", "job_started", "job_finished", "group_info", "progress", "shellcmd",
     "run_info", "resources_info"}
)  # fmt: skip
# Sentences without an event that tell nothing.
IDLE = ("Select jobs to execute", "Execute ", "Using shell", "Assuming unrestricted")
CLEAR = "\x1b[K"  # to the end of the line
FEWEST = 3  # finished jobs that a time can be told from
EVERY_S = 0.5
STUDY = "study"


class Task(NamedTuple):
    """A job that the run will do: its rule, and whose it is."""

    rule: str
    owner: str


def owner(wildcards: Mapping[str, str]) -> str:
    """The subject that a job is for, from its wildcards."""
    if "subject" in wildcards:
        return f"sub-{wildcards['subject']}"
    return wildcards["folder"].partition("/")[0] if "folder" in wildcards else STUDY


class Course:
    """What is done of a run's jobs, and how long the rest may take; counted, for runs are long."""

    def __init__(
        self, tasks: Mapping[int, Task], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tasks, self._clock = dict(tasks), clock
        self._start = clock()
        self._started: dict[int, float] = {}
        self._finished: set[int] = set()
        self.total = Counter(task.owner for task in tasks.values())
        self.done: Counter[str] = Counter()
        self._to_come = Counter(task.rule for task in tasks.values())
        self._spent: Counter[str] = Counter()  # seconds, by rule
        self._measured: Counter[str] = Counter()

    def begin(self, jobs: Iterable[int]) -> None:
        """Jobs were started."""
        self._started |= dict.fromkeys(jobs, self._clock())

    def finish(self, job: int) -> str | None:
        """A job is done; returns the subject of which it was the last."""
        if job not in self._tasks or job in self._finished:
            return None
        self._finished.add(job)
        rule, name = self._tasks[job]
        self._spent[rule] += self._clock() - self._started.pop(job, self._start)
        self._measured[rule] += 1
        self._to_come[rule] -= 1
        self.done[name] += 1
        return name if name != STUDY and self.done[name] == self.total[name] else None

    @property
    def counts(self) -> tuple[int, int]:
        """How many jobs are done, and how many there are."""
        return len(self._finished), len(self._tasks)

    @property
    def subjects(self) -> tuple[int, int]:
        """How many subjects are done, and how many there are."""
        names = [name for name in self.total if name != STUDY]
        return sum(self.done[name] == self.total[name] for name in names), len(names)

    @property
    def running(self) -> list[Task]:
        """What is being done."""
        return [self._tasks[job] for job in self._started if job in self._tasks]

    @property
    def left_s(self) -> float | None:
        """Seconds to the end: jobs to come take as long as those of their rule did."""
        if len(self._finished) < FEWEST:
            return None
        spent = self._spent.total()
        usual = spent / len(self._finished)
        work = sum(
            count * (self._spent[rule] / self._measured[rule] if self._measured[rule] else usual)
            for rule, count in self._to_come.items()
        )
        side_by_side = max(spent / max(self._clock() - self._start, 1e-3), 1.0)
        return work / side_by_side


def lasting(seconds: float | None) -> str:
    """A time as people say it."""
    if seconds is None:
        return "time left not known yet"
    if seconds < 90:
        return f"about {max(round(seconds / 10) * 10, 10):.0f} s left"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min left"
    return f"about {seconds / 3600:.1f} h left"


def line(course: Course, width: int) -> str:
    """The state of a run, cut to a width: the whole, then who is at work on what."""
    done, total = course.counts
    ready, subjects = course.subjects
    running = course.running
    busy = sorted({task.owner for task in running} - {STUDY})
    parts = [
        f"{done} of {total} jobs, {ready} of {subjects} subjects, {lasting(course.left_s)}",
        " · ".join(f"{name} {course.done[name]}/{course.total[name]}" for name in busy),
        ", ".join(sorted({task.rule for task in running})),
    ]
    return " | ".join(filter(None, parts))[:width]


class Watcher(logging.Handler):
    """Follows a run's events; redraws one line on a terminal, elsewhere writes one per subject."""

    def __init__(self, course: Course, stream: TextIO | None = None) -> None:
        super().__init__()
        self.course, self.stream = course, stream or sys.stderr
        self.live = self.stream.isatty()
        self._drawn = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of an event."""
        event = str(getattr(record, "event", "") or "")
        if event == "job_started":
            self.course.begin(record.jobs)
        elif event == "job_finished" and (ready := self.course.finish(record.job_id)):
            self._say(ready)
        due = event == "job_started" or time.monotonic() - self._drawn > EVERY_S
        if self.live and event in CHATTER and due:
            self._draw()

    def close(self) -> None:
        """Leave a clean line."""
        if self.live:
            self.stream.write(CLEAR)
            self.stream.flush()
        super().close()

    def _say(self, name: str) -> None:
        ready, subjects = self.course.subjects
        left = f", {lasting(self.course.left_s)}" if ready < subjects else ""
        end = CLEAR if self.live else ""
        self.stream.write(f"strokeprep: {name} done, {ready} of {subjects}{left}{end}\n")
        self.stream.flush()

    def _draw(self) -> None:
        """Draw the line and go back to its start, so that whatever comes next overwrites it."""
        self._drawn = time.monotonic()
        width = shutil.get_terminal_size().columns - 1
        self.stream.write(f"{line(self.course, width)}{CLEAR}\r")
        self.stream.flush()


def worth_reading(record: logging.LogRecord) -> bool:
    """Whether a record says something that progress does not."""
    event = str(getattr(record, "event", "") or "")
    return event not in CHATTER and not str(record.msg).startswith(IDLE)


def watch(logger: logging.Logger, tasks: Mapping[int, Task], stream: TextIO | None = None) -> None:
    """From now on show progress in place of every job's text; files keep that."""
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(
            handler, logging.FileHandler
        ):
            handler.addFilter(worth_reading)
    logger.addHandler(Watcher(Course(tasks), stream))

"""How far a run is, subject by subject: one line on a terminal, elsewhere a line per subject.

Snakemake logs each event as a record with attributes, as its interface for logger plugins defines
them. Only these are read here. A plugin proper would have to be asked for on the command line, so
the handler is added when the run starts. Snakemake's own log file keeps the text of every job.
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TextIO

from snakemake_interface_logger_plugins.common import LogEvent

# Events of single jobs and of the run as a whole, of which progress gives the sum.
SUMMED_UP = frozenset(
    {
        LogEvent.RUN_INFO,
        LogEvent.RESOURCES_INFO,
        LogEvent.JOB_INFO,
        LogEvent.GROUP_INFO,
        LogEvent.SHELLCMD,
        LogEvent.JOB_STARTED,
        LogEvent.JOB_FINISHED,
        LogEvent.PROGRESS,
    }
)
CLEAR = "\x1b[K"  # to the end of the line
FEWEST = 3  # finished jobs, below which no time left is given
EVERY_S = 0.5  # between two drawings of the line
STUDY = "study"


class Task(NamedTuple):
    """A job of the run: its rule, and the subject it is for."""

    rule: str
    owner: str


def owner(wildcards: Mapping[str, str]) -> str:
    """The subject that a job is for, from its wildcards."""
    if "subject" in wildcards:
        return f"sub-{wildcards['subject']}"
    return wildcards["folder"].partition("/")[0] if "folder" in wildcards else STUDY


class Course:
    """How many jobs of a run are done, and how long the rest may take.

    It keeps sums, not jobs, because a run may have a hundred thousand of them.
    """

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
        self._spent: defaultdict[str, float] = defaultdict(float)  # seconds, by rule
        self._measured: Counter[str] = Counter()

    def begin(self, jobs: Iterable[int]) -> None:
        """Jobs were started."""
        self._started |= dict.fromkeys(jobs, self._clock())

    def finish(self, job: int) -> str | None:
        """A job is done. Returns the name of its subject if it was the subject's last."""
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
        """The jobs that run now."""
        return [self._tasks[job] for job in self._started if job in self._tasks]

    @property
    def left_s(self) -> float | None:
        """Estimated seconds to the end, from how long the jobs of each rule took so far."""
        if len(self._finished) < FEWEST:
            return None
        spent = sum(self._spent.values())
        usual = spent / len(self._finished)
        work = sum(
            count * (self._spent[rule] / self._measured[rule] if self._measured[rule] else usual)
            for rule, count in self._to_come.items()
        )
        side_by_side = max(spent / max(self._clock() - self._start, 1e-3), 1.0)
        return work / side_by_side


def lasting(seconds: float | None) -> str:
    """The time left, rounded as people say it."""
    if seconds is None:
        return "time left not known yet"
    if seconds < 90:
        return f"about {max(round(seconds / 10) * 10, 10):.0f} s left"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min left"
    return f"about {seconds / 3600:.1f} h left"


def line(course: Course, width: int) -> str:
    """The state of a run, cut to a width: the whole, the subjects in work, their rules."""
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
    """Shows a run's events: one line drawn over on a terminal, elsewhere a line per subject."""

    def __init__(self, course: Course, stream: TextIO | None = None) -> None:
        super().__init__()
        self.course, self.stream = course, stream or sys.stderr
        self.live = self.stream.isatty()
        self._drawn = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of an event."""
        event = event_of(record)
        if event == LogEvent.JOB_STARTED:
            self.course.begin(vars(record)["jobs"])
        elif event == LogEvent.JOB_FINISHED and (
            ready := self.course.finish(vars(record)["job_id"])
        ):
            self._say(ready)
        due = event == LogEvent.JOB_STARTED or time.monotonic() - self._drawn > EVERY_S
        if self.live and event in SUMMED_UP and due:
            self._draw()

    def close(self) -> None:
        """Clear the line."""
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
        """Draw the line and go back to its start, so that the next text overwrites it."""
        self._drawn = time.monotonic()
        width = shutil.get_terminal_size().columns - 1
        self.stream.write(f"{line(self.course, width)}{CLEAR}\r")
        self.stream.flush()


def event_of(record: logging.LogRecord) -> LogEvent | None:
    """The event that a record reports; a text for the reader alone has none."""
    return getattr(record, "event", None)


def worth_reading(record: logging.LogRecord) -> bool:
    """Whether a record belongs on the terminal while jobs run.

    Warnings and errors do. So do events that progress does not sum up. A text without an event
    that is no warning tells of scheduling.
    """
    if record.levelno >= logging.WARNING:
        return True
    event = event_of(record)
    return event is not None and event not in SUMMED_UP


def watch(logger: logging.Logger, tasks: Mapping[int, Task], stream: TextIO | None = None) -> None:
    """From now on show progress in place of the text on every job; log files keep that text."""
    for handler in _on_stream(logger):
        handler.addFilter(worth_reading)
    logger.addHandler(Watcher(Course(tasks), stream))


def end(logger: logging.Logger) -> None:
    """Show Snakemake's own text again: what it says last, such as where its log lies."""
    for handler in _on_stream(logger):
        handler.removeFilter(worth_reading)
    for watcher in [each for each in logger.handlers if isinstance(each, Watcher)]:
        logger.removeHandler(watcher)
        watcher.close()


def _on_stream(logger: logging.Logger) -> list[logging.Handler]:
    """The handlers that write to a terminal or pipe rather than to a file."""
    return [
        handler
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler)
        and not isinstance(handler, logging.FileHandler)
    ]

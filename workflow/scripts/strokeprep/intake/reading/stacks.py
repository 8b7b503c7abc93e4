"""Put slices together: what lies on one grid and was taken in one way is a stack, of one frame or many."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from strokeprep.intake.reading import clocks, geometry, voxels
from strokeprep.intake.reading.clocks import Clock
from strokeprep.intake.reading.files import Unreadable
from strokeprep.intake.reading.geometry import Grid
from strokeprep.intake.reading.headers import Slice

# Direction cosines, and pixel sizes in mm, that differ by less are equal: headers round them.
SAME_DIRECTION = 1e-4
# Series of one study that are frames of one: at least so many, with as many times.
FEWEST_FRAMES = 10


@dataclass(frozen=True)
class Stack:
    """Slices on one grid. ``frames`` is empty where ``faults`` say why they cannot be put in order."""

    slices: tuple[Slice, ...]
    frames: tuple[tuple[Slice, ...], ...] = ()
    clock: Clock | None = None
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    # Of the diffusion gradient, one for each frame; the image is then the mean over them.
    directions: tuple[tuple[float, ...], ...] = ()

    @property
    def ndim(self) -> int:
        """4 for a series of images, 3 for one image."""
        return 4 if len(self.frames) > 1 and not self.directions else 3

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is known of its first slice."""
        return self.slices[0].facts

    @property
    def b_value(self) -> float | None:
        """The diffusion weighting of all of its slices."""
        return self.slices[0].b_value

    @property
    def series_uid(self) -> str:
        """The series of its first slice."""
        return str(self.facts.get("SeriesInstanceUID", ""))

    @property
    def number(self) -> int:
        """The series number, by which a console lists it."""
        text = str(self.facts.get("SeriesNumber", ""))
        return int(text) if re.fullmatch(r"\d{1,6}", text) else 0

    @property
    def name(self) -> str:
        """A short name that is always the same for the same series and way of imaging."""
        plane = [round(value, 3) for value in _plane(self.slices[0])]
        told = f"{self.series_uid} {_way(self.slices[0])} {plane}"
        return sha256(told.encode()).hexdigest()[:10]

    @property
    def files(self) -> int:
        """How many files it was read from."""
        return len({each.source for each in self.slices})

    @cached_property
    def grid(self) -> Grid | None:
        """Where its slices lie, if they are in order."""
        return _grid(self.frames[0]) if self.frames else None

    def volume(self) -> voxels.Volume:
        """Its voxels, if its slices are in order."""
        if self.grid is None:
            raise ValueError("a stack with faults has no volume")
        return voxels.volume(self.frames, self.grid, is_mean=bool(self.directions))

    @property
    def began(self) -> float | None:
        """When the first slice was taken, in seconds of an unknown day."""
        known = [
            each.clocks[tag]
            for each in self.slices
            for tag in clocks.SECONDS[:3]
            if tag in each.clocks
        ]
        return min(known, default=None)


def stacks(slices: Iterable[Slice]) -> list[Stack]:
    """All stacks of one study, by series number."""
    groups: dict[tuple, list[list[Slice]]] = defaultdict(list)
    for each in slices:
        alike = groups[each.facts.get("SeriesInstanceUID"), *_way(each)]
        group = next((group for group in alike if _share_plane(group[0], each)), None)
        if group is None:
            alike.append([each])
        else:
            group.append(each)
    made = [arranged(group) for alike in groups.values() for group in alike]
    return sorted(_joined(made), key=lambda stack: (stack.number, stack.name))


def _way(each: Slice) -> tuple:
    """The way of imaging of a slice; echo and b-value part what one series of MR holds."""
    facts = each.facts
    return (
        *(each.pixels.rows, each.pixels.columns, facts.get("SOPClassUID")),
        *(facts.get(name) for name in ("ConvolutionKernel", "EchoTime")),
        _type(facts),
        each.b_value,
        facts.get("DiffusionDirectionality"),
        each.direction is not None,
    )


def _plane(each: Slice) -> tuple[float, ...]:
    """Orientation and pixel size of a slice, as far as it has them."""
    return (
        *each.facts.get("ImageOrientationPatient", ()),
        *each.facts.get("PixelSpacing", ()),
    )


def _share_plane(one: Slice, other: Slice) -> bool:
    """Whether two slices are parallel and have one pixel size, but for rounding."""
    a, b = _plane(one), _plane(other)
    return len(a) == len(b) and all(abs(x - y) < SAME_DIRECTION for x, y in zip(a, b, strict=True))


def _type(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The part of ImageType that parts images of one series; GE adds words to that of single CT slices."""
    given = tuple(facts.get("ImageType", ()))
    return given[:3] if facts.get("Modality") == "CT" else given


def arranged(slices: Sequence[Slice]) -> Stack:
    """A stack in order of position and time, or with the fault that forbids it."""
    try:
        return _arranged(slices)
    except Unreadable as error:
        return Stack(tuple(slices), faults=(f"its copies cannot be compared: {error}",))


def _arranged(slices: Sequence[Slice]) -> Stack:
    unique, faults = _without_repeats(slices)
    stack = Stack(tuple(slices), faults=tuple(faults))
    if faults:
        return stack
    facts = unique[0].facts
    shapes = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2}
    for each in unique:
        for name, length in shapes.items():
            value = np.array(each.facts.get(name, ()))
            if len(value) != length or not np.isfinite(value).all():
                return replace(stack, faults=("nothing says where its slices lie",))
    if not _is_usable(facts):
        return replace(stack, faults=("its orientation or pixel size is impossible",))
    heights = geometry.heights_of(
        [each.facts["ImagePositionPatient"] for each in unique], facts["ImageOrientationPatient"]
    )
    positions = [[unique[i] for i in each] for each in geometry.clusters(heights)]
    return _in_frames(stack, positions)


def _is_usable(facts: Mapping[str, Any]) -> bool:
    """Whether two unit vectors at right angles and two sizes are given."""
    across, down = np.split(np.array(facts["ImageOrientationPatient"]), 2)
    products = np.array([across @ across - 1, down @ down - 1, across @ down])
    return bool(np.abs(products).max() < 1e-3) and min(facts["PixelSpacing"]) > 0


def _without_repeats(slices: Sequence[Slice]) -> tuple[list[Slice], list[str]]:
    """Each image once; two files that claim to be one image must have the same pixels."""
    by_uid: dict[tuple[str, int], list[Slice]] = defaultdict(list)
    for each in slices:
        by_uid[each.uid, each.index].append(each)
    repeated = [copies for copies in by_uid.values() if len(copies) > 1]
    if any(not voxels.are_equal(copies) for copies in repeated):
        return [], ["two files claim to be one image and differ"]
    return [copies[0] for copies in by_uid.values()], []


def _in_frames(stack: Stack, positions: list[list[Slice]]) -> Stack:
    """The slices of each position in the order of time."""
    counts = [len(each) for each in positions]
    if min(counts) != max(counts):
        usual = max(set(counts), key=counts.count)
        others = [index + 1 for index, count in enumerate(counts) if count != usual]
        what = (
            f"{len(others)} of {len(counts)} positions have another number of images than "
            f"{usual} (position {_listed(others)}): a slice or a part of a frame was lost"
        )
        return replace(stack, faults=(what,))
    if counts[0] == 1:
        return _judged(replace(stack, frames=(tuple(each[0] for each in positions),)))
    if directed := _by_direction(stack, positions):
        return _judged(directed)
    clock = clocks.clock(positions)
    if clock is None:
        return _untimed(stack, positions)
    frames = tuple(tuple(positions[k][index] for k, index in enumerate(row)) for row in clock.order)
    wrong = clocks.fault(clock, len(positions)) if len(frames) >= FEWEST_FRAMES else ""
    remarks: tuple[str, ...] = ()
    if clock.counts_whole_seconds:
        remarks = ("its clock counts whole seconds, so times are off by up to one",)
    made = replace(stack, frames=frames, clock=clock, remarks=remarks)
    return replace(made, faults=(wrong,)) if wrong else _judged(made)


def _by_direction(stack: Stack, positions: list[list[Slice]]) -> Stack | None:
    """Images of diffusion in several directions, a frame for each; None for anything else."""
    ordered = [sorted(each, key=lambda one: one.direction or ()) for each in positions]
    told = {tuple(each.direction or () for each in slices) for slices in ordered}
    (directions, *others) = told
    if others or not all(directions) or len(set(directions)) < 2:
        return None
    return replace(stack, frames=tuple(zip(*ordered, strict=True)), directions=directions)


def _untimed(stack: Stack, positions: list[list[Slice]]) -> Stack:
    """Several images at each position and no clock: copies of one another, or a fault."""
    if all(voxels.are_equal(each) for each in positions):
        frames = (tuple(min(each, key=lambda one: one.uid) for each in positions),)
        sent = f"it was sent {len(positions[0])} times; the copies are equal"
        return _judged(replace(stack, frames=frames, remarks=(sent,)))
    what = f"each position has {len(positions[0])} images, and no clock tells them apart"
    return replace(stack, faults=(what,))


def _judged(stack: Stack) -> Stack:
    """The stack, with what is wrong with its geometry."""
    grid = stack.grid
    faults = list(stack.faults)
    if grid is not None and len(grid.positions) > 1:
        if grid.off_line_mm > geometry.MOST_OFF_LINE_MM:
            faults.append("its slices do not follow one another in a straight line")
        elif grid.regularity == "lost":
            faults.append(
                f"slices are missing: distances run from {grid.steps.min():.4g} to "
                f"{grid.steps.max():.4g} mm"
            )
    return replace(stack, faults=tuple(faults))


def _grid(frame: Sequence[Slice]) -> Grid:
    facts, pixels = frame[0].facts, frame[0].pixels
    down, across = facts["PixelSpacing"]
    return Grid(
        pixels.columns,
        pixels.rows,
        (down, across),
        np.array(facts["ImageOrientationPatient"][:3]),
        np.array(facts["ImageOrientationPatient"][3:]),
        np.array([each.facts["ImagePositionPatient"] for each in frame]),
    )


# --- Series that are frames of one ----------------------------------------------------------


def _joined(made: list[Stack]) -> list[Stack]:
    """Stacks of one frame each that show the same slices at ten or more times, as one stack.

    Volume scanners give each frame of a perfusion series a UID of its own.
    """
    alike: dict[tuple, list[Stack]] = defaultdict(list)
    for stack in made:
        alike[_scan(stack)].append(stack)
    joined: list[Stack] = []
    for scan, group in alike.items():
        if not scan or len(group) < FEWEST_FRAMES:
            joined += group
            continue
        together = arranged([each for stack in group for each in stack.slices])
        if len(together.frames) == len(group) and not together.faults:
            remark = f"{len(group)} series are its frames"
            joined.append(replace(together, remarks=(*together.remarks, remark)))
        else:
            joined += group
    return joined


def _scan(stack: Stack) -> tuple:
    """What frames of one scan share beside the time; empty for what is no single frame."""
    if len(stack.frames) != 1 or stack.faults or stack.grid is None:
        return ()
    stem = re.sub(r"[\d\W_]+", " ", str(stack.facts.get("SeriesDescription", ""))).strip()
    places = tuple(np.round(stack.grid.positions, 2).ravel().tolist())
    plane = tuple(round(value, 3) for value in _plane(stack.slices[0]))
    return (stem, places, plane, *_way(stack.slices[0]))


def _listed(numbers: Sequence[int], most: int = 5) -> str:
    """Some of the numbers, and how many more there are."""
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more

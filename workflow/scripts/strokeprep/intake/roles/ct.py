"""What a CT is: without contrast, an angiogram, or a perfusion series."""

from __future__ import annotations

import re

from strokeprep.intake.reading.stacks import FEWEST_FRAMES
from strokeprep.intake.roles.evidence import (
    THIN_MM,
    Evidence,
    Role,
    decided,
    no_times,
    not_even,
)

HEAD_MM = 100.0  # the least that an image of a whole brain covers
OFF_AXIAL_DEGREES = 30.0
LONGEST_INTERVAL_S = 10.0  # between frames of perfusion


def ct(seen: Evidence) -> Role:
    """What a CT is."""
    lacks = [*no_hu(seen), *seen.stack.faults]
    if "other part" in seen.words and not {"angiography"} & seen.words:
        return Role("", "none", ("of another part of the body, by its description",))
    frames = len(seen.stack.frames)
    if frames >= FEWEST_FRAMES:
        return _ctp(seen, lacks)
    if frames > 1:
        return Role("", "none", (f"{frames} frames, too few for a perfusion series",))
    if seen.has_agent or {"angiography", "perfusion", "contrast"} & seen.words:
        return _cta(seen, lacks)
    return _ncct(seen, lacks)


def no_hu(seen: Evidence) -> list[str]:
    """What a CT lacks for its values to be HU."""
    facts, lacks = seen.facts, []
    if "RescaleIntercept" not in facts or "RescaleSlope" not in facts:
        lacks.append("nothing says that its values are HU")
    if facts.get("RescaleType", "HU") not in ("HU", "US", "HU\\HU"):
        lacks.append("its values are not HU by their unit")
    if facts.get("BitsAllocated", 16) < 16 or facts.get("LossyImageCompression") == "01":
        lacks.append("its values were made fewer by compression")
    return lacks


def _ctp(seen: Evidence, lacks: list[str]) -> Role:
    clock = seen.stack.clock
    starts = clock.starts if clock else None
    reasons = [f"{len(seen.stack.frames)} frames"]
    if starts is not None:
        intervals = sorted(float(b - a) for a, b in zip(starts, starts[1:], strict=False))
        usual = intervals[len(intervals) // 2]
        reasons.append(f"usually {usual:.3g} s apart by {clock.tag if clock else ''}")
        if usual > LONGEST_INTERVAL_S:
            lacks.append("frames of perfusion are seconds apart")
    if seen.has_agent or "perfusion" in seen.words:
        reasons.append("contrast agent" if seen.has_agent else "described as perfusion")
    lacks += [*no_times(seen), *_another_part(seen), *not_even(seen)]
    return decided("ctp", reasons, lacks)


def _cta(seen: Evidence, lacks: list[str]) -> Role:
    grid, reasons = seen.grid, []
    if seen.has_agent:
        reasons.append("contrast agent")
    if "angiography" in seen.words:
        reasons.append("described as angiography")
    else:
        lacks.append("nothing says that it shows arteries")
    if grid is not None and grid.step > THIN_MM:
        lacks.append(f"slices {grid.step:.3g} mm apart, a CTA has at most {THIN_MM:g} mm")
    if {"late", "no contrast", "perfusion"} & seen.words:
        lacks.append("described as late, without contrast or perfusion")
    if seen.kernel == "sharp":
        lacks.append("a sharp kernel")
    return decided("cta", reasons, [*lacks, *_not_a_head(seen), *not_even(seen)])


def _ncct(seen: Evidence, lacks: list[str]) -> Role:
    reasons = ["no contrast agent"]
    if "no contrast" in seen.words:
        reasons.append("described as without contrast")
    elif seen.beside.has_agent:
        reasons.append("another series of the study names its agent, this one none")
    else:
        lacks.append("nothing says that it was taken without contrast agent")
    if seen.kernel == "sharp":
        lacks.append("a sharp kernel")
    elif seen.kernel == "soft":
        reasons.append("soft kernel")
    return decided("ncct", reasons, [*lacks, *_not_a_head(seen), *not_even(seen)])


def _not_a_head(seen: Evidence) -> list[str]:
    """What an axial scan of a whole head has and this has not."""
    grid, lacks = seen.grid, []
    if grid is not None and grid.extent_mm < HEAD_MM:
        lacks.append(f"covers {grid.extent_mm:.0f} mm, a head needs {HEAD_MM:g}")
    if grid is not None and grid.off_axial_degrees > OFF_AXIAL_DEGREES:
        lacks.append("its slices are not axial")
    return [*lacks, *_another_part(seen)]


def _another_part(seen: Evidence) -> list[str]:
    part = str(seen.facts.get("BodyPartExamined", "")).upper()
    is_head = re.search("HEAD|BRAIN|SKULL|NECK|CAROTID|ANGIO|KOPF", part)
    return ["another part of the body by its header"] if part and not is_head else []

"""What a stack is: a kind of scan that the chain takes, by facts first and words second.

Each kind has facts that it must show. A stack with all of them and none against it is certain. One
that lacks some waits and says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strokeprep.intake.reading.stacks import Stack
from strokeprep.intake.roles.ct import ct, no_hu
from strokeprep.intake.roles.evidence import Beside, Evidence, Role, decided, no_times, not_even
from strokeprep.intake.roles.mr import diffusion, mr
from strokeprep.kinds import KINDS

IMAGE_CLASSES = tuple(
    f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2", "2.1", "2.2", "4", "4.1", "4.4")
)
NOT_ORIGINAL = {
    "LOCALIZER": "a localiser",
    "SCREEN SAVE": "a picture of a screen",
    "MIP": "a projection",
    "MPR": "a reformat",
    "VRT": "a rendering",
    "PROJECTION IMAGE": "a projection",
    "MINIP": "a projection",
    "MIN IP": "a projection",
    "MNIP": "a projection",
    "CSA MPR": "a reformat",
    "REPORT": "a report",
    "PROT": "a protocol page",
    "DOSE_INFO": "a dose page",
    "FA": "a map of anisotropy",
    "EADC": "an exponential map",
    "EXP": "an exponential map",
    "P": "a phase image",
    "PHASE MAP": "a phase image",
    "MOSAIC": "a mosaic of slices: export single slices, or convert it with dcm2niix",
}


def role(stack: Stack, beside: Beside | None = None, said: Mapping[str, Any] | None = None) -> Role:
    """What a stack is, with the reasons; ``said`` is what the override file says of it."""
    seen = Evidence(stack, beside, said)
    if "skip" in seen.said:
        return Role("", "none", ("left out by the override file",))
    if "as" in seen.said:
        return _forced(seen)
    barred = _barred(seen)
    if barred:
        return Role("", "none", (barred,))
    if seen.facts.get("Modality") == "CT":
        return ct(seen)
    return diffusion(seen) or mr(seen)


def _forced(seen: Evidence) -> Role:
    """What a person says it is; what it lacks to be written at all still counts."""
    kind = seen.said["as"]
    modality = KINDS[kind].modality.upper()
    lacks = [*seen.stack.faults, *not_even(seen)]
    if seen.facts.get("Modality") != modality:
        lacks.append(f"it is no {modality}")
    lacks += no_hu(seen) if modality == "CT" else []
    lacks += no_times(seen) if KINDS[kind].ndim == 4 else []
    if seen.stack.ndim != KINDS[kind].ndim:
        lacks.append(f"it has {len(seen.stack.frames)} frames")
    return decided(kind, ["by the override file"], lacks)


def _barred(seen: Evidence) -> str:
    """Why a stack is nothing that is taken, whatever it shows; empty if nothing bars it."""
    facts = seen.facts
    if facts.get("SOPClassUID") not in IMAGE_CLASSES or facts.get("Modality") not in ("CT", "MR"):
        return "no CT or MR image"
    if "ConversionType" in facts or facts.get("BurnedInAnnotation", "").upper() == "YES":
        return "a picture with text burned in"
    if facts.get("SamplesPerPixel", 1) > 1 or "MONOCHROME2" not in facts.get(
        "PhotometricInterpretation", "MONOCHROME2"
    ):
        return "a picture in colour, or inverted"
    barred = [NOT_ORIGINAL[word] for word in sorted(seen.type & NOT_ORIGINAL.keys())]
    if barred:
        return barred[0]
    if facts.get("Modality") == "CT" and "DERIVED" in seen.type:
        return "derived from another series"
    if facts.get("Modality") == "CT" and "map" in seen.words:
        return "a map or a page that was computed"
    if seen.stack.frames and len(seen.stack.frames[0]) < 4:
        return "too few slices for a scan of the head"
    return ""

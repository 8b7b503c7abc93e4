"""What a stack is: a kind of scan that the chain takes, by facts first and words second.

Each kind has facts that it must show. A stack with all of them and none against it is certain. One
that lacks some waits and says which. Words come from descriptions, and only those listed here are
ever repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from strokeprep.intake.reading.stacks import FEWEST_FRAMES, Stack
from strokeprep.kinds import KINDS

Confidence = Literal["certain", "doubtful", "none"]
HEAD_MM = 100.0  # the least that an image of a whole brain covers
OFF_AXIAL_DEGREES = 30.0
THIN_MM = 1.5  # slices of a CTA, voxels of a T1w
LONGEST_INTERVAL_S = 10.0  # between frames of perfusion
NO_WEIGHTING, WEIGHTED = 50.0, 500.0  # b-values (s/mm2) at most, and at least
IMAGE_CLASSES = tuple(
    f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2", "2.1", "2.2", "4", "4.1", "4.4")
)

# What descriptions say, by what it means; matched in lower case, as whole words or stems.
WORDS: dict[str, str] = {
    "perfusion": r"perf\w*|ctp|vpct|pct|pwi|dsc",
    "angiography": r"cta|angio\w*|carotis|cow",
    "contrast": r"contrast|with|w/|kontrast\w*|post|gad\w*|ce|cect|c\+|\+c|km|mit|avec",
    "late": r"delay\w*|late|venous|venoes|ven|sp[aä]e?t\w*|phase ?[23]|[23]\.? ?phase",
    "other part": r"thorax|chest|lung|abdomen|pelvis|neck|hals|spine|shoulder|thx|abd",
    "projection": r"mip|mpr|vrt|vr|3d ?recon|curved|thick ?mip",
    "map": r"cbf|cbv|mtt|ttp|tmax|tmip|fa|colou?r|tensor|eadc|exponential|exp|summary|dose|report",
    "adc": r"adc|apparent",
    "trace": r"trace\w*|isotropic|iso",
    "flair": r"flair|dark.?fluid",
    "susceptibility": r"swi|swan|venobold|susceptibility",
    "t1": r"t1w?|mprage|mp.?rage|bravo|spgr|tfe|fspgr|vibe",
    "t2": r"t2w?",
    "bone": r"bone|knochen|sharp|hard",
}
# Taken out before the words above are looked for: "without contrast" does not speak of contrast.
WITHOUT = re.compile(
    r"(?<![a-z])(?:(?:without|w/?o|no|non|ohne|sans)(?: iv)?[ -]?(?:contrast\w*|kontrast\w*|km|c)"
    r"|without|w/?o|ohne|sans|nativ|native|ncct|nect|plain)(?![a-z])"
)
# Kernels by maker: sharp ones are for bone. What is in neither list counts as unknown.
SHARP = re.compile(r"BONE|EDGE|LUNG|SHARP|FC3\d|FC8\d|^Y[A-E]|^[HBJ]r?(6|7|8|9)\d", re.IGNORECASE)
SOFT = re.compile(
    r"STAND|STD|SOFT|DETAIL|BRAIN|FC2\d|FC0\d|FC6\d|^U[A-C]|^[HBJQ][rv]?[1-4]\d", re.IGNORECASE
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
}


@dataclass(frozen=True)
class Role:
    """What a stack was found to be; ``kind`` is empty where it is nothing that is taken."""

    kind: str
    confidence: Confidence
    reasons: tuple[str, ...]
    lacks: tuple[str, ...] = ()


class Evidence:
    """The facts of a stack as the rules ask for them."""

    def __init__(
        self, stack: Stack, says_contrast: bool = False, said: Mapping[str, Any] | None = None
    ) -> None:
        self.stack, self.facts, self.grid = stack, stack.facts, stack.grid
        self.words = words_of(stack.facts)
        self.says_contrast = says_contrast  # whether another series of the study has an agent
        self.said = said or {}  # what the override file says

    def number(self, keyword: str) -> float:
        """A number of the header; NaN where there is none, which no comparison holds for."""
        return float(self.facts.get(keyword, "nan"))

    @property
    def type(self) -> set[str]:
        """The words of ImageType."""
        return {each.upper() for each in self.facts.get("ImageType", ())}

    @property
    def sequence(self) -> set[str]:
        """The words of the scanning sequence and its variants."""
        named = (*self.facts.get("ScanningSequence", ()), *self.facts.get("SequenceVariant", ()))
        return {each.upper() for each in named}

    @property
    def has_agent(self) -> bool:
        """Whether the header names a contrast agent."""
        agent = str(self.facts.get("ContrastBolusAgent", "")).strip().lower()
        return agent not in ("", "none", "no", "n/a", "without")

    @property
    def kernel(self) -> str:
        """``soft``, ``sharp`` or ``unknown``."""
        name = str(self.facts.get("ConvolutionKernel", "")).split("\\")[0].strip()
        if SHARP.search(name) or "bone" in self.words:
            return "sharp"
        return "soft" if SOFT.search(name) else "unknown"

    @property
    def voxel_mm(self) -> float:
        """The longest edge of a voxel."""
        return max(self.grid.step, *self.grid.spacing) if self.grid else float("nan")


def words_of(facts: Mapping[str, Any]) -> set[str]:
    """What the description of a series means, as far as it is known.

    The name of the protocol is often that of the whole study, so it counts only where there is no
    description.
    """
    told = str(facts.get("SeriesDescription") or facts.get("ProtocolName", "")).lower()
    told = re.sub(r"[_\-*.^]+", " ", told)
    rest = WITHOUT.sub(" ", told)
    found = {
        mean for mean, stem in WORDS.items() if re.search(rf"(?<![a-z])(?:{stem})(?![a-z])", rest)
    }
    return found | ({"no contrast"} if rest != told else set())


def role(stack: Stack, says_contrast: bool = False, said: Mapping[str, Any] | None = None) -> Role:
    """What a stack is, with the reasons; ``said`` is what the override file says of it."""
    seen = Evidence(stack, says_contrast, said)
    if "skip" in seen.said:
        return Role("", "none", ("left out by the override file",))
    if "as" in seen.said:
        return _forced(seen)
    barred = _barred(seen)
    if barred:
        return Role("", "none", (barred,))
    if seen.facts.get("Modality") == "CT":
        return _ct(seen)
    return _diffusion(seen) or _mr(seen)


def _forced(seen: Evidence) -> Role:
    """What a person says it is; what it lacks to be written at all still counts."""
    kind = seen.said["as"]
    modality = KINDS[kind].modality.upper()
    lacks = [*seen.stack.faults, *_not_even(seen)]
    if seen.facts.get("Modality") != modality:
        lacks.append(f"it is no {modality}")
    lacks += _no_hu(seen) if modality == "CT" else []
    lacks += _no_times(seen) if KINDS[kind].ndim == 4 else []
    if (len(seen.stack.frames) > 1) != (KINDS[kind].ndim == 4):
        lacks.append(f"it has {len(seen.stack.frames)} frames")
    return _decided(kind, ["by the override file"], lacks)


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


# --- CT -------------------------------------------------------------------------------------


def _ct(seen: Evidence) -> Role:
    lacks = [*_no_hu(seen), *seen.stack.faults]
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


def _no_hu(seen: Evidence) -> list[str]:
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
    lacks += [*_no_times(seen), *_another_part(seen), *_not_even(seen)]
    return _decided("ctp", reasons, lacks)


def _no_times(seen: Evidence) -> list[str]:
    """A series whose frames have an order and no times."""
    clock = seen.stack.clock
    if "times" in seen.said or (clock is not None and clock.times is not None):
        return []
    return ["no clock says when the frames were taken: give times in the override file"]


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
    return _decided("cta", reasons, [*lacks, *_not_a_head(seen), *_not_even(seen)])


def _ncct(seen: Evidence, lacks: list[str]) -> Role:
    reasons = ["no contrast agent"]
    if "no contrast" in seen.words:
        reasons.append("described as without contrast")
    elif seen.says_contrast:
        reasons.append("another series of the study names its agent, this one none")
    else:
        lacks.append("nothing says that it was taken without contrast agent")
    if seen.kernel == "sharp":
        lacks.append("a sharp kernel")
    elif seen.kernel == "soft":
        reasons.append("soft kernel")
    return _decided("ncct", reasons, [*lacks, *_not_a_head(seen), *_not_even(seen)])


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


def _not_even(seen: Evidence) -> list[str]:
    """Slices at several distances, which only a person may have interpolated."""
    grid = seen.grid
    if grid is None or grid.regularity != "uneven" or "uneven" in seen.said:
        return []
    steps = grid.steps
    return [
        f"slices {steps.min():.3g} to {steps.max():.3g} mm apart by protocol: a thinner series is "
        "better; else allow to interpolate them (uneven: resample) in the override file"
    ]


# --- MR -------------------------------------------------------------------------------------


def _diffusion(seen: Evidence) -> Role | None:
    """b = 0, trace or ADC; None for what is no diffusion imaging."""
    b_value, faults = seen.stack.b_value, list(seen.stack.faults)
    if "ADC" in seen.type or "ADC_UNSPECIFIED" in seen.type:
        return _decided("adc", ["ADC by its image type"], faults)
    if "adc" in seen.words and "DERIVED" in seen.type and "map" not in seen.words:
        return _decided("adc", ["derived, and described as ADC"], faults)
    if b_value is None or not {"EP", "RM"} & seen.sequence and b_value == 0:
        return None
    if b_value <= NO_WEIGHTING:
        return _decided("b0", [f"b-value {b_value:g}"], [*faults, *_several(seen)])
    if b_value < WEIGHTED:
        return Role("", "none", (f"b-value {b_value:g}, less than a stroke protocol's",))
    directional = str(seen.facts.get("DiffusionDirectionality", "")).upper() == "DIRECTIONAL"
    if directional:
        return Role("", "none", ("weighted in one direction, not the trace",))
    is_trace = "TRACEW" in seen.type or "trace" in seen.words
    is_trace |= str(seen.facts.get("DiffusionDirectionality", "")).upper() == "ISOTROPIC"
    lacks = [] if is_trace else ["nothing says that it is the trace rather than one direction"]
    return _decided("trace", [f"b-value {b_value:g}"], [*faults, *lacks, *_several(seen)])


def _several(seen: Evidence) -> list[str]:
    frames = len(seen.stack.frames)
    return [f"{frames} images at each position, as of several directions"] if frames > 1 else []


def _mr(seen: Evidence) -> Role:
    if len(seen.stack.frames) > 1:
        return Role("", "none", (f"a series of {len(seen.stack.frames)} frames",))
    rules = (_susceptibility, _flair, _t1w, _t2w)
    found = next((made for rule in rules for made in [rule(seen)] if made), None)
    return found or Role("", "none", ("no MR contrast that is taken",))


def _susceptibility(seen: Evidence) -> Role | None:
    if not ({"SWI", "SWAN"} & seen.type or "susceptibility" in seen.words):
        return None
    lacks = [] if "GR" in seen.sequence else ["no gradient echo by its header"]
    return _decided("swi", ["susceptibility by type or description"], [*seen.stack.faults, *lacks])


def _flair(seen: Evidence) -> Role | None:
    inverted = 1500 <= seen.number("InversionTime") <= 3500 and seen.number("EchoTime") >= 60
    if not inverted and "flair" not in seen.words:
        return None
    reasons = ["fluid is inverted by its times"] if inverted else ["described as FLAIR"]
    lacks = [] if inverted else ["its inversion and echo times are not those of FLAIR"]
    return _decided("flair", reasons, [*seen.stack.faults, *lacks])


def _t1w(seen: Evidence) -> Role | None:
    spoiled = "GR" in seen.sequence and seen.number("EchoTime") < 8
    inverted = 500 <= seen.number("InversionTime") <= 1400
    if not (spoiled and (inverted or "t1" in seen.words)):
        return None
    reasons = ["gradient echo with a short echo", *(["inversion"] if inverted else [])]
    lacks = []
    if seen.facts.get("MRAcquisitionType", "").upper() != "3D" or seen.voxel_mm > THIN_MM:
        lacks.append(f"not 3D with voxels of at most {THIN_MM:g} mm")
    agent = seen.has_agent or "contrast" in seen.words
    reasons += ["contrast agent"] if agent else []
    return _decided("t1wce" if agent else "t1w", reasons, [*seen.stack.faults, *lacks])


def _t2w(seen: Evidence) -> Role | None:
    long = seen.number("EchoTime") >= 60 and seen.number("RepetitionTime") >= 2000
    if not (long and "SE" in seen.sequence and "EP" not in seen.sequence):
        return None
    inverted = seen.number("InversionTime") > 0
    lacks = ["an inversion time that is none of FLAIR"] if inverted else []
    return _decided("t2w", ["spin echo with long times"], [*seen.stack.faults, *lacks])


def _decided(kind: str, reasons: list[str], lacks: list[str]) -> Role:
    confidence: Confidence = "doubtful" if lacks else "certain"
    return Role(kind, confidence, tuple(reasons), tuple(lacks))

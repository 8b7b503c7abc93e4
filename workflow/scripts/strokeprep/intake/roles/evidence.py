"""The facts of a stack as the rules ask for them, and the form of what they find.

Words come from descriptions, and only those listed here are ever repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from strokeprep.intake.reading.stacks import Stack

Confidence = Literal["certain", "doubtful", "none"]
THIN_MM = 1.5  # slices of a CTA, voxels of a T1w

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
    "diffusion": r"dwi\w*|diff\w*|dti\w*|trace\w*|adc",
    "trace": r"trace\w*|isotropic|iso",
    "flair": r"flair|dark.?fluid",
    "susceptibility": r"swi|swan|venobold|susceptibility",
    "t1": r"t1w?|mprage|mp.?rage|bravo|spgr|tfe|fspgr|vibe",
    "t2": r"t2w?",
    "t2star": r"t2 ?star\w*|t2 ffe|hemo\w*|haemo\w*|gre|ffe",
    "time of flight": r"tof|time of flight|3d tof\w*",
    "other series": r"asl|p?casl|bold|fmri|resting?|spin label\w*|field ?map\w*|b0 ?map\w*",
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


# Tags of files of many frames, what they say, and the word of ScanningSequence for it.
SPELLED = (
    ("EchoPulseSequence", "SPIN", "SE"),
    ("EchoPulseSequence", "GRADIENT", "GR"),
    ("EchoPlanarPulseSequence", "YES", "EP"),
    ("InversionRecovery", "YES", "IR"),
)


@dataclass(frozen=True)
class Role:
    """What a stack was found to be; ``kind`` is empty where it is nothing that is taken."""

    kind: str
    confidence: Confidence
    reasons: tuple[str, ...]
    lacks: tuple[str, ...] = ()


def decided(kind: str, reasons: list[str], lacks: list[str]) -> Role:
    confidence: Confidence = "doubtful" if lacks else "certain"
    return Role(kind, confidence, tuple(reasons), tuple(lacks))


@dataclass(frozen=True)
class Beside:
    """What other images of the study say of a stack."""

    has_agent: bool = False  # whether another series names a contrast agent
    is_weighted: bool = False  # whether others of its series are weighted by diffusion


class Evidence:
    """The facts of a stack as the rules ask for them."""

    def __init__(
        self, stack: Stack, beside: Beside | None = None, said: Mapping[str, Any] | None = None
    ) -> None:
        self.stack, self.facts, self.grid = stack, stack.facts, stack.grid
        self.words = words_of(stack.facts)
        self.beside = beside or Beside()
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
        """The words of the scanning sequence and its variants; files of many frames spell them out."""
        named = (*self.facts.get("ScanningSequence", ()), *self.facts.get("SequenceVariant", ()))
        spelled = {
            word for tag, told, word in SPELLED if str(self.facts.get(tag, "")).upper() == told
        }
        return {each.upper() for each in named} | spelled

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


# --- What a stack lacks, whatever its kind -----------------------------------------------------


def no_times(seen: Evidence) -> list[str]:
    """A series whose frames have an order and no times."""
    clock = seen.stack.clock
    if "times" in seen.said or (clock is not None and clock.times is not None):
        return []
    return ["no clock says when the frames were taken: give times in the override file"]


def not_even(seen: Evidence) -> list[str]:
    """Slices at several distances, which only a person may have interpolated."""
    grid = seen.grid
    if grid is None or grid.regularity != "uneven" or "uneven" in seen.said:
        return []
    steps = grid.steps
    return [
        f"slices {steps.min():.3g} to {steps.max():.3g} mm apart by protocol: a thinner series is "
        "better; else allow to interpolate them (uneven: resample) in the override file"
    ]

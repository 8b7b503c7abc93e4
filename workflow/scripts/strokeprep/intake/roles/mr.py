"""What an MR is: diffusion by its b-value, the rest by its sequence and times."""

from __future__ import annotations

from strokeprep.intake.reading.diffusion import are_evenly_spread
from strokeprep.intake.reading.stacks import FEWEST_FRAMES
from strokeprep.intake.roles.evidence import THIN_MM, Evidence, Role, decided, no_times
from strokeprep.kinds import KINDS

SHORTEST_T2STAR_MS, LONGEST_T2STAR_MS = 12.0, 60.0  # echo times that show iron and contrast agent
NO_WEIGHTING, WEIGHTED = 50.0, 500.0  # b-values (s/mm2) at most, and at least


def diffusion(seen: Evidence) -> Role | None:
    """b = 0, trace or ADC; None for what is no diffusion imaging."""
    b_value, faults = seen.stack.b_value, list(seen.stack.faults)
    if "ADC" in seen.type or "ADC_UNSPECIFIED" in seen.type:
        return decided("adc", ["ADC by its image type"], faults)
    if "adc" in seen.words and "DERIVED" in seen.type and "map" not in seen.words:
        return decided("adc", ["derived, and described as ADC"], faults)
    if b_value is None:
        return _without_b_value(seen)
    if b_value <= NO_WEIGHTING and not _is_of_diffusion(seen):
        return None
    if b_value <= NO_WEIGHTING:
        return decided("b0", [f"b-value {b_value:g}"], [*faults, *_several(seen)])
    if b_value < WEIGHTED:
        return Role("", "none", (f"b-value {b_value:g}, less than a stroke protocol's",))
    if seen.stack.directions:
        return _of_directions(seen, [f"b-value {b_value:g}"], faults)
    directional = str(seen.facts.get("DiffusionDirectionality", "")).upper() == "DIRECTIONAL"
    if directional or seen.stack.slices[0].direction is not None:
        if faults:  # of several directions, perhaps
            return decided("trace", [f"b-value {b_value:g}"], faults)
        return Role("", "none", ("weighted in one direction, not the trace",))
    is_trace = "TRACEW" in seen.type or "trace" in seen.words
    is_trace |= str(seen.facts.get("DiffusionDirectionality", "")).upper() == "ISOTROPIC"
    lacks = [] if is_trace else ["nothing says that it is the trace rather than one direction"]
    return decided("trace", [f"b-value {b_value:g}"], [*faults, *lacks, *_several(seen)])


def _without_b_value(seen: Evidence) -> Role | None:
    """Diffusion whose header has no b-value: b = 0 of Canon and Toshiba, or tags that were lost.

    Only a person can tell these apart.
    """
    is_named = "diffusion" in seen.words or "DIFFUSION" in seen.type
    is_map = "map" in seen.words or seen.stack.ndim == 4
    if is_map or "EP" not in seen.sequence or not (is_named or seen.beside.is_weighted):
        return None
    kind = "trace" if "TRACEW" in seen.type or "trace" in seen.words else "b0"
    reason, lack = "described as diffusion", "no b-value in its header"
    if seen.beside.is_weighted and kind == "b0":
        reason = "others of its series are weighted by diffusion"
        lack += ", as Canon and Toshiba write b = 0"
    told = f"{lack}: if it is a {KINDS[kind].called}, say so in the override file (as: {kind})"
    return decided(kind, [reason], [*seen.stack.faults, told])


def _is_of_diffusion(seen: Evidence) -> bool:
    """Whether images without weighting belong to diffusion imaging.

    GE and Philips write a private b-value of 0 to scans of any other kind.
    """
    if seen.beside.is_weighted:
        return True
    maker = str(seen.facts.get("Manufacturer", "")).upper()
    is_told = not maker.startswith(("GE", "PHILIPS")) or "diffusion" in seen.words
    is_told |= bool({"DiffusionBValue", "DiffusionDirectionality"} & seen.facts.keys())
    is_told |= "DIFFUSION" in seen.type
    return is_told and bool({"EP", "RM"} & seen.sequence) and "GR" not in seen.sequence


def _of_directions(seen: Evidence, reasons: list[str], faults: list[str]) -> Role:
    """The trace as the geometric mean over directions, exact where they are evenly spread."""
    directions = seen.stack.directions
    lacks = []
    if not are_evenly_spread(directions):
        lacks.append("its directions are not evenly spread, so their mean is not the trace")
    told = f"the geometric mean of {len(directions)} directions is the trace"
    return decided("trace", [*reasons, told], [*faults, *lacks])


def _several(seen: Evidence) -> list[str]:
    frames = len(seen.stack.frames)
    return [f"{frames} images at each position, as of several directions"] if frames > 1 else []


def mr(seen: Evidence) -> Role:
    """What an MR without diffusion weighting is."""
    if seen.stack.ndim == 4:
        return _pwi(seen)
    if "other series" in seen.words:
        return Role("", "none", ("no MR contrast that is taken, by its description",))
    rules = (_susceptibility, _time_of_flight, _flair, _t1w, _t2w, _t2star)
    found = next((made for rule in rules for made in [rule(seen)] if made), None)
    return found or Role("", "none", ("no MR contrast that is taken",))


def _pwi(seen: Evidence) -> Role:
    """Perfusion by the first pass of a contrast agent; no labelled spins, no activity of the brain."""
    frames, echo = len(seen.stack.frames), seen.number("EchoTime")
    if frames < FEWEST_FRAMES or "EP" not in seen.sequence or "other series" in seen.words:
        return Role("", "none", (f"a series of {frames} frames",))
    reasons, lacks = [f"{frames} frames of echo-planar imaging"], list(seen.stack.faults)
    if seen.has_agent or "perfusion" in seen.words:
        reasons.append("contrast agent" if seen.has_agent else "described as perfusion")
    else:
        lacks.append("nothing says that it shows a contrast agent")
    if not SHORTEST_T2STAR_MS <= echo <= LONGEST_T2STAR_MS:
        lacks.append("its echo time is not that of perfusion")
    return decided("pwi", reasons, [*lacks, *no_times(seen)])


def _time_of_flight(seen: Evidence) -> Role | None:
    """Blood that flows in, without an agent."""
    flagged = str(seen.facts.get("AngioFlag", "")).upper() == "Y"
    if "GR" not in seen.sequence or not (
        "TOF" in seen.sequence or {"time of flight"} & seen.words or flagged
    ):
        return None
    lacks = []
    if seen.has_agent or "contrast" in seen.words:
        lacks.append("an angiogram with contrast agent, not by time of flight")
    if (
        not seen.number("EchoTime") < 8
        or not {"TOF"} & seen.sequence | {"time of flight"} & seen.words
    ):
        lacks.append("nothing says that it was taken by time of flight")
    if "other part" in seen.words:
        lacks.append("of another part of the body, by its description")
    return decided("tof", ["angiogram by type or description"], [*seen.stack.faults, *lacks])


def _t2star(seen: Evidence) -> Role | None:
    echo = seen.number("EchoTime")
    if "GR" not in seen.sequence or "EP" in seen.sequence or not echo >= SHORTEST_T2STAR_MS:
        return None
    is_flat = str(seen.facts.get("MRAcquisitionType", "")).upper() == "2D"
    lacks = [] if is_flat or "t2star" in seen.words else ["3D, so it may be a part of an SWI"]
    if echo > LONGEST_T2STAR_MS:
        lacks.append("its echo time is not that of T2*")
    return decided("t2star", ["gradient echo with a long echo"], [*seen.stack.faults, *lacks])


def _susceptibility(seen: Evidence) -> Role | None:
    if not ({"SWI", "SWAN"} & seen.type or "susceptibility" in seen.words):
        return None
    lacks = [] if "GR" in seen.sequence else ["no gradient echo by its header"]
    return decided("swi", ["susceptibility by type or description"], [*seen.stack.faults, *lacks])


def _flair(seen: Evidence) -> Role | None:
    inverted = 1500 <= seen.number("InversionTime") <= 3500 and seen.number("EchoTime") >= 60
    if not inverted and "flair" not in seen.words:
        return None
    reasons = ["fluid is inverted by its times"] if inverted else ["described as FLAIR"]
    lacks = [] if inverted else ["its inversion and echo times are not those of FLAIR"]
    return decided("flair", reasons, [*seen.stack.faults, *lacks])


def _t1w(seen: Evidence) -> Role | None:
    inverted, named = 500 <= seen.number("InversionTime") <= 1400, "t1" in seen.words
    # GE calls the gradient echo of its MP-RAGE "research mode".
    spoiled = "GR" in seen.sequence or "RM" in seen.sequence and inverted and named
    if not (spoiled and seen.number("EchoTime") < 8 and (inverted or named)):
        return None
    reasons = ["gradient echo with a short echo", *(["inversion"] if inverted else [])]
    lacks = []
    if seen.facts.get("MRAcquisitionType", "").upper() != "3D" or seen.voxel_mm > THIN_MM:
        lacks.append(f"not 3D with voxels of at most {THIN_MM:g} mm")
    agent = seen.has_agent or "contrast" in seen.words
    reasons += ["contrast agent"] if agent else []
    return decided("t1wce" if agent else "t1w", reasons, [*seen.stack.faults, *lacks])


def _t2w(seen: Evidence) -> Role | None:
    long = seen.number("EchoTime") >= 60 and seen.number("RepetitionTime") >= 2000
    if not (long and "SE" in seen.sequence and "EP" not in seen.sequence):
        return None
    inverted = seen.number("InversionTime") > 0
    lacks = ["an inversion time that is none of FLAIR"] if inverted else []
    return decided("t2w", ["spin echo with long times"], [*seen.stack.faults, *lacks])

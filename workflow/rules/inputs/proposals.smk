"""Which infarcts are proposed, and from what."""

from strokeprep.settings.backends import PROPOSALS, SEGMENTOR

PROPOSED = naming.label(ANY, ORIG, kinds.PROPOSAL)
PROPOSER = PROPOSALS[CONFIG.proposal.backend]


def proposed(name):
    """Where a proposal lies."""
    return f"{WORK}/{naming.PROPOSALS}/{name}"


def diffusion(suffix):
    """What gives the stripped image of a kind of a scan."""
    return lambda scan: out(naming.preproc(scan, suffix, ORIG, "brain"))


def stripped_flair(scan):
    """The stripped FLAIR of the session of a scan, if there is one."""
    return [
        out(naming.preproc(other, other.pilot.kind.suffix, ORIG, "brain"))
        for other in STUDY.by_name[scan.subject].scans
        if (other.kind.name, other.session) == ("flair", scan.session) and PROPOSER is not SEGMENTOR
    ][:1]


def proposals(wildcards):
    """One for each native diffusion scan that has a trace image and an ADC map."""
    if PROPOSER.runs is None:
        raise WorkflowError(
            "Nothing proposes infarcts: set proposal.backend (docs/segmentation.md)."
        )
    return [
        proposed(naming.label(scan, ORIG, kinds.PROPOSAL))
        for scan in STUDY.scans
        if {"trace", "adc"} <= {image.kind.name for image in scan.images}
    ]

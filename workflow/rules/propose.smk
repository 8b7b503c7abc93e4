"""Infarcts for a person to correct, on request. They stay in the work folder: nobody has looked at them."""

from strokeprep.settings.backends import PROPOSALS, SEGMENTOR

PROPOSED = naming.label(ANY, ORIG, kinds.PROPOSAL)
PROPOSER = PROPOSALS[CONFIG.proposal.backend]


localrules:
    propose,


def proposed(name):
    """Where a proposal lies."""
    return f"{WORK}/proposals/{name}"


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


rule propose:
    input:
        proposals,


rule proposal:
    input:
        trace=of_mask(diffusion("trace")),
        adc=of_mask(diffusion("ADC")),
        brain=of_mask(brain_of),
        flair=of_mask(stripped_flair),
    output:
        mask=proposed(PROPOSED),
        sidecar=proposed(naming.sidecar(PROPOSED)),
    log:
        log_of("proposal", PROPOSED),
    benchmark:
        benchmark_of("proposal", PROPOSED)
    conda:
        "../../envs/segmentation.yaml"
    threads: CONFIG.threads.segmentation
    resources:
        mem_mb=growing(PROPOSER.memory_mb),
        runtime=PROPOSER.minutes,
        gpu=int(CONFIG.models.device != "cpu"),
    params:
        backend=PROPOSER.name,
        container=CONFIG.proposal.container,
        weights=store.digests(needed.of_proposals(CONFIG), CONFIG.models.folder),
        code=code("proposal.py", *filter(None, [PROPOSER.module])),
    script:
        "../scripts/proposal.py"

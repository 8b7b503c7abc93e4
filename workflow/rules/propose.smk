"""Infarcts for a person to correct, on request. They stay in the work folder: nobody has looked at them."""


localrules:
    propose,


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

"""Brain masks, where each head lies in the template, and images without skull."""


rule brain:
    input:
        image=of_mask(raw_pilot),
        admitted=of_mask(passed_gate),
        correction=of_mask(corrected(partial(naming.brain_mask, space=ORIG))),
    output:
        mask=out(naming.brain_mask(ANY, ORIG)),
        sidecar=out(naming.sidecar(naming.brain_mask(ANY, ORIG))),
        location=located(ANY, "h5"),
        facts=located(ANY, "json"),
    log:
        log_of("brain", naming.brain_mask(ANY, ORIG)),
    benchmark:
        benchmark_of("brain", naming.brain_mask(ANY, ORIG))
    conda:
        environment("brain")
    threads: threads_of("brain")
    resources:
        mem_mb=partial(memory_of, "brain"),
        runtime=partial(minutes_of, "brain"),
        gpu=partial(gpus_of, "brain"),
    params:
        raw=of_mask(raw_uri),
        replaced=replaced(naming.brain_mask(ANY, ORIG)),
        network=partial(depends_on, "brain"),
        modality=of_mask(modality_of),
        backend=partial(name_of_backend, "brain"),
        limits=CONFIG.head,
        code=partial(code_of, "brain", "brain.py"),
    script:
        "../scripts/brain.py"


rule strip:
    input:
        image=out(naming.defaced(ANY, "{suffix}")),
        brain=of_image_scan(brain_of),
    output:
        image=out(naming.preproc(ANY, "{suffix}", ORIG, "brain")),
        sidecar=out(naming.sidecar(naming.preproc(ANY, "{suffix}", ORIG, "brain"))),
    log:
        log_of("strip", naming.preproc(ANY, "{suffix}", ORIG, "brain")),
    benchmark:
        benchmark_of("strip", naming.preproc(ANY, "{suffix}", ORIG, "brain"))
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=20,
    params:
        kind=of_image(kind_of),
        code=code("strip.py"),
    script:
        "../scripts/strip.py"

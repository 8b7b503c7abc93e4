"""Brain masks, and images that show nothing but the brain."""


rule brain:
    input:
        image=lambda w: pilot(mask_scan(w)),
        # Where the head lies, for the backend that starts from there.
        located=lambda w: [] if models_for("brain", mask_scan(w)) else located_head(mask_scan(w)),
        to_head=lambda w: [] if models_for("brain", mask_scan(w)) else exactly_to_head(mask_scan(w)),
    output:
        mask=out(naming.brain_mask(ANY, ORIG)),
        sidecar=out(naming.sidecar(naming.brain_mask(ANY, ORIG))),
    log:
        log_of("brain", naming.brain_mask(ANY, ORIG)),
    benchmark:
        benchmark_of("brain", naming.brain_mask(ANY, ORIG))
    conda:
        environment("brain")
    threads: threads_of("brain")
    resources:
        mem_mb=lambda w, attempt: (8000 if models_for("brain", mask_scan(w)) else 4000) * attempt,
        runtime=lambda w: 60 if models_for("brain", mask_scan(w)) else 30,
        gpu=lambda w: gpus("brain", mask_scan(w)),
    params:
        network=lambda w: network("brain", mask_scan(w)),
        modality=lambda w: mask_scan(w).modality,
        backend=lambda w: CONFIG["brain"][mask_scan(w).modality],
        code=code("brain.py"),
    script:
        "../scripts/brain.py"


rule strip:
    input:
        image=out(naming.defaced(ANY, "{suffix}")),
        brain=lambda w: out(naming.brain_mask(image_scan(w), ORIG)),
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
        mem_mb=megabytes(2000),
        runtime=20,
    params:
        kind=lambda w: raw_image(w).kind.name,
        code=code("strip.py"),
    script:
        "../scripts/strip.py"

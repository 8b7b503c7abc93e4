"""MR perfusion: the image that stands for the series, which is released without maps of its own."""


rule average:
    input:
        image=out(naming.defaced(MR_SERIES, PWI.suffix)),
    output:
        image=out(naming.mean(MR_SERIES, PWI.suffix)),
        sidecar=out(naming.sidecar(naming.mean(MR_SERIES, PWI.suffix))),
    log:
        log_of("average", naming.mean(MR_SERIES, PWI.suffix)),
    benchmark:
        benchmark_of("average", naming.mean(MR_SERIES, PWI.suffix))
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=20,
    params:
        kind=PWI,
        code=code("average.py"),
    script:
        "../scripts/average.py"

"""Nothing is computed from a file that has not passed the gate."""


rule admit:
    input:
        lambda w: [path for scan in raw_scans(w.subject) for path in scan],
        lambda w: list(raw_masks(w.subject)),
    output:
        report=admitted("{subject}"),
    log:
        log_of("admit", "sub-{subject}"),
    benchmark:
        benchmark_of("admit", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=20,
    params:
        scans=lambda w: raw_scans(w.subject),
        masks=lambda w: raw_masks(w.subject),
        code=code("admit.py"),
    script:
        "../scripts/admit.py"

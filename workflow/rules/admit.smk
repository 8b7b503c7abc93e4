"""Nothing is computed from a file that has not passed the gate."""


rule admit:
    input:
        lambda w: raw_files.paths(STUDY.by_name[w.subject]),
    output:
        report=admitted("{subject}"),
    log:
        log_of("admit", "sub-{subject}"),
    benchmark:
        benchmark_of("admit", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=20,
    params:
        # No output, for those of a job that fails are removed.
        refused=lambda w: f"{WORK}/logs/admit/sub-{w.subject}_refused.json",
        files=lambda w: raw_files.of_subject(STUDY.by_name[w.subject]),
        settings=replace(CONFIG.gate, frame_times=CONFIG.ctp.frame_times),
        code=code("admit.py"),
    script:
        "../scripts/admit.py"

"""Nothing is computed from a file that has not passed the gate."""


rule admit:
    input:
        of_subject(raw_of_subject),
    output:
        report=admitted("{subject}"),
    log:
        log_of("admit", "sub-{subject}"),
    benchmark:
        benchmark_of("admit", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=20,
    params:
        # No output, for those of a job that fails are removed.
        refused=f"{WORK}/logs/admit/sub-{{subject}}_refused.json",
        files=of_subject(raw_files.of_subject),
        paths=of_subject(raw_files.paths),
        record=given_to("{subject}"),
        pseudonyms=CONFIG.study.pseudonyms,
        settings=replace(CONFIG.gate, frame_times=CONFIG.ctp.frame_times),
        code=code("admit.py"),
    script:
        "../scripts/admit.py"

"""From DICOM exports to raw BIDS: a stage of its own, before the study is known."""

import time


localrules:
    intake,


rule intake:
    input:
        studies_taken_in,


checkpoint intake_plan:
    output:
        index=f"{INTAKE}/studies.json",
        table=f"{INTAKE}/plan.tsv",
    log:
        log_of("intake_plan", "dataset"),
    benchmark:
        benchmark_of("intake_plan", "dataset")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=240,
    params:
        settings=CONFIG.intake,
        raw=CONFIG.study.root,
        asked=time.time(),  # an export may have grown: what is unchanged is not written again
        code=code("intake_plan.py"),
    script:
        "../scripts/intake_plan.py"


rule intake_study:
    input:
        index=f"{INTAKE}/studies.json",
        decisions=CONFIG.intake.overrides or [],
    output:
        # The notes of what was written are no output: Snakemake would remove them first.
        done=touch(f"{INTAKE}/study-{{key}}.done"),
    log:
        log_of("intake_study", "study-{key}"),
    benchmark:
        benchmark_of("intake_study", "study-{key}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        settings=CONFIG.intake,
        raw=CONFIG.study.root,
        code=code("intake_study.py"),
    script:
        "../scripts/intake_study.py"

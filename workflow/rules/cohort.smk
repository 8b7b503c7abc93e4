"""What all finished patients give together, on request: snakemake cohort.

Maps and tables are made from what was released of each patient, and are audited like the rest. When a
patient changes or is withdrawn, conclude() takes them out of the output again.
"""


localrules:
    privacy_cohort,
    cohort,


rule cohort_maps:
    input:
        dataset=rules.privacy_dataset.output.report,
        searched=cohort_searched,
        atlases=atlas_files(),
    output:
        files=COHORT_FILES,
    log:
        log_of("cohort_maps", "dataset"),
    benchmark:
        benchmark_of("cohort_maps", "dataset")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=120,
    params:
        candidates=cohort_candidates,
        left_out=cohort_left_out,
        study=ABOUT_STUDY,
        settings=cohort_settings(),
        lesions=CONFIG.lesions,
        template=CONFIG.template,
        seed=CONFIG.seed,
        code=code("cohort_maps.py"),
    script:
        "../scripts/cohort_maps.py"


use rule privacy_dataset as privacy_cohort with:
    input:
        rules.cohort_maps.output.files,
    output:
        report=private(released.COHORT),
    log:
        log_of("privacy_cohort", "dataset"),
    benchmark:
        benchmark_of("privacy_cohort", "dataset")
    params:
        only=cohort_stems,


rule cohort:
    input:
        rules.privacy_cohort.output.report,
        cohort_score(),

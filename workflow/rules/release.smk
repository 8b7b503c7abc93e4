"""A finished study as an archive that other labs know, on request: snakemake release."""


localrules:
    release,


rule release_case:
    input:
        of_subject(privacy_reports_of),
    output:
        facts=case_facts("{subject}"),
    log:
        # not sub-…: whether a case can be released does not change how its patient ended
        log_of("release_case", "case-{subject}"),
    benchmark:
        benchmark_of("release_case", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=60,
    params:
        members=of_subject(release_members),
        copies=f"{WORK}/release/copies/sub-{{subject}}",
        code=code("release_case.py"),
    script:
        "../scripts/release_case.py"


rule release_pictures:
    input:
        facts=case_facts("{subject}"),
    output:
        row=case_pictures("{subject}"),
    log:
        log_of("release_pictures", "case-{subject}"),
    benchmark:
        benchmark_of("release_pictures", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=20,
    params:
        code=code("release_pictures.py"),
    script:
        "../scripts/release_pictures.py"


rule release:
    input:
        dataset=rules.dataset.output.files,
        searched=rules.privacy_dataset.output.report,
        cases=release_cases,
        pictures=release_pictures,
    output:
        # Else Snakemake would take it from the old release, which stays until the new one is complete.
        manifest=update(f"{CONFIG.release.folder}/manifest-sha256.txt"),
    log:
        log_of("release", "dataset"),
    benchmark:
        benchmark_of("release", "dataset")
    conda:
        f"../../envs/{'preview' if CONFIG.release.preview else 'imaging'}.yaml"
    params:
        left_out=release_left_out,
        study=ABOUT_STUDY,
        settings=CONFIG.release,
        template=CONFIG.template,
        private=f"{WORK}/release",
        code=code("release.py"),
    script:
        "../scripts/release.py"

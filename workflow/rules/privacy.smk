"""Nothing that shows or names a patient is released; a leak fails the run."""


localrules:
    privacy_dataset,


rule privacy:
    input:
        files=of_subject(all_images),
        gate=admitted("{subject}"),
        heads=of_subject(locations),
        extremes=of_subject(extremes_of_subject),
    output:
        report=private(released.part("{subject}", endings.IMAGES)),
    log:
        log_of("privacy", "sub-{subject}"),
    benchmark:
        benchmark_of("privacy", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=20,
    params:
        subject="{subject}",
        only=of_subject(image_stems),
        raw=of_subject(raw_files.given),
        raw_root=str(ORIGIN.root),
        undefaced=of_subject(raw_files.undefaced),
        heads=of_subject(heads),
        drawn=of_subject(drawn),
        extremes=EXTREMES,
        open_names=of_subject(spoken_of_subject),
        declared_defaced=CONFIG.study.defaced,
        code=code("privacy.py"),
    script:
        "../scripts/privacy.py"


# A perfusion that cannot be measured fails alone, and the images are audited without it.
use rule privacy as privacy_perfusion with:
    input:
        files=of_subject(all_perfusion),
        gate=admitted("{subject}"),
    output:
        report=private(released.part("{subject}", endings.PERFUSION)),
    log:
        log_of("privacy_perfusion", "sub-{subject}"),
    benchmark:
        benchmark_of("privacy_perfusion", "sub-{subject}")
    params:
        only=of_subject(perfusion_stems),
        heads=[],
        drawn=[],


rule privacy_dataset:
    input:
        rules.dataset.output.files,
    output:
        report=private(released.DATASET),
    log:
        log_of("privacy_dataset", "dataset"),
    benchmark:
        benchmark_of("privacy_dataset", "dataset")
    conda:
        "../../envs/imaging.yaml"
    params:
        subject=None,
        only=stems(rules.dataset.output.files),
        raw=[path for each in STUDY.subjects for path in raw_files.given(each)],
        raw_root=str(ORIGIN.root),
        open_names=spoken_of(STUDY.subjects),
        code=code("privacy.py"),
    script:
        "../scripts/privacy.py"

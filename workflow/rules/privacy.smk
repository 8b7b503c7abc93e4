"""Nothing that shows or names a patient is released; a leak fails the run."""


localrules:
    privacy_dataset,


rule privacy:
    input:
        files=images_of,
    output:
        report=private("{subject}"),
    log:
        log_of("privacy", "sub-{subject}"),
    benchmark:
        benchmark_of("privacy", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=20,
    params:
        subject=lambda w: w.subject,
        skip=lambda w: stems(perfusion_of(w)),
        raw=lambda w: raw_files.paths(STUDY.by_name[w.subject]),
        raw_root=RAW_ROOT,
        undefaced=lambda w: raw_files.undefaced(STUDY.by_name[w.subject]),
        open_names=lambda w: spoken_of([STUDY.by_name[w.subject]]),
        declared_defaced=CONFIG.study.defaced,
        code=code("privacy.py"),
    script:
        "../scripts/privacy.py"


# A perfusion that cannot be measured fails alone, and the images are audited without it.
use rule privacy as privacy_perfusion with:
    input:
        files=perfusion_of,
    output:
        report=private("{subject}", "_perfusion"),
    log:
        log_of("privacy_perfusion", "sub-{subject}"),
    benchmark:
        benchmark_of("privacy_perfusion", "sub-{subject}")
    params:
        subject=lambda w: w.subject,
        skip=lambda w: stems(images_of(w)),
        raw=lambda w: raw_files.paths(STUDY.by_name[w.subject]),
        raw_root=RAW_ROOT,
        undefaced=lambda w: raw_files.undefaced(STUDY.by_name[w.subject]),
        open_names=lambda w: spoken_of([STUDY.by_name[w.subject]]),
        declared_defaced=CONFIG.study.defaced,
        code=code("privacy.py"),


rule privacy_dataset:
    input:
        rules.dataset.output.files,
    output:
        report=f"{WORK}/privacy/dataset.json",
    log:
        log_of("privacy_dataset", "dataset"),
    benchmark:
        benchmark_of("privacy_dataset", "dataset")
    conda:
        "../../envs/imaging.yaml"
    params:
        subject=None,
        subjects=[subject.name for subject in STUDY.subjects],
        skip=stems([naming.ACCURACY]),
        raw=lambda w: [path for each in STUDY.subjects for path in raw_files.paths(each)],
        raw_root=RAW_ROOT,
        open_names=lambda w: spoken_of(STUDY.subjects),
        code=code("privacy.py"),
    script:
        "../scripts/privacy.py"

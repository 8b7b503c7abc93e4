"""The built-in study: simulate it, and score the outputs against what is true."""

from strokeprep import phantom

RAW, TRUTH, SCANS = ORIGIN.root, ORIGIN.truth, CONFIG.phantom.scans
TRUE = [TRUTH / path for path in phantom.truth_files("{subject}", SCANS, CONFIG.phantom.study)]
# Where a study that begins as DICOM is simulated, before it is exported and taken in.
FROM_DICOM = CONFIG.phantom.source == "dicom"
SIMULATED = Path(CONFIG.phantom.folder) / "simulated" if FROM_DICOM else RAW


localrules:
    phantom_dataset,
    accuracy,


rule phantom:
    output:
        raw=[
            SIMULATED / path
            for path in phantom.raw_files("{subject}", SCANS, CONFIG.phantom.study)
        ],
        truth=TRUE,
    log:
        log_of("phantom", "sub-{subject}"),
    benchmark:
        benchmark_of("phantom", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3500),
        runtime=60,
    params:
        raw=SIMULATED,
        truth=TRUTH,
        # One by one: a patient stays as it is when further ones are asked for.
        seed=CONFIG.phantom.seed,
        size=CONFIG.phantom.size,
        pathologies=CONFIG.phantom.pathologies,
        scans=SCANS,
        axes="LAS" if FROM_DICOM else None,  # as the intake writes
        study=CONFIG.phantom.study,
        circulation=CONFIG.phantom.circulation,
        table=CONFIG.phantom.table,
        code=code("phantom.py"),
    script:
        "../scripts/phantom.py"


if FROM_DICOM:

    include: "phantom_dicom.smk"


rule phantom_dataset:
    output:
        files=ORIGIN.files,
        truth=[TRUTH / path for path in phantom.truth_dataset_files()],
    log:
        log_of("phantom_dataset", "dataset"),
    benchmark:
        benchmark_of("phantom_dataset", "dataset")
    conda:
        "../../envs/imaging.yaml"
    params:
        raw=RAW,
        truth=TRUTH,
        subjects=CONFIG.phantom.subjects,
        seed=CONFIG.phantom.seed,
        study=CONFIG.phantom.study,
        code=code("phantom_dataset.py"),
    script:
        "../scripts/phantom_dataset.py"


rule phantom_atlas:
    output:
        atlas=ORIGIN.atlas or ORIGIN.regions,
        names=(ORIGIN.atlas or ORIGIN.regions).replace(naming.IMAGE, ".tsv"),
    log:
        log_of("phantom_atlas", "dataset"),
    benchmark:
        benchmark_of("phantom_atlas", "dataset")
    conda:
        "../../envs/imaging.yaml"
    params:
        code=code("phantom_atlas.py"),
    script:
        "../scripts/phantom_atlas.py"


rule score:
    input:
        audit=out(naming.audit("{subject}")),
        perfusion=of_subject(perfusion_audit_of),
        page=figures_of_page("{subject}"),
        labels=prepared("perfusion", atlas_image),
        names=prepared("perfusion", atlas_names),
        truth=TRUE,
    output:
        table=f"{WORK}/accuracy/sub-{{subject}}.tsv",
    log:
        log_of("score", "sub-{subject}"),
    benchmark:
        benchmark_of("score", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3500),
        runtime=20,
    params:
        subject=subject_of,
        truth=TRUTH,
        template=CONFIG.template,
        limits=settings.limits_at(CONFIG.accuracy, CONFIG.phantom.size),
        perfusion=CONFIG.perfusion.shared(),
        atlases=list(ATLASES["perfusion"]),
        code=code("score.py"),
    script:
        "../scripts/score.py"


rule score_cohort:
    input:
        files=COHORT_FILES,
        truth=[truth_of(subject.name) for subject in STUDY.subjects],
    output:
        table=COHORT_SCORE,
    log:
        log_of("score_cohort", "dataset"),
    benchmark:
        benchmark_of("score_cohort", "dataset")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=20,
    params:
        truth=TRUTH,
        template=TEMPLATE,
        at_least=CONFIG.cohort.at_least,
        atlases=cohort_settings().atlases,
        limits=settings.limits_at(CONFIG.accuracy, CONFIG.phantom.size),
        code=code("score_cohort.py"),
    script:
        "../scripts/score_cohort.py"


rule accuracy:
    input:
        [f"{WORK}/accuracy/sub-{subject.name}.tsv" for subject in STUDY.subjects],
    output:
        table=out(naming.ACCURACY),
    log:
        log_of("accuracy", "dataset"),
    benchmark:
        benchmark_of("accuracy", "dataset")
    conda:
        "../../envs/imaging.yaml"
    params:
        code=code("accuracy.py"),
    script:
        "../scripts/accuracy.py"

"""The built-in study as a hospital exports it, and the raw BIDS that the intake makes of that."""

EXPORT = Path(CONFIG.phantom.folder) / "dicom"
SCANNED = phantom.image_files("{subject}")
DRAWN = [path for path in phantom.raw_files("{subject}") if path not in SCANNED]


rule phantom_export:
    input:
        [SIMULATED / path for path in SCANNED],
    output:
        export=directory(EXPORT / "sub-{subject}"),
        people=f"{CONFIG.phantom.folder}/people/sub-{{subject}}.tsv",
    log:
        log_of("phantom_export", "sub-{subject}"),
    benchmark:
        benchmark_of("phantom_export", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        raw=SIMULATED,
        code=code("phantom_export.py"),
    script:
        "../scripts/phantom_export.py"


rule phantom_intake:
    input:
        export=EXPORT / "sub-{subject}",
        people=rules.phantom_export.output.people,
        drawn=[SIMULATED / path for path in DRAWN],
    output:
        scanned=[RAW / path for path in SCANNED],
        drawn=[RAW / path for path in DRAWN],
    log:
        log_of("phantom_intake", "sub-{subject}"),
    benchmark:
        benchmark_of("phantom_intake", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=60,
    params:
        raw=RAW,
        work=f"{WORK}/intake/sub-{{subject}}",
        code=code("phantom_intake.py"),
    script:
        "../scripts/phantom_intake.py"

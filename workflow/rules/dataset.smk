"""The files that make the output folder a BIDS dataset."""


localrules:
    dataset,


rule dataset:
    input:
        raw=DATASET_SOURCES,
    output:
        files=[out(name) for name in dataset.files(CLINICAL_TABLES, COW_LABELS is not None)],
    log:
        log_of("dataset", "dataset"),
    benchmark:
        benchmark_of("dataset", "dataset")
    conda:
        "../../envs/imaging.yaml"
    params:
        raw_root=lambda w: RAW_ROOT,
        subjects=dataset.listed(Path(OUT), STUDY.by_name),
        settings=CONFIG.study,
        cow_labels=COW_LABELS,
        code=code("dataset.py"),
    script:
        "../scripts/dataset.py"

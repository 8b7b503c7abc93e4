"""The files that make the output folder a BIDS dataset."""


localrules:
    dataset,


rule dataset:
    input:
        raw=ORIGIN.files,
    output:
        files=[out(name) for name in dataset.files(ORIGIN.tables, bool(ORIGIN.arteries))],
    log:
        log_of("dataset", "dataset"),
    benchmark:
        benchmark_of("dataset", "dataset")
    conda:
        "../../envs/imaging.yaml"
    params:
        raw_root=ORIGIN.root,
        subjects=dataset.listed(Path(OUT), STUDY.by_name, [row.subject for row in ROWS]),
        settings=ABOUT_STUDY,
        arteries=ORIGIN.arteries,
        code=code("dataset.py"),
    script:
        "../scripts/dataset.py"

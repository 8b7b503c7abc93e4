"""Nothing is computed from a file that has not passed the gate."""


def raw_scans(subject):
    """Per scan: its files, the one that gives the grid first, and their dimensions."""
    return [
        {str(image.path): image.kind.ndim for image in scan.images}
        for scan in STUDY.by_name[subject].scans
    ]


def raw_masks(subject):
    """Label files, each with the image whose grid it must share."""
    return {
        str(label.path): None if label.in_reference_space else str(label.scan.pilot.path)
        for label in STUDY.by_name[subject].labels
    }


rule admit:
    input:
        lambda w: [path for scan in raw_scans(w.subject) for path in scan],
        lambda w: list(raw_masks(w.subject)),
    output:
        report=admitted("{subject}"),
    log:
        log_of("admit", "sub-{subject}"),
    benchmark:
        benchmark_of("admit", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=20,
    params:
        scans=lambda w: raw_scans(w.subject),
        masks=lambda w: raw_masks(w.subject),
        code=code("admit.py"),
    script:
        "../scripts/admit.py"

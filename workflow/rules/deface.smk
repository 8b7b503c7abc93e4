"""Faces and private header fields stay behind: after these rules nobody opens a raw image."""


def guide(scan):
    """The raw image through which a scan's head is found; none for the reference itself."""
    reference = STUDY.reference(scan)
    return [] if reference in (None, scan) else str(reference.pilot.path)


def face_of(wildcards):
    scan = image_scan(wildcards)
    return [] if scan.defaced else out(naming.face_mask(scan))


rule face:
    input:
        image=lambda w: str(mask_scan(w).pilot.path),
        guide=lambda w: guide(mask_scan(w)),
        admitted=lambda w: admitted(mask_scan(w).subject),
    output:
        mask=out(naming.face_mask(ANY)),
        sidecar=out(naming.sidecar(naming.face_mask(ANY))),
    log:
        log_of("face", naming.face_mask(ANY)),
    benchmark:
        benchmark_of("face", naming.face_mask(ANY))
    params:
        raw=lambda w: [naming.raw_uri(mask_scan(w), mask_scan(w).pilot.kind.suffix)],
        modality=lambda w: mask_scan(w).modality,
        guide_modality=lambda w: STUDY.reference(mask_scan(w)).modality
        if guide(mask_scan(w))
        else None,
        backend=lambda w: CONFIG["deface"][mask_scan(w).modality],
        settings=CONFIG["deface"],
        template=CONFIG["template"],
        seed=CONFIG["seed"],
        code=code("face.py"),
    threads: CONFIG["threads"]["registration"]
    resources:
        mem_mb=megabytes(4000),
        runtime=30,
    conda:
        "../../envs/imaging.yaml"
    script:
        "../scripts/face.py"


rule deface:
    input:
        image=lambda w: str(raw_image(w).path),
        metadata=lambda w: str(raw_image(w).sidecar) if raw_image(w).sidecar else [],
        face=face_of,
        admitted=lambda w: admitted(image_scan(w).subject),
    output:
        image=out(naming.defaced(ANY, "{suffix}")),
        sidecar=out(naming.sidecar(naming.defaced(ANY, "{suffix}"))),
    log:
        log_of("deface", naming.defaced(ANY, "{suffix}")),
    benchmark:
        benchmark_of("deface", naming.defaced(ANY, "{suffix}"))
    params:
        raw=lambda w: [naming.raw_uri(image_scan(w), w.suffix)],
        modality=lambda w: image_scan(w).modality,
        kind=lambda w: raw_image(w).kind.name,
        code=code("deface.py"),
    resources:
        mem_mb=megabytes(4000),
        runtime=20,
    conda:
        "../../envs/imaging.yaml"
    script:
        "../scripts/deface.py"


rule mean:
    input:
        image=out(naming.defaced(ANY, "{suffix}")),
    output:
        image=out(naming.mean(ANY, "{suffix}")),
        sidecar=out(naming.sidecar(naming.mean(ANY, "{suffix}"))),
    log:
        log_of("mean", naming.mean(ANY, "{suffix}")),
    benchmark:
        benchmark_of("mean", naming.mean(ANY, "{suffix}"))
    params:
        kind=lambda w: raw_image(w).kind.name,
        code=code("mean.py"),
    resources:
        mem_mb=megabytes(4000),
        runtime=20,
    conda:
        "../../envs/imaging.yaml"
    script:
        "../scripts/mean.py"

"""Remove faces and private header fields. No rule after these opens a raw image."""


rule locate:
    input:
        image=lambda w: str(image_scan(w).pilot.path),
        admitted=lambda w: admitted(image_scan(w).subject),
    output:
        transform=located(ANY, "h5"),
        facts=located(ANY, "json"),
    log:
        log_of("locate", "{folder}/{datatype}/{stem}"),
    benchmark:
        benchmark_of("locate", "{folder}/{datatype}/{stem}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(4000),
        runtime=30,
    params:
        modality=lambda w: image_scan(w).modality,
        code=code("locate.py"),
    script:
        "../scripts/locate.py"


rule approach:
    input:
        image=lambda w: str(image_scan(w).pilot.path),
        head=lambda w: str(whole_head(image_scan(w)).pilot.path),
        admitted=lambda w: admitted(image_scan(w).subject),
    output:
        transform=approached(ANY),
    log:
        log_of("approach", "{folder}/{datatype}/{stem}"),
    benchmark:
        benchmark_of("approach", "{folder}/{datatype}/{stem}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(4000),
        runtime=30,
    params:
        seed=CONFIG.seed,
        code=code("approach.py"),
    script:
        "../scripts/approach.py"


rule face:
    input:
        image=raw_pilot,
        located=partial(location_for, "deface"),
        to_head=face_to_head,
        nearby=face_nearby,
        head_to_nearby=head_to_nearby,
        admitted=mask_admitted,
    output:
        mask=out(naming.face_mask(ANY)),
        sidecar=out(naming.sidecar(naming.face_mask(ANY))),
    log:
        log_of("face", naming.face_mask(ANY)),
    benchmark:
        benchmark_of("face", naming.face_mask(ANY))
    conda:
        environment("deface")
    threads: threads_of("deface")
    resources:
        mem_mb=partial(memory_of, "deface"),
        runtime=partial(minutes_of, "deface"),
        gpu=partial(gpus_of, "deface"),
    params:
        raw=raw_source,
        modality=mask_modality,
        network=partial(depends_on, "deface"),
        backend=partial(name_of_backend, "deface"),
        margin_mm=CONFIG.deface.brain_margin_mm,
        code=partial(code_of, "deface", "face.py"),
    script:
        "../scripts/face.py"


rule deface:
    input:
        image=lambda w: str(raw_image(w).path),
        metadata=lambda w: str(raw_image(w).sidecar) if raw_image(w).sidecar else [],
        face=lambda w: face_of(image_scan(w)),
        admitted=lambda w: admitted(image_scan(w).subject),
    output:
        image=out(naming.defaced(ANY, "{suffix}")),
        sidecar=out(naming.sidecar(naming.defaced(ANY, "{suffix}"))),
    log:
        log_of("deface", naming.defaced(ANY, "{suffix}")),
    benchmark:
        benchmark_of("deface", naming.defaced(ANY, "{suffix}"))
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(4000),
        runtime=20,
    params:
        raw=lambda w: [naming.raw_uri(image_scan(w), w.suffix)],
        kind=lambda w: raw_image(w).kind.name,
        code=code("deface.py"),
    script:
        "../scripts/deface.py"

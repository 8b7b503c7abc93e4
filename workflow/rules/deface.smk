"""Remove faces and private header fields. No rule after these opens a raw image."""


rule approach:
    input:
        image=of_mask(raw_pilot),
        head=of_mask(raw_reference),
        admitted=of_mask(passed_gate),
    output:
        transform=approached(ANY),
    log:
        log_of("approach", "{folder}/{datatype}/{stem}"),
    benchmark:
        benchmark_of("approach", "{folder}/{datatype}/{stem}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=30,
    params:
        fit=CONFIG.registration.fit,
        seed=CONFIG.seed,
        code=code("approach.py"),
    script:
        "../scripts/approach.py"


rule face:
    input:
        image=of_mask(raw_pilot),
        brain=of_mask(brain_of_head),
        located=of_mask(location_of_head),
        to_head=of_mask(roughly_to_head),
        nearby=of_mask(face_nearby),
        nearby_to_reference=of_mask(nearby_to_reference),
        to_reference=of_mask(roughly_for_nearby),
        admitted=of_mask(passed_gate),
        correction=of_mask(corrected(naming.face_mask)),
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
        raw=of_mask(raw_uri),
        replaced=replaced(naming.face_mask(ANY)),
        modality=of_mask(modality_of),
        network=partial(depends_on, "deface"),
        backend=partial(name_of_backend, "deface"),
        margin_mm=CONFIG.deface.brain_margin_mm,
        code=partial(code_of, "deface", "face.py"),
    script:
        "../scripts/face.py"


rule deface:
    input:
        image=of_image(raw_path),
        metadata=of_image(raw_sidecar),
        face=of_image_scan(face_of),
        admitted=of_image_scan(passed_gate),
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
        mem_mb=growing(4000),
        runtime=20,
    params:
        raw=[naming.raw_uri(ANY, "{suffix}")],
        kind=of_image(kind_of),
        code=code("deface.py"),
    script:
        "../scripts/deface.py"

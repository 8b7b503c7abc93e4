"""The only rules that write anything in another space: all transforms, one interpolation."""


rule resample:
    input:
        image=image_view,
        brain=view_brain,
        chain=lambda w: chain_to(image_scan(w), entity(w.space)),
        grid=lambda w: moved_grid(image_scan(w), w),
    output:
        image=out(MOVED_IMAGE),
        sidecar=out(naming.sidecar(MOVED_IMAGE)),
    log:
        log_of("resample", MOVED_IMAGE),
    benchmark:
        benchmark_of("resample", MOVED_IMAGE)
    wildcard_constraints:
        suffix=IMAGE_SUFFIXES,
        space=ELSEWHERE,
        desc=r"(_desc-(?!preproc_)[A-Za-z0-9]+)?",
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=20,
    params:
        kind=lambda w: raw_image(w).kind.name,
        template=CONFIG.template,
        code=code("resample.py"),
    script:
        "../scripts/resample.py"


rule label:
    input:
        label=lambda w: str(label_of(w).path),
        admitted=lambda w: admitted(mask_scan(w).subject),
    output:
        label=out(NATIVE_LABEL),
        sidecar=out(naming.sidecar(NATIVE_LABEL)),
    log:
        log_of("label", NATIVE_LABEL),
    benchmark:
        benchmark_of("label", NATIVE_LABEL)
    wildcard_constraints:
        suffix="mask|dseg",
        label=r"(_label-(?!face_)[A-Za-z0-9]+)?",
        desc=r"(_desc-(?!brain_|coverage_)[A-Za-z0-9]+)?",
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=10,
    params:
        raw=lambda w: [raw_label(w)],
        kind=lambda w: label_of(w).kind.name,
        code=code("label.py"),
    script:
        "../scripts/label.py"


rule resample_label:
    input:
        label=label_source,
        chain=lambda w: chain_to(mask_scan(w), entity(w.space), label_in_reference(w)),
        grid=lambda w: moved_grid(mask_scan(w), w),
        admitted=lambda w: admitted(mask_scan(w).subject),
    output:
        label=out(MOVED_LABEL),
        sidecar=out(naming.sidecar(MOVED_LABEL)),
    log:
        log_of("resample_label", MOVED_LABEL),
    benchmark:
        benchmark_of("resample_label", MOVED_LABEL)
    wildcard_constraints:
        suffix="mask|dseg",
        space=ELSEWHERE,
        desc=r"(_desc-(?!coverage_)[A-Za-z0-9]+)?",
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=20,
    params:
        raw=lambda w: [raw_label(w)] if label_in_reference(w) else [],
        kind=lambda w: label_of(w).kind.name if label_of(w) else "brain",
        template=CONFIG.template,
        code=code("resample_label.py"),
    script:
        "../scripts/resample_label.py"

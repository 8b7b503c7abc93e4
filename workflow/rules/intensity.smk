"""Images with grey levels that can be compared, beside their sources, for configs that ask for them."""

UNBIASED = naming.preproc(ANY, "{suffix}", ORIG, derived.UNBIASED)
NORMALISED = naming.preproc(ANY, "{suffix}", ORIG, derived.NORMALISED)
DIFFUSION = naming.Pattern(datatype=kinds.KINDS["adc"].scan.datatype)
RECALCULATED = naming.preproc(DIFFUSION, kinds.KINDS["adc"].suffix, ORIG, derived.RECALCULATED)


rule separate:
    input:
        series=separated_series,
        b_values=lambda w: beside_series(w, ".bval"),
        metadata=lambda w: beside_series(w, ".json"),
    output:
        b0=separated("b0", ".nii.gz"),
        b0_sidecar=separated("b0", ".json"),
        trace=separated("trace", ".nii.gz"),
        trace_sidecar=separated("trace", ".json"),
    log:
        log_of("separate", "{folder}/{stem}"),
    benchmark:
        benchmark_of("separate", "{folder}/{stem}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=20,
    params:
        settings=CONFIG.intensity,
        code=code("separate.py"),
    script:
        "../scripts/separate.py"


rule unbias:
    input:
        image=out(naming.defaced(ANY, "{suffix}")),
        brain=of_image_scan(brain_of),
        lesions=of_image_scan(lesions_of),
    output:
        image=out(UNBIASED),
        sidecar=out(naming.sidecar(UNBIASED)),
    log:
        log_of("unbias", UNBIASED),
    benchmark:
        benchmark_of("unbias", UNBIASED)
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=20,
    params:
        kind=of_image(kind_of),
        code=code("unbias.py"),
    script:
        "../scripts/unbias.py"


rule normalise_grey:
    input:
        image=lambda w: out(derived.unscaled(image_scan(w), image_of(w).kind)),
        brain=of_image_scan(brain_of),
    output:
        image=out(NORMALISED),
        sidecar=out(naming.sidecar(NORMALISED)),
    log:
        log_of("normalise_grey", NORMALISED),
    benchmark:
        benchmark_of("normalise_grey", NORMALISED)
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=20,
    params:
        kind=of_image(kind_of),
        settings=CONFIG.intensity,
        template=CONFIG.template,
        code=code("normalise_grey.py"),
    script:
        "../scripts/normalise_grey.py"


rule diffusivity:
    input:
        b0=out(naming.defaced(DIFFUSION, kinds.KINDS["b0"].suffix)),
        trace=out(naming.defaced(DIFFUSION, kinds.KINDS["trace"].suffix)),
    output:
        image=out(RECALCULATED),
        sidecar=out(naming.sidecar(RECALCULATED)),
    log:
        log_of("diffusivity", RECALCULATED),
    benchmark:
        benchmark_of("diffusivity", RECALCULATED)
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=20,
    params:
        b_value=CONFIG.intensity.b_value,
        code=code("diffusivity.py"),
    script:
        "../scripts/diffusivity.py"

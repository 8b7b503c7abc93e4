"""Each lesion of a mask: volume, place, side and type."""

LESION_ATLAS = [f"{WORK}/atlas/lesions_dseg.nii.gz", f"{WORK}/atlas/lesions_dseg.tsv"]


if given_atlas():

    rule lesion_atlas:
        input:
            atlas=given_atlas(),
        output:
            image=LESION_ATLAS[0],
            names=LESION_ATLAS[1],
            sidecar=naming.sidecar(LESION_ATLAS[0]),
        log:
            log_of("lesion_atlas", "dataset"),
        benchmark:
            benchmark_of("lesion_atlas", "dataset")
        conda:
            "../../envs/imaging.yaml"
        resources:
            mem_mb=growing(4000),
            runtime=60,
        params:
            settings=CONFIG.lesions,
            template=CONFIG.template,
            seed=CONFIG.seed,
            code=code("lesion_atlas.py"),
        script:
            "../scripts/lesion_atlas.py"


rule lesions:
    input:
        mask=of_mask(lesion_mask),
        chain=of_mask(to_lesion_mask),
        scan=of_mask(scan_in_template),
        atlas=of_mask(prepared_atlas),
    output:
        image=out(naming.lesions(ANY, TEMPLATE)),
        sidecar=out(naming.sidecar(naming.lesions(ANY, TEMPLATE))),
        table=out(naming.lesion_table(ANY, TEMPLATE)),
        row=out(naming.lesion_row(ANY)),
        picture=out(naming.lesion_picture(ANY)),
    log:
        log_of("lesions", naming.lesions(ANY, TEMPLATE)),
    benchmark:
        benchmark_of("lesions", naming.lesions(ANY, TEMPLATE))
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        template=CONFIG.template,
        settings=CONFIG.lesions,
        code=code("lesions.py"),
    script:
        "../scripts/lesions.py"

"""Each lesion of a mask: volume, place, side and type."""


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

"""Atlases that the config gives, checked and put on the grid of the template once for all patients."""


rule atlas:
    input:
        given=files_of_atlas,
    output:
        image=atlas_image("{use}", "{name}"),
        names=atlas_names("{use}", "{name}"),
        sidecar=naming.sidecar(atlas_image("{use}", "{name}")),
    log:
        log_of("atlas", "{use}-{name}"),
    benchmark:
        benchmark_of("atlas", "{use}-{name}")
    wildcard_constraints:
        use="|".join(ATLASES),
        name="[A-Za-z0-9]+",
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        given=settings_of_atlas,
        template=CONFIG.template,
        seed=CONFIG.seed,
        code=code("atlas.py"),
    script:
        "../scripts/atlas.py"

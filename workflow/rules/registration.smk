"""Where scans lie to each other and to the template. Only transforms are written here."""


rule register:
    input:
        moving=of_transform(pilot_of),
        fixed=of_transform(reference_pilot),
        brain=of_transform(reference_brain),
        begin=of_transform(begun_from),
        correction=corrected_transform,
    output:
        transform=out(naming.to_reference(ANY, "{scan}", "{reference}")),
        sidecar=out(naming.sidecar(naming.to_reference(ANY, "{scan}", "{reference}"))),
    log:
        log_of("register", naming.to_reference(ANY, "{scan}", "{reference}")),
    benchmark:
        benchmark_of("register", naming.to_reference(ANY, "{scan}", "{reference}"))
    conda:
        "../../envs/imaging.yaml"
    threads: CONFIG.threads.registration
    resources:
        mem_mb=growing(4000),
        runtime=30,
    params:
        replaced=replaced(naming.to_reference(ANY, "{scan}", "{reference}")),
        dof=CONFIG.registration.to_reference,
        engine=CONFIG.registration.engine,
        fit=CONFIG.registration.fit,
        seed=CONFIG.seed,
        code=code("register.py"),
    script:
        "../scripts/register.py"


rule normalise:
    input:
        image=of_transform(pilot_of),
        brain=of_transform(brain_of),
        lesions=of_transform(lesions_on_reference),
        correction=of_transform(corrected_directions(naming.to_template)),
        backward=of_transform(corrected_directions(naming.from_template)),
    output:
        transform=out(naming.to_template(ANY, "{scan}", TEMPLATE.label)),
        inverse=out(naming.from_template(ANY, "{scan}", TEMPLATE.label)),
        sidecar=out(naming.sidecar(naming.to_template(ANY, "{scan}", TEMPLATE.label))),
        inverse_sidecar=out(naming.sidecar(naming.from_template(ANY, "{scan}", TEMPLATE.label))),
    log:
        log_of("normalise", naming.to_template(ANY, "{scan}", TEMPLATE.label)),
    benchmark:
        benchmark_of("normalise", naming.to_template(ANY, "{scan}", TEMPLATE.label))
    conda:
        "../../envs/imaging.yaml"
    threads: CONFIG.threads.registration
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        replaced=replaced(naming.to_template(ANY, "{scan}", TEMPLATE.label)),
        settings=CONFIG.registration,
        template=CONFIG.template,
        seed=CONFIG.seed,
        code=code("normalise.py"),
    script:
        "../scripts/normalise.py"

from strokeprep.run.job import job, write_sidecar

with job(snakemake) as sidecar:
    from strokeprep.steps import register

    params = snakemake.params
    forward, backward = register.to_template(
        snakemake.input.image,
        snakemake.input.brain,
        snakemake.input.lesions,
        snakemake.output.transform,
        snakemake.output.inverse,
        names=(snakemake.wildcards.scan, params.template.name),
        settings=params.settings,
        seed=params.seed,
        template=params.template,
    )
    sidecar.update(forward)
    write_sidecar(backward, snakemake.output.inverse_sidecar, snakemake)

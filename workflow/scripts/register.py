from strokeprep.run.job import job

with job(snakemake) as sidecar:
    from strokeprep.corrections.given import Given
    from strokeprep.steps import register

    params = snakemake.params
    done = register.to_reference(
        snakemake.input.moving,
        snakemake.input.fixed,
        snakemake.input.brain,
        snakemake.input.begin,
        snakemake.output.transform,
        names=(snakemake.wildcards.scan, snakemake.wildcards.reference),
        dof=params.dof,
        engine=params.engine,
        fit=params.fit,
        seed=params.seed,
        correction=Given.of(snakemake.input.correction, params.replaced),
    )
    sidecar.update(done)

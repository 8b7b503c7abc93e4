from strokeprep.job import job

with job(snakemake) as sidecar:
    from strokeprep import alignment

    params = snakemake.params
    done = alignment.to_reference(
        snakemake.input.moving,
        snakemake.input.fixed,
        snakemake.input.brain,
        snakemake.input.start,
        snakemake.output.transform,
        names=(snakemake.wildcards.scan, snakemake.wildcards.reference),
        dof=params.dof,
        seed=params.seed,
    )
    sidecar.update(done)

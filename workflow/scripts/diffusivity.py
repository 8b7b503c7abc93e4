from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.steps.grey import levels

    done = levels.diffusivity(
        snakemake.input.b0,
        snakemake.input.trace,
        snakemake.output.image,
        b_value=snakemake.params.b_value,
    )
    sidecar.update(done | place(snakemake))

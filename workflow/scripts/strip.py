from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.steps import resample

    done = resample.strip(
        snakemake.input.image,
        snakemake.input.brain,
        snakemake.output.image,
        kind=snakemake.params.kind,
    )
    sidecar.update(done | place(snakemake))

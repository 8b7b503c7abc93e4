from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.steps.grey import levels

    done = levels.unbias(
        snakemake.input.image,
        snakemake.input.brain,
        snakemake.input.lesions,
        snakemake.output.image,
        kind=snakemake.params.kind,
    )
    sidecar.update(done | place(snakemake))

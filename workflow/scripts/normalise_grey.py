from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.steps.grey import levels

    done = levels.normalise(
        snakemake.input.image,
        snakemake.input.brain,
        snakemake.output.image,
        kind=snakemake.params.kind,
        settings=snakemake.params.settings,
        template=snakemake.params.template,
    )
    sidecar.update(done | place(snakemake))

from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.steps import resample

    done = resample.move_image(
        snakemake.input.image,
        snakemake.output.image,
        kind=snakemake.params.kind,
        chain=snakemake.input.chain,
        grid=snakemake.input.grid or None,
        brain=snakemake.input.brain or None,
        template=snakemake.params.template,
        scaling=snakemake.input.scaling or None,
        is_cubic=snakemake.params.is_cubic,
    )
    sidecar.update(done | place(snakemake))

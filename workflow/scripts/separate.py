from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.steps.grey.separate import separate

    separate(
        snakemake.input.series,
        snakemake.input.b_values or None,
        snakemake.input.metadata or None,
        snakemake.output.b0,
        snakemake.output.trace,
        snakemake.params.settings,
    )

from strokeprep.job import job

with job(snakemake):
    from strokeprep import release

    release.approach(
        snakemake.input.image,
        snakemake.input.head,
        snakemake.output.transform,
        seed=snakemake.params.seed,
    )

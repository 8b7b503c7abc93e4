from strokeprep.job import job

with job(snakemake):
    from strokeprep import release

    release.locate(
        snakemake.input.image, snakemake.output.transform, modality=snakemake.params.modality
    )

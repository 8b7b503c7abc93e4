"""Fetch the weights a study needs; runs where there is network."""

from strokeprep.job import job

with job(snakemake):
    from strokeprep import models

    models.fetch(
        snakemake.params.names,
        snakemake.params.folder,
        offline=snakemake.params.offline,
        known=snakemake.params.known,
    )

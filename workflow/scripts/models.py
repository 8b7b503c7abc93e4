from strokeprep.job import job

with job(snakemake):
    from strokeprep import models

    params = snakemake.params
    models.fetch(params.names, params.folder, offline=params.offline, known=params.known)

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.segmentation import weights

    params = snakemake.params
    weights.fetch(params.names, params.folder, offline=params.offline, known=params.known)

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.segmentation.weights import fetching

    params = snakemake.params
    fetching.fetch(params.names, params.folder, offline=params.offline, known=params.known)

from strokeprep.run.job import job

with job(snakemake) as sidecar:
    from strokeprep.perfusion.regions import USED
    from strokeprep.steps.perfused import regions

    read, params = snakemake.input, snakemake.params
    sources = regions.Sources(
        {name: read[name] for name in USED},
        read.volumes,
        str(read.to_series) or None,
        read.to_template,
    )
    by = regions.atlases(params.atlases, read.labels, read.names)
    made = snakemake.output
    sidecar.update(regions.tabulate(sources, by, made.table, made.drawn, params.settings))

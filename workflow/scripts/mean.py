from strokeprep.job import job, place

with job(snakemake) as sidecar:
    from strokeprep import series

    done = series.mean(snakemake.input.image, snakemake.output.image, kind=snakemake.params.kind)
    sidecar.update(done | place(snakemake))

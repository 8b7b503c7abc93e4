from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.steps import time_series

    done = time_series.average(
        snakemake.input.image, snakemake.output.image, kind=snakemake.params.kind
    )
    sidecar.update(done | place(snakemake))

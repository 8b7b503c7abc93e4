from strokeprep.run.job import job, place, write_sidecar

with job(snakemake) as sidecar:
    from strokeprep.steps import time_series

    moves, mean = time_series.motion(
        snakemake.input.image,
        snakemake.input.face or None,
        snakemake.output.table,
        snakemake.output.mean,
        kind=snakemake.params.kind,
        settings=snakemake.params.settings,
    )
    sidecar.update(moves)
    write_sidecar(mean | place(snakemake), snakemake.output.mean_sidecar, snakemake)

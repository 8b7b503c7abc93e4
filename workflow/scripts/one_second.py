from strokeprep.run.job import job, place, write_sidecar

with job(snakemake) as sidecar:
    from strokeprep.steps import time_series

    image, coverage = time_series.in_seconds(
        snakemake.input.image,
        snakemake.input.metadata,
        snakemake.input.motion,
        snakemake.output.image,
        snakemake.output.coverage,
        snakemake.output.extremes,
        kind=snakemake.params.kind,
        frame_times=snakemake.params.frame_times,
        chain=snakemake.input.get("chain", ()),
        grid=snakemake.input.get("grid"),
    )
    sidecar.update(image | place(snakemake))
    write_sidecar(coverage | place(snakemake), snakemake.output.coverage_sidecar, snakemake)

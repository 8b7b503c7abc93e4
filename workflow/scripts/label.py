from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.steps import resample

    done = resample.copy_label(
        snakemake.input.label, snakemake.output.label, kind=snakemake.params.kind
    )
    sidecar.update(done | place(snakemake))

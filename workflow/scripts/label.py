from strokeprep.job import job, place

with job(snakemake) as sidecar:
    from strokeprep import spaces

    done = spaces.copy_label(
        snakemake.input.label, snakemake.output.label, kind=snakemake.params.kind
    )
    sidecar.update(done | place(snakemake))

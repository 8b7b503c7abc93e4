from strokeprep.job import job, place

with job(snakemake) as sidecar:
    from strokeprep import spaces

    done = spaces.strip(
        snakemake.input.image,
        snakemake.input.brain,
        snakemake.output.image,
        kind=snakemake.params.kind,
    )
    sidecar.update(done | place(snakemake))

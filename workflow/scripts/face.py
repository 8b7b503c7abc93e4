from strokeprep.job import job, place

with job(snakemake) as sidecar:
    from strokeprep import release

    params = snakemake.params
    done = release.face(
        snakemake.input.image,
        snakemake.input.located,
        snakemake.input.to_head or None,
        snakemake.output.mask,
        backend=params.backend,
        settings=params.settings,
    )
    sidecar.update(done | place(snakemake))

from strokeprep.job import job, place

with job(snakemake) as sidecar:
    from strokeprep import release

    params = snakemake.params
    done = release.face(
        snakemake.input.image,
        snakemake.input.guide or None,
        snakemake.input.located,
        snakemake.output.mask,
        backend=params.backend,
        settings=params.settings,
        seed=params.seed,
    )
    sidecar.update(done | place(snakemake))

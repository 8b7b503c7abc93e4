from strokeprep.job import job, place

with job(snakemake) as sidecar:
    from strokeprep import release

    params = snakemake.params
    done = release.face(
        snakemake.input.image,
        snakemake.input.guide or None,
        snakemake.output.mask,
        modality=params.modality,
        guide_modality=params.guide_modality,
        backend=params.backend,
        settings=params.settings,
        seed=params.seed,
    )
    sidecar.update(done | place(snakemake))

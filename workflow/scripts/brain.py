from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.corrections.given import Given
    from strokeprep.settings import backends
    from strokeprep.steps import brain_mask

    params = snakemake.params
    done = brain_mask.brain(
        snakemake.input.image,
        snakemake.output.mask,
        (snakemake.output.location, snakemake.output.facts),
        modality=params.modality,
        backend=params.backend,
        limits=params.limits,
        networks=backends.for_job(snakemake.config["models"], snakemake.threads),
        correction=Given.of(snakemake.input.correction, params.replaced),
    )
    sidecar.update(done | place(snakemake))

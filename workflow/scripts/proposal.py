from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.settings import backends
    from strokeprep.steps import proposal

    given, params = snakemake.input, snakemake.params
    done = proposal.infarct(
        given.trace,
        given.adc,
        given.brain,
        snakemake.output.mask,
        flair=given.flair or None,
        backend=params.backend,
        container=params.container,
        networks=backends.for_job(snakemake.config["models"], snakemake.threads),
    )
    sidecar.update(done | place(snakemake))

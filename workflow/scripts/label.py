from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.corrections.given import Given
    from strokeprep.steps import resample

    done = resample.copy_label(
        snakemake.input.label,
        snakemake.output.label,
        kind=snakemake.params.kind,
        correction=Given.of(snakemake.input.correction, snakemake.params.replaced),
    )
    sidecar.update(done | place(snakemake))

from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.corrections.given import Given
    from strokeprep.steps import resample

    done = resample.move_label(
        snakemake.input.label,
        snakemake.output.label,
        kind=snakemake.params.kind,
        chain=snakemake.input.chain,
        grid=snakemake.input.grid or None,
        template=snakemake.params.template,
        correction=Given.of(snakemake.input.correction, snakemake.params.replaced),
        is_cubic=snakemake.params.is_cubic,
    )
    sidecar.update(done | place(snakemake))

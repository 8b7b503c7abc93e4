from strokeprep.run.job import job

with job(snakemake) as sidecar:
    from strokeprep.steps import lesions

    done = lesions.tabulate(
        snakemake.input.mask,
        snakemake.input.chain,
        snakemake.input.scan,
        snakemake.input.atlas,
        {name: snakemake.output[name] for name in ("image", "table", "row", "picture")},
        template=snakemake.params.template,
        settings=snakemake.params.settings,
    )
    sidecar.update(done)

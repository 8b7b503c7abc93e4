from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.steps import corrections

    given, params = snakemake.input, snakemake.params
    corrections.accept(
        given.correction,
        params.target,
        (snakemake.output.file, snakemake.output.facts),
        partner=given.partner,
        is_rigid=params.is_rigid,
        template=params.template,
    )

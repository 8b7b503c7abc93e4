from strokeprep.run.job import dataset_of, job

with job(snakemake):
    from strokeprep.quality import audit, measured
    from strokeprep.quality.judgement import Judge

    plan, params = snakemake.params.plan, snakemake.params
    found = audit.measured(
        plan,
        dataset_of(snakemake),
        Judge(plan.subject),
        params.template,
        params.least_label_ml,
    )
    measured.write(found, snakemake.output.figures)

from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.quality import audit, measured
    from strokeprep.quality.judgement import Judge

    plan, params = snakemake.params.plan, snakemake.params
    found = audit.measured(
        plan,
        Path(snakemake.config["output"]),
        Judge(plan.subject),
        params.template,
        params.least_label_ml,
    )
    measured.write(found, snakemake.output.figures)

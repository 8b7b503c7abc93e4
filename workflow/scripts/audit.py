from pathlib import Path

from strokeprep.io.whole import write_text
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.io import tables
    from strokeprep.quality import audit
    from strokeprep.quality.judgement import CHECK_COLUMNS, Judge

    plan, params = snakemake.params.plan, snakemake.params
    found = audit.audit(
        plan,
        Path(snakemake.config["output"]),
        Judge(plan.subject, params.limits),
        params.template,
        params.least_label_ml,
    )
    table = tables.render([each.check_row() for each in found], CHECK_COLUMNS)
    print(table, *audit.warnings(found), sep="\n")
    audit.verdict(found, plan.subject)
    write_text(table, snakemake.output.table)

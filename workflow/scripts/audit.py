from pathlib import Path

from strokeprep.io.whole import write_text
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.io import tables
    from strokeprep.quality import audit
    from strokeprep.quality.check import CHECK_COLUMNS

    plan, params = snakemake.params.plan, snakemake.params
    checks = audit.audit(plan, Path(snakemake.config["output"]), params.limits, params.template)
    table = tables.render([check.row() for check in checks], CHECK_COLUMNS)
    print(table)
    audit.verdict(checks, plan.subject)
    write_text(table, snakemake.output.table)

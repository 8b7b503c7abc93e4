from strokeprep.io.whole import write_text
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.io import tables
    from strokeprep.quality import check

    rows = [row for path in snakemake.input for row in tables.read(path)]
    write_text(tables.render(rows, check.CHECK_COLUMNS), snakemake.output.table)

from strokeprep.io.whole import write_text
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.io import tables
    from strokeprep.quality.judgement import CHECK_COLUMNS

    rows = [row for path in snakemake.input for row in tables.read(path)]
    write_text(tables.render(rows, CHECK_COLUMNS), snakemake.output.table)

from strokeprep.run.job import job, write_text

with job(snakemake):
    from strokeprep.io import tables

    rows = [row for path in snakemake.input for row in tables.read(path)]
    write_text(tables.render(rows, tables.CHECK_COLUMNS), snakemake.output.table)

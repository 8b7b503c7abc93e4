from strokeprep.io.whole import write_text
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.io import tables
    from strokeprep.quality import measured, verdict
    from strokeprep.quality.judgement import CHECK_COLUMNS, Judge

    subject = snakemake.wildcards.subject
    found = measured.read(snakemake.input.figures, Judge(subject, snakemake.params.limits))
    table = tables.render([each.check_row() for each in found], CHECK_COLUMNS)
    print(table, *verdict.warnings(found), sep="\n")
    verdict.check(found, subject)
    write_text(table, snakemake.output.table)

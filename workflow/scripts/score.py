from pathlib import Path

from strokeprep.io.whole import write_text
from strokeprep.run.job import dataset_of, job

with job(snakemake):
    from strokeprep.accuracy import score
    from strokeprep.io import tables
    from strokeprep.quality.judgement import CHECK_COLUMNS
    from strokeprep.steps.perfused import regions

    params, read = snakemake.params, snakemake.input
    found = score.measurements(
        params.subject,
        dataset_of(snakemake),
        Path(params.truth) / f"sub-{params.subject.name}",
        params.template,
        params.limits,
        params.perfusion,
        next(map(Path, read.page), None),
        regions.atlases(params.atlases, read.labels, read.names),
    )
    rows = [each.check_row() for each in found]
    write_text(tables.render(rows, CHECK_COLUMNS), snakemake.output.table)

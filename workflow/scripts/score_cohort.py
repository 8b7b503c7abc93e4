from pathlib import Path

from strokeprep.io.whole import write_text
from strokeprep.run.job import dataset_of, job

with job(snakemake):
    from strokeprep.accuracy import figures, score_cohort
    from strokeprep.io import tables
    from strokeprep.quality.judgement import CHECK_COLUMNS

    params = snakemake.params
    found = score_cohort.measurements(
        dataset_of(snakemake),
        Path(params.truth),
        params.template,
        params.at_least,
        {name: Path(each.path) for name, each in params.atlases.items()},
        figures.against(params.limits, "all"),
    )
    rows = [each.check_row() | {"subject": "all"} for each in found]
    write_text(tables.render(rows, CHECK_COLUMNS), snakemake.output.table)

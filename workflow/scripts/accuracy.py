from pathlib import Path

from strokeprep.io.whole import write_text
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.accuracy import summary

    write_text(summary.joined(map(Path, snakemake.input)), snakemake.output.table)

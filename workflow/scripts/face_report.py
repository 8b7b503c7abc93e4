from pathlib import Path

from strokeprep.run.job import dataset_of, job

with job(snakemake):
    from strokeprep.report.pages import subject

    params, root = snakemake.params, dataset_of(snakemake)
    raw = dict(zip(params.scans, snakemake.input.raw, strict=True))
    subject.write_faces(params.plan, root, raw, Path(snakemake.output.page))

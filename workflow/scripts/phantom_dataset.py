from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep import phantom

    params = snakemake.params
    phantom.write_dataset(
        phantom.subject_ids(params.subjects),
        Path(params.raw),
        Path(params.truth),
        seed=params.seed,
        study=params.study,
    )

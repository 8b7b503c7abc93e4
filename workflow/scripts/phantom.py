from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep import phantom

    params = snakemake.params
    phantom.write_subject(
        snakemake.wildcards.subject,
        Path(params.raw),
        Path(params.truth),
        seed=params.seed,
        size=params.size,
        pathologies=params.pathologies,
        scans=params.scans,
        axes=params.axes,
        study=params.study,
    )

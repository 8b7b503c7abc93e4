from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep import phantom

    params = snakemake.params
    phantom.write_subject(
        snakemake.wildcards.subject,
        Path(params.raw),
        Path(params.truth),
        seed=params.settings.seed,
        size=params.settings.size,
        pathologies=params.settings.pathologies,
        scans=params.settings.scans,
        axes=params.axes,
    )

from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep import phantom

    phantom.write_atlas(Path(snakemake.output.atlas))

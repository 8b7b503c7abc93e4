from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.intake import stage

    params = snakemake.params
    request = stage.asked(params.settings, params.raw, Path(snakemake.output.index).parent)
    rows = stage.planned(request, stage.listed(request))
    print(f"{len(rows)} rows")

from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.intake import stage

    params = snakemake.params
    request = stage.asked(params.settings, params.raw, Path(snakemake.input.index).parent)
    print("\n".join(stage.taken_in(request, snakemake.wildcards.key)))

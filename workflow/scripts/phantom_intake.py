import shutil
from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.intake import stage

    given, params = snakemake.input, snakemake.params
    request = stage.Request(
        (Path(given.export),),
        Path(params.raw),
        Path(params.work),
        Path(given.people),
        lists_patients=False,  # the study has a table of its own
    )
    stage.planned(request, stage.listed(request))
    for each in stage.index(request):
        print("\n".join(stage.taken_in(request, each["key"])))
    for source, target in zip(given.drawn, snakemake.output.drawn, strict=True):
        shutil.copyfile(source, target)

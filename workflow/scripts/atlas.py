from strokeprep.io.whole import write_json
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.settings.study import AtlasSettings
    from strokeprep.steps import lesions

    params = snakemake.params
    about = lesions.prepare_atlas(
        AtlasSettings(**params.given),
        snakemake.output.image,
        snakemake.output.names,
        template=params.template,
        seed=params.seed,
    )
    write_json(about, snakemake.output.sidecar)

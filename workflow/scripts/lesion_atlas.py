from strokeprep.io.whole import write_json
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.steps import lesions

    params = snakemake.params
    about = lesions.prepare_atlas(
        params.settings,
        snakemake.input.atlas,
        snakemake.output.image,
        snakemake.output.names,
        template=params.template,
        seed=params.seed,
    )
    write_json(about, snakemake.output.sidecar)

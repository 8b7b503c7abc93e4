from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.steps import deface

    deface.locate(
        snakemake.input.image,
        snakemake.output.transform,
        snakemake.output.facts,
        modality=snakemake.params.modality,
        limits=snakemake.params.limits,
    )

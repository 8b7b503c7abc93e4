from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.steps import deface

    deface.approach(
        snakemake.input.image,
        snakemake.input.head,
        snakemake.output.transform,
        fit=snakemake.params.fit,
        seed=snakemake.params.seed,
    )

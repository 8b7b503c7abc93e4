from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.steps import deface

    done = deface.image(
        snakemake.input.image,
        snakemake.input.metadata or None,
        snakemake.input.face or None,
        snakemake.output.image,
        kind=snakemake.params.kind,
    )
    sidecar.update(done | place(snakemake))

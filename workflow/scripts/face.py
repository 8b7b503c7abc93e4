from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.settings import backends
    from strokeprep.steps import deface

    params = snakemake.params
    done = deface.face(
        snakemake.input.image,
        snakemake.input.located,
        snakemake.input.to_head or None,
        snakemake.output.mask,
        modality=params.modality,
        backend=params.backend,
        margin_mm=params.margin_mm,
        networks=backends.for_job(snakemake.config["models"], snakemake.threads),
        nearby=snakemake.input.nearby or None,
        head_to_nearby=snakemake.input.head_to_nearby or None,
    )
    sidecar.update(done | place(snakemake))

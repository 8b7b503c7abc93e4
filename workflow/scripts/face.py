from strokeprep.run.job import job, place

with job(snakemake) as sidecar:
    from strokeprep.corrections.given import Given
    from strokeprep.segmentation.head_files import HeadFiles
    from strokeprep.settings import backends
    from strokeprep.steps import deface

    given, params = snakemake.input, snakemake.params
    done = deface.face(
        given.image,
        HeadFiles(given.brain, given.located, given.to_head or None),
        snakemake.output.mask,
        modality=params.modality,
        backend=params.backend,
        margin_mm=params.margin_mm,
        networks=backends.for_job(snakemake.config["models"], snakemake.threads),
        correction=Given.of(given.correction, params.replaced),
        nearby=given.nearby
        and deface.NearbyFiles(
            given.nearby, given.to_reference or None, given.nearby_to_reference or None
        ),
    )
    sidecar.update(done | place(snakemake))

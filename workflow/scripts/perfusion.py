from strokeprep.run.job import job, place, write_sidecar

with job(snakemake):
    from strokeprep.corrections.given import Given
    from strokeprep.perfusion import pipeline
    from strokeprep.steps import figures, perfusion_maps
    from strokeprep.steps.perfused import curves, regions
    from strokeprep.study import naming

    read, params = snakemake.input, snakemake.params
    sources = pipeline.Sources(
        read.series, read.coverage, read.brain, str(read.to_series) or None, read.to_template
    )
    atlas = regions.territories(read.territories)
    done = pipeline.computed(sources, params.settings, params.given, atlas)
    files = dict(snakemake.output.items())
    perfusion_maps.write(done, read.series, files)
    curves.write(done, params.settings, files["cells"])
    figures.vessels(done.slab.series, done.vessels, done.own_inputs, files["figure"])
    masks = [
        Given.of(pair, params.replaced)
        for pair in zip(read.drawn[::2], read.drawn[1::2], strict=True)
    ]
    drawn = perfusion_maps.corrected_vessels(masks, sources, params.settings, params.given)
    for name, about in perfusion_maps.abouts(done, params.settings, drawn).items():
        write_sidecar(about | place(snakemake), naming.sidecar(files[name]), snakemake)

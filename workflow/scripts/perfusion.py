from strokeprep.run.job import job, place, write_sidecar

with job(snakemake):
    from strokeprep.perfusion import pipeline
    from strokeprep.steps import figures, perfusion_maps
    from strokeprep.study import naming

    read, settings = snakemake.input, snakemake.params.settings
    sources = pipeline.Sources(
        read.series, read.coverage, read.brain, str(read.to_series) or None, read.to_template
    )
    done = pipeline.computed(sources, settings, snakemake.params.given)
    files = dict(snakemake.output.items())
    perfusion_maps.write(done, read.series, files)
    figures.vessels(done.slab.series, done.vessels, files["figure"])
    for name, about in perfusion_maps.abouts(done, settings).items():
        write_sidecar(about | place(snakemake), naming.sidecar(files[name]), snakemake)

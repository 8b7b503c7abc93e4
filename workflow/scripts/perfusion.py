from strokeprep.job import job, place, write_sidecar

with job(snakemake):
    from strokeprep import ctp, figures, naming

    given, settings = snakemake.input, snakemake.params.settings
    sources = ctp.Sources(
        given.series, given.coverage, given.brain, str(given.to_series) or None, given.to_template
    )
    done = ctp.computed(sources, settings)
    files = dict(snakemake.output.items())
    ctp.write(done, given.series, files)
    figures.vessels(done.slab.series, done.vessels, files["figure"])
    for name, about in ctp.abouts(done, settings).items():
        write_sidecar(about | place(snakemake), naming.sidecar(files[name]), snakemake)

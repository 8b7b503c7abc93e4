from strokeprep.run.job import job, place, write_sidecar

with job(snakemake):
    from strokeprep.steps import perfusion_maps
    from strokeprep.study import naming

    files = dict(snakemake.output.items())
    moved = perfusion_maps.move(
        dict(snakemake.input.items()),
        files,
        chain=snakemake.input.chain,
        grid=snakemake.input.grid or None,
        template=snakemake.params.template,
    )
    for name, about in moved.items():
        write_sidecar(about | place(snakemake), naming.sidecar(files[name]), snakemake)

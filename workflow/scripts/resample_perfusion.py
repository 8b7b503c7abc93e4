from strokeprep.job import job, place, write_sidecar

with job(snakemake):
    from strokeprep import ctp, naming

    files = dict(snakemake.output.items())
    moved = ctp.move(
        dict(snakemake.input.items()),
        files,
        chain=snakemake.input.chain,
        grid=snakemake.input.grid or None,
        settings=snakemake.params.template,
    )
    for name, about in moved.items():
        write_sidecar(about | place(snakemake), naming.sidecar(files[name]), snakemake)

from strokeprep.job import job, write_json

with job(snakemake):
    from strokeprep import geometry

    report = geometry.admit(snakemake.params.scans, snakemake.params.masks)
    write_json(list(report.values()), snakemake.output.report)

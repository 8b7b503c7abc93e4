from pathlib import Path

from strokeprep.job import job

with job(snakemake):
    from strokeprep.report import limits, subject

    params = snakemake.params
    found = subject.write_images(
        params.plan,
        Path(snakemake.config["output"]),
        params.template,
        limits.Judge(params.limits),
        params.has_perfusion,
    )
    print("\n".join(map(str, found)))

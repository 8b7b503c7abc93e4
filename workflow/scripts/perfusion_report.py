from pathlib import Path

from strokeprep.job import job

with job(snakemake):
    from strokeprep.report import limits, subject

    params, root = snakemake.params, Path(snakemake.config["output"])
    found = subject.write_perfusion(params.plan, root, limits.Judge(params.limits))
    print("\n".join(map(str, found)))

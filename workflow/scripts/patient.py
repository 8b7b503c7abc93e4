from pathlib import Path

from strokeprep.io.whole import write_text
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.run import patients

    params, done = snakemake.params, Path(snakemake.output.done)
    patients.run(
        params.targets,
        params.snakefile,
        params.profile,
        done.parent,
        snakemake.config,
        cores=snakemake.threads,
        mem_mb=snakemake.resources.mem_mb,
    )
    write_text("\n".join(params.targets) + "\n", done)

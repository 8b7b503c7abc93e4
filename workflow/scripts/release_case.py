from pathlib import Path

from strokeprep.io.whole import write_json
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.release import case

    params = snakemake.params
    found = case.prepared(params.members, Path(snakemake.config["output"]), Path(params.copies))
    print(found["refused"])
    write_json(found, snakemake.output.facts)

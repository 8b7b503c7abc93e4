from strokeprep.io import json_files
from strokeprep.io.whole import write_json
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.release.preview import pictures

    case = json_files.read(snakemake.input.facts)
    write_json({} if case["refused"] else pictures.of_case(case), snakemake.output.row)

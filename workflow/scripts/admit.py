from pathlib import Path

from strokeprep.io.whole import write_json
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.gate import given, inspection

    params, refused = snakemake.params, snakemake.params.refused
    files = params.files
    report = inspection.inspect_files(files, params.settings, params.pseudonyms)
    if report.refused:
        print("\n".join(report.lines()))
        write_json(report.as_json(), refused)
        report.enforce()
    Path(refused).unlink(missing_ok=True)
    given.record(params.paths, Path(params.record))
    report = report.published(files["names"])
    print("\n".join(report.lines()))
    write_json(report.as_json(), snakemake.output.report)

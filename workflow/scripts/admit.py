from pathlib import Path

from strokeprep.io.whole import write_json
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.gate import inspection

    files, refused = snakemake.params.files, snakemake.params.refused
    report = inspection.inspect_files(files, snakemake.params.settings)
    if report.refused:
        print("\n".join(report.lines()))
        write_json(report.as_json(), refused)
        report.enforce()
    Path(refused).unlink(missing_ok=True)
    report = report.published(files["names"])
    print("\n".join(report.lines()))
    write_json(report.as_json(), snakemake.output.report)

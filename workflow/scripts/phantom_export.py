from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.phantom.dicom import export

    subject = snakemake.wildcards.subject
    export.write_patient(
        subject,
        Path(snakemake.params.raw),
        Path(snakemake.output.export),
        tilted=int(subject) % 2 == 1,
    )
    export.write_code(subject, Path(snakemake.output.people))

from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep import phantom

    params = snakemake.params
    patient = phantom.Patient(
        snakemake.wildcards.subject,
        seed=params.seed,
        size=params.size,
        pathologies=params.pathologies,
        scans=params.scans,
        axes=params.axes,
        study=params.study,
        circulation=params.circulation,
        table=params.table,
    )
    phantom.write_subject(patient, Path(params.raw), Path(params.truth))

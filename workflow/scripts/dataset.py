from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.bids import dataset
    from strokeprep.run import provenance

    params = snakemake.params
    written = dataset.write(
        Path(snakemake.config["output"]),
        settings=params.settings,
        version=provenance.VERSION,
        subjects=params.subjects,
        raw_root=Path(params.raw_root),
        cow_labels=params.cow_labels,
    )
    print("\n".join(written.remarks))

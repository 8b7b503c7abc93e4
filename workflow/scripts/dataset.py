from pathlib import Path

from strokeprep.run.job import dataset_of, job

with job(snakemake):
    from strokeprep.bids import dataset
    from strokeprep.run import provenance

    params = snakemake.params
    written = dataset.write(
        dataset_of(snakemake),
        settings=params.settings,
        version=provenance.VERSION,
        subjects=params.subjects,
        raw_root=Path(params.raw_root),
        arteries=params.arteries,
    )
    print("\n".join(written.remarks))

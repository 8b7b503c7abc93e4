from pathlib import Path

from strokeprep.job import job

with job(snakemake):
    from strokeprep import provenance
    from strokeprep.bids import dataset

    params = snakemake.params
    written = dataset.write(
        Path(snakemake.config["output"]),
        name=params.settings["name"],
        version=provenance.VERSION,
        subjects=params.subjects,
        license=params.settings["license"],
        authors=params.settings["authors"],
        raw_root=Path(params.raw_root),
        cow_labels=params.cow_labels,
    )
    print("\n".join(written.remarks))

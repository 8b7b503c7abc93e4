from pathlib import Path

from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.release import export
    from strokeprep.release.archive import Finished
    from strokeprep.release.preview import dataset
    from strokeprep.run import provenance

    params = snakemake.params
    cases, pictures = (
        {Path(path).stem: Path(path) for path in paths}
        for paths in (snakemake.input.cases, snakemake.input.pictures)
    )

    def preview(folder, called):
        dataset.write(folder, pictures, called, params.study, params.settings)

    export.write(
        Finished(
            Path(snakemake.config["output"]),
            params.study,
            params.settings,
            params.template,
            provenance.VERSION,
        ),
        cases,
        params.left_out,
        export.Private(Path(params.private)),
        preview if params.settings.preview else None,
    )

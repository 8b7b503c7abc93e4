from pathlib import Path

from strokeprep.run.job import dataset_of, job

with job(snakemake):
    from strokeprep.cohort import stage
    from strokeprep.run import provenance
    from strokeprep.run.released import Release

    params, target = snakemake.params, Path(snakemake.output.files)
    release = Release(Path(snakemake.config["output"]), Path(snakemake.config["work"]))
    stage.remove(dataset_of(snakemake), target)
    parts = [Path(path).stem for path in (*snakemake.input.searched, snakemake.input.dataset)]
    names = stage.write(
        release.output,
        dataset_of(snakemake),
        params.candidates,
        params.left_out,
        stage.About(params.study, params.settings, params.lesions, params.template, params.seed),
        provenance.versions(),
    )
    stage.list_files(target, names, {part: release.digest_of(part) for part in parts})

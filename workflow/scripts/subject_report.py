from pathlib import Path

from strokeprep.run.job import dataset_of, job

with job(snakemake):
    from strokeprep.quality import measured
    from strokeprep.quality.judgement import Judge
    from strokeprep.report import lineage
    from strokeprep.report.pages import subject

    params, root = snakemake.params, dataset_of(snakemake)
    names = [str(Path(path).relative_to(root)) for path in snakemake.input.files]
    made = lineage.Lineage(root, names, Path(snakemake.input.admitted))
    judge = Judge(params.plan.subject, params.limits)
    found = subject.write_images(
        params.plan,
        made,
        params.template,
        judge,
        measured.Audited(measured.read(snakemake.input.figures, judge)),
        params.has_perfusion,
    )
    print("\n".join(map(str, found)))

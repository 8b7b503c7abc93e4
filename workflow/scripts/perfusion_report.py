from pathlib import Path

from strokeprep.run.job import dataset_of, job

with job(snakemake):
    from strokeprep.quality.judgement import Judge
    from strokeprep.report import lineage
    from strokeprep.report.pages import subject

    params, root = snakemake.params, dataset_of(snakemake)
    names = [str(Path(path).relative_to(root)) for path in snakemake.input.files]
    made = lineage.Lineage(root, names, None)
    judge = Judge(params.plan.subject, params.limits)
    found = subject.write_perfusion(params.plan, made, params.template, judge)
    print("\n".join(map(str, found)))

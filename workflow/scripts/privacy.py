from pathlib import Path

from strokeprep.io.whole import write_json
from strokeprep.run.job import dataset_of, job

with job(snakemake):
    from strokeprep.gate import given
    from strokeprep.privacy import audit, private_words, shown
    from strokeprep.privacy.leaks import enforce, report
    from strokeprep.run.released import Release

    params, root = snakemake.params, dataset_of(snakemake)
    work, target = Path(snakemake.config["work"]), Path(snakemake.output.report)
    words = private_words.of_files(params.raw, params.raw_root, params.open_names)
    if params.subject is None:
        paths = audit.paths_of_dataset(root, (), params.only)
        leaks = audit.of_dataset(root, (), words, params.only)
    else:
        gate = given.reports(Path(snakemake.input.gate).parent)
        paths = audit.paths_of_subject(root, params.subject, params.only)
        leaks = audit.of_subject(
            root,
            params.subject,
            words,
            declared_defaced=params.declared_defaced,
            raw_digests=given.digests(gate[params.subject], params.undefaced),
            twins=given.twins(gate).get(params.subject, ()),
            heads=[shown.Head(*each) for each in params.heads],
            drawn=[shown.Drawn(*each) for each in params.drawn],
            extremes=Path(params.extremes),
            logs=work / "logs",
            only=params.only,
        )
    print("\n".join(str(leak.error()) for leak in leaks))
    enforce(leaks)
    released = [path.relative_to(root).as_posix() for path in paths if not path.is_dir()]
    Release(Path(snakemake.config["output"]), work).put(target.stem, released)
    write_json(report(leaks), target)

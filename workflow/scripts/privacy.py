from pathlib import Path

from strokeprep.io.whole import write_json
from strokeprep.run.job import job

with job(snakemake):
    from strokeprep.privacy import audit, private_words, shown, undefaced
    from strokeprep.privacy.leaks import enforce, report

    params, root = snakemake.params, Path(snakemake.config["output"])
    words = private_words.of_files(params.raw, params.raw_root, params.open_names)
    if params.subject is None:
        leaks = audit.of_dataset(root, params.subjects, words, params.skip)
    else:
        leaks = audit.of_subject(
            root,
            params.subject,
            words,
            declared_defaced=params.declared_defaced,
            raw_digests=undefaced.digests(params.undefaced),
            heads=[shown.Head(*each) for each in params.heads],
            drawn=[shown.Drawn(*each) for each in params.drawn],
            logs=Path(snakemake.config["work"]) / "logs",
            skip=params.skip,
        )
    print("\n".join(str(leak.error()) for leak in leaks))
    enforce(leaks)
    write_json(report(leaks), snakemake.output.report)

"""A study of hundreds: one job per patient, in which a Snakemake of its own makes the patient.

    snakemake --snakefile workflow/by_patient.smk --cores 16 --configfile my_study.yaml

The plan is as long as the list of patients; profiles/slurm uses it (docs/cluster.md).
"""


include: "Snakefile"


localrules:
    study,


rule study:
    default_target: True
    input:
        rules.dataset.output.files,
        rules.privacy_dataset.output.report,
        [finished(subject.name) for subject in STUDY.subjects],


rule patient:
    input:
        of_subject(raw_of_subject),
        of_subject(shared_by_patients),
    output:
        done=finished("{subject}"),
    log:
        log_of("patient", "sub-{subject}"),
    benchmark:
        benchmark_of("patient", "sub-{subject}")
    threads: 2
    resources:
        mem_mb=growing(9000),
        runtime=growing(240),
    params:
        targets=of_subject(patient_targets),
        snakefile=str(HERE / "Snakefile"),
        profile=str(HERE.parent / "profiles" / "patient"),
        settings=CONFIG,
        code=[
            code(script.name, *code_of_backends())
            for script in sorted((HERE / "scripts").glob("*.py"))
        ],
    script:
        "scripts/patient.py"


record_settings()

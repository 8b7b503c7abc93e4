"""What must hold before a subject's outputs may be trusted; a broken rule here fails the subject.

Figures are measured once. They are judged here and shown on the page, which is made even where the
judgement stops the subject.
"""


localrules:
    audit,
    audit_perfusion,


rule measure:
    input:
        files=of_subject(subject_targets),
    output:
        figures=figures_of("{subject}"),
    log:
        log_of("measure", "sub-{subject}"),
    benchmark:
        benchmark_of("measure", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=20,
    params:
        plan=of_subject(audit_plan),
        least_label_ml=CONFIG.audit.small_label_ml,
        template=CONFIG.template,
        code=code("measure.py"),
    script:
        "../scripts/measure.py"


use rule measure as measure_perfusion with:
    input:
        files=of_subject(perfusion_targets),
    output:
        figures=figures_of("{subject}", "_perfusion"),
    log:
        log_of("measure_perfusion", "sub-{subject}"),
    benchmark:
        benchmark_of("measure_perfusion", "sub-{subject}")
    params:
        plan=of_subject(perfusion_audit_plan),


rule audit:
    input:
        figures=figures_of("{subject}"),
    output:
        table=out(naming.audit("{subject}")),
    log:
        log_of("audit", "sub-{subject}"),
    benchmark:
        benchmark_of("audit", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    params:
        limits=CONFIG.limits,
        code=code("audit.py"),
    script:
        "../scripts/audit.py"


use rule audit as audit_perfusion with:
    input:
        figures=figures_of("{subject}", "_perfusion"),
    output:
        table=out(naming.perfusion_audit("{subject}")),
    log:
        log_of("audit_perfusion", "sub-{subject}"),
    benchmark:
        benchmark_of("audit_perfusion", "sub-{subject}")

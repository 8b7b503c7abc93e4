"""What must hold before a subject's outputs may be trusted; a broken rule here fails the subject."""


rule audit:
    input:
        files=of_subject(subject_targets),
    output:
        table=out(naming.audit("{subject}")),
    log:
        log_of("audit", "sub-{subject}"),
    benchmark:
        benchmark_of("audit", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=20,
    params:
        plan=of_subject(audit_plan),
        limits=CONFIG.limits,
        least_label_ml=CONFIG.audit.small_label_ml,
        template=CONFIG.template,
        code=code("audit.py"),
    script:
        "../scripts/audit.py"


use rule audit as audit_perfusion with:
    input:
        files=of_subject(perfusion_targets),
    output:
        table=out(naming.perfusion_audit("{subject}")),
    log:
        log_of("audit_perfusion", "sub-{subject}"),
    benchmark:
        benchmark_of("audit_perfusion", "sub-{subject}")
    params:
        plan=of_subject(perfusion_audit_plan),

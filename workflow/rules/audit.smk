"""What must hold before a subject's outputs may be trusted; a broken rule here fails the subject."""


rule audit:
    input:
        files=audited,
    output:
        table=out(naming.audit("{subject}")),
    log:
        log_of("audit", "sub-{subject}"),
    benchmark:
        benchmark_of("audit", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=20,
    params:
        plan=lambda w: quality_plan.audit_plan(STUDY.by_name[w.subject], TEMPLATE),
        limits=CONFIG.limits,
        least_label_ml=CONFIG.audit.small_label_ml,
        template=CONFIG.template,
        code=code("audit.py"),
    script:
        "../scripts/audit.py"


use rule audit as audit_perfusion with:
    input:
        files=perfusion_audited,
    output:
        table=out(naming.perfusion_audit("{subject}")),
    log:
        log_of("audit_perfusion", "sub-{subject}"),
    benchmark:
        benchmark_of("audit_perfusion", "sub-{subject}")
    params:
        plan=lambda w: quality_plan.perfusion_audit_plan(STUDY.by_name[w.subject], TEMPLATE),
        limits=CONFIG.limits,
        least_label_ml=CONFIG.audit.small_label_ml,
        template=CONFIG.template,
        code=code("audit.py"),

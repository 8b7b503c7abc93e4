"""Pages for people: what each step did to a subject, in pictures and in numbers with limits.

A page stops nothing and needs no audit to pass: it is there to show what an audit refused. The
cohort's page is made when the run ends (conclude() in common.smk), whatever failed.
"""


rule subject_report:
    input:
        files=reported,
        admitted=admitted("{subject}"),
    output:
        **files_of(report_plan.image_names("{subject}"), "template"),
    log:
        log_of("subject_report", "sub-{subject}"),
    benchmark:
        benchmark_of("subject_report", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=20,
    params:
        plan=lambda w: report_plan.images(STUDY.by_name[w.subject], TEMPLATE),
        has_perfusion=lambda w: bool(perfusion_targets(STUDY.by_name[w.subject])),
        template=CONFIG.template,
        limits=CONFIG.limits,
        least_label_ml=CONFIG.audit.small_label_ml,
        code=code("subject_report.py"),
    script:
        "../scripts/subject_report.py"


rule perfusion_report:
    input:
        files=perfusion_reported,
    output:
        **files_of(report_plan.perfusion_names("{subject}"), "tmax"),
    log:
        log_of("perfusion_report", "sub-{subject}"),
    benchmark:
        benchmark_of("perfusion_report", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=20,
    params:
        plan=lambda w: report_plan.perfusion(STUDY.by_name[w.subject]),
        template=CONFIG.template,
        limits=CONFIG.limits,
        code=code("perfusion_report.py"),
    script:
        "../scripts/perfusion_report.py"


# Into the work folder, and only if the config asks for it: this page shows faces.
rule face_report:
    input:
        raw=lambda w: [str(scan.pilot.path) for scan in faced(w)],
        released=lambda w: [out(naming.defaced(s, s.pilot.kind.suffix)) for s in faced(w)],
        admitted=admitted("{subject}"),
    output:
        page=face_page("{subject}"),
    log:
        log_of("face_report", "sub-{subject}"),
    benchmark:
        benchmark_of("face_report", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=20,
    params:
        plan=lambda w: report_plan.images(STUDY.by_name[w.subject], TEMPLATE),
        scans=lambda w: [scan.name for scan in faced(w)],
        code=code("face_report.py"),
    script:
        "../scripts/face_report.py"

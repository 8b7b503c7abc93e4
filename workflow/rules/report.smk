"""Pages for people: what each step did to a subject, in pictures and in numbers with limits.

A page stops nothing and needs no audit to pass: it is there to show what an audit refused. The
cohort's page is made when the run ends (conclude() in run.smk), whatever failed.
"""


rule subject_report:
    input:
        files=of_subject(subject_targets),
        admitted=admitted("{subject}"),
        figures=figures_of("{subject}"),
    output:
        **files_of(report_plan.image_names("{subject}"), "template"),
    log:
        log_of("subject_report", "sub-{subject}"),
    benchmark:
        benchmark_of("subject_report", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=20,
    params:
        plan=of_subject(image_page_plan),
        has_perfusion=of_subject(is_perfused),
        template=CONFIG.template,
        limits=CONFIG.limits,
        code=code("subject_report.py"),
    script:
        "../scripts/subject_report.py"


rule perfusion_report:
    input:
        files=of_subject(perfusion_targets),
        cells=of_subject(cells_of_subject),
        regions=of_subject(regions_of_subject),
    output:
        **files_of(report_plan.perfusion_names("{subject}"), "tmax"),
    log:
        log_of("perfusion_report", "sub-{subject}"),
    benchmark:
        benchmark_of("perfusion_report", "sub-{subject}")
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=20,
    params:
        plan=of_subject(perfusion_page_plan),
        template=CONFIG.template,
        limits=CONFIG.limits,
        code=code("perfusion_report.py"),
    script:
        "../scripts/perfusion_report.py"


# Into the work folder, and only if the config asks for it: this page shows faces.
rule face_report:
    input:
        raw=of_subject(raw_faces),
        released=of_subject(released_faces),
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
        mem_mb=growing(3000),
        runtime=20,
    params:
        plan=of_subject(image_page_plan),
        scans=of_subject(faced_names),
        code=code("face_report.py"),
    script:
        "../scripts/face_report.py"

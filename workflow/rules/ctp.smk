"""CT perfusion: a still head, one frame per second, maps of flow, and the tissue at risk."""


rule motion:
    input:
        image=out(naming.defaced(SERIES, CTP.suffix)),
        face=lambda w: face_of(ctp_scan(w)),
    output:
        table=out(naming.motion(SERIES)),
        sidecar=out(naming.sidecar(naming.motion(SERIES))),
        mean=out(naming.mean(SERIES, CTP.suffix)),
        mean_sidecar=out(naming.sidecar(naming.mean(SERIES, CTP.suffix))),
    log:
        log_of("motion", naming.motion(SERIES)),
    benchmark:
        benchmark_of("motion", naming.motion(SERIES))
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(4000),
        runtime=30,
    params:
        kind=CTP.name,
        code=code("motion.py"),
    script:
        "../scripts/motion.py"


rule one_second:
    input:
        image=out(naming.defaced(SERIES, CTP.suffix)),
        metadata=out(naming.sidecar(naming.defaced(SERIES, CTP.suffix))),
        motion=out(naming.motion(SERIES)),
    output:
        image=out(naming.preproc(SERIES, CTP.suffix, ORIG, "preproc")),
        sidecar=out(naming.sidecar(naming.preproc(SERIES, CTP.suffix, ORIG, "preproc"))),
        coverage=out(naming.coverage(SERIES, ORIG)),
        coverage_sidecar=out(naming.sidecar(naming.coverage(SERIES, ORIG))),
    log:
        log_of("one_second", naming.preproc(SERIES, CTP.suffix, ORIG, "preproc")),
    benchmark:
        benchmark_of("one_second", naming.preproc(SERIES, CTP.suffix, ORIG, "preproc"))
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=30,
    params:
        kind=CTP.name,
        frame_times=CONFIG.ctp.frame_times,
        code=code("one_second.py"),
    script:
        "../scripts/one_second.py"


use rule one_second as one_second_moved with:
    input:
        image=out(naming.defaced(SERIES, CTP.suffix)),
        metadata=out(naming.sidecar(naming.defaced(SERIES, CTP.suffix))),
        motion=out(naming.motion(SERIES)),
        chain=lambda w: chain_to(ctp_scan(w), entity(w.space)),
        grid=lambda w: moved_grid(ctp_scan(w), w),
    output:
        image=out(naming.preproc(SERIES, CTP.suffix, SOMEWHERE, "preproc")),
        sidecar=out(naming.sidecar(naming.preproc(SERIES, CTP.suffix, SOMEWHERE, "preproc"))),
        coverage=out(naming.coverage(SERIES, SOMEWHERE)),
        coverage_sidecar=out(naming.sidecar(naming.coverage(SERIES, SOMEWHERE))),
    log:
        log_of("one_second_moved", naming.preproc(SERIES, CTP.suffix, SOMEWHERE, "preproc")),
    benchmark:
        benchmark_of("one_second_moved", naming.preproc(SERIES, CTP.suffix, SOMEWHERE, "preproc"))
    wildcard_constraints:
        space=ELSEWHERE,


rule perfusion:
    input:
        series=out(naming.preproc(SERIES, CTP.suffix, ORIG, "preproc")),
        coverage=out(naming.coverage(SERIES, ORIG)),
        brain=lambda w: out(naming.brain_mask(STUDY.reference(ctp_scan(w)), ORIG)),
        to_series=lambda w: chain_to(ctp_scan(w), STUDY.reference(ctp_scan(w)).name),
        to_template=lambda w: to_template(STUDY.reference(ctp_scan(w))),
        drawn=lambda w: drawn_vessels(ctp_scan(w).subject),
    output:
        **perfusion_images(ORIG),
        **perfusion_tables(),
        sidecars=sidecars(perfusion_images(ORIG) | perfusion_tables()),
        figure=out(naming.vessel_figure(SERIES)),
    log:
        log_of("perfusion", naming.vessels(SERIES)),
    benchmark:
        benchmark_of("perfusion", naming.vessels(SERIES))
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(4000),
        runtime=30,
    params:
        settings=CONFIG.perfusion.shared(),
        given=lambda w: CONFIG.perfusion.given(ctp_scan(w).subject),
        code=code("perfusion.py"),
    script:
        "../scripts/perfusion.py"


rule resample_perfusion:
    input:
        **perfusion_images(ORIG),
        chain=lambda w: chain_to(ctp_scan(w), entity(w.space)),
        grid=lambda w: moved_grid(ctp_scan(w), w),
    output:
        **perfusion_images(ANYWHERE),
        sidecars=sidecars(perfusion_images(ANYWHERE)),
    log:
        log_of("resample_perfusion", naming.perfusion_map(SERIES, "cbf", ANYWHERE)),
    benchmark:
        benchmark_of("resample_perfusion", naming.perfusion_map(SERIES, "cbf", ANYWHERE))
    wildcard_constraints:
        space=ELSEWHERE,
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=20,
    params:
        template=CONFIG.template,
        code=code("resample_perfusion.py"),
    script:
        "../scripts/resample_perfusion.py"

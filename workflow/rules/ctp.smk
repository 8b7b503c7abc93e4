"""CT perfusion: a still head, one frame per second, maps of flow, and the tissue at risk."""


rule motion:
    input:
        image=out(naming.defaced(SERIES, CTP.suffix)),
        face=of_series(face_of),
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
        mem_mb=growing(4000),
        runtime=30,
    params:
        kind=CTP,
        settings=CONFIG.motion,
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
        extremes=extremes_of(naming.preproc(SERIES, CTP.suffix, ORIG, "preproc")),
    log:
        log_of("one_second", naming.preproc(SERIES, CTP.suffix, ORIG, "preproc")),
    benchmark:
        benchmark_of("one_second", naming.preproc(SERIES, CTP.suffix, ORIG, "preproc"))
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=30,
    params:
        kind=CTP,
        frame_times=CONFIG.ctp.frame_times,
        code=code("one_second.py"),
    script:
        "../scripts/one_second.py"


use rule one_second as one_second_moved with:
    input:
        image=out(naming.defaced(SERIES, CTP.suffix)),
        metadata=out(naming.sidecar(naming.defaced(SERIES, CTP.suffix))),
        motion=out(naming.motion(SERIES)),
        chain=of_move(MOVED_SERIES)(transforms),
        grid=of_move(MOVED_SERIES)(grid),
    output:
        image=out(MOVED_SERIES),
        sidecar=out(naming.sidecar(MOVED_SERIES)),
        coverage=out(naming.coverage(SERIES, Space(WILD))),
        coverage_sidecar=out(naming.sidecar(naming.coverage(SERIES, Space(WILD)))),
        extremes=extremes_of(MOVED_SERIES),
    log:
        log_of("one_second_moved", MOVED_SERIES),
    benchmark:
        benchmark_of("one_second_moved", MOVED_SERIES)
    wildcard_constraints:
        space=ELSEWHERE,


rule perfusion:
    input:
        series=out(naming.preproc(SERIES, CTP.suffix, ORIG, "preproc")),
        coverage=out(naming.coverage(SERIES, ORIG)),
        brain=of_series(reference_brain),
        to_series=of_series(reference_to_series),
        to_template=of_series(reference_to_template),
        drawn=of_series(drawn_vessels),
        territories=territories(),
    output:
        **perfusion_images(ORIG),
        **model_images(),
        **perfusion_tables(),
        sidecars=sidecars(perfusion_images(ORIG) | model_images() | perfusion_tables()),
        figure=out(naming.vessel_figure(SERIES)),
        cells=cells_of(SERIES),
    log:
        log_of("perfusion", naming.vessels(SERIES)),
    benchmark:
        benchmark_of("perfusion", naming.vessels(SERIES))
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=30,
    params:
        settings=CONFIG.perfusion.shared(),
        given=of_series(given_vessels),
        replaced=replaced(naming.vessel_voxels(SERIES)),
        code=code("perfusion.py"),
    script:
        "../scripts/perfusion.py"


rule resample_perfusion:
    input:
        **perfusion_images(ORIG),
        chain=of_move(MOVED_MAP)(transforms),
        grid=of_move(MOVED_MAP)(grid),
    output:
        **perfusion_images(ANYWHERE),
        sidecars=sidecars(perfusion_images(ANYWHERE)),
    log:
        log_of("resample_perfusion", MOVED_MAP),
    benchmark:
        benchmark_of("resample_perfusion", MOVED_MAP)
    wildcard_constraints:
        space=ELSEWHERE,
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=20,
    params:
        template=CONFIG.template,
        code=code("resample_perfusion.py"),
    script:
        "../scripts/resample_perfusion.py"


rule perfusion_regions:
    input:
        **measured_maps(),
        volumes=out(naming.tissue_volumes(SERIES)),
        to_series=of_series(reference_to_series),
        to_template=of_series(reference_to_template),
        labels=prepared("perfusion", atlas_image),
        names=prepared("perfusion", atlas_names),
    output:
        table=out(naming.perfusion_regions(SERIES)),
        drawn=drawn_regions(SERIES),
        sidecar=out(naming.sidecar(naming.perfusion_regions(SERIES))),
    log:
        log_of("perfusion_regions", naming.perfusion_regions(SERIES)),
    benchmark:
        benchmark_of("perfusion_regions", naming.perfusion_regions(SERIES))
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        settings=CONFIG.perfusion.shared(),
        atlases=list(ATLASES["perfusion"]),
        code=code("perfusion_regions.py"),
    script:
        "../scripts/perfusion_regions.py"

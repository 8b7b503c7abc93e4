"""The only rules that write anything in another space: all transforms, one interpolation.

What is moved, by which transforms and onto which grid is said by the study (strokeprep.study.moves),
by the name of the output.
"""

MOVED_IMAGE = naming.preproc(ANY, "{suffix}", ANYWHERE, WILD)
MOVED_LABEL = naming.label(ANY, ANYWHERE, ANY_LABEL)
NATIVE_LABEL = naming.label(ANY, ORIG, ANY_LABEL)

of_moved_image = of_move(MOVED_IMAGE)
of_moved_label = of_move(MOVED_LABEL)
of_native_label = of_move(NATIVE_LABEL)


rule resample:
    input:
        image=of_moved_image(source),
        brain=of_moved_image(brain_there),
        chain=of_moved_image(transforms),
        grid=of_moved_image(grid),
        scaling=of_moved_image(scaling_there),
    output:
        image=out(MOVED_IMAGE),
        sidecar=out(naming.sidecar(MOVED_IMAGE)),
    log:
        log_of("resample", MOVED_IMAGE),
    benchmark:
        benchmark_of("resample", MOVED_IMAGE)
    wildcard_constraints:
        space=ELSEWHERE,
        desc=naming.constraint("desc", VIEWS),
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=20,
    params:
        kind=of_moved_image(kind_of),
        is_cubic=of_moved_image(is_on_cubic),
        template=CONFIG.template,
        code=code("resample.py"),
    script:
        "../scripts/resample.py"


rule label:
    input:
        label=of_native_label(source),
        admitted=of_native_label(move_passed_gate),
        correction=of_native_label(corrected_source),
    output:
        label=out(NATIVE_LABEL),
        sidecar=out(naming.sidecar(NATIVE_LABEL)),
    log:
        log_of("label", NATIVE_LABEL),
    benchmark:
        benchmark_of("label", NATIVE_LABEL)
    wildcard_constraints:
        **naming.label_constraints(kinds.LABELS.values()),
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        raw=of_native_label(raw_source),
        replaced=replaced(NATIVE_LABEL),
        kind=of_native_label(kind_of),
        code=code("label.py"),
    script:
        "../scripts/label.py"


rule resample_label:
    input:
        label=of_moved_label(source),
        chain=of_moved_label(transforms),
        grid=of_moved_label(grid),
        admitted=of_moved_label(move_passed_gate),
        correction=of_moved_label(corrected_source),
    output:
        label=out(MOVED_LABEL),
        sidecar=out(naming.sidecar(MOVED_LABEL)),
    log:
        log_of("resample_label", MOVED_LABEL),
    benchmark:
        benchmark_of("resample_label", MOVED_LABEL)
    wildcard_constraints:
        **naming.label_constraints([*kinds.LABELS.values(), kinds.BRAIN]),
        space=ELSEWHERE,
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=20,
    params:
        raw=of_moved_label(raw_source),
        replaced=replaced(MOVED_LABEL),
        kind=of_moved_label(kind_of),
        is_cubic=of_moved_label(is_on_cubic),
        template=CONFIG.template,
        code=code("resample_label.py"),
    script:
        "../scripts/resample_label.py"

"""What people corrected, checked and brought onto its grid before a step takes it."""


rule accept:
    input:
        correction=given_correction,
        partner=given_partner,
        image=raw_of_corrected,
        admitted=gate_of_corrected,
    output:
        file=accepted("{folder}/{corrected}"),
        facts=facts_of(accepted("{folder}/{corrected}")),
    log:
        log_of("accept", "{folder}/{corrected}"),
    benchmark:
        benchmark_of("accept", "{folder}/{corrected}")
    wildcard_constraints:
        corrected=r".+\.(nii\.gz|txt|h5)",
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=20,
    params:
        target=target_of_corrected,
        version=version_of_correction,
        is_rigid=CONFIG.registration.to_reference == "rigid",
        template=CONFIG.template,
        code=code("accept.py"),
    script:
        "../scripts/accept.py"

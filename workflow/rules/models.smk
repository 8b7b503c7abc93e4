"""Fetch the weights of networks, on request. No job of a study downloads anything."""


localrules:
    models,


rule models:
    log:
        log_of("models", "models"),
    conda:
        "../../envs/imaging.yaml"
    params:
        names=models_of(masks_of_study()),
        folder=CONFIG.models.folder,
        offline=CONFIG.models.offline,
        known=CONFIG.models.sha256,
    script:
        "../scripts/models.py"

"""Fetch the weights of networks, on request. No job of a study downloads anything."""


localrules:
    models,


rule models:
    log:
        log_of("models", "models"),
    conda:
        "../../envs/imaging.yaml"
    params:
        names=[*needed.models(needed.masks(STUDY), CONFIG), *needed.of_proposals(CONFIG)],
        folder=CONFIG.models.folder,
        offline=CONFIG.models.offline,
        known=CONFIG.models.sha256,
    script:
        "../scripts/models.py"

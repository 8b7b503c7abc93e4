"""Weights of networks: fetched on request, where there is network, and never by a job of a study."""


localrules:
    models,


rule models:
    log:
        log_of("models", "models"),
    conda:
        "../../envs/imaging.yaml"
    params:
        names=study_models(),
        folder=CONFIG["models"]["folder"],
        offline=CONFIG["models"]["offline"],
        known=CONFIG["models"]["sha256"],
    script:
        "../scripts/models.py"

"""Backends of networks and their weights.

Two rules run a backend: brain, with section brain of the config, and face, with section deface.
"""

from strokeprep.settings.backends import BACKENDS


def backend(section, modality):
    """The backend that a section of the config chooses for a modality."""
    return needed.backend(section, modality, CONFIG)


def backends_of(section):
    """All backends that a section chooses."""
    return [backend(section, modality) for modality in ("ct", "mr")]


def chosen(section, wildcards):
    """The backend that makes a mask."""
    return backend(section, mask_scan(wildcards).modality)


def models_for(section, scan):
    """The weights that a section's backend needs for a scan."""
    return needed.models([(section, scan)], CONFIG)


def environment(section):
    """The environment file of a section's rule."""
    torch = any(each.torch for each in backends_of(section))
    return f"../../envs/{'segmentation' if torch else 'imaging'}.yaml"


def threads_of(section):
    """CPU threads of a section's jobs."""
    networks = any(each.is_network for each in backends_of(section))
    return CONFIG.threads.segmentation if networks else 1


def memory_of(section, wildcards, attempt):
    """Memory of a job (MB), more when it is retried."""
    return chosen(section, wildcards).memory_mb * attempt


def minutes_of(section, wildcards):
    """The longest that a job may take."""
    return chosen(section, wildcards).minutes


def gpus_of(section, wildcards):
    """How many GPUs a job asks for; a network with device ``auto`` runs without one, too."""
    return int(chosen(section, wildcards).torch and CONFIG.models.device != "cpu")


def name_of_backend(section, wildcards):
    """What the config calls the backend."""
    return chosen(section, wildcards).name


def depends_on(section, wildcards):
    """What a network's answer depends on; a change of it runs the job again."""
    models = models_for(section, mask_scan(wildcards))
    if not models:
        return {}
    digests = store.digests(models, CONFIG.models.folder)
    return CONFIG.models.affecting(chosen(section, wildcards)) | {"weights": digests}


def code_of(section, script, wildcards):
    """A parameter that changes when the code of a job's script or of its backend does."""
    return code(script, chosen(section, wildcards).module)


def code_of_backends():
    """The modules of all backends that this study may run."""
    return [each.module for section in BACKENDS for each in backends_of(section) if each.module]


def planned_masks():
    """What backends have to find in this run: section and scan."""
    sections = {"brain": "brain", "face": "deface"}
    return [
        (sections[job.rule.name], mask_scan(job.wildcards))
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in sections
    ]


def without_torch(masks):
    """What to say where the network of a brain lacks its weights: a small one would do."""
    folder = CONFIG.models.folder
    lacking = {
        f"brain.{scan.modality}"
        for section, scan in masks
        if section == "brain"
        and backend(section, scan.modality).torch
        and store.missing(models_for(section, scan), folder)
    }
    return store.small_network(sorted(lacking), folder, CONFIG.models.offline)


def require_models():
    """Stop before the first job if one of them would lack its weights."""
    masks, models = planned_masks(), CONFIG.models
    proposed = any(job.rule.name == "proposal" for job in workflow.dag.needrun_jobs())
    names = [*needed.models(masks, CONFIG), *(needed.of_proposals(CONFIG) if proposed else [])]
    instead = without_torch(masks)
    try:
        store.require(names, models.folder, models.offline, instead)
    except StrokeprepError as error:
        raise WorkflowError(str(error)) from None


def missing_models():
    """What a dry run says about missing weights, for which a run would stop."""
    masks, models = needed.masks(STUDY), CONFIG.models
    lacking = store.missing(needed.models(masks, CONFIG), models.folder)
    if not lacking:
        return None
    how = store.command(lacking, models.folder, models.offline) + without_torch(masks)
    return f"the weights of {', '.join(lacking)} are missing in {models.folder}: {how}"

"""Atlases on the grid of the template, and the names of their regions."""


def lesion_atlases():
    """The atlas by which lesions have a type: the config's, or that of a simulated study."""
    given = CONFIG.lesions
    if given.atlas:
        return {"types": AtlasSettings(given.atlas, given.atlas_names, given.atlas_template)}
    return {"types": AtlasSettings(ORIGIN.atlas)} if ORIGIN.atlas else {}


def perfusion_atlases():
    """The atlases whose perfusion is measured: the config's, or that of a simulated study."""
    simulated = {"regions": AtlasSettings(ORIGIN.regions)} if ORIGIN.regions else {}
    return CONFIG.perfusion.atlases or simulated


# What atlases are used for, and by what name each is known there.
ATLASES = {"lesions": lesion_atlases(), "perfusion": perfusion_atlases()}


def atlas_image(use, name):
    """An atlas on the grid of the template."""
    return f"{WORK}/atlas/{use}/{name}_dseg.nii.gz"


def atlas_names(use, name):
    """The names of its regions."""
    return f"{WORK}/atlas/{use}/{name}_dseg.tsv"


def atlas_of(wildcards):
    return ATLASES[wildcards.use][wildcards.name]


def settings_of_atlas(wildcards):
    return vars(atlas_of(wildcards))


def files_of_atlas(wildcards):
    return [path for path in vars(atlas_of(wildcards)).values() if path]


def prepared(use, made):
    """What is made of the atlases for a use: their images or the names of their regions."""
    return [made(use, name) for name in ATLASES[use]]


def territories():
    """The atlas whose regions have arterial inputs of their own, and its names, if there is one."""
    name = CONFIG.perfusion.vessels.territories
    return [made("perfusion", name) for made in (atlas_image, atlas_names)] if name else []


def prepared_atlas(scan):
    """The atlas of lesion types on the template's grid, and its names."""
    return prepared("lesions", atlas_image) + prepared("lesions", atlas_names)


def shared_by_patients(subject):
    """What is made once for all patients, and so before the job of any."""
    perfused = prepared("perfusion", atlas_image) if perfusion_targets(subject) else []
    return [*(prepared_atlas(subject) if CONFIG.lesions.tables else []), *perfused]

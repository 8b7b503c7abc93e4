"""CT perfusion: its series, maps, tables and vessels."""

CTP = kinds.KINDS["ctp"]
SERIES = naming.Pattern(datatype=CTP.scan.datatype, mask_datatype=CTP.scan.mask_datatype)
MOVED_SERIES = naming.preproc(SERIES, CTP.suffix, Space(WILD), "preproc")
EXTREMES = f"{WORK}/extremes"
MOVED_MAP = naming.perfusion_map(SERIES, "cbf", ANYWHERE)


def perfusion_images(space):
    """Maps and masks by name, on one grid."""
    return {
        **{name: out(naming.perfusion_map(SERIES, name, space)) for name in kinds.MAPS},
        **{name: out(naming.at_risk(SERIES, name, space)) for name in kinds.AT_RISK},
    }


def model_images():
    """Maps of the vascular model by name, which stay on the grid of the series."""
    return {name: out(naming.model_map(SERIES, name)) for name in kinds.MODEL_MAPS}


def perfusion_tables():
    """Tables by name."""
    return {
        "vessels": out(naming.vessels(SERIES)),
        "voxels": out(naming.vessel_voxels(SERIES)),
        "volumes": out(naming.tissue_volumes(SERIES)),
    }


def cells_of(scan):
    """The curves of coarse cells of a series, for its page."""
    return f"{WORK}/cells/{scan.folder}/{scan.stem}.npz"


def extremes_of(name):
    """The note of what a series holds at least and at most, for the privacy audit."""
    return f"{EXTREMES}/{naming.extremes(name)}"


def extremes_of_subject(subject):
    """The notes of all series of a subject that are written at one frame per second."""
    return [
        extremes_of(name)
        for scan in subject.scans
        if scan.has_perfusion
        for image in scan.images
        for name in [
            naming.preproc(scan, image.kind.suffix, ORIG, "preproc"),
            *(moves.series(scan, subject.reference) if subject.reference else ()),
        ]
    ]


def drawn_regions(scan):
    """The regions of each atlas on the grid of a series, for its page."""
    return [
        f"{WORK}/regions/{scan.folder}/{scan.stem}/{name}.nii.gz" for name in ATLASES["perfusion"]
    ]


def measured_maps():
    """The maps by name that are measured by region."""
    return {
        **{name: out(naming.perfusion_map(SERIES, name, ORIG)) for name in kinds.MAPS},
        **{name: out(naming.model_map(SERIES, name)) for name in kinds.PROBABILITIES},
    }


def sidecars(files):
    """The sidecars of named files."""
    return [naming.sidecar(path) for path in files.values()]


def ctp_scan(wildcards):
    """The scan behind any name that belongs to a CT perfusion series."""
    return STUDY.scan_in(wildcards.folder, CTP.scan.name)


of_series = reading(ctp_scan)


def given_vessels(scan):
    """Arterial input and venous outflow that people gave for a scan: points or masks."""
    masks = {
        key: accepted(name)
        for key, word in corrections_folder.VESSEL_OF.items()
        for name in [naming.vessel_mask(scan, correctable.VESSELS[word])]
        if name in CORRECTIONS
    }
    return CONFIG.perfusion.given(scan.subject)._replace(**masks)


def drawn_vessels(scan):
    """The masks among these, each with what is known of it."""
    masks = [where for where in given_vessels(scan) if isinstance(where, str)]
    return [path for mask in masks for path in (mask, facts_of(mask))]


def reference_to_series(scan):
    return optional(to_reference(scan, STUDY.reference(scan)))


def reference_to_template(scan):
    """The transform of the points of a scan's reference into the template."""
    reference = STUDY.reference(scan)
    return out(naming.from_template(reference, reference.name, TEMPLATE.label))

"""Which files each rule needs, read from the study table. Small functions, cheap to call."""

# --------------------------------------------------------------------------- deface


def whole_head(scan):
    """The scan through which a scan's face is found: its subject's reference, or itself."""
    return STUDY.reference(scan) or scan


def located(scan, extension):
    """Where a whole head lies in the template (h5), and what is known about it (json)."""
    return f"{WORK}/located/{scan.folder}/{scan.datatype}/{scan.stem}.{extension}"


def approached(scan):
    """The approximate transform of a scan onto its subject's whole head."""
    return f"{WORK}/approached/{scan.folder}/{scan.datatype}/{scan.stem}.tfm"


def located_head(scan):
    """Both files of the location of a scan's whole head."""
    return [located(whole_head(scan), extension) for extension in ("h5", "json")]


def lies_apart(scan):
    """Whether a scan needs a transform to lie on the whole head."""
    return whole_head(scan) is not scan and not scan.in_reference_space


def roughly_to_head(scan):
    """Its approximate transform onto the whole head, where it needs one."""
    return approached(scan) if lies_apart(scan) else []


def face_of(scan):
    """The mask of what defacing empties in a scan."""
    return [] if scan.defaced else out(naming.face_mask(scan))


def first_ct(scan):
    """The session's first CT, where a network finds faces: its face is removed from a scan as well.

    The template's face is the same on all scans, so there it would add nothing.
    """
    if scan.modality != "ct" or not backend("deface", "ct").is_network:
        return None
    same = (each for each in STUDY.by_name[scan.subject].scans if each.session == scan.session)
    first = next(each for each in same if each.modality == "ct" and not each.defaced)
    return None if first is scan else first


# --------------------------------------------------------------------------- brain and face


def mask_pilot(wildcards):
    """The defaced image on which a brain is found."""
    return pilot(mask_scan(wildcards))


def raw_pilot(wildcards):
    """The raw image on which a face is found."""
    return str(mask_scan(wildcards).pilot.path)


def raw_source(wildcards):
    """The same image by its public name."""
    scan = mask_scan(wildcards)
    return [naming.raw_uri(scan, scan.pilot.kind.suffix)]


def mask_modality(wildcards):
    """``ct`` or ``mr``."""
    return mask_scan(wildcards).modality


def mask_admitted(wildcards):
    """The report that admits the subject's raw files."""
    return admitted(mask_scan(wildcards).subject)


def brain_to_head(wildcards):
    """The transform onto the whole head that registration found, where the location is needed."""
    scan = mask_scan(wildcards)
    if not chosen("brain", wildcards).needs_location or not lies_apart(scan):
        return []
    return out(naming.to_reference(scan, scan.name, whole_head(scan).name))


def face_to_head(wildcards):
    """The approximate transform of a raw scan onto its subject's whole head."""
    return roughly_to_head(mask_scan(wildcards))


def face_nearby(wildcards):
    """The face that a network found on the session's first CT, to be removed here as well."""
    first = first_ct(mask_scan(wildcards))
    return out(naming.face_mask(first)) if first else []


def head_to_nearby(wildcards):
    """The approximate transform of that CT onto the whole head."""
    first = first_ct(mask_scan(wildcards))
    return roughly_to_head(first) if first else []


# --------------------------------------------------------------------------- backends
#
# Two rules run a backend: brain, with section brain of the config, and face, with section deface.


def backend(section, modality):
    """The backend that a section of the config chooses for a modality."""
    return BACKENDS[section][getattr(getattr(CONFIG, section), modality)]


def backends_of(section):
    """All backends that a section chooses."""
    return [backend(section, modality) for modality in ("ct", "mr")]


def chosen(section, wildcards):
    """The backend that makes a mask."""
    return backend(section, mask_scan(wildcards).modality)


def models_for(section, scan):
    """The weights that a section's backend needs for a scan."""
    return backend(section, scan.modality).weights(scan.modality, CONFIG.models.fast)


def location_for(section, wildcards):
    """Where the whole head lies, for a backend that needs it."""
    return located_head(mask_scan(wildcards)) if chosen(section, wildcards).needs_location else []


def environment(section):
    """The environment file of a section's rule."""
    networks = any(each.is_network for each in backends_of(section))
    return f"../../envs/{'segmentation' if networks else 'imaging'}.yaml"


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
    return int(chosen(section, wildcards).is_network and CONFIG.models.device != "cpu")


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


def study_models():
    """All weights that the study needs."""
    found = []
    for scan in STUDY.scans:
        found += models_for("brain", scan) if outputs.has_brain(scan) else ()
        found += () if scan.defaced else models_for("deface", scan)
    return list(dict.fromkeys(found))


def planned_models():
    """The weights that the jobs of this run need."""
    sections = {"brain": "brain", "face": "deface"}
    return [
        name
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in sections
        for name in models_for(sections[job.rule.name], mask_scan(job.wildcards))
    ]


def require_models():
    """Stop before the first job if one of them would lack its weights."""
    try:
        store.require(planned_models(), CONFIG.models.folder, CONFIG.models.offline)
    except StrokeprepError as error:
        raise WorkflowError(str(error)) from None


def missing_models():
    """What a dry run says about missing weights, for which a run would stop."""
    lacking = store.missing(study_models(), CONFIG.models.folder)
    if not lacking:
        return None
    how = store.command(lacking, CONFIG.models.folder, CONFIG.models.offline)
    return f"the weights of {', '.join(lacking)} are missing in {CONFIG.models.folder}: {how}"


# --------------------------------------------------------------------------- ctp


CTP = kinds.KINDS["ctp"]
SERIES = naming.Pattern(datatype=CTP.datatype, mask_datatype=CTP.mask_datatype)
SOMEWHERE = Space(WILD)


def perfusion_images(space):
    """Maps and masks by name, on one grid."""
    return {
        **{name: out(naming.perfusion_map(SERIES, name, space)) for name in naming.MAPS},
        **{name: out(naming.at_risk(SERIES, name, space)) for name in naming.TISSUE_AT_RISK},
    }


def perfusion_tables():
    """Tables by name."""
    return {
        "vessels": out(naming.vessels(SERIES)),
        "voxels": out(naming.vessel_voxels(SERIES)),
        "volumes": out(naming.tissue_volumes(SERIES)),
    }


def sidecars(files):
    """The sidecars of named files."""
    return [naming.sidecar(path) for path in files.values()]


def ctp_scan(wildcards):
    """The scan behind any name that belongs to a CT perfusion series."""
    return STUDY.scan_of_image(naming.PERFUSION, wildcards.stem)


def drawn_vessels(subject):
    """The masks of vessels that were drawn by hand for this subject."""
    return [where for where in CONFIG.perfusion.given(subject) if isinstance(where, str)]


def to_template(reference):
    """The transform of a reference's points into the template."""
    return out(naming.from_template(reference, reference.name, TEMPLATE.label))


# --------------------------------------------------------------------------- registration


def lesions_on_reference(wildcards):
    """Lesion masks to leave out of the cost of a deformable registration."""
    scan = image_scan(wildcards)
    if CONFIG.registration.to_template == "affine":
        return []
    return [
        out(naming.label(label.scan, where, label.kind.suffix, **dict(label.kind.entities)))
        for label in STUDY.by_name[scan.subject].labels
        if label.kind.name == "lesion"
        for where in [
            (
                ORIG
                if label.scan is scan and not label.in_reference_space
                else outputs.reference_space(scan)
            )
        ]
    ]


# --------------------------------------------------------------------------- resample


MOVED_IMAGE = naming.bids(
    "{folder}", "{datatype}", "{stem}", "{suffix}", space=WILD, res=WILD, desc=WILD
)
MOVED_LABEL = naming.bids(
    "{folder}",
    "{datatype}",
    "{stem}",
    "{suffix}",
    space=WILD,
    seg=WILD,
    res=WILD,
    label=WILD,
    desc=WILD,
)
NATIVE_LABEL = naming.bids(
    "{folder}", "{datatype}", "{stem}", "{suffix}", space="orig", seg=WILD, label=WILD, desc=WILD
)
ELSEWHERE = r"_space-(?!orig_)[A-Za-z0-9]+"


def image_view(wildcards):
    """The native image that a moved one is made from."""
    scan = image_scan(wildcards)
    return out(
        naming.mean(scan, wildcards.suffix)
        if wildcards.desc == "_desc-mean"
        else naming.defaced(scan, wildcards.suffix)
    )


def view_brain(wildcards):
    """The mask of a skull-stripped view, already on the grid it is written on."""
    if wildcards.desc != "_desc-brain":
        return []
    space = Space(entity(wildcards.space), entity(wildcards.res))
    return out(naming.brain_mask(image_scan(wildcards), space))


def moved_grid(scan, wildcards):
    """The image whose grid is taken over; the template's grid needs no file."""
    if entity(wildcards.space) == TEMPLATE.label:
        return []
    return out(naming.defaced(STUDY.reference(scan), STUDY.reference(scan).pilot.kind.suffix))


def label_source(wildcards):
    """The label as it was drawn: the scrubbed native copy, or a released mask on the reference."""
    label = label_of(wildcards)
    if label is not None and label.in_reference_space:
        return str(label.path)
    return out(
        naming.bids(
            wildcards.folder,
            wildcards.datatype,
            wildcards.stem,
            wildcards.suffix,
            space="orig",
            **{key: entity(getattr(wildcards, key)) for key in ("seg", "label", "desc")},
        )
    )


def raw_label(wildcards):
    """The label itself, by its public name."""
    label = label_of(wildcards)
    return raw_files.label_uri(label, STUDY.reference(label.scan))


def label_in_reference(wildcards):
    label = label_of(wildcards)
    return label is not None and label.in_reference_space


# --------------------------------------------------------------------------- audit


def audited(wildcards):
    return subject_targets(STUDY.by_name[wildcards.subject])


def perfusion_audited(wildcards):
    return perfusion_targets(STUDY.by_name[wildcards.subject])


# --------------------------------------------------------------------------- report


def files_of(names, shows):
    """A report's files by what they are; Snakemake's own report takes the small picture along."""
    files = {name: out(file) for name, file in names._asdict().items()}
    picture = report(
        files["thumbnail"],
        category="Subjects",
        labels={"subject": "{subject}", "shows": shows},
        caption=f"../report/{shows}.rst",
    )
    return files | {"thumbnail": picture}


def reported(wildcards):
    return subject_targets(STUDY.by_name[wildcards.subject])


def perfusion_reported(wildcards):
    return perfusion_targets(STUDY.by_name[wildcards.subject])


def face_page(subject):
    """The page that shows a subject's faces."""
    return f"{WORK}/{report_plan.face_page(subject)}"


def faced(wildcards):
    """The scans of which defacing takes something away."""
    return [scan for scan in STUDY.by_name[wildcards.subject].scans if not scan.defaced]


# --------------------------------------------------------------------------- privacy


def images_of(wildcards):
    return all_images(STUDY.by_name[wildcards.subject])


def perfusion_of(wildcards):
    return all_perfusion(STUDY.by_name[wildcards.subject])


def private(subject, part=""):
    """The report that says a subject's part of the dataset may be released."""
    return f"{WORK}/privacy/sub-{subject}{part}.json"


def privacy_reports_of(subject):
    """What says that one patient's outputs may be released."""
    perfusion = [private(subject.name, "_perfusion")] if perfusion_targets(subject) else []
    return [private(subject.name), *perfusion]


def spoken_of(subjects):
    """Names and texts that the dataset bears openly, by its nature or the user's will."""
    willed = [CONFIG.study.name, CONFIG.study.license, *CONFIG.study.authors]
    return [*willed, *(name for each in subjects for name in raw_files.open_names(each))]


def stems(files):
    """Outputs as the audit knows them: inside the dataset, without extension."""
    return [file.removeprefix(f"{OUT}/").partition(".")[0] for file in files]


def privacy_reports():
    """What says that the whole dataset may be released."""
    found = [f"{WORK}/privacy/dataset.json"]
    for subject in STUDY.subjects:
        found += privacy_reports_of(subject)
    return found


# --------------------------------------------------------------------------- by patient


def finished(subject):
    """Lists the files of a patient that was made by a job of its own, beside what it remembers."""
    return f"{WORK}/patients/sub-{subject}/done"


def patient_targets(subject):
    """Everything that is made of one patient."""
    score = [f"{WORK}/accuracy/sub-{subject.name}.tsv"] if CONFIG.phantom else []
    made = [*all_images(subject), *all_perfusion(subject), *face_pages(subject)]
    return [*made, *privacy_reports_of(subject), *score]

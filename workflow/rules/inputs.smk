"""Which files each rule needs, read from the study table. Small functions, cheap to call."""

import json

# --------------------------------------------------------------------------- heads


def located(scan, extension):
    """Where a head lies in the template (h5), and what is known about it (json)."""
    return f"{WORK}/located/{scan.folder}/{scan.mask_datatype}/{scan.mask_stem}.{extension}"


def location_of_head(scan):
    """Both files of the location of a scan's head."""
    return [located(STUDY.head(scan), extension) for extension in ("h5", "json")]


def brain_of_head(scan):
    """The brain that defacing must not touch."""
    return brain_of(STUDY.head(scan))


def approached(scan):
    """The approximate transform of a scan onto its subject's reference."""
    return f"{WORK}/approached/{scan.folder}/{scan.datatype}/{scan.mask_stem}.tfm"


def begun_from(scan):
    """What the registration of a scan to its reference begins from."""
    if not scan.has_brain:
        return [approached(scan)]
    return [*location_of_head(scan), *location_of_head(STUDY.reference(scan))]


def roughly_to_reference(scan):
    """The approximate transform of the raw scan onto the reference, if it needs one."""
    return approached(scan) if to_reference(scan, STUDY.reference(scan)) else []


def roughly_to_head(scan):
    """The approximate transform of the raw scan onto its head, if that is another scan."""
    return [] if STUDY.head(scan) is scan else roughly_to_reference(scan)


def raw_reference(scan):
    return raw_pilot(STUDY.reference(scan))


# --------------------------------------------------------------------------- corrections


def correction(name):
    """A correction with what is known of it, as an input; nothing where nobody corrected."""
    return [accepted(name), facts_of(accepted(name))] if name in CORRECTIONS else []


def corrected(named):
    """The same as a function of what an output is named after."""
    return lambda owner: correction(named(owner))


def of_corrected(wildcards):
    return CORRECTIONS[f"{wildcards.folder}/{wildcards.corrected}"]


def given_correction(wildcards):
    return str(of_corrected(wildcards).path)


def given_partner(wildcards):
    """The other direction of a transform to the template, if a person gave it as well."""
    target = of_corrected(wildcards).target
    both = [
        each
        for each in CORRECTIONS.values()
        if each.target.word == target.word == correctable.TEMPLATE
        and each.target.scan is target.scan
    ]
    return [str(each.path) for each in both if each.target is not target]


def raw_of_corrected(wildcards):
    target = of_corrected(wildcards).target
    return [raw_file(path) for path in (target.image, target.onto) if path]


def gate_of_corrected(wildcards):
    return passed_gate(of_corrected(wildcards).target.scan)


def target_of_corrected(wildcards):
    return of_corrected(wildcards).target


def version_of_correction(wildcards):
    """A parameter that changes when the file does, whatever its time says."""
    return of_corrected(wildcards).digest


def corrected_transform(wildcards):
    """The correction of a scan's transform to the reference."""
    scan = transform_scan(wildcards)
    return correction(to_reference(scan, STUDY.reference(scan)))


def corrected_directions(named):
    """The correction of the transform between a scan and the template, one way."""
    return lambda scan: correction(named(scan, scan.name, TEMPLATE.label))


# --------------------------------------------------------------------------- deface


def face_of(scan):
    """The mask of what defacing empties in a scan."""
    return [] if scan.defaced else out(naming.face_mask(scan))


def raw_path(image):
    return raw_file(image.path)


def raw_sidecar(image):
    return raw_file(image.sidecar) if image.sidecar else []


def first_ct(scan):
    """The session's first CT, where a network finds faces: its face is removed from a scan as well.

    The template's face is the same on all scans, so there it would add nothing.
    """
    if scan.modality != "ct" or not backend("deface", "ct").is_network:
        return None
    same = (each for each in STUDY.by_name[scan.subject].scans if each.session == scan.session)
    first = next(each for each in same if each.modality == "ct" and not each.defaced)
    return None if first is scan else first


def face_nearby(scan):
    """The face that a network found on the session's first CT, to be removed here as well."""
    first = first_ct(scan)
    return out(naming.face_mask(first)) if first else []


def nearby_to_reference(scan):
    """The approximate transform of that CT onto the reference."""
    first = first_ct(scan)
    return roughly_to_reference(first) if first else []


def roughly_for_nearby(scan):
    """The approximate transform of a scan onto the reference, if that CT's face is carried to it."""
    return roughly_to_reference(scan) if first_ct(scan) else []


def raw_uri(scan):
    """The raw image that stands for a scan, by its public name."""
    return [naming.raw_uri(scan, scan.pilot.kind.suffix)]


# --------------------------------------------------------------------------- backends
#
# Two rules run a backend: brain, with section brain of the config, and face, with section deface.


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


# --------------------------------------------------------------------------- ctp


CTP = kinds.KINDS["ctp"]
SERIES = naming.Pattern(datatype=CTP.scan.datatype, mask_datatype=CTP.scan.mask_datatype)
MOVED_SERIES = naming.preproc(SERIES, CTP.suffix, Space(WILD), "preproc")
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


# --------------------------------------------------------------------------- pwi


PWI = kinds.KINDS["pwi"]
MR_SERIES = naming.Pattern(datatype=PWI.scan.datatype, mask_datatype=PWI.scan.mask_datatype)


# --------------------------------------------------------------------------- registration


def lesions_on_reference(scan):
    """Lesion masks to leave out of the cost of a deformable registration."""
    if CONFIG.registration.to_template == "affine":
        return []
    return [
        out(naming.label(label.scan, space, label.kind))
        for label in STUDY.by_name[scan.subject].labels
        if label.kind.name == "lesion"
        for own in [label.scan is scan and not label.in_reference_space]
        for space in [ORIG if own else moves.reference_space(scan)]
    ]


# --------------------------------------------------------------------------- intensity


def separated(role, extension):
    """An image that is made of a diffusion series before the gate, or its sidecar."""
    return f"{WORK}/{engine.SEPARATED}/{{folder}}/{{stem}}_{kinds.KINDS[role].suffix}{extension}"


def separated_series(wildcards):
    """The raw series that images are made of."""
    dwi = kinds.KINDS["trace"]
    scan = STUDY.scan_of_image(dwi.scan.datatype, wildcards.stem, dwi.suffix)
    return str(scan.image(dwi.suffix).series)


def beside_series(wildcards, extension):
    """A file of the series' name with another extension, where there is one."""
    series = separated_series(wildcards)
    beside = series.removesuffix(".gz").removesuffix(".nii") + extension
    return beside if raw_files.is_usable(beside) else []


def lesions_of(scan):
    """Lesion masks on a scan's own grid, to be left out where its grey levels are measured."""
    reference = STUDY.reference(scan)
    return [
        out(naming.label(label.scan, space, label.kind))
        for label in STUDY.by_name[scan.subject].labels
        if label.kind.name == "lesion"
        for own in [label.scan is scan and not label.in_reference_space]
        if own or scan is reference
        for space in [ORIG if own else moves.reference_space(scan)]
    ]


# --------------------------------------------------------------------------- resample


# Grids that something is moved to.
SPACES = [TEMPLATE.label, *(scan.name for scan in STUDY.scans if scan.is_reference)]
OWN_CUBIC = r"_space-orig(?=_res-)"  # a scan's own orientation, never its own grid
ELSEWHERE = f"{naming.constraint('space', SPACES)}|{OWN_CUBIC}"
VIEWS = {view for scan in STUDY.scans for view in scan.views} | set(derived.DESCS)


def source(move):
    """What is moved: an output on its own grid, or a raw label on the grid of the reference."""
    return raw_file(move.drawn.path) if move.drawn else out(move.source)


def corrected_source(move):
    """The correction of a raw label that is the source of a move."""
    label = move.drawn
    return (
        correction(raw_files.label_name(label, STUDY.by_name[label.scan.subject])) if label else []
    )


def transforms(move):
    return [out(name) for name in move.transforms]


def grid(move):
    return optional(move.grid)


def brain_there(move):
    """The brain on the grid that is moved to, where nothing else is shown."""
    return optional(move.brain)


def scaling_there(move):
    """The sidecar that says how grey levels are scaled."""
    return optional(naming.sidecar(move.scaled_by) if move.scaled_by else "")


def is_on_cubic(move):
    return move.is_cubic


def move_passed_gate(move):
    return passed_gate(move.scan)


def raw_source(move):
    """The public name of a raw label that is the source of a move."""
    label = move.drawn
    return [raw_files.label_uri(label, STUDY.by_name[label.scan.subject])] if label else []


# --------------------------------------------------------------------------- lesions


def drawn_mask(scan):
    """The move that brings the lesions drawn on a scan into template space."""
    return MOVES[naming.label(scan, TEMPLATE, kinds.LABELS["lesion"])]


def lesion_mask(scan):
    return source(drawn_mask(scan))


def to_lesion_mask(scan):
    return transforms(drawn_mask(scan))


def scan_in_template(scan):
    """The scan that lesions were drawn on, the brain alone, in template space; of diffusion the DWI."""
    shown = next((image for image in scan.images if image.kind.name == "trace"), scan.pilot)
    return out(naming.preproc(scan, shown.kind.suffix, TEMPLATE, kinds.STRIPPED))


# --------------------------------------------------------------------------- atlases


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


def prepared_atlas(scan):
    """The atlas of lesion types on the template's grid, and its names."""
    return prepared("lesions", atlas_image) + prepared("lesions", atlas_names)


def shared_by_patients(subject):
    """What is made once for all patients, and so before the job of any."""
    perfused = prepared("perfusion", atlas_image) if perfusion_targets(subject) else []
    return [*(prepared_atlas(subject) if CONFIG.lesions.tables else []), *perfused]


# --------------------------------------------------------------------------- audit


def figures_of(subject, part=""):
    """The figures that the audit measured of a subject's part."""
    return f"{WORK}/measured/sub-{subject}{part}.json"


def audit_plan(subject):
    return quality_plan.audit_plan(subject, TEMPLATE)


def perfusion_audit_plan(subject):
    return quality_plan.perfusion_audit_plan(subject, TEMPLATE)


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


def replaced_by(subject):
    """What people corrected of a subject, each with the file that holds what it replaces."""
    targets = [each.target for each in CORRECTIONS.values()]
    own = [target for target in targets if target.scan.subject == subject.name]
    return [(target, Path(replaced(what_is_replaced(target)))) for target in own]


def what_is_replaced(target):
    """The output whose version of before is kept: of vessels their voxels, of a warp one direction."""
    if target.is_vessel:
        return naming.vessel_voxels(target.scan)
    if target.word == correctable.TEMPLATE:
        return naming.to_template(target.scan, target.scan.name, TEMPLATE.label)
    return target.name


def perfusion_audit_of(subject):
    """The audit of a subject's perfusion, if it had any."""
    return out(naming.perfusion_audit(subject.name)) if perfusion_targets(subject) else []


def image_page_plan(subject):
    tabled = CONFIG.lesions.tables
    return report_plan.images(subject, TEMPLATE, replaced_by(subject), lesions=tabled)


def perfused(subject):
    """The series of a subject from which perfusion is computed."""
    return next(scan for scan in subject.scans if scan.has_perfusion)


def cells_of_subject(subject):
    return cells_of(perfused(subject))


def regions_of_subject(subject):
    return drawn_regions(perfused(subject))


def perfusion_page_plan(subject):
    drawn = dict(zip(ATLASES["perfusion"], map(Path, regions_of_subject(subject)), strict=True))
    beside = report_plan.Beside(Path(cells_of_subject(subject)), drawn)
    return report_plan.perfusion(subject, beside, replaced_by(subject))


def figures_of_page(subject):
    """The table of a subject's page, in simulated studies of MRI, whose truth has some of its figures."""
    return [out(report_plan.image_names(subject).table)] if ORIGIN.atlas else []


def is_perfused(subject):
    return bool(perfusion_targets(subject))


def face_page(subject):
    """The page that shows a subject's faces."""
    return f"{WORK}/{report_plan.face_page(subject)}"


def faced(subject):
    """The scans of which defacing takes something away."""
    return [scan for scan in subject.scans if not scan.defaced]


def raw_faces(subject):
    return [raw_pilot(scan) for scan in faced(subject)]


def released_faces(subject):
    return [out(naming.defaced(scan, scan.pilot.kind.suffix)) for scan in faced(subject)]


def faced_names(subject):
    return [scan.name for scan in faced(subject)]


# --------------------------------------------------------------------------- privacy


def private(part):
    """The report that says a part of the dataset may be released."""
    return f"{WORK}/privacy/{part}.json"


def privacy_reports_of(subject):
    """What says that one patient's outputs may be released."""
    parts = endings.PARTS if perfusion_targets(subject) else [endings.IMAGES]
    return [private(released.part(subject.name, part)) for part in parts]


def spoken_of(subjects):
    """Names and texts that the dataset bears openly, by its nature or the user's will."""
    willed = [CONFIG.study.name, CONFIG.study.license, *CONFIG.study.authors]
    return [*willed, *(name for each in subjects for name in raw_files.open_names(each))]


def spoken_of_subject(subject):
    return spoken_of([subject])


def stems(files):
    """Outputs as the audit knows them: inside the dataset, without extension."""
    return [file.removeprefix(out("")).partition(".")[0] for file in files]


def image_stems(subject):
    return stems(all_images(subject))


def perfusion_stems(subject):
    return stems(all_perfusion(subject))


def heads(subject):
    """Each released image of a head, in the words of strokeprep.privacy.shown.Head."""
    return [
        (
            name,
            pilot(scan) if scan.is_4d else name,
            scan.modality,
            image.defaced,
            head_files(scan),
        )
        for scan in subject.scans
        for image in scan.images
        for name in [naming.defaced(scan, image.kind.suffix)]
    ]


def drawn(subject):
    """Each label drawn by hand, in the words of strokeprep.privacy.shown.Drawn."""
    return [
        (
            naming.label(label.scan, space, label.kind),
            head_files(subject.base if label.in_reference_space else label.scan),
        )
        for label in subject.labels
        for space in [Space(subject.base.name) if label.in_reference_space else ORIG]
    ]


def head_files(scan):
    """What tells where the head lies in a scan."""
    return brain_of_head(scan), location_of_head(scan), roughly_to_head(scan) or None


def locations(subject):
    """The files of the work folder that say where the head lies in each scan of a subject."""
    moved = [roughly_to_head(scan) for scan in subject.scans]
    found = [path for scan in subject.scans for path in location_of_head(scan)]
    return list(dict.fromkeys([*found, *filter(None, moved)]))


def privacy_reports():
    """What says that the whole dataset may be released."""
    found = [private(released.DATASET)]
    for subject in STUDY.subjects:
        found += privacy_reports_of(subject)
    return found


# --------------------------------------------------------------------------- release


ARCHIVE = ARCHIVES[CONFIG.release.archive]


def release_members(subject):
    return archive.members(ARCHIVE, subject, TEMPLATE)


def case_facts(subject):
    """What the release needs to know of a patient's images."""
    return f"{WORK}/release/cases/sub-{subject}.json"


@cache
def left_out():
    """Why a patient is not released, by name; of others it is found out when images are read."""
    try:
        archive.refuse_other_template(ARCHIVE, TEMPLATE)
        archive.refuse_unknown(ARCHIVE, CONFIG.release, STUDY.by_name)
        raters = review_verdicts.raters(Path(CONFIG.release.verdicts))
    except StrokeprepError as error:
        raise WorkflowError(str(error)) from None
    wanted, found = wanted_files(), {}
    for subject in STUDY.subjects:
        ended = endings.endings({subject.name: wanted[subject.name]}, Path(WORK))
        searched = all(Path(path).exists() for path in privacy_reports_of(subject))
        lacking = archive.lacking(ARCHIVE, subject, CONFIG.release.may_lack, TEMPLATE)
        review = CONFIG.release.leave_out.get(subject.name) or gate.objection(
            subject.name, RELEASE.made, raters, CONFIG.release.review
        )
        reason = endings.left_out(review, lacking, ended, searched)
        if reason:
            found[subject.name] = reason
    return found


def case_pictures(subject):
    """The pictures of a patient in the preview."""
    return f"{WORK}/release/pictures/sub-{subject}.json"


def to_be_released():
    return [subject.name for subject in STUDY.subjects if subject.name not in left_out()]


def release_cases(wildcards):
    return [case_facts(name) for name in to_be_released()]


def release_pictures(wildcards):
    return [case_pictures(name) for name in to_be_released() if CONFIG.release.preview]


def release_left_out(wildcards):
    return [
        {"participant_id": f"sub-{name}", "cause": cause, "reason": reason}
        for name, (cause, reason) in left_out().items()
    ]


# --------------------------------------------------------------------------- cohort


COHORT_FILES = f"{WORK}/cohort/files.json"  # what was written last, and of which parts


COHORT_SCORE = f"{WORK}/accuracy/cohort.tsv"  # of a simulated study


def cohort_settings():
    """The settings of the cohort; a simulated study has the atlas by which it places its lesions."""
    if CONFIG.cohort.atlases or not ORIGIN.atlas:
        return CONFIG.cohort
    return replace(CONFIG.cohort, atlases={"regions": AtlasSettings(path=ORIGIN.atlas)})


def cohort_score():
    """What says how the maps of a simulated study compare with the truth."""
    return [COHORT_SCORE] if ORIGIN.is_simulated else []


def truth_of(subject):
    """The facts about a simulated patient."""
    return f"{ORIGIN.truth}/sub-{subject}/truth.json"


def cohort_left_out(wildcards):
    """How many patients are in no map, by the reason."""
    causes = [cause_not_finished(subject) for subject in STUDY.subjects]
    return {cause: causes.count(cause) for cause in sorted(set(filter(None, causes)))}


@cache
def cause_not_finished(subject):
    """Why a patient is in no map, in words that may be released; None of those who may be."""
    ended = endings.endings({subject.name: {endings.IMAGES: all_images(subject)}}, Path(WORK))
    searched = Path(private(released.part(subject.name, endings.IMAGES))).exists()
    review = CONFIG.release.leave_out.get(subject.name)
    reason = endings.left_out(review, [], ended, searched)
    return reason and archive.CAUSES[reason[0]]


def cohort_subjects():
    return [subject for subject in STUDY.subjects if not cause_not_finished(subject)]


def cohort_candidates(wildcards):
    """The patients that may be in maps, with their files."""
    return cohort_plan.candidates(cohort_subjects(), CONFIG.cohort, TEMPLATE)


def cohort_searched(wildcards):
    """What says that the images of these patients may be released."""
    return [private(released.part(each.name, endings.IMAGES)) for each in cohort_subjects()]


def atlas_files():
    """The files of all atlases of the config."""
    named = [path for each in cohort_settings().atlases.values() for path in vars(each).values()]
    return [path for path in named if path]


def cohort_stems(wildcards, input):
    """The cohort's files as the audit knows them."""
    return [name.partition(".")[0] for name in json.loads(Path(input[0]).read_text())["files"]]


def cohort_is_current(done):
    """Whether what the maps of the cohort were made of is still what is released."""
    if not Path(COHORT_FILES).exists():
        return False
    made_of = json.loads(Path(COHORT_FILES).read_text())["made_of"]
    return all(
        part in done and RELEASE.digest_of(part) == digest for part, digest in made_of.items()
    )


# --------------------------------------------------------------------------- by patient


def finished(subject):
    """Lists the files of a patient that was made by a job of its own, beside what it remembers."""
    return f"{WORK}/patients/sub-{subject}/done"


def patient_targets(subject):
    """Everything that is made of one patient."""
    score = [f"{WORK}/accuracy/sub-{subject.name}.tsv"] if ORIGIN.is_simulated else []
    made = [*all_images(subject), *all_perfusion(subject), *face_pages(subject)]
    return [*made, *privacy_reports_of(subject), *score]


# --------------------------------------------------------------------------- intake

INTAKE = f"{WORK}/intake"


def studies_taken_in(wildcards):
    """What says that a study that the plan lists was taken in."""
    listed = checkpoints.intake_plan.get().output.index
    return [f"{INTAKE}/study-{study['key']}.done" for study in json.loads(Path(listed).read_text())]


# --------------------------------------------------------------------------- proposals

PROPOSED = naming.label(ANY, ORIG, kinds.PROPOSAL)
PROPOSER = PROPOSALS[CONFIG.proposal.backend]


def proposed(name):
    """Where a proposal lies."""
    return f"{WORK}/{naming.PROPOSALS}/{name}"


def diffusion(suffix):
    """What gives the stripped image of a kind of a scan."""
    return lambda scan: out(naming.preproc(scan, suffix, ORIG, "brain"))


def stripped_flair(scan):
    """The stripped FLAIR of the session of a scan, if there is one."""
    return [
        out(naming.preproc(other, other.pilot.kind.suffix, ORIG, "brain"))
        for other in STUDY.by_name[scan.subject].scans
        if (other.kind.name, other.session) == ("flair", scan.session) and PROPOSER is not SEGMENTOR
    ][:1]


def proposals(wildcards):
    """One for each native diffusion scan that has a trace image and an ADC map."""
    if PROPOSER.runs is None:
        raise WorkflowError(
            "Nothing proposes infarcts: set proposal.backend (docs/segmentation.md)."
        )
    return [
        proposed(naming.label(scan, ORIG, kinds.PROPOSAL))
        for scan in STUDY.scans
        if {"trace", "adc"} <= {image.kind.name for image in scan.images}
    ]

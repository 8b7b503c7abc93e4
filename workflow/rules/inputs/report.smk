"""What the pages of a patient show."""


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

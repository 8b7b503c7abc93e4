"""What the privacy audit reads, and what it says."""


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

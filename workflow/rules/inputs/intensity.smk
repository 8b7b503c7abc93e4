"""What is made of a diffusion series before the gate, and what intensities are measured without."""

from strokeprep.study.layouts import engine


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

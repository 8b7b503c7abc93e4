"""Where the head of each scan lies in the template, and how scans of a patient lie to one another."""


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

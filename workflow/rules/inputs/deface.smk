"""What defacing needs: raw images, and faces that were found on other scans."""


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

"""What registrations leave out of their cost."""


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

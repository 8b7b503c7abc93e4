"""What registrations leave out of their cost."""


def lesions_on_reference(scan):
    """Lesion masks to leave out of the cost of a deformable registration."""
    return [] if CONFIG.registration.to_template == "affine" else lesions_of(scan)

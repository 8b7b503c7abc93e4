"""Masks of lesions in template space."""


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

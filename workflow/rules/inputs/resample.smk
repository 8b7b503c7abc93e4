"""What is moved where: each function answers for one move of the study."""

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

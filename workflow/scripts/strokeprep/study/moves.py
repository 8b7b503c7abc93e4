"""What is moved where: for every output on another grid, its source and all it takes to make it.

Everything is written by one interpolation of its native source, through the composed transforms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from strokeprep import kinds
from strokeprep.kinds import Kind, LabelKind
from strokeprep.study import derived, naming
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.scans import Label, Scan, Study, Subject


@dataclass(frozen=True)
class Move:
    """One output and what it is made from. Names are relative to the derivatives folder.

    ``drawn`` is the label whose raw file is the source: one that came on the grid of the reference,
    or that is copied on its own grid; ``source`` is then empty.
    """

    kind: Kind | LabelKind
    scan: Scan
    source: str
    transforms: tuple[str, ...]  # in the order that points of the grid pass them
    grid: str  # the image whose grid is taken over, "" where no file is needed (the template's)
    brain: str = ""  # the mask on that grid, where nothing but the brain is shown
    scaled_by: str = ""  # the image whose sidecar says how grey levels are scaled
    # Whether it lies on cubic voxels in its own orientation; its brain mask is the first to get these.
    is_cubic: bool = False
    drawn: Label | None = None


@dataclass(frozen=True)
class Moves:
    """The moves of a study by the name of their output; a subject's are planned at first use."""

    study: Study
    template: Space
    _planned: dict[str, dict[str, Move]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Move:
        subject = name.split("/", 1)[0].removeprefix("sub-")
        if subject not in self._planned:
            self._planned[subject] = of_subject(self.study.by_name[subject], self.template)
        return self._planned[subject][name]


def of_subject(subject: Subject, template: Space) -> dict[str, Move]:
    """Every move of a subject; without a reference, labels stay where they were drawn."""
    reference = subject.reference
    moves: dict[str, Move] = {}
    for label in subject.labels:
        moves |= as_drawn(label)
        moves |= cubic_labels(label, template)
    for scan in subject.scans:
        moves |= cubic(scan, template)
    if reference is None:
        return moves
    for scan in subject.scans:
        moves |= views(scan, reference, template)
        moves |= comparable(scan, reference, template)
        moves |= series(scan, reference)
        moves |= brain_masks(scan, reference, template)
        moves |= perfusion(scan, reference, template)
    for label in subject.labels:
        moves |= labels(label, reference, template)
    return moves


def pilot(scan: Scan) -> str:
    """The defaced 3D image that stands for a scan in registration and segmentation."""
    name = naming.mean if scan.is_4d else naming.defaced
    return name(scan, scan.pilot.kind.suffix)


def reference_space(reference: Scan) -> Space:
    """The space named after the scan a subject is built on."""
    return Space(reference.name)


def to_reference(scan: Scan, reference: Scan | None) -> str:
    """The transform of a scan to its reference; "" where the scan lies on its grid or has none."""
    if reference is None or scan is reference or scan.in_reference_space:
        return ""
    return naming.to_reference(scan, scan.name, reference.name)


def views(scan: Scan, reference: Scan, template: Space) -> dict[str, Move]:
    """The images of a scan: whole, without all but the brain, or the mean of a series."""
    return {
        naming.preproc(scan, image.kind.suffix, space, view): Move(
            kind=image.kind,
            scan=scan,
            source=_native(scan, image.kind.suffix, view),
            brain=naming.brain_mask(scan, space) if view == kinds.STRIPPED else "",
            transforms=_transforms(scan, reference, space, template),
            grid=_grid(reference, space, template),
        )
        for image in scan.images
        for view in scan.views
        for space in _spaces(template, None if scan is reference else reference)
    }


def comparable(scan: Scan, reference: Scan, template: Space) -> dict[str, Move]:
    """The brain of what is derived from a scan to have grey levels that can be compared."""
    return {
        each.name(space): Move(
            kind=each.kind,
            scan=scan,
            source=each.source,
            scaled_by=each.scaled_by,
            brain=naming.brain_mask(scan, space),
            transforms=_transforms(scan, reference, space, template),
            grid=_grid(reference, space, template),
        )
        for each in derived.of_scan(scan)
        for space in _spaces(template, None if scan is reference else reference)
    }


def cubic(scan: Scan, template: Space) -> dict[str, Move]:
    """The brain of a scan and its mask on cubic voxels, in the scan's own orientation."""
    if not scan.is_cubic:
        return {}
    space = cubic_space(template)
    mask, own = naming.brain_mask(scan, space), naming.defaced(scan, scan.pilot.kind.suffix)
    on_it = Move(kinds.BRAIN, scan, naming.brain_mask(scan, ORIG), (), own, is_cubic=True)
    found = {mask: on_it}
    for image in scan.images:
        name = naming.preproc(scan, image.kind.suffix, space, kinds.STRIPPED)
        source = naming.defaced(scan, image.kind.suffix)
        found[name] = replace(on_it, kind=image.kind, source=source, grid=mask, brain=mask)
    for each in derived.of_scan(scan):
        found[each.name(space)] = replace(
            on_it,
            kind=each.kind,
            source=each.source,
            grid=mask,
            brain=mask,
            scaled_by=each.scaled_by,
        )
    return found


def cubic_labels(label: Label, template: Space) -> dict[str, Move]:
    """A label on the cubic voxels of the scan that it was drawn on."""
    scan = label.scan
    if label.in_reference_space or not scan.is_cubic:
        return {}
    space = cubic_space(template)
    source = naming.label(scan, ORIG, label.kind)
    grid = naming.brain_mask(scan, space)
    return {
        naming.label(scan, space, label.kind): Move(
            label.kind, scan, source, (), grid, is_cubic=True
        )
    }


def cubic_space(template: Space) -> Space:
    """The grid of cubic voxels in a scan's own orientation, as large as the template's."""
    return Space(ORIG.label, template.res)


def series(scan: Scan, reference: Scan) -> dict[str, Move]:
    """The frames of a series that maps are made of, one a second, on the grid of the reference."""
    if not scan.has_perfusion:
        return {}
    space = reference_space(reference)
    return {
        naming.preproc(scan, image.kind.suffix, space, "preproc"): Move(
            kind=image.kind,
            scan=scan,
            source=naming.defaced(scan, image.kind.suffix),
            transforms=tuple(filter(None, [to_reference(scan, reference)])),
            grid=_reference_image(reference),
        )
        for image in scan.images
    }


def brain_masks(scan: Scan, reference: Scan, template: Space) -> dict[str, Move]:
    """The brain that was segmented on a scan."""
    if not scan.has_brain:
        return {}
    return {
        naming.brain_mask(scan, space): Move(
            kind=kinds.BRAIN,
            scan=scan,
            source=naming.brain_mask(scan, ORIG),
            transforms=_transforms(scan, reference, space, template),
            grid=_grid(reference, space, template),
        )
        for space in _spaces(template, reference)
    }


def perfusion(scan: Scan, reference: Scan, template: Space) -> dict[str, Move]:
    """Maps of perfusion, and what they say of the tissue."""
    if not scan.has_perfusion:
        return {}
    named: list[tuple[str, Kind | LabelKind, Callable[[Scan, str, Space], str]]] = [
        *((name, kind, naming.perfusion_map) for name, kind in kinds.MAPS.items()),
        *((name, kind, naming.at_risk) for name, kind in kinds.AT_RISK.items()),
    ]
    return {
        path(scan, name, space): Move(
            kind=kind,
            scan=scan,
            source=path(scan, name, ORIG),
            transforms=_transforms(scan, reference, space, template),
            grid=_grid(reference, space, template),
        )
        for name, kind, path in named
        for space in _spaces(template, reference)
    }


def as_drawn(label: Label) -> dict[str, Move]:
    """The copy of a label on the grid it was drawn on, if it came on that grid."""
    if label.in_reference_space:
        return {}
    name = naming.label(label.scan, ORIG, label.kind)
    return {name: Move(label.kind, label.scan, source="", transforms=(), grid="", drawn=label)}


def labels(label: Label, reference: Scan, template: Space) -> dict[str, Move]:
    """A label that was drawn by hand."""
    scan, drawn = label.scan, label if label.in_reference_space else None
    own_grid = scan is reference and drawn is None
    return {
        naming.label(scan, space, label.kind): Move(
            kind=label.kind,
            scan=scan,
            source="" if drawn else naming.label(scan, ORIG, label.kind),
            drawn=drawn,
            transforms=_transforms(reference if drawn else scan, reference, space, template),
            grid=_grid(reference, space, template),
        )
        for space in _spaces(template, None if own_grid else reference)
    }


def _native(scan: Scan, suffix: str, view: str | None) -> str:
    return (naming.mean if view == kinds.MEAN else naming.defaced)(scan, suffix)


def _spaces(template: Space, reference: Scan | None) -> tuple[Space, ...]:
    return (template,) if reference is None else (reference_space(reference), template)


def _transforms(scan: Scan, reference: Scan, space: Space, template: Space) -> tuple[str, ...]:
    """The transforms from a space to a scan, in the order that points of the space pass them."""
    whole = [naming.to_template(reference, reference.name, template.label)]
    return tuple(
        filter(None, [*(whole if space is template else []), to_reference(scan, reference)])
    )


def _grid(reference: Scan, space: Space, template: Space) -> str:
    return "" if space is template else _reference_image(reference)


def _reference_image(reference: Scan) -> str:
    return naming.defaced(reference, reference.pilot.kind.suffix)

"""Whether a head lies as its header says, or another way up fits it better."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.registration import template
from strokeprep.registration.head.fit import fit
from strokeprep.registration.head.model import CENTRE, thinned
from strokeprep.registration.head.view import COARSE_MM, View

# A few steps with some of the points tell which ways up are worth to be followed.
FIRST_STEPS = 2
PROMISING, STEPS = 5, 12
FOLLOWED = 2  # of these, at high resolution

# A fit may turn back all the way. Maps closer than this are one way up.
SAME_DEGREES = 30.0

# A head fits the right way up better than any other by at least this (nats): .15 and more on 15 real
# heads, .19 on synthetic ones.
LEAST_NATS = 0.05

# A CT that is ahead by this at low resolution is not looked at more closely, which takes a second and more. Right
# headers of two real and four synthetic heads gave .23 to .41, wrong ones at most .03.
CLEAR_NATS = 0.2

# A map is read off at points of the brain this far apart.
APART_MM = 12.0
LEAST_POINTS = 20


def check(view: View, matrix: np.ndarray, where: str) -> None:
    """Refuse a head that fits another way up better than with ``matrix``, which follows the header."""
    by_nats, turned = _ahead(view, matrix, [matrix])
    if by_nats < 0:
        raise _refusal(turned, where)


def check_location(
    image: sitk.Image, modality: str, to_template: sitk.Transform, where: str
) -> None:
    """Refuse an image whose head lies another way up than a location says, or that cannot tell.

    The location may have come from another image, and may be off by some millimetres.
    """
    matrix = matrix_of(to_template, image)
    if matrix is None:
        raise StrokeprepError(
            "Too little of the brain is in view to tell which way up the head lies",
            where,
            "Remove the scan from the study.",
        )
    shown = images.with_air(image) if modality == "ct" else image
    by_nats, turned = ahead(View.of(shown, modality), matrix)
    if by_nats < LEAST_NATS:
        raise _refusal(turned, where)


def lies_as_located(image: sitk.Image, modality: str, to_template: sitk.Transform) -> bool:
    """Whether a head fits where it was located, and no other way up as well."""
    try:
        check_location(image, modality, to_template, "")
    except StrokeprepError:
        return False
    return True


def ahead(view: View, matrix: np.ndarray) -> tuple[float, np.ndarray]:
    """How much better (nats) a head fits close to ``matrix`` than any other way up, and the best of these."""
    own, _ = fit(thinned(COARSE_MM), view.coarse, matrix, 7, STEPS)
    return _ahead(view, matrix, [own, matrix])


def _ahead(view: View, matrix: np.ndarray, near: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
    """The same, where maps ``near`` to the matrix are known. What is not clear is compared at high resolution."""
    others = best_turned(view, matrix)
    by_nats, turned = _compared(view, matrix, near, others)
    if view.fine_edges or by_nats >= CLEAR_NATS:
        return by_nats, turned
    finely = [view.refined(each)[0] for each in near]
    followed = [view.refined(each)[0] for each in others[:FOLLOWED]]
    return _compared(view, matrix, [*finely, matrix], _apart(followed, matrix) or others)


def _compared(
    view: View, matrix: np.ndarray, near: Sequence[np.ndarray], others: Sequence[np.ndarray]
) -> tuple[float, np.ndarray]:
    """How much better the best map close to ``matrix`` fits than the best of others, and that one."""
    close = [each for each in near if degrees_between(each, matrix) < SAME_DEGREES]
    turned = max(others, key=view.fits)
    return max(map(view.fits, close)) - view.fits(turned), turned


def _refusal(turned: np.ndarray, where: str) -> StrokeprepError:
    return StrokeprepError(
        "The head seems to lie another way up than its header says: its top points to the "
        f"{_side(turned[:3, 2])} and its face to the {_side(turned[:3, 1])}",
        where,
        "Convert the scan again from its DICOM files, or correct the orientation in its header.",
    )


def best_turned(view: View, matrix: np.ndarray) -> list[np.ndarray]:
    """Maps with which the head lies another way up than with ``matrix``, the one that fits best first."""
    few = thinned(COARSE_MM)
    tried = [fit(few, view.coarse, matrix @ turn, 7, FIRST_STEPS) for turn in turns()]
    tried.sort(key=lambda result: -result[1].likely)
    ends = [fit(few, view.coarse, start, 7, STEPS)[0] for start, _ in tried[:PROMISING]]
    return sorted(_apart(ends, matrix) or ends, key=lambda end: -view.fits(end))


def _apart(maps: Sequence[np.ndarray], matrix: np.ndarray) -> list[np.ndarray]:
    """The maps with which a head lies another way up than with ``matrix``."""
    return [each for each in maps if degrees_between(each, matrix) > SAME_DEGREES]


def degrees_between(a: np.ndarray, b: np.ndarray) -> float:
    """The angle by which two maps turn a head differently."""
    u, _, vt = np.linalg.svd(np.linalg.inv(a[:3, :3]) @ b[:3, :3])
    return float(np.degrees(np.arccos(np.clip((np.trace(u @ vt) - 1) / 2, -1, 1))))


def matrix_of(to_template: sitk.Transform, image: sitk.Image) -> np.ndarray | None:
    """The affine, template to image (RAS), closest to a map of an image's points to the template.

    None if the image shows too little of the brain.
    """
    coarse = grids.cubic_grid(image, APART_MM)
    depth = images.array(template.depth_at(coarse, to_template))
    index = np.argwhere(depth > 0)
    if len(index) < LEAST_POINTS:
        return None
    here = index @ images.affine(coarse)[:3, :3].T + images.affine(coarse)[:3, 3]
    flip = np.diag(images.LPS)[:3]
    there = np.array([to_template.TransformPoint((flip * point).tolist()) for point in here]) * flip
    solved, *_ = np.linalg.lstsq(np.c_[there, np.ones(len(there))], here, rcond=None)
    return np.vstack([solved.T, [0.0, 0.0, 0.0, 1.0]])


def turns() -> list[np.ndarray]:
    """The 23 turns about the brain's centre that map axes to axes, without the one that changes nothing.

    A mirrored header needs no map of its own, since the template is symmetric: it looks like one of these.
    """
    result = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        turn = np.eye(4)
        turn[:3, :3] = np.diag(signs)[list(order)]
        if np.linalg.det(turn) > 0 and not np.allclose(turn, np.eye(4)):
            turn[:3, 3] = CENTRE - turn[:3, :3] @ CENTRE
            result.append(turn)
    return result


def _side(direction: np.ndarray) -> str:
    """The side of the image that a direction (RAS) points to."""
    axis = int(np.argmax(np.abs(direction)))
    return (("left", "right"), ("back", "front"), ("bottom", "top"))[axis][int(direction[axis] > 0)]

"""Whether a head lies as its header says, or another way up fits it better."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.registration.head.fit import fit
from strokeprep.registration.head.model import CENTRE, whole_head
from strokeprep.registration.head.view import COARSE_MM, View

# A few steps tell ways up apart.
STEPS = 6


def check(view: View, matrix: np.ndarray, where: str) -> None:
    """Refuse a head that fits another way up better than with ``matrix``, which follows the header."""
    turned = max(
        (fit(whole_head(COARSE_MM), view.coarse, matrix @ turn, 7, STEPS)[0] for turn in turns()),
        key=view.fits,
    )
    if view.fits(turned) > view.fits(matrix):
        raise StrokeprepError(
            "The head lies another way up than its header says: its top points to the "
            f"{_side(turned[:3, 2])} and its face to the {_side(turned[:3, 1])}",
            where,
            "Convert the scan again from its DICOM files, or correct the orientation in its header.",
        )


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

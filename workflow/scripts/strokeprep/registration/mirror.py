"""Check that two registered scans show the same head, and that neither is flipped left to right.

No header can tell, and a low similarity may have many causes. So a scan and its mirror image are both
compared with the reference. If the scan shows the same head, its mirror image fits worse, because no head
is symmetric. If the scan is flipped, its mirror image fits better. If it shows another person, both fit
equally badly. The limit of ``mirror_ratio`` in :mod:`strokeprep.settings.limits` tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.io import transforms
from strokeprep.registration import linear
from strokeprep.settings.study import SEED

# Transforms to the template are evaluated at this distance from its centre, about the radius of a brain.
RADIUS_MM = 60.0


@dataclass(frozen=True)
class Likeness:
    """Mutual information of a scan, and of its mirror image, with the reference."""

    direct: float
    mirrored: float

    @property
    def ratio(self) -> float:
        """Information of the mirror image over that of the scan: below 1 unless the scan is flipped."""
        return self.mirrored / self.direct


class Reference(NamedTuple):
    """What scans are compared with, and its transform to the template.

    As an ITK transform, ``to_template`` maps points of the template to points of the image.
    """

    head: linear.Reference
    to_template: sitk.Transform


def compare(
    reference: Reference, moving: sitk.Image, registered: sitk.Transform | None, *, seed: int = SEED
) -> Likeness:
    """Compare a scan and its mirror image with the reference, each in the best pose.

    ``registered`` is the scan's transform to the reference; None if it is on the reference's grid. The
    mirror image starts from the same pose, reflected at the template's plane of symmetry.
    """
    direct = np.eye(4) if registered is None else transforms.matrix(registered)
    poses = [direct, direct @ across(reference.to_template)]
    return Likeness(*linear.information(reference.head, moving, poses, seed))


def across(to_template: sitk.Transform) -> np.ndarray:
    """The reflection (4×4, LPS) that exchanges left and right of a head with this transform."""
    lattice = np.indices((2, 2, 2)).reshape(3, -1) * 2.0 * RADIUS_MM - RADIUS_MM
    here = np.array([to_template.TransformPoint(point) for point in lattice.T.tolist()])
    known = np.vstack([lattice, np.ones(lattice.shape[1])]).T
    affine = np.vstack([np.linalg.lstsq(known, here, rcond=None)[0].T, [0, 0, 0, 1]])
    sheared = affine @ np.diag([-1.0, 1, 1, 1]) @ np.linalg.inv(affine)
    return transforms.rigid(sheared, affine[:3, 3])  # so that the head keeps its own proportions

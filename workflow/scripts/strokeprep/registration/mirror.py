"""Whether two registered scans show one head, and the same way round.

No header can tell, and a low similarity may have many causes. So a scan is compared with its own
mirror image: of the same head the mirror image fits worse, for no head is symmetric; of a scan that
was flipped it fits better; and of another person's both fit alike, since neither has anything in
common with the reference but being a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.io import transforms
from strokeprep.registration import linear as registration

# About the radius of a brain: where a transform to the template is looked at.
RADIUS_MM = 60.0

SAME, FLIPPED, UNLIKE = "same", "flipped", "unlike"

# Information of the mirror image by that of the scan. The same head: 0.61 to 0.84 (two synthetic
# patients, CTA to T1w) and 0.63 (a real CT against an MR made of it); flipped, 1.31 to 1.63 and 1.44;
# another head, 0.98 to 1.05 and 1.01 (a real T1w).
MOST_IF_SAME = 0.9
LEAST_IF_FLIPPED = 1.1


@dataclass(frozen=True)
class Likeness:
    """How much a scan, and its mirror image, tell about the reference (mutual information)."""

    direct: float
    mirrored: float

    @property
    def ratio(self) -> float:
        """Of the mirror image by the scan: below 1 for a scan that is the right way round."""
        return self.mirrored / self.direct

    @property
    def verdict(self) -> str:
        """One head, the same one flipped, or heads that are unlike (or too alike to tell)."""
        if self.ratio <= MOST_IF_SAME:
            return SAME
        return FLIPPED if self.ratio >= LEAST_IF_FLIPPED else UNLIKE

    def metrics(self) -> dict[str, Any]:
        """The numbers for a sidecar."""
        return {"Information": self.direct, "MirrorInformation": self.mirrored}


class Reference(NamedTuple):
    """What scans are compared with: a 3D image, its brain, and the way from the template to it.

    ``to_template`` takes points of the template to points of the image.
    """

    image: sitk.Image
    brain: sitk.Image
    to_template: sitk.Transform


def compare(
    reference: Reference, moving: sitk.Image, found: sitk.Transform, *, seed: int = 1
) -> Likeness:
    """Compare a scan and its mirror image with the reference, each in the best pose.

    ``found`` is the scan's transform as registration gave it. The mirror image starts from there,
    reflected where the template is alike on both sides.
    """
    direct = transforms.matrix(found)
    poses = [direct, direct @ across(reference.to_template)]
    told = registration.information(reference.image, moving, reference.brain, poses, seed)
    return Likeness(*told)


def across(to_template: sitk.Transform) -> np.ndarray:
    """The reflection (4×4, LPS) that exchanges the sides of a head that lies so in the template."""
    lattice = np.indices((2, 2, 2)).reshape(3, -1) * 2.0 * RADIUS_MM - RADIUS_MM
    here = np.array([to_template.TransformPoint(point) for point in lattice.T.tolist()])
    known = np.vstack([lattice, np.ones(lattice.shape[1])]).T
    linear = np.vstack([np.linalg.lstsq(known, here, rcond=None)[0].T, [0, 0, 0, 1]])
    sheared = linear @ np.diag([-1.0, 1, 1, 1]) @ np.linalg.inv(linear)
    u, _, vt = np.linalg.svd(sheared[:3, :3])  # a head has its own proportions, not the template's
    rigid, middle = np.eye(4), linear[:3, 3]
    rigid[:3, :3] = u @ vt
    rigid[:3, 3] = (sheared @ [*middle, 1])[:3] - rigid[:3, :3] @ middle
    return rigid

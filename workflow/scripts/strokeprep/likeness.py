"""Whether two registered scans show one head, and the same way round.

No header can tell, and a low similarity may have many causes. So a scan is compared with its own
mirror image: of the same head the mirror image fits worse, for no head is symmetric; of a scan that
was flipped it fits better; and of another person's both fit alike, since neither has anything in
common with the reference but being a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep import images, registration

SAME, FLIPPED, UNLIKE = "same", "flipped", "unlike"

# Information of the mirror image by that of the scan. On synthetic patients: the same head 0.67
# (CTA) and 0.82 (DWI), so a flipped one 1.2 to 1.5; another head 1.02 to 1.04.
MOST_IF_SAME = 0.93
LEAST_IF_FLIPPED = 1.08


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


def compare(
    fixed: sitk.Image,
    moving: sitk.Image,
    brain: sitk.Image,
    found: sitk.Transform,
    *,
    seed: int = 1,
) -> Likeness:
    """Compare a scan and its mirror image with the reference, each registered as well as can be.

    ``brain`` lies on the reference; ``found`` is the scan's transform as registration gave it.
    """
    direct = registration.rigid(
        fixed, moving, fixed_brain=brain, start=found, resolution="refined", seed=seed
    )
    mirror = registration.rigid(
        fixed, mirror_image(moving), fixed_brain=brain, resolution="fine", seed=seed
    )
    return Likeness(direct.metrics["Information"], mirror.metrics["Information"])


def mirror_image(image: sitk.Image) -> sitk.Image:
    """The same voxels in a world where left is right."""
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    return images.from_array(images.array(image), flip @ images.affine(image))

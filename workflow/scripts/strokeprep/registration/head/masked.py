"""The affine between a brain and the template, where a mask says which voxels are the brain.

The outline of the mask decides most; the grey values within it hold the fit where the mask misses a part
or the field of view ends. Where much of the brain is out of view its outline says too little: :func:`registered`
is for these.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, transforms
from strokeprep.registration import template
from strokeprep.registration.head.fit import fit, level, nod
from strokeprep.registration.head.model import CENTRE, brain_alone
from strokeprep.registration.head.pose import Pose, credible, raised
from strokeprep.registration.head.view import COARSE_MM, FINE_MM
from strokeprep.settings.registration import HEAD, HeadSettings

# The darkest brain, on a scale on which the brightest is 1 and what surrounds the brain 0.
DARKEST = 0.6

NODS, UPS_MM = (-25.0, 0.0, 25.0), (-20.0, 0.0, 20.0)
LEAST_ML = 100.0

# Of the template's brain: volume, extent from left to right.
TEMPLATE_ML, TEMPLATE_WIDTH_MM = 1886.0, 142.0


def locate(
    image: sitk.Image, brain: sitk.Image, where: str = "image", limits: HeadSettings = HEAD
) -> Pose:
    """The pose of the head whose brain is marked on the image; refused if the fit is not credible."""
    small = extracted(image, brain)
    coarse, fine = (level(small, mm) for mm in (COARSE_MM, FINE_MM))
    tried = [fit(brain_alone(COARSE_MM), coarse, start, 7) for start in _starts(small, where)]
    rough, _ = max(tried, key=lambda result: result[1].information)
    matrix, score = fit(brain_alone(FINE_MM), fine, rough, 12)
    return credible(matrix, score, limits, where)


def registered(
    image: sitk.Image, brain: sitk.Image, where: str = "image", limits: HeadSettings = HEAD
) -> Pose:
    """The same by mutual information with the template's brain: slower, and right with half a brain in view."""
    from strokeprep.registration import deformable  # slow to load, and needed here alone

    alone = sitk.Mask(sitk.Cast(image, sitk.sitkFloat32), brain)
    found = deformable.to_template(alone, template.load().t1, where=where)
    matrix = images.LPS @ transforms.matrix(found.transform) @ images.LPS
    fine = level(extracted(image, brain), FINE_MM)
    _, score = fit(brain_alone(FINE_MM), fine, matrix, 12, steps=0)
    return credible(matrix, score, limits, where)


def extracted(image: sitk.Image, brain: sitk.Image) -> sitk.Image:
    """The brain alone at the fine resolution: grey values by rank from DARKEST to 1, around it 0."""
    small = grids.shrunk(sitk.Cast(image, sitk.sitkFloat32), FINE_MM * 0.75)
    share = grids.shrunk(sitk.Cast(brain > 0, sitk.sitkFloat32), FINE_MM * 0.75)
    values, inside = images.array(small), images.array(share)
    known = np.sort(values[inside > 0.5])
    rank = np.searchsorted(known, values) / max(len(known), 1)
    shown = inside * (DARKEST + (1 - DARKEST) * rank)
    return images.like(shown.astype(np.float32), small)


def _starts(brain: sitk.Image, where: str) -> list[np.ndarray]:
    """Maps from template to image (RAS) of several nods and heights, with the brain's centre and size."""
    inside = images.array(brain) > DARKEST / 2
    affine = images.affine(brain)
    points = np.argwhere(inside) @ affine[:3, :3].T + affine[:3, 3]
    ml = len(points) * abs(np.linalg.det(affine[:3, :3])) / 1000
    if ml < LEAST_ML:
        raise StrokeprepError(
            f"The brain mask holds only {ml:.0f} ml",
            where,
            "Check that the image shows a head; choose another brain backend.",
        )
    width = np.ptp(np.percentile(points[:, 0], (0.5, 99.5)))
    scale = max((ml / TEMPLATE_ML) ** (1 / 3), width / TEMPLATE_WIDTH_MM)
    guess = np.eye(4)
    guess[:3, :3] *= np.clip(scale, *HEAD.scale)
    guess[:3, 3] = points.mean(axis=0) - guess[:3, :3] @ CENTRE
    return [raised(guess, up) @ nod(degrees) for up, degrees in product(UPS_MM, NODS)]

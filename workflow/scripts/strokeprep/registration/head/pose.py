"""The affine between an image of a head and the template, for any contrast, in seconds.

Starts are guessed from the outline of the head and refined (``fit.py``); the best is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, labels, transforms
from strokeprep.registration.head.fit import Score, about_centre, fit, level, nod
from strokeprep.registration.head.model import CENTRE, whole_head
from strokeprep.settings.registration import HEAD, HeadSettings

COARSE_MM, FINE_MM = 8.0, 4.0

NODS = (-20.0, 0.0, 20.0)  # degrees


@dataclass(frozen=True)
class Pose:
    """The affine that maps points of an image to points of the template, and how well it fits."""

    to_template: sitk.AffineTransform
    explained: float  # share of the variance of the image that the template's classes explain
    covered: float  # share of the template's brain that the image shows
    scale: float

    def metrics(self) -> dict[str, float]:
        """The numbers for a sidecar."""
        return {
            "PoseExplainedVariance": round(self.explained, 4),
            "PoseBrainCovered": round(self.covered, 4),
            "PoseScale": round(self.scale, 4),
        }


def locate(
    image: sitk.Image, modality: str, where: str = "image", limits: HeadSettings = HEAD
) -> Pose:
    """The pose of a head that is mostly in view; refused if the fit is not credible.

    Several nods are tried, because heads are nodded more than turned or tilted: by positioning, and by
    slices along the skull base. Two sizes are refined, because the coarse fit tends to miss the size.
    """
    small = prepared(image, modality, FINE_MM)
    coarse, fine = (level(small, mm) for mm in (COARSE_MM, FINE_MM))
    start = first_guess(small, where)
    tried = [fit(whole_head(COARSE_MM), coarse, start @ nod(degrees), 7) for degrees in NODS]
    rough, _ = max(tried, key=lambda result: result[1].information)
    isotropic = np.diag([1.0, 1.0, 1.0, 0.0])
    refined = [
        fit(whole_head(FINE_MM), fine, rough @ about_centre(np.log(size) * isotropic), 12)
        for size in (0.92, 1.0)
    ]
    matrix, score = max(refined, key=lambda result: result[1].information)
    return credible(matrix, score, limits, where)


def prepared(image: sitk.Image, modality: str, spacing_mm: float) -> sitk.Image:
    """The image at about this resolution, on a scale of about 0 to 1 that separates tissues."""
    small = sitk.Cast(grids.shrunk(image, spacing_mm * 0.75), sitk.sitkFloat32)
    return images.like(_compressed(images.array(small), modality), small)


def _compressed(data: np.ndarray, modality: str) -> np.ndarray:
    """Values on a scale of about 0 to 1 that separates the tissues of a head."""
    if modality == "ct":
        hu, shade = (-1000, -250, -100, 0, 80, 250, 800), (0, 0.05, 0.3, 0.45, 0.65, 0.9, 1.0)
        return np.interp(data, hu, shade).astype(np.float32)
    data = np.maximum(np.nan_to_num(data.astype(np.float32)), 0)
    bright = data[data > data.mean()]
    if bright.size == 0:
        return data
    return np.minimum(data / np.percentile(bright, 95), 1.5).astype(np.float32)


def first_guess(image: sitk.Image, where: str) -> np.ndarray:
    """A start, template to image (RAS): position and size of the head from its outline."""
    grid = grids.resampled(image, 6.0)
    data = images.array(grid)
    head = images.like((data > _tissue_threshold(data)).astype(np.uint8), grid)
    head = sitk.BinaryMorphologicalOpening(head, [2, 2, 2])
    head = labels.largest_object(head)
    index = np.argwhere(images.array(head))
    if len(index) < 500:
        raise StrokeprepError("No head is seen in the image", where, "Check that it shows a head.")
    affine = images.affine(grid)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    top = np.percentile(points[:, 2], 99.5)
    upper = points[points[:, 2] > top - 110.0]
    sections = np.bincount(((top - upper[:, 2]).clip(0) / 6).astype(int)) * 6.0**2
    # On the template the largest axial section of the head has 27,400 mm², and the scalp's top z = 95 mm.
    scale = float(np.clip(np.sqrt(sections.max() / 27400.0), 0.8, 1.1))
    middle = np.append(np.median(upper[:, :2], axis=0), top - (95.0 - CENTRE[2]) * scale)
    guess = np.eye(4)
    guess[:3, :3] *= scale
    guess[:3, 3] = middle - scale * CENTRE
    return guess


def _tissue_threshold(data: np.ndarray) -> float:
    """A threshold between air and tissue: half the median of what is not air."""
    filled = data[data > 0.02 * data.max()]
    return 0.5 * float(np.median(filled)) if filled.size else 0.5


def credible(matrix: np.ndarray, score: Score, limits: HeadSettings, where: str) -> Pose:
    """The pose of a fit, refused beyond the limits."""
    u, stretch, vt = np.linalg.svd(matrix[:3, :3])
    degrees = np.degrees(np.arccos(np.clip((np.trace(u @ vt) - 1) / 2, -1, 1)))
    scale = float(np.prod(stretch) ** (1 / 3))
    smallest, largest = limits.scale
    explained, covered = f"{score.explained:.0%}", f"{score.covered:.0%}"
    faults = [
        text
        for wrong, text in (
            (not smallest < scale < largest, f"size {scale:.2f} of the template's"),
            (
                stretch[0] / stretch[2] > limits.most_stretch,
                f"stretched by {stretch[0] / stretch[2]:.2f}",
            ),
            (degrees > limits.most_degrees, f"turned by {degrees:.0f} degrees"),
            (score.explained < limits.least_explained, f"{explained} of its contrast explained"),
            (score.covered < limits.least_covered, f"{covered} of the brain in view"),
        )
        if wrong
    ]
    if faults:
        raise StrokeprepError(
            f"The head in the image cannot be located ({', '.join(faults)})",
            where,
            "Check that it shows a head the right way up; a partial view needs its subject's "
            "whole-head reference scan.",
        )
    lps = images.LPS @ np.linalg.inv(matrix) @ images.LPS
    return Pose(transforms.linear(lps), score.explained, score.covered, scale)

"""The affine between an image of a head and the template, for any contrast, in seconds.

Many starts are fitted by grey values (``fit.py``) and, on MR, by edges within the brain (``edges.py``). They
are compared by both, at points that no candidate was fitted to. docs/registration.md says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, labels, transforms
from strokeprep.registration.head import edges, way_up
from strokeprep.registration.head.fit import Score, fit, nod, sized, unlikely
from strokeprep.registration.head.model import CENTRE, whole_head
from strokeprep.registration.head.view import COARSE_MM, FINE_MM, View, distinct
from strokeprep.settings.registration import HEAD, HeadSettings

NODS = (-20.0, 0.0, 20.0)  # degrees

# Heights (mm) above what the outline suggests, and those if the head is cut at its top: if the section there is
# more than this share of the largest. A vertex in view has a fifth of it a centimetre below.
HEIGHTS_MM, HEIGHTS_IF_CUT_MM = (-25.0, 0.0, 25.0), (50.0, 75.0)
CUT_SHARE = 0.4

# A fit by grey values alone may have taken the skin for the brain, so it is tried smaller, too.
SIZES = (0.8, 0.87, 0.94, 1.0)

PROMISING = 6  # starts that are followed to their end
DISTINCT = 3  # of one kind
DISTINCT_MM = 8.0


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
    """The pose of a head that is mostly in view; refused if the fit is not credible."""
    view = View.of(image, modality)
    ends = view.ends(search(view, where))
    matrix, score = max(ends, key=lambda end: view.fits(end[0]) - unlikely(end[0]))
    way_up.check(view, matrix, where)
    return credible(matrix, score, limits, where)


def search(view: View, where: str) -> list[np.ndarray]:
    """The best of many starts by each kind of evidence, template to image (RAS).

    Grey values at low resolution give a few candidates. On MR they often take the skin for the brain, so
    each is also tried smaller and then moved to where the edges within the brain meet. Where edges are
    faint, as on thick slices with a haematoma, they lead astray, so the best by grey values stays, too.
    """
    found = coarse_fits(view, starts(view.small, where))
    if not view.coarse_edges or not view.fine_edges:
        fitted = [fit(whole_head(FINE_MM), view.fine, matrix, 12)[0] for matrix in found]
        return [max(fitted, key=view.fits)]
    tried = [
        edges.fit(view.coarse_edges, matrix @ sized(size), 6)
        for matrix, size in product(found, SIZES)
    ]
    tried = distinct(sorted(tried, key=view.fits, reverse=True), DISTINCT_MM, DISTINCT)
    by_edges = max((edges.fit(view.fine_edges, matrix, 12) for matrix in tried), key=view.fits)
    return [by_edges, max(found, key=view.fits)]


def starts(image: sitk.Image, where: str) -> list[np.ndarray]:
    """Maps to start from: sizes, heights and nods about what the outline of the head suggests."""
    guess, is_cut = first_guess(image, where)
    heights = HEIGHTS_MM + HEIGHTS_IF_CUT_MM if is_cut else HEIGHTS_MM
    return [
        raised(guess, up) @ sized(size) @ nod(degrees)
        for size, up, degrees in product((0.9, 1.05), heights, NODS)
    ]


def coarse_fits(view: View, starts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Distinct maps that starts lead to by grey values at low resolution, the best first.

    All starts take a few steps, and the most promising of them go on. On MR, where edges tell as well which are
    promising, these are added: a head without its top may fit far too high, or too low, by grey values alone.
    """
    few = [fit(whole_head(COARSE_MM), view.coarse, start, 7, steps=5) for start in starts]
    few.sort(key=lambda result: -result[1].likely)
    ends = [fit(whole_head(COARSE_MM), view.coarse, matrix, 7) for matrix, _ in few[:PROMISING]]
    ends.sort(key=lambda result: -result[1].likely)
    found = distinct([matrix for matrix, _ in ends], DISTINCT_MM, DISTINCT)
    if not view.fine_edges:
        return found
    by_edges = sorted((matrix for matrix, _ in few), key=view.fits, reverse=True)
    by_edges = distinct(by_edges, DISTINCT_MM, DISTINCT)
    return distinct([*found, *by_edges], DISTINCT_MM, 2 * DISTINCT)


def raised(matrix: np.ndarray, mm: float) -> np.ndarray:
    """A map whose image end is moved upwards."""
    result = matrix.copy()
    result[2, 3] += mm
    return result


def first_guess(image: sitk.Image, where: str) -> tuple[np.ndarray, bool]:
    """A start, template to image (RAS), from the outline of the head, and whether its top is cut off."""
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
    return guess, bool(sections[:2].max() > CUT_SHARE * sections.max())


def _tissue_threshold(data: np.ndarray) -> float:
    """A threshold between air and tissue: half the median of what is not air."""
    otsu = sitk.OtsuThresholdImageFilter()  # tells what is not air, which noise may fill
    otsu.Execute(sitk.GetImageFromArray(data))
    filled = data[data > otsu.GetThreshold()]
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

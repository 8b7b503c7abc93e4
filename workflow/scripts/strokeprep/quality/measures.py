"""Figures of merit that need no truth; pure functions of arrays and images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from strokeprep.io import grids, images, labels, transforms
from strokeprep.io.statistics import robust_sd
from strokeprep.registration import mutual_information as mi
from strokeprep.registration import template
from strokeprep.settings.study import SEED, TemplateSettings

BINS = 48
# Grey levels beyond these quantiles are few and would squeeze the rest into a few bins.
RANGE = (0.01, 0.99)
POINTS = 20_000
STEPS = 25
# Noise is what a voxel differs from the mean of its neighbours by; of six neighbours, a seventh
# more than the noise of one voxel.
NEIGHBOUR_FACTOR = np.sqrt(1 + 1 / 6)
# Edges are where the gradient is among the strongest of the image.
EDGE_QUANTILE = 0.9
# Voxels on which an image is compared with the template.
TEMPLATE_MM = 3.0
# A right mask and the template's brain, after an affine, leave each other by less than this: inwards, and
# outwards. A neck is looked for below the template.
INWARDS_MM, OUTWARDS_MM, BELOW_MM = 8.0, 12.0, 30.0
# Five voxels of 1 mm in the descriptor that defines γ.
STRIP_MM = 5.0
# Fluid is darker than this share of a T1's median; that of the ventricles lies this deep.
FLUID_SHARE, VENTRICLE_MM = 0.45, 15.0
# γ_OSLV counts what is brighter than this many standard deviations below the ventricles' mean.
OSLV_SD = 0.5


def affine_difference(path: Path, grid: sitk.Image) -> float:
    """How far the affine of a file is from that of a grid (mm); infinite if their shapes differ."""
    nifti = images.open_nifti(path)
    if nifti.shape[:3] != grid.GetSize():
        return float("inf")
    return float(np.abs(nifti.affine - images.affine(grid)).max())


def template_dice(brain: sitk.Image, settings: TemplateSettings) -> float:
    """Overlap of a brain mask in template space with the template's own brain."""
    own = transforms.resample(template.standard(settings).brain, brain, [], transforms.NEAREST)
    return labels.dice(images.array(brain), images.array(own))


def normalised_information(a: np.ndarray, b: np.ndarray) -> float:
    """Studholme's normalised mutual information of two sets of values: 1 nothing shared, 2 all."""
    cells = (_binned(values) * (BINS - 1e-3) for values in (a, b))
    first, second = (each.astype(np.int64) for each in cells)
    joint = np.bincount(first * BINS + second, minlength=BINS**2).reshape(BINS, BINS)
    share = joint / joint.sum()
    both = _entropy(share.ravel())
    return (_entropy(share.sum(0)) + _entropy(share.sum(1))) / both if both else 1.0


def edge_agreement(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """How parallel the edges of two volumes run where ``a`` has its strongest: 1/3 is chance.

    Mean squared cosine between the gradients, blind to which side of an edge is bright.
    """
    slopes = [np.stack(np.gradient(ndimage.gaussian_filter(v, 1.0))) for v in (a, b)]
    strength = np.sqrt((slopes[0] ** 2).sum(0))
    if not where.any():
        return 0.0
    edges = where & (strength >= np.quantile(strength[where], EDGE_QUANTILE))
    u, v = (slope[:, edges] for slope in slopes)
    squares = (u**2).sum(0) * (v**2).sum(0)
    known = squares > 1e-6
    # No gradient at all is no agreement.
    return float(((u * v).sum(0)[known] ** 2 / squares[known]).sum() / max(edges.sum(), 1))


def off_mm(fixed: sitk.Image, moving: sitk.Image, brain: np.ndarray, seed: int = SEED) -> float:
    """Mean distance of a brain (mask on ``fixed``) from where ``moving`` would fit ``fixed`` best.

    ``moving`` is turned and shifted until it tells most about ``fixed`` inside the brain.
    """
    random = np.random.default_rng(seed)
    inside = np.flatnonzero(brain)
    chosen = random.choice(inside, min(POINTS, len(inside)), replace=False, shuffle=False)
    index = np.column_stack(np.unravel_index(chosen, brain.shape))
    # Jittered off the grid: two grids that coincide would lock the images in place.
    off = index.T + random.random((3, len(index))) - 0.5
    points = mi.mapped(mi.index_to_physical(fixed), off)
    grey = ndimage.map_coordinates(_grey(fixed), off[::-1], order=1, mode="nearest")
    bins = np.rint(_binned(grey) * (mi.BINS - 1)).astype(np.int64)
    low, high = _range(_grey(moving)[tuple(index.T[::-1])])
    volume = mi.Volume.of(moving, lambda grey: np.clip((grey - low) / (high - low), 0, 1))
    metric = mi.Metric(mi.Points(points, bins), volume)
    matrix, _, _ = mi.maximum(metric, np.eye(4), points.mean(axis=1), 6, STEPS)
    return float(np.linalg.norm(mi.mapped(matrix, points) - points, axis=0).mean())


def template_off_mm(
    image: sitk.Image, from_template: sitk.Transform, settings: TemplateSettings
) -> float:
    """:func:`off_mm` of the template's brain, with the skull on the image and without its brain mask.

    ``from_template`` maps points of the template to points of the image.
    """
    standard = template.standard(settings)
    fixed = grids.resampled(sitk.Cast(standard.t1, sitk.sitkFloat32), TEMPLATE_MM)
    shown = _shown(image, fixed, from_template)
    brain = transforms.resample(standard.brain, fixed, [], transforms.NEAREST)
    moving = transforms.resample(sitk.Cast(image, sitk.sitkFloat32), fixed, [from_template])
    return off_mm(fixed, moving, images.array(sitk.And(brain, shown)) > 0)


def missing_and_outlying_ml(
    brain: sitk.Image, from_template: sitk.Transform, settings: TemplateSettings
) -> tuple[float, float]:
    """How much of the template's brain lies far outside a mask, and of the mask far outside of it.

    ``from_template`` maps points of the template to points of the mask. No brain is missing where its image ends.
    """
    own = template.standard(settings).brain
    margin = [int(np.ceil(BELOW_MM / spacing)) for spacing in own.GetSpacing()]
    own = grids.resampled(
        sitk.ConstantPad(own, margin, margin), TEMPLATE_MM, sitk.sitkNearestNeighbor
    )
    mask = transforms.resample(brain, own, [from_template], transforms.NEAREST)
    ours, theirs = (images.array(grids.distance(each)) for each in (mask, own))
    shown = images.array(_shown(brain, own, from_template)) > 0
    missing = np.count_nonzero((theirs > 0) & shown & (ours < -INWARDS_MM))
    outlying = np.count_nonzero((ours > 0) & (theirs < -OUTWARDS_MM))
    return missing * TEMPLATE_MM**3 / 1000, outlying * TEMPLATE_MM**3 / 1000


def noise(volume: np.ndarray, where: np.ndarray) -> float:
    """The standard deviation of noise: how far voxels lie from the mean of their neighbours."""
    kernel = ndimage.generate_binary_structure(3, 1).astype(np.float32)
    kernel[1, 1, 1] = 0
    left = (volume - ndimage.convolve(volume, kernel / 6))[where]
    return float(robust_sd(left) / NEIGHBOUR_FACTOR)


def contrast_to_noise(volume: np.ndarray, a: np.ndarray, b: np.ndarray, sd: float) -> float:
    """Difference of the means of two tissues by the noise, signed."""
    return float((volume[a].mean() - volume[b].mean()) / sd) if sd > 0 else 0.0


def tilt_deg(to_template: np.ndarray) -> float:
    """How far a head is turned from the template's axes."""
    u, _, vt = np.linalg.svd(to_template[:3, :3])
    turn = u @ vt
    if np.linalg.det(turn) < 0:
        return 180.0
    return float(np.degrees(np.linalg.norm(Rotation.from_matrix(turn).as_rotvec())))


def strip(mask: np.ndarray, mm: float) -> np.ndarray:
    """A band of STRIP_MM just outside of a mask of cubic voxels, by taxicab distance."""
    away = ndimage.distance_transform_cdt(~mask, "taxicab")
    return (away > 0) & (away <= max(round(STRIP_MM / mm), 1))


def gammas(image: np.ndarray, inside: np.ndarray, mm: float) -> tuple[float, float]:
    """γ_OSBM and γ_ISBM: share of the outer strip that is filled, of the inner that is empty."""
    outer, inner = strip(inside, mm), strip(~inside, mm)
    return float((image[outer] > 0).mean()), float((image[inner] <= 0).mean())


def gamma_oslv(image: np.ndarray, ventricles: np.ndarray, mm: float) -> float:
    """γ_OSLV: share of the strip outside the ventricles that is as bright as they are."""
    fluid = image[ventricles]
    return float((image[strip(ventricles, mm)] > fluid.mean() - OSLV_SD * fluid.std()).mean())


def lateral_ventricles(t1: np.ndarray, inside: np.ndarray, mm: float) -> np.ndarray:
    """The lateral ventricles of a template: the two largest bodies of fluid deep in its brain."""
    fluid = ndimage.binary_opening((t1 < FLUID_SHARE * np.median(t1[inside])) & inside)
    deep = fluid & (ndimage.distance_transform_cdt(inside) * mm > VENTRICLE_MM)
    return labels.largest_part(deep, 2)


def asymmetry(mask: np.ndarray, right: np.ndarray) -> float:
    """How unequal a mask's halves are: 0 alike, 1 one side missing."""
    total = np.count_nonzero(mask)
    here = np.count_nonzero(mask & right)
    return abs(2 * here - total) / total if total else 1.0


def fwhm_s(curve: np.ndarray, dt: float) -> float:
    """Full width at half maximum of a curve's main peak."""
    peak = int(curve.argmax())
    half = curve[peak] / 2
    after = next((i for i in range(peak, len(curve)) if curve[i] < half), len(curve))
    before = next((i for i in range(peak, -1, -1) if curve[i] < half), -1)
    return float((after - before - 1) * dt)


def _shown(image: sitk.Image, grid: sitk.Image, from_grid: sitk.Transform) -> sitk.Image:
    """Which voxels of a grid lie within an image (1, else 0)."""
    whole = sitk.Image(image.GetSize(), sitk.sitkUInt8) + 1
    whole.CopyInformation(image)
    return transforms.resample(whole, grid, [from_grid], transforms.NEAREST)


def _grey(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayViewFromImage(image)


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = (float(each) for each in np.quantile(values, RANGE))
    return low, max(high, low + 1e-6)


def _binned(values: np.ndarray) -> np.ndarray:
    low, high = _range(values)
    return np.clip((values - low) / (high - low), 0, 1)


def _entropy(share: np.ndarray) -> float:
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())

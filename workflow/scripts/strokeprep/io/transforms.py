"""Read, write, chain and apply transforms.

An ITK transform that resamples A onto B maps points of B to points of A. A file named
``from-A_to-B_mode-image_xfm`` holds this map in LPS millimetres, so that any ITK program (ANTs, elastix,
3D Slicer) can use it. Transforms are chained and then applied in one interpolation:

>>> import numpy as np
>>> turn = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])  # x to y
>>> shift = np.array([[1.0, 0, 0, 10], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])  # 10 mm along x
>>> both = chain([linear(turn), linear(shift)])
>>> both.TransformPoint((1.0, 0.0, 0.0))
(10.0, 1.0, 0.0)
>>> both.GetInverse().TransformPoint((10.0, 1.0, 0.0))
(1.0, 0.0, 0.0)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import hdf5
from strokeprep.io.whole import whole

FAR_MM = 1e4  # farther than anything lies from the origin
LINEAR, NEAREST = sitk.sitkLinear, sitk.sitkNearestNeighbor


def read(path: str | Path) -> sitk.Transform:
    """A transform from an ITK ``.txt``, ``.tfm`` or ``.h5`` file."""
    try:
        return sitk.ReadTransform(str(path))
    except RuntimeError as error:
        raise StrokeprepError(
            "Not a readable ITK transform", path, "Remove it and rerun."
        ) from error


def write(transform: sitk.Transform, path: str | Path) -> None:
    """Save a transform; after an error there is no incomplete file."""
    with whole(path) as partial:
        try:
            sitk.WriteTransform(transform, str(partial))
            if partial.suffix == ".h5":
                hdf5.forget_times(partial)
            elif _numbers(sitk.ReadTransform(str(partial))) != _numbers(transform):
                raise RuntimeError("ITK's text writer does not notice a full disk")
        except RuntimeError as error:
            raise StrokeprepError(
                "A transform cannot be written whole: the disk is probably full",
                path,
                "Make room and run again.",
            ) from error


def _numbers(transform: sitk.Transform) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """All numbers that a text file holds of a transform."""
    return transform.GetParameters(), transform.GetFixedParameters()


def chain(transforms: Sequence[sitk.Transform]) -> sitk.Transform:
    """One transform that maps a point through ``transforms`` in the order given; linear if all are."""
    if all(transform.IsLinear() for transform in transforms):
        return linear(np.linalg.multi_dot([np.eye(4), np.eye(4)] + [
            matrix(transform) for transform in reversed(transforms)
        ]))  # fmt: skip
    composite = sitk.CompositeTransform(3)
    for transform in reversed(transforms):  # SimpleITK applies the last added first
        composite.AddTransform(transform)
    return composite


def matrix(transform: sitk.Transform) -> np.ndarray:
    """The 4×4 matrix (LPS) of a linear transform of any class.

    >>> matrix(sitk.TranslationTransform(3, (1.0, 2.0, 3.0)))[:3, 3].tolist()
    [1.0, 2.0, 3.0]
    """
    corners = np.vstack([np.zeros(3), np.eye(3)])
    moved = np.array([transform.TransformPoint(corner.tolist()) for corner in corners])
    result = np.eye(4)
    result[:3, :3] = (moved[1:] - moved[0]).T
    result[:3, 3] = moved[0]
    return result


def linear(lps: np.ndarray) -> sitk.AffineTransform:
    """The ITK transform of a 4×4 matrix (LPS)."""
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(lps[:3, :3].ravel().tolist())
    transform.SetTranslation(lps[:3, 3].tolist())
    return transform


def rigid(lps: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The rotation (or reflection) and shift closest to a 4×4 matrix; both move ``centre`` alike."""
    u, _, vt = np.linalg.svd(lps[:3, :3])
    result = np.eye(4)
    result[:3, :3] = u @ vt
    result[:3, 3] = lps[:3, :3] @ centre + lps[:3, 3] - result[:3, :3] @ centre
    return result


def apply(transform: sitk.Transform, points_ras: np.ndarray) -> np.ndarray:
    """Points (N×3, RAS) mapped by a transform (LPS).

    >>> apply(sitk.TranslationTransform(3, (1.0, 2.0, 3.0)), [[0, 0, 0]]).tolist()
    [[-1.0, -2.0, 3.0]]
    """
    flip = np.array([-1.0, -1.0, 1.0])
    points = np.asarray(points_ras) * flip
    if transform.IsLinear():
        lps = matrix(transform)
        return (points @ lps[:3, :3].T + lps[:3, 3]) * flip
    return np.array([transform.TransformPoint(point.tolist()) for point in points]) * flip


def resample(
    image: sitk.Image,
    grid: sitk.Image,
    transforms: Sequence[sitk.Transform],
    interpolation: int = LINEAR,
    outside: float = 0,
) -> sitk.Image:
    """``image`` on ``grid`` through ``transforms`` (the first maps grid points), in one interpolation."""
    return sitk.Resample(image, grid, chain(transforms), interpolation, outside, image.GetPixelID())


def places(grid: sitk.Image, transforms: Sequence[sitk.Transform]) -> np.ndarray:
    """Where ``transforms`` take the voxels of a grid (i × j × k × 3, RAS mm).

    An image of two voxels an axis holds its own coordinates, and linear interpolation returns them.

    >>> shift = sitk.TranslationTransform(3, (5.0, 2.0, 0.0))
    >>> places(sitk.Image(1, 1, 2, sitk.sitkUInt8), [shift])[0, 0].round(6).tolist()
    [[-5.0, -2.0, 0.0], [-5.0, -2.0, 1.0]]
    """
    corners = np.stack(np.meshgrid(*[(-FAR_MM, FAR_MM)] * 3, indexing="ij"), axis=-1)
    where = sitk.GetImageFromArray(corners.transpose(2, 1, 0, 3), isVector=True)
    where.SetSpacing([2 * FAR_MM] * 3)
    where.SetOrigin([-FAR_MM] * 3)
    lps = sitk.GetArrayFromImage(resample(where, grid, transforms)).transpose(2, 1, 0, 3)
    return lps * (-1.0, -1.0, 1.0)

"""Transforms as ITK programs and 3D Slicer save them, and whether they can be what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import transforms

SAVE_AGAIN = "Save it as a linear transform in an ITK file (.tfm, .txt, .mat or .h5)."
STRETCH = (0.7, 1.4)  # of an affine map between two scans of a head or a head and the template
RIGID = 1e-3  # how far a rotation matrix may be off by rounding
MOST_APART_MM = 2.0  # two directions of a warp are each other's inverse to its precision
STEPS = 24  # points along each side of a field of view
LEAST_SHARED = 0.3  # of the smaller field of view
BINS = 32
GAIN, MOVED_MM = 1.1, 3.0  # by how much the reverse must explain more, if it differs by so much


def read(path: Path) -> sitk.Transform:
    """The 3D transform in an ITK file."""
    _refuse_bare(path)
    try:
        found = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        raise StrokeprepError("Not a readable ITK transform", path, SAVE_AGAIN) from error
    if found.GetDimension() != 3:
        raise StrokeprepError(f"A transform of {found.GetDimension()}D images", path, SAVE_AGAIN)
    if not np.isfinite([*found.GetParameters(), *found.GetFixedParameters()]).all():
        raise StrokeprepError("The transform holds numbers that are not finite", path, SAVE_AGAIN)
    return found


def _refuse_bare(path: Path) -> None:
    """A matrix alone is text as well, but what it means depends on who wrote it."""
    try:
        rows = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line]
        is_matrix = len(rows) == 4 and all(len([float(n) for n in row]) == 4 for row in rows)
    except (UnicodeDecodeError, ValueError):
        return
    if is_matrix:
        raise StrokeprepError(
            "This is a matrix alone, as FSL and Convert3D write it, and no ITK transform",
            path,
            "In ITK-SNAP save it as ITK Transform File (.txt). Convert one of Convert3D with "
            "c3d_affine_tool … -oitk, one of FSL with c3d_affine_tool -ref … -src … … -fsl2ras -oitk.",
        )


def linear(found: sitk.Transform, path: Path, *, is_rigid: bool) -> sitk.Transform:
    """A linear transform as the chain writes it; refused if it mirrors or stretches a head."""
    if not found.IsLinear():
        raise StrokeprepError("The transform of a scan must be linear", path, SAVE_AGAIN)
    matrix = transforms.matrix(found)
    sizes = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if np.linalg.det(matrix[:3, :3]) < 0:
        raise StrokeprepError(
            "The transform mirrors the head: left becomes right",
            path,
            "Save it in ITK's convention (LPS), without flipping an axis.",
        )
    if sizes.min() < STRETCH[0] or sizes.max() > STRETCH[1]:
        what = f"The transform scales the head by {sizes.min():.2f} to {sizes.max():.2f}"
        raise StrokeprepError(what, path, "Undo the scaling: both images are in millimetres.")
    if is_rigid and np.abs(sizes - 1).max() > RIGID:
        raise StrokeprepError(
            f"The transform is not rigid: it scales by {sizes.min():.3f} to {sizes.max():.3f}",
            path,
            "Make it rigid, or set registration.to_reference to affine.",
        )
    return transforms.linear(matrix)


def check_direction(
    found: sitk.Transform, fixed: sitk.Image, moving: sitk.Image, path: Path
) -> None:
    """Refuse a transform that leads past the image, or that fits better the other way round."""
    points, values = _samples(fixed)
    back = found.GetInverse()
    shared = max(
        _share_inside(found, points, moving), _share_inside(back, _samples(moving)[0], fixed)
    )
    if shared < LEAST_SHARED:
        raise StrokeprepError(
            f"After the transform the images share {shared:.0%} of their field of view",
            path,
            "It may be of another patient or of another scan, or in other units than millimetres.",
        )
    moved = [np.linalg.norm(np.subtract(found.TransformPoint(p), back.TransformPoint(p)))
             for p in points[:: len(points) // 50 + 1].tolist()]  # fmt: skip
    if np.median(moved) < MOVED_MM:
        return
    here, reverse = (_information(each, points, values, moving) for each in (found, back))
    if reverse > GAIN * here:
        raise StrokeprepError(
            "The transform maps the other way round: its inverse fits the images",
            path,
            "Save the transform that resamples the scan onto the target, which maps points of the "
            "target to points of the scan.",
        )


def _samples(image: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """Points spread over an image (N×3, LPS mm), and its values there."""
    values = sitk.GetArrayViewFromImage(image)
    picked = np.ix_(*(np.unique(np.linspace(0, n - 1, STEPS).astype(int)) for n in values.shape))
    grid = np.stack(np.meshgrid(*(p.ravel() for p in picked), indexing="ij"), -1).reshape(-1, 3)
    place = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    return grid[:, ::-1] @ place.T + image.GetOrigin(), values[picked].ravel().astype(float)


def _share_inside(found: sitk.Transform, points: np.ndarray, image: sitk.Image) -> float:
    """The share of points that lie in an image after a transform."""
    return float(np.isfinite(_indices(found, points, image)).all(axis=1).mean())


def _indices(found: sitk.Transform, points: np.ndarray, image: sitk.Image) -> np.ndarray:
    """The voxels (x, y, z) that points are mapped to; NaN outside of the image."""
    moved = np.array([found.TransformPoint(point) for point in points.tolist()])
    place = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    index = np.rint((moved - image.GetOrigin()) @ np.linalg.inv(place).T)
    outside = ((index < 0) | (index >= image.GetSize())).any(axis=1)
    index[outside] = np.nan
    return index


def _information(
    found: sitk.Transform, points: np.ndarray, values: np.ndarray, moving: sitk.Image
) -> float:
    """The mutual information of the values at points and those of another image there."""
    index = _indices(found, points, moving)
    inside = np.isfinite(index).all(axis=1)
    there = np.full(len(values), float(sitk.GetArrayViewFromImage(moving).min()))
    voxels = index[inside].astype(int)
    there[inside] = sitk.GetArrayViewFromImage(moving)[tuple(voxels[:, ::-1].T)]
    joint = np.histogram2d(_ranks(values), _ranks(there), bins=BINS)[0] / len(values)
    alone = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / alone[some])).sum())


def _ranks(values: np.ndarray) -> np.ndarray:
    """Values between their 1st and 99th percentiles."""
    return np.clip(values, *np.quantile(values, (0.01, 0.99)))


def both_ways(
    forward: sitk.Transform | None, backward: sitk.Transform | None
) -> tuple[sitk.Transform, sitk.Transform]:
    """Both directions of a registration, of which a linear one may be given in one only."""
    if forward is not None and backward is not None:
        return forward, backward
    if backward is not None:
        return transforms.linear(np.linalg.inv(transforms.matrix(backward))), backward
    if forward is None:
        raise ValueError("no direction is given")
    return forward, transforms.linear(np.linalg.inv(transforms.matrix(forward)))


def check_inverse(
    forward: sitk.Transform, backward: sitk.Transform, head: sitk.Image, where: str | Path
) -> None:
    """Refuse two directions that are not each other's inverse in an image."""
    points = _samples(head)[0]
    middle = points[len(points) // 4 : 3 * len(points) // 4 : 20]
    apart = [
        np.linalg.norm(np.subtract(forward.TransformPoint(backward.TransformPoint(point)), point))
        for point in middle.tolist()
    ]
    if np.median(apart) > MOST_APART_MM:
        raise StrokeprepError(
            f"The two directions to the template are not each other's inverse: points end "
            f"{np.median(apart):.1f} mm from where they began",
            where,
            "Give both from one registration, or only one if it is linear.",
        )

"""The smooth warp between a head and the template, on from its pose.

The same classes as in :mod:`strokeprep.pose` predict the brightness of every point around the
brain; where the prediction is wrong, the point moves along the image's gradient. The moves are
solved for in a Gaussian window about each point (optical flow), which keeps the warp smooth.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep import images, pose, template, transforms

# (lattice spacing, window) in mm and steps of each stage.
STAGES = ((4.0, 14.0, 10), (3.0, 9.0, 8))
MARGIN_MM = 16.0  # of lattice around the brain
STIFFNESS = 0.02  # of the mean squared gradient: where nothing is seen nothing moves
LARGEST_STEP_MM = 3.0


def refine(image: sitk.Image, modality: str, located: pose.Pose) -> sitk.Transform:
    """Image to template: the pose, preceded by a displacement in the image's own space."""
    small = template.shrunk(image, STAGES[-1][0] * 0.75)
    small = images.like(pose.compressed(images.array(small), modality), small)
    field = None
    for spacing, window, steps in STAGES:
        lattice = _lattice(located, spacing)
        field = _empty(lattice) if field is None else _onto(field, lattice)
        field = _flow(small, lattice, located, field, window / spacing, steps)
    shift = images.LPS[:3, :3].diagonal() * np.moveaxis(field[1], 0, -1)
    vectors = sitk.GetImageFromArray(
        np.ascontiguousarray(np.transpose(shift, (2, 1, 0, 3)), np.float64), isVector=True
    )
    vectors.CopyInformation(field[0])
    composite = sitk.CompositeTransform(3)
    composite.AddTransform(located.to_template)
    composite.AddTransform(sitk.DisplacementFieldTransform(vectors))  # acts first
    return composite


def _lattice(located: pose.Pose, spacing: float) -> sitk.Image:
    """World-aligned points (LPS) over the template's brain as it lies in the image."""
    brain = template.load().brain
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in brain.GetSize()])).reshape(3, -1).T
    back = located.to_template.GetInverse()
    points = np.array([
        back.TransformPoint(brain.TransformIndexToPhysicalPoint([int(v) for v in corner]))
        for corner in corners
    ])  # fmt: skip
    low, high = points.min(axis=0), points.max(axis=0)
    grid = sitk.Image(np.ceil((high - low) / spacing).astype(int).tolist(), sitk.sitkUInt8)
    grid.SetSpacing((spacing,) * 3)
    grid.SetOrigin(low.tolist())
    return grid


def _empty(lattice: sitk.Image) -> tuple[sitk.Image, np.ndarray]:
    return lattice, np.zeros((3, *lattice.GetSize()), np.float32)


def _onto(
    field: tuple[sitk.Image, np.ndarray], lattice: sitk.Image
) -> tuple[sitk.Image, np.ndarray]:
    """A displacement on a finer lattice."""
    parts = [
        images.array(sitk.Resample(images.like(part, field[0]), lattice)) for part in field[1]
    ]
    return lattice, np.stack(parts)


def _flow(
    image: sitk.Image,
    lattice: sitk.Image,
    located: pose.Pose,
    field: tuple[sitk.Image, np.ndarray],
    window: float,
    steps: int,
) -> tuple[sitk.Image, np.ndarray]:
    """Displacements (RAS mm) after some steps of windowed optical flow."""
    value, gradient, inside, points = _seen(image, lattice)
    matrix = images.LPS @ transforms.matrix(located.to_template) @ images.LPS
    shift = field[1]
    for _ in range(steps):
        moved = points + shift.reshape(3, -1).T
        classes = pose.classes_at(moved @ matrix[:3, :3].T + matrix[:3, 3])
        residual, weight = _unexplained(value, classes, inside)
        step = _window_solution(residual, weight, gradient, lattice.GetSize(), window)
        shift = shift + step
    return lattice, shift


def _seen(image: sitk.Image, lattice: sitk.Image):
    """Values, gradients, whether the image reaches there, and where, at the lattice's points."""
    level = pose.level(image, lattice.GetSpacing()[0])
    affine = images.affine(lattice)
    index = np.indices(lattice.GetSize()).reshape(3, -1).T
    points = (index @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)
    value, gradient, inside = level.at(points)
    return value, gradient, inside, points


def _unexplained(
    value: np.ndarray, classes: np.ndarray, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Brightness that the classes do not predict, and the trust in each point's prediction."""
    known = classes * inside[:, None]
    mass = known.sum(axis=0) + 1e-6
    used = known.sum(axis=1)
    residual = value - classes @ (known.T @ value / mass)
    spread = known.T @ residual**2 / mass
    sigma2 = classes @ (spread + pose.VARIANCE_FLOOR * np.var(value[used > 0])) + 1e-9
    weight = used / sigma2 / (1 + residual**2 / (4 * sigma2))
    return residual, weight.astype(np.float32)


def _window_solution(
    residual: np.ndarray,
    weight: np.ndarray,
    gradient: np.ndarray,
    shape: tuple[int, ...],
    window: float,
) -> np.ndarray:
    """The step that explains most within a Gaussian window around each point."""

    def smooth(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values.reshape(shape), window / 2.355, truncate=3.0)

    pull = np.stack([smooth(weight * residual * gradient[:, a]) for a in range(3)], axis=-1)
    normal = np.empty((*shape, 3, 3), np.float32)
    for a in range(3):
        for b in range(a, 3):
            normal[..., a, b] = smooth(weight * gradient[:, a] * gradient[:, b])
            normal[..., b, a] = normal[..., a, b]
    lean = STIFFNESS * float((weight * (gradient**2).sum(axis=1)).mean())
    step = np.linalg.solve(normal + lean * np.eye(3, dtype=np.float32), pull[..., None])[..., 0]
    length = np.linalg.norm(step, axis=-1, keepdims=True)
    step *= np.minimum(1, LARGEST_STEP_MM / np.maximum(length, 1e-6))
    return np.moveaxis(step, -1, 0)

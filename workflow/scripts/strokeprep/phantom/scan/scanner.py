"""Simulate a scanner: grid, pose, slice profile and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from scipy import fft, ndimage

from strokeprep.phantom.head.shapes import FLIP
from strokeprep.phantom.head.vessels import Vessel, surface_distance

SLAB = 24  # slices resampled at a time, to bound memory
PADDING_HU = -1024  # outside the circle that a CT reconstructs
HOLDER_HU = 220.0
KERNEL_MM = 1.4  # half a cycle, of a soft kernel


@dataclass(frozen=True)
class Grid:
    """A voxel grid in a scanner's world (LPS); arrays on it are [z, y, x]."""

    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.size[::-1]

    @property
    def affine(self) -> np.ndarray:
        """Voxel to RAS world, as NIfTI has it."""
        affine = np.eye(4)
        affine[:3, :3] = FLIP @ np.reshape(self.direction, (3, 3)) @ np.diag(self.spacing)
        affine[:3, 3] = FLIP @ np.array(self.origin)
        return affine

    def point(self, index: Sequence[float] | np.ndarray) -> np.ndarray:
        """World point (LPS) of a continuous voxel index."""
        return np.array(self.origin) + np.reshape(self.direction, (3, 3)) @ (
            np.array(index) * self.spacing
        )

    def millimetres(self, point: np.ndarray) -> np.ndarray:
        """Coordinates (mm) of a world point (LPS) along the axes of the grid, from its first voxel."""
        return np.reshape(self.direction, (3, 3)).T @ (np.array(point) - self.origin)

    def subdivided(self, first: int, last: int, over: tuple[int, int, int]) -> Grid:
        """The finer grid that divides the voxels of slices first..last-1."""
        spacing = np.array(self.spacing) / over
        centred = -(np.array(over) - 1) / (2 * np.array(over))
        origin = self.point(centred + [0, 0, first])
        size = np.array([self.size[0], self.size[1], last - first]) * over
        return replace(
            self,
            size=tuple(int(n) for n in size),
            spacing=tuple(spacing.tolist()),
            origin=tuple(origin.tolist()),
        )

    def image(self) -> sitk.Image:
        """An empty image on this grid."""
        image = sitk.Image(self.size, sitk.sitkUInt8)
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image


def centred_grid(
    centre: Sequence[float],
    size: tuple[int, int, int],
    spacing: tuple[float, float, float],
    axes: str = "LAS",
    tilt_deg: float = 0.0,
) -> Grid:
    """A grid around an LPS point; `axes` are the directions of i, j, k, tilted about x."""
    unit = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1)}
    turn = sitk.Euler3DTransform()
    turn.SetRotation(float(np.radians(tilt_deg)), 0.0, 0.0)
    direction = np.reshape(turn.GetMatrix(), (3, 3)) @ np.array([unit[a] for a in axes], float).T
    half = (np.array(size) - 1) / 2 * spacing
    origin = np.array(centre) - direction @ half
    return Grid(size, spacing, tuple(origin.tolist()), tuple(direction.ravel().tolist()))


def pose(rotation_deg: np.ndarray, shift_mm: np.ndarray) -> sitk.Euler3DTransform:
    """A rigid transform from head points to image points (LPS), about the origin of the head."""
    rigid = sitk.Euler3DTransform()
    rigid.SetRotation(*np.radians(rotation_deg).tolist())
    rigid.SetTranslation([float(v) for v in shift_mm])
    return rigid


def sampled(
    volume: sitk.Image,
    grid: Grid,
    image_to_volume: sitk.Transform,
    over: tuple[int, int, int] = (1, 1, 1),
    outside: float = 0.0,
) -> np.ndarray:
    """A volume on a grid: each voxel is the mean of its `over` sub-voxels (float32)."""
    result = np.empty(grid.shape, np.float32)
    for first in range(0, grid.size[2], SLAB):
        last = min(first + SLAB, grid.size[2])
        fine = grid.subdivided(first, last, over).image()
        part = sitk.GetArrayFromImage(
            sitk.Resample(volume, fine, image_to_volume, sitk.sitkLinear, outside, sitk.sitkFloat32)
        )
        result[first:last] = _pooled(part, over)
    return result


def _pooled(array: np.ndarray, over: tuple[int, int, int]) -> np.ndarray:
    """Mean over blocks of over = (x, y, z) voxels."""
    x, y, z = over
    if z > 1:
        array = np.asarray(sum(array[k::z] for k in range(z))) / np.float32(z)
    if y > 1:
        array = np.asarray(sum(array[:, k::y] for k in range(y))) / np.float32(y)
    if x > 1:
        array = np.asarray(sum(array[:, :, k::x] for k in range(x))) / np.float32(x)
    return array


def nearest(volume: sitk.Image, grid: Grid, image_to_volume: sitk.Transform) -> np.ndarray:
    """A label map on a grid."""
    drawn = sitk.Resample(volume, grid.image(), image_to_volume, sitk.sitkNearestNeighbor, 0)
    return sitk.GetArrayFromImage(drawn)


def drawn(
    vessels: list[tuple[int, Vessel]], grid: Grid, head_to_image: sitk.Transform
) -> np.ndarray:
    """Tubes drawn directly on a grid: the number of the tube in which a voxel's centre is deepest."""
    label = np.zeros(grid.shape, np.uint8)
    depth = np.zeros(grid.shape, np.float32)
    for number, vessel in vessels:
        placed = vessel.mapped(
            lambda ras: grid.millimetres(head_to_image.TransformPoint(tuple(FLIP @ ras)))
        )
        tube = surface_distance(placed, grid.shape, grid.spacing, 0.0)
        if tube is None:
            continue
        box, distance = tube
        deeper = distance < depth[box]
        label[box][deeper] = number
        depth[box][deeper] = distance[deeper]
    return label


def circle(grid: Grid) -> np.ndarray:
    """The [y, x] mask of the round field of view that a CT reconstructs."""
    y, x = (
        (np.arange(n) - (n - 1) / 2) * step
        for n, step in zip(grid.size[1::-1], grid.spacing[1::-1], strict=True)
    )
    radius = min(grid.size[0] * grid.spacing[0], grid.size[1] * grid.spacing[1]) / 2
    return np.hypot(x[None], y[:, None]) <= radius


def head_holder(head: np.ndarray, grid: Grid) -> np.ndarray:
    """The [y, x] share of a curved head holder behind a head ([z, y, x] mask)."""
    radius, thickness, cushion = 104.0, 2.4, 4.0  # mm
    silhouette = np.any(head, axis=0)
    rows, columns = (np.flatnonzero(np.any(silhouette, axis=axis)) for axis in (1, 0))
    posterior = np.sign(grid.direction[4])  # +1 if j runs to posterior (LPS y)
    back = (rows[-1] if posterior > 0 else rows[0]) * grid.spacing[1]
    y = (np.arange(grid.size[1]) * grid.spacing[1] - back)[:, None] * posterior - cushion
    x = (np.arange(grid.size[0]) - columns.mean())[None] * grid.spacing[0]
    distance = np.abs(np.hypot(x, y + radius) - radius) - thickness / 2
    share = np.clip(0.5 - distance / grid.spacing[0], 0, 1) * (np.abs(x) < 80) * (y > -radius)
    clear = ~ndimage.binary_dilation(silhouette, iterations=2)
    return (share * clear).astype(np.float32)


def ct_noise(random: np.random.Generator, shape: Sequence[int], hu: float) -> np.ndarray:
    """Noise with a given standard deviation, correlated within slices (float32)."""
    noise = random.standard_normal(shape, np.float32)
    for plane in noise.reshape(-1, *shape[-2:]):
        plane[:] = ndimage.gaussian_filter(plane, 0.7, truncate=3.0)
    kernel = np.zeros((9, 9))
    kernel[4, 4] = 1
    gain = np.sqrt((ndimage.gaussian_filter(kernel, 0.7, truncate=3.0) ** 2).sum())
    return noise * np.float32(hu / gain)


def kernel_noise(random: np.random.Generator, grid: Grid, hu: float) -> np.ndarray:
    """Noise of a soft kernel, which is ``hu`` in voxels that are much finer than the kernel.

    Filtered back-projection makes its power rise with frequency, and the kernel makes it fall again
    at half a cycle per KERNEL_MM. Coarse voxels average a part of it away.
    """
    shape, spacing = grid.shape, grid.spacing
    y = np.fft.fftfreq(shape[1], spacing[1])[:, None]
    x = np.fft.rfftfreq(shape[2], spacing[0])[None]
    frequency = np.hypot(x, y)
    end = 1 / (2 * KERNEL_MM)
    power = frequency * np.exp(-((frequency / end) ** 2))
    # The integral of the power over the plane of frequencies is 1 with this divisor.
    power /= np.pi**1.5 * end**3 / 2
    gain = np.sqrt(power / (spacing[0] * spacing[1])).astype(np.float32)
    planes = random.standard_normal(shape, np.float32)
    for plane in planes:
        waves = fft.rfft2(plane) * gain
        plane[:] = fft.irfft2(waves, shape[1:])
    return planes * np.float32(hu)


def rician(random: np.random.Generator, signal: np.ndarray, sigma: float) -> np.ndarray:
    """Magnitude of a signal with complex noise."""
    real = signal + sigma * random.standard_normal(signal.shape, np.float32)
    return np.hypot(real, sigma * random.standard_normal(signal.shape, np.float32))

"""CT perfusion of a small head that is computed at every point.

No frame is a resampled copy of another, so interpolation errors do not cancel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation
from strokeprep.io import images

SHAPE, SPACING = (84, 84, 10), (2.6, 2.6, 7.0)
CENTRE = np.array([10.0, -14.0, 30.0])  # of the slab and of every turn, LPS mm
AFFINE = images.LPS @ np.array([
    [SPACING[0], 0, 0, CENTRE[0] - SPACING[0] * 41.5],
    [0, SPACING[1], 0, CENTRE[1] - SPACING[1] * 41.5],
    [0, 0, SPACING[2], CENTRE[2] - SPACING[2] * 4.5],
    [0, 0, 0, 1.0],
])  # fmt: skip
SUBSLICES = 3  # a voxel is the mean over its thickness
ARRIVAL = 5  # the first frame that holds contrast
BOLUS = np.r_[np.zeros(ARRIVAL), 40, 150, 280, 240, 160, 110, 90]


class Series(NamedTuple):
    """Frames (int16 HU) and the pose of the head in each: reference to frame points (LPS)."""

    frames: list[np.ndarray]
    matrices: np.ndarray


def pose(turns_deg=(0, 0, 0), shift_mm=(0, 0, 0)) -> np.ndarray:
    """The map from reference points to frame points (LPS), rotating about the slab's centre."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(turns_deg, degrees=True).as_matrix()
    matrix[:3, 3] = CENTRE + shift_mm - matrix[:3, :3] @ CENTRE
    return matrix


def nodding(frames: int = 12, most: float = 4.0) -> np.ndarray:
    """Poses of a head that is at rest before contrast and then nods, drifts and jumps."""
    t = np.clip(np.arange(frames) - 2, 0, None) / (frames - 3)
    jump = np.arange(frames) >= 8
    return np.array([
        pose(
            (most * np.sin(5 * s), 0.3 * most * s, -0.4 * most * s + j),
            (0.3 * most * s, -0.4 * most * s, 0.6 * most * s - 1.5 * j),
        )
        for s, j in zip(t, jump, strict=True)
    ])  # fmt: skip


def ellipsoid(p, radii, centre=(0, 0, 0)) -> np.ndarray:
    """1 inside, 0 outside, with an edge about 2 mm wide."""
    scaled = (p - np.reshape(centre, (3, 1))) / np.reshape(radii, (3, 1))
    return 1 / (1 + np.exp(np.clip((np.linalg.norm(scaled, axis=0) - 1) * min(radii), -50, 50)))


def hounsfield(p: np.ndarray, bolus_hu=0.0) -> np.ndarray:
    """Grey values at points of the head (3×N, LPS mm from its centre)."""
    grey = np.full(p.shape[1], -1000.0)
    for share, level in (
        (ellipsoid(p, (78, 93, 120), (0, 0, -25)), 40),
        (ellipsoid(p, (72, 87, 113), (0, 0, -25)), 900),
        (ellipsoid(p, (16, 14, 12), (22, -76, -22)), -950),  # a sinus full of air
        (ellipsoid(p, (66, 80, 105), (0, 0, -25)), 32 + 0.03 * bolus_hu),
        (ellipsoid(p, (22, 8, 10), (40, 20, -30)), 1000),  # the base of the skull
        (ellipsoid(p, (24, 9, 9), (-40, 24, -30)), 1000),
        (ellipsoid(p, (6, 26, 12), (-13, 4, 8)), 8),
        (ellipsoid(p, (6, 26, 12), (13, 4, 8)), 8),
        (ellipsoid(p, (30, 4, 4), (34, -12, -2)), 45 + bolus_hu),  # an artery
        (ellipsoid(p, (4, 4, 40), (0, 74, 0)), 45 + 0.7 * bolus_hu),  # a sinus full of blood
    ):
        grey += share * (level - grey)
    return grey


def frame(matrix=None, bolus_hu=0.0, noise_hu=5.0, seed=0, holder=True) -> np.ndarray:
    """A frame of the head in a pose; the holder does not move with it."""
    matrix = np.eye(4) if matrix is None else matrix
    total = np.zeros(SHAPE)
    index = np.indices(SHAPE).reshape(3, -1).astype(float)
    for part in range(SUBSLICES):
        offset = [[0], [0], [(part + 0.5) / SUBSLICES - 0.5]]
        world = (images.LPS @ AFFINE)[:3, :3] @ (index + offset) + (images.LPS @ AFFINE)[:3, 3:]
        back = np.linalg.inv(matrix)
        head = back[:3, :3] @ world + back[:3, 3:] - CENTRE[:, None]
        total += hounsfield(head, bolus_hu).reshape(SHAPE) / SUBSLICES
    if holder:
        x, y, _ = world - CENTRE[:, None]
        total[(np.abs(np.hypot(x, y - 10) - 102) + 200 * (y < 60) < 2).reshape(SHAPE)] = 300
    total += np.random.default_rng(seed).normal(0, noise_hu, SHAPE) if noise_hu else 0
    return np.rint(np.clip(total, -1024, 3071)).astype(np.int16)


def series(matrices: np.ndarray, bolus=BOLUS, noise_hu=5.0) -> Series:
    """One frame per pose."""
    frames = [
        frame(matrix, hu, noise_hu, seed)
        for seed, (matrix, hu) in enumerate(zip(matrices, bolus, strict=False))
    ]
    return Series(frames, matrices)


def error_mm(found: np.ndarray, true: np.ndarray, anchor: int = 0) -> np.ndarray:
    """Mean error over the brain per frame, with both motions relative to the same frame."""
    p = np.random.default_rng(0).uniform(-45, 45, (400, 3)) * (1, 1, 0.6) + CENTRE

    def placed(matrices):
        relative = matrices @ np.linalg.inv(matrices[anchor])
        return np.einsum("fij,nj->fni", relative[:, :3, :3], p) + relative[:, None, :3, 3]

    return np.linalg.norm(placed(found) - placed(true), axis=-1).mean(axis=1)

"""Maps of a group of patients, to which one patient after the other is added.

What is held in memory does not grow with the number of patients.
"""

from __future__ import annotations

import numpy as np

MOST = np.iinfo(np.uint16).max  # patients that a count can hold


class LesionMaps:
    """How many patients have a lesion in each voxel, and how many were seen there."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.patients = 0
        self.count, self.mirrored, self.seen = (np.zeros(shape, np.uint16) for _ in range(3))

    def add(self, lesion: np.ndarray, seen: np.ndarray | None, *, mirror: bool) -> None:
        """Add a mask, and where the scan shows the brain (None: everywhere).

        ``mirror``: the lesion counts on the other side in the map of both sides as one.
        """
        if self.patients == MOST:
            raise ValueError(f"more than {MOST} patients")
        self.patients += 1
        self.count += lesion
        self.mirrored += lesion[::-1] if mirror else lesion
        if seen is None:
            self.seen += 1
        else:
            self.seen += seen | lesion

    def merge(self, others: LesionMaps) -> None:
        """Add the patients of other maps."""
        if self.patients + others.patients > MOST:
            raise ValueError(f"more than {MOST} patients")
        self.patients += others.patients
        self.count += others.count
        self.mirrored += others.mirrored
        self.seen += others.seen

    def share(self, count: np.ndarray) -> np.ndarray:
        """A count as the share of all patients: the mean of their masks."""
        return (count / self.patients).astype(np.float32)


class ImageMaps:
    """Mean and standard deviation of images in the voxels of the brain, by Welford's method.

    Sums of squares would lose the digits of a small deviation from a large mean.
    """

    def __init__(self, inside: np.ndarray) -> None:
        self.inside, self.patients = inside, 0
        voxels = int(inside.sum())
        self.count = np.zeros(voxels, np.uint16)
        self._mean, self._squares = np.zeros(voxels), np.zeros(voxels)

    def add(self, image: np.ndarray, seen: np.ndarray | None) -> None:
        """Add an image, and where it shows the brain (None: where it is not 0)."""
        self.patients += 1
        values = image[self.inside].astype(np.float64)
        shown = values != 0 if seen is None else seen[self.inside]
        shown &= np.isfinite(values)
        self.count += shown
        off = np.where(shown, values - self._mean, 0)
        self._mean += off / np.maximum(self.count, 1)
        self._squares += np.where(shown, off * (values - self._mean), 0)

    def merge(self, others: ImageMaps) -> None:
        """Add the patients of other maps: means weigh by their numbers, and differ by ``off``."""
        self.patients += others.patients
        share = others.count / np.maximum(self.count + others.count.astype(np.float64), 1)
        off = others._mean - self._mean
        self._squares += others._squares + off * off * share * self.count
        self._mean += off * share
        self.count += others.count

    def mean(self) -> np.ndarray:
        """The mean of all images that show a voxel; 0 where none does."""
        return self._whole(self._mean.astype(np.float32))

    def sd(self) -> np.ndarray:
        """The standard deviation (of a sample: n - 1); 0 where fewer than two show a voxel."""
        variance = self._squares / np.maximum(self.count.astype(np.int64) - 1, 1)
        return self._whole(np.sqrt(variance).astype(np.float32))

    def coverage(self) -> np.ndarray:
        """How many images show each voxel."""
        return self._whole(self.count)

    def _whole(self, values: np.ndarray) -> np.ndarray:
        whole = np.zeros(self.inside.shape, values.dtype)
        whole[self.inside] = values
        return whole


def is_mirrored(mask: np.ndarray, affine: np.ndarray) -> bool:
    """Whether turning the first axis round is exact: the grid lies evenly about the middle plane."""
    first, last = affine[0, 3], affine[0, 3] + affine[0, 0] * (mask.shape[0] - 1)
    is_aligned = np.allclose(affine[0, 1:3], 0) and np.allclose(affine[1:3, 0], 0)
    return bool(is_aligned and np.isclose(first, -last, atol=1e-3))


def sides(lesion: np.ndarray, affine: np.ndarray) -> tuple[int, int]:
    """The voxels of a mask left and right of the middle plane; those on it belong to neither."""
    across = affine[0, 3] + affine[0, 0] * np.arange(lesion.shape[0])
    of_slices = np.count_nonzero(lesion, axis=(1, 2))
    return int(of_slices[across < 0].sum()), int(of_slices[across > 0].sum())

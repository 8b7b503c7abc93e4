"""How well one lesion mask agrees with another, as the ISLES challenges count it.

Three definitions of a lesion-wise F1 were published under one name, so each has a name of its own
here: ``f1_iou20`` (ISLES'24 since December 2025), ``f1_iou50`` (ISLES'24 before) and ``f1_touch``
(ISLES'22). Lesions are connected by face, edge or corner.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from strokeprep.io import labels

CONNECTED = np.ones((3, 3, 3), bool)


# What is said of a pair of masks. Volumes are in ml; avd and alcd are the absolute differences of
# volumes and of the numbers of lesions.
FIGURES = (
    *("dice", "avd_ml", "alcd", "f1_iou20", "f1_iou50", "f1_touch"),
    *("predicted_ml", "true_ml", "predicted_lesions", "true_lesions"),
)


def agreement(predicted: np.ndarray, true: np.ndarray, voxel_ml: float) -> dict[str, float]:
    """The ``FIGURES`` of two masks on one grid.

    Two empty masks agree entirely. If one is empty, nothing agrees.

    >>> empty, cube = np.zeros((4, 4, 4)), np.ones((4, 4, 4))
    >>> [agreement(each, empty, 0.001)["f1_iou20"] for each in (empty, cube)]
    [1.0, 0.0]
    """
    predicted, true = predicted > 0, true > 0
    if predicted.shape != true.shape:
        raise ValueError(f"masks of {predicted.shape} and {true.shape} voxels")
    box = labels.bounding_box(predicted | true)
    found, lesions = (ndimage.label(mask[box], CONNECTED) for mask in (predicted, true))
    overlaps = _overlaps(lesions, found)
    counts = found[1], lesions[1]
    volumes = [float(np.count_nonzero(mask)) * voxel_ml for mask in (predicted, true)]
    values = (
        labels.dice(predicted, true),
        abs(volumes[0] - volumes[1]),
        abs(counts[0] - counts[1]),
        _f1(_matched(overlaps, 0.2), *counts),
        _f1(_matched(overlaps, 0.5), *counts),
        _f1_of_touching(overlaps),
        *volumes,
        *counts,
    )
    return dict(zip(FIGURES, values, strict=True))


def _overlaps(lesions: tuple[np.ndarray, int], found: tuple[np.ndarray, int]) -> np.ndarray:
    """Intersection over union of each lesion (rows) with each that was found (columns)."""
    (one, count), (other, number) = lesions, found
    pairs = one.ravel().astype(np.int64) * (number + 1) + other.ravel()
    joint = np.bincount(pairs, minlength=(count + 1) * (number + 1)).reshape(count + 1, number + 1)
    sizes = joint.sum(axis=1)[1:, None], joint.sum(axis=0)[None, 1:]
    shared = joint[1:, 1:]
    return shared / np.maximum(sizes[0] + sizes[1] - shared, 1)


def _matched(overlaps: np.ndarray, least: float) -> int:
    """How many lesions are matched one to one, the best pairs first."""
    pairs = np.argwhere(overlaps >= least)
    order = np.argsort(-overlaps[tuple(pairs.T)], kind="stable")
    rows: set[int] = set()
    columns: set[int] = set()
    for row, column in pairs[order].tolist():
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
    return len(rows)


def _f1(matched: int, found: int, lesions: int) -> float:
    """Of matched pairs; all that is not matched is missed, or found where nothing is."""
    return 2 * matched / (lesions + found) if lesions + found else 1.0


def _f1_of_touching(overlaps: np.ndarray) -> float:
    """Of lesions that anything found touches, and of what was found and touches none."""
    lesions, found = overlaps.shape
    if not lesions + found:
        return 1.0
    hit = int((overlaps > 0).any(axis=1).sum())
    wrong = int((~(overlaps > 0).any(axis=0)).sum())
    return 2 * hit / (hit + lesions + wrong)

"""MeshNets for tests: one with random weights, one that finds what is bright; a slow forward pass."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import erf
from strokeprep.segmentation.meshnet import CHANNELS, CLASSES, DILATIONS, Weights

INPUTS = (1, *[CHANNELS] * (len(DILATIONS) - 1))  # channels that come into each layer


@cache
def drawn() -> Weights:
    """Random weights."""
    random = np.random.default_rng(0)

    def tensor(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    kernels = tuple(tensor(3, 3, 3, count, CHANNELS) for count in INPUTS)
    return Weights(kernels, tensor(CHANNELS, CLASSES), tensor(CLASSES))


def bright(threshold: float = 1.5) -> Weights:
    """Weights that call those voxels brain whose grey value, normalised, is above a threshold.

    Each layer hands the first channel on as it is, and has no others.
    """
    kernels = tuple(np.zeros((3, 3, 3, count, CHANNELS), np.float32) for count in INPUTS)
    for kernel in kernels:
        kernel[1, 1, 1, 0, 0] = 1
    classes = np.zeros((CHANNELS, CLASSES), np.float32)
    classes[0, 1] = 1
    return Weights(kernels, classes, np.array([threshold, 0], np.float32))


def reference(volume: np.ndarray, weights: Weights) -> np.ndarray:
    """The scores ``[class, z, y, x]``, by the definition of the network, in double precision."""
    size, values = len(volume), volume[..., None].astype(np.float64)
    for kernel, dilation in zip(weights.kernels, DILATIONS, strict=True):
        padded = np.pad(values, [(dilation, dilation)] * 3 + [(0, 0)])
        values = 0
        for tap in np.ndindex(3, 3, 3):
            z, y, x = (slice(step * dilation, step * dilation + size) for step in tap)
            values = values + padded[z, y, x] @ kernel[tap].astype(np.float64)
        mean, variance = values.mean(axis=(0, 1, 2)), values.var(axis=(0, 1, 2))
        values = (values - mean) / np.sqrt(variance + 1e-5)
        values = values * (1 + erf(values / np.sqrt(2))) / 2
    return np.moveaxis(values @ weights.classes.astype(np.float64) + weights.bias, -1, 0)


def write(weights: Weights, path: Path) -> Path:
    """The weights in a file as they are published."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = (*weights.kernels, weights.classes, weights.bias)
    np.concatenate([each.ravel() for each in tensors]).astype("<f4").tofile(path)
    return path

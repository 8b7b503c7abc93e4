"""Digests of raw images as the gate gives them to the privacy audit."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from strokeprep.gate import voxel_checks
from strokeprep.io import images


def raw_digests(paths: Iterable[str | Path]) -> dict[str, tuple[int, ...]]:
    """The shape of each image by the digest of its voxels."""
    opened = [(Path(path), images.open_nifti(Path(path))) for path in paths]
    return {voxel_checks.measure(nifti, path).digest: nifti.shape for path, nifti in opened}

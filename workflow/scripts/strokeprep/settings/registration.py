"""Settings of registration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strokeprep.settings.field import setting


@dataclass(frozen=True)
class RegistrationSettings:
    """How scans are brought into one space."""

    to_reference: Literal["rigid", "affine"] = setting(
        "rigid",
        "Freedom of a scan's transform to its subject's reference. One head does not change its "
        "size; affine is for scanners with wrong voxel sizes or strong DWI distortion.",
    )
    to_template: Literal["affine", "bspline", "syn"] = setting(
        "affine",
        "Freedom of the transform to the template. An affine cannot bend a lesion into healthy "
        "shape. bspline bends the brain smoothly by mutual information, the lesion left out of "
        "the cost; syn is ANTs' diffeomorphism, the lesion left out as well.",
    )

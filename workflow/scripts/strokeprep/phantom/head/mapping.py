"""The shape of a subject's head: how its points map to the MNI template."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from strokeprep.phantom.head.anatomy import lattice_image
from strokeprep.phantom.head.shapes import FLIP, Lattice

MNI_BOX = np.array([[-101.0, -131.0, -187.0], [101.0, 119.0, 95.0]])  # covered by head space


@dataclass(frozen=True)
class Mapping:
    """Head to MNI: a B-spline displacement in head space, if there is one, and then an affine.

    What a disease displaces is a second displacement, in MNI space, and acts after the affine.
    """

    affine: sitk.AffineTransform
    spline: sitk.BSplineTransform | None
    displaced: sitk.DisplacementFieldTransform | None = None

    @property
    def healthy(self) -> Mapping:
        """The same without what a disease displaces."""
        return replace(self, displaced=None)

    @property
    def transform(self) -> sitk.Transform:
        """Head points (LPS) to MNI points (LPS)."""
        return self._chain(self.spline)

    def _chain(self, first: sitk.Transform | None) -> sitk.Transform:
        """The parts that there are; ``first`` acts in head space."""
        parts = [part for part in (self.displaced, self.affine, first) if part is not None]
        return (
            parts[0] if len(parts) == 1 else sitk.CompositeTransform(parts)
        )  # the last acts first

    def on(self, lattice: Lattice) -> sitk.Transform:
        """The same mapping, with the spline tabulated on a lattice to make resampling fast."""
        if self.spline is None:
            return self.transform
        return self._chain(tabulated(spline_displacement(self.spline, lattice), lattice))

    def head_point(self, mni: np.ndarray) -> np.ndarray:
        """The head point (RAS) that maps to an MNI point (RAS)."""
        target = FLIP @ np.asarray(mni, float)
        if self.displaced is not None:
            target = _before(self.displaced, target, steps=40)
        inverse = self.affine.GetInverse()
        start = np.array(inverse.TransformPoint(tuple(target)))
        return FLIP @ (start if self.spline is None else _before(self.spline, start, steps=12))


def tabulated(displacement: np.ndarray, lattice: Lattice) -> sitk.DisplacementFieldTransform:
    """The transform of displacements (LPS mm, [z, y, x, 3]) on a lattice."""
    field = sitk.GetImageFromArray(displacement.astype(np.float64), isVector=True)
    field.CopyInformation(lattice_image(np.zeros(lattice.shape, np.uint8), lattice))
    return sitk.DisplacementFieldTransform(field)


def _before(displacement: sitk.Transform, target: np.ndarray, steps: int) -> np.ndarray:
    """The point that a displacement moves to a target; found, as the displacement varies slowly."""
    point = target
    for _ in range(steps):
        point = target - np.subtract(displacement.TransformPoint(tuple(point)), point)
    return point


def draw_mapping(random: np.random.Generator, deformation_mm: float) -> Mapping:
    """A random head shape; `deformation_mm` is the largest displacement of its warp."""
    affine = sitk.AffineTransform(3)
    # By 1.09 in each direction, the MNI brain is about 25 % larger than that of a person.
    scales = 1.09 * random.uniform(0.95, 1.05, 3)
    shear = np.eye(3) + np.triu(random.uniform(-0.03, 0.03, (3, 3)), 1)
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*random.uniform(-0.035, 0.035, 3))
    matrix = np.reshape(turn.GetMatrix(), (3, 3)) @ shear @ np.diag(scales)
    affine.SetMatrix(matrix.ravel().tolist())
    affine.SetTranslation(random.uniform(-4, 4, 3).tolist())
    knots = random.standard_normal(
        6000
    )  # always drawn, so that the stream does not depend on options
    if deformation_mm <= 0:
        return Mapping(affine, None)
    return Mapping(affine, _spline(knots, head_lattice(affine, 2.0), deformation_mm))


def head_lattice(affine: sitk.AffineTransform, spacing: float) -> Lattice:
    """The RAS lattice of head space that covers the anatomy drawn in MNI space."""
    inverse = affine.GetInverse()
    corners = [
        FLIP @ inverse.TransformPoint((-x, -y, z))
        for x in MNI_BOX[:, 0]
        for y in MNI_BOX[:, 1]
        for z in MNI_BOX[:, 2]
    ]
    low = np.floor(np.min(corners, 0) / 2) * 2
    cells = np.ceil((np.max(corners, 0) - low) / 2).astype(int)
    size = tuple(int(n) for n in cells * round(2 / spacing) + 1)
    return Lattice(tuple(low.tolist()), spacing, size)


def _spline(knots: np.ndarray, lattice: Lattice, largest_mm: float) -> sitk.BSplineTransform:
    """A B-spline over the whole lattice whose largest displacement is `largest_mm`."""
    extent = lattice.spacing * (np.array(lattice.size) - 1) + 2.0  # a margin: no edge effects
    spline = sitk.BSplineTransform(3, 3)
    low = np.array(lattice.origin) - 1.0
    spline.SetTransformDomainOrigin((-low[0] - extent[0], -low[1] - extent[1], low[2]))
    spline.SetTransformDomainPhysicalDimensions(extent.tolist())
    knot_spacing_mm = 55.0
    spline.SetTransformDomainMeshSize([int(n) for n in np.ceil(extent / knot_spacing_mm)])
    count = len(spline.GetParameters())
    spline.SetParameters(knots[:count].tolist())
    coarse = Lattice(lattice.origin, 6.0, tuple((n - 1) // 3 + 1 for n in lattice.size))
    peak = np.linalg.norm(spline_displacement(spline, coarse), axis=-1).max()
    spline.SetParameters((knots[:count] * (largest_mm / peak)).tolist())
    return spline


def spline_displacement(spline: sitk.BSplineTransform, lattice: Lattice) -> np.ndarray:
    """LPS displacement at every lattice point, [z, y, x, 3], as a tensor product of B-splines."""
    mesh = np.array(spline.GetTransformDomainMeshSize())
    step = np.array(spline.GetTransformDomainPhysicalDimensions()) / mesh
    low = np.array(spline.GetTransformDomainOrigin())
    knots = np.array(spline.GetParameters()).reshape(3, *(mesh + 3)[::-1])
    bases = []
    for dim in range(3):
        lps = lattice.axis(dim).astype(float) * (-1 if dim < 2 else 1)
        gap = (lps - low[dim])[:, None] / step[dim] - (np.arange(mesh[dim] + 3) - 1)
        bases.append(_cubic(np.abs(gap)))
    field = np.einsum("cijk,xk->cijx", knots, bases[0])
    field = np.einsum("cijx,yj->ciyx", field, bases[1])
    return np.einsum("ciyx,zi->zyxc", field, bases[2])


def _cubic(u: np.ndarray) -> np.ndarray:
    """The cubic B-spline at distance u >= 0 from its centre."""
    return np.where(u < 1, 2 / 3 - u**2 + u**3 / 2, np.clip(2 - u, 0, None) ** 3 / 6)

"""All images of a subject on one grid around the brain, for its page. Each file is read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.io import images, transforms
from strokeprep.quality.folder import Folder
from strokeprep.report import views
from strokeprep.report.plan import Images, Moved

# Fine enough to judge a millimetre by eye, coarse enough for a page of a few megabytes.
VIEW_MM = 1.5
MARGIN_MM = 15.0
POINTS = 2000
# Far enough to hold the edge of the inner table of the skull, which is an edge of the brain, too.
NEAR_MM = 12.0
# Hounsfield units of soft tissue and contrast agent.
CT_RANGE = (-100.0, 250.0)


@dataclass(frozen=True)
class Shown:
    """A registered scan on the view."""

    plan: Moved
    before: np.ndarray | None  # as the scanner placed it; None if it came on the reference's grid
    after: np.ndarray  # as released on the reference
    unstripped: np.ndarray  # as released, with skull
    seen: np.ndarray  # its field of view
    brain: np.ndarray | None


class Scene:
    """The reference of a subject and every scan registered to it."""

    def __init__(self, plan: Images, files: Folder) -> None:
        self.plan, self.files, self.root = plan, files, files.root
        self.reference = self.read(plan.image)
        self.brain_image = self.read(plan.brain)
        self.view = views.around(self.brain_image, VIEW_MM, MARGIN_MM)
        self.grey = self.on_view(self.reference, plan.modality)
        self._marked: dict[str, np.ndarray] = {}
        self.brain = self.marked(plan.brain) > 0

    def read(self, name: str) -> sitk.Image:
        """A file of the derivatives folder."""
        return self.files.image(name)

    def on_view(
        self, image: sitk.Image, modality: str, transform: sitk.Transform | None = None
    ) -> np.ndarray:
        """Grey levels of an image on the view."""
        return views.seen(image, self.view, transform, images.background(modality))

    def marked(self, name: str) -> np.ndarray:
        """The labels of a mask on the view. Each mask is resampled once."""
        if name not in self._marked:
            self._marked[name] = views.marked(self.read(name), self.view)
        return self._marked[name]

    def as_image(self, values: np.ndarray) -> sitk.Image:
        """An array of the view as an image."""
        return images.like(np.asarray(values, np.float32), self.view)

    @cached_property
    def to_template(self) -> sitk.Transform:
        """Maps points of the reference to points of the template."""
        return transforms.read(self.root / self.plan.to_template)

    @cached_property
    def from_template(self) -> sitk.Transform:
        """Maps points of the template to points of the reference."""
        return transforms.read(self.root / self.plan.from_template)

    @cached_property
    def to_template_matrix(self) -> np.ndarray:
        """The same as a matrix (LPS). A deformation is fitted by an affine map within the brain."""
        if self.to_template.IsLinear():
            return transforms.matrix(self.to_template)
        inside = np.flatnonzero(self.brain)
        inside = inside[:: max(1, len(inside) // POINTS)]
        points = np.column_stack(np.unravel_index(inside, self.brain.shape)) * VIEW_MM + np.array(
            self.view.GetOrigin()
        )
        moved = [self.to_template.TransformPoint(point.tolist()) for point in points]
        solution, *_ = np.linalg.lstsq(np.column_stack([points, np.ones(len(points))]), moved, None)
        return np.vstack([solution.T, [0, 0, 0, 1]])

    @cached_property
    def right(self) -> np.ndarray:
        """The part of the view on the right of the template's mid-plane, as a mask."""
        matrix, origin = self.to_template_matrix, np.array(self.view.GetOrigin())
        i, j, k = np.ogrid[tuple(slice(0, n) for n in self.view.GetSize())]
        row = matrix[0, :3] * VIEW_MM
        return row[0] * i + row[1] * j + row[2] * k + matrix[0, :3] @ origin + matrix[0, 3] < 0

    @cached_property
    def shown(self) -> list[Shown]:
        """Every registered scan."""
        return [self._shown(moved) for moved in self.plan.moved]

    def _shown(self, moved: Moved) -> Shown:
        native = self.read(moved.native)
        move = transforms.read(self.root / moved.transform) if moved.transform else None
        after = self.on_view(self.read(moved.on_reference), moved.modality)
        return Shown(
            moved,
            self.on_view(native, moved.modality) if move is not None else None,
            after,
            self.on_view(native, moved.modality, move) if moved.stripped else after,
            views.marked(views.field_of(native), self.view, move) > 0,
            self.marked(moved.brain) > 0 if moved.brain else None,
        )

    @cached_property
    def coarse_view(self) -> sitk.Image:
        """Every second voxel of the view."""
        return self.view[::2, ::2, ::2]

    @cached_property
    def near_brain(self) -> np.ndarray:
        """The brain and what lies close to it, on every second voxel."""
        near = ndimage.distance_transform_cdt(~self.brain[::2, ::2, ::2])
        return near * 2 * VIEW_MM <= NEAR_MM


def ranged(values: np.ndarray, modality: str) -> np.ndarray:
    """CT clipped to soft tissue and contrast agent; MR as it is."""
    if modality != "ct":
        return values
    return np.clip(values, *CT_RANGE)

"""Where a head lies in an image, by files of the scan on which it was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import SimpleITK as sitk

from strokeprep.io import images, transforms
from strokeprep.registration import location
from strokeprep.registration.location import Location
from strokeprep.segmentation.faces import Marked


class HeadFiles(NamedTuple):
    """Where the head lies in an image: brain mask and location of the head, which may be another's.

    ``to_head`` is the transform that resamples the image onto that other image.
    """

    brain: str
    located: Sequence[str]
    to_head: str | None = None

    def read(self) -> tuple[Location, Marked]:
        """The location of the image itself, and its brain."""
        place, brain = location.read(*self.located), images.read(self.brain)
        if not self.to_head:
            return place, (brain, sitk.Transform())
        onto_head = transforms.read(self.to_head).GetInverse()
        return place.of(onto_head), (brain, onto_head)

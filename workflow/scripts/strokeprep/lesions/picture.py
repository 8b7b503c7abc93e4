"""The lesions of a patient in the template: nine slices an axis, as ATLAS shows each subject."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from PIL import Image

from strokeprep.drawing import pictures
from strokeprep.drawing.palette import GREEN
from strokeprep.drawing.pictures import Layer, Scale, Slice
from strokeprep.io import images
from strokeprep.registration.template import Template

SLICES = 9
RED = (255, 48, 48)


def drawn(scan: sitk.Image, lesion: sitk.Image, template: Template) -> Image.Image:
    """Nine slices an axis of a scan on the template's grid: lesions red, the template's outline green."""
    volume = _view(scan).astype(np.float32)
    brain = _view(template.brain) > 0
    shown = volume[brain & (volume > 0)]
    low, high = np.percentile(shown, (1, 99.5)).tolist() if len(shown) else (0.0, 1.0)
    layers = [
        Layer(_view(lesion) > 0, RED, filled=True, name="lesion"),
        Layer(brain, GREEN, name="the template's brain"),
    ]
    return pictures.stack(
        [
            pictures.strip(volume, _slices(brain, axis), Scale(low, high), layers)
            for axis in range(3)
        ]
    )


def _view(image: sitk.Image) -> np.ndarray:
    """The voxels from right to left, from front to back, upwards, as pictures take them."""
    return images.array(sitk.DICOMOrient(image, "LPS"))


def _slices(brain: np.ndarray, axis: int) -> list[Slice]:
    """Nine slices of equal distance through the brain, without its ends."""
    others = tuple(each for each in range(3) if each != axis)
    there = np.flatnonzero(brain.any(axis=others))
    places = np.linspace(there[0], there[-1], SLICES + 2)[1:-1]
    return [Slice(axis, round(place)) for place in places]

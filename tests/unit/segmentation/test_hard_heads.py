"""Without a network, the brain is found in heads that are ill, in any contrast, scanned in any way.

The test run takes a few of the cases; ``FULL=1`` takes all of them.
"""

from __future__ import annotations

import os

import pytest
from strokeprep.io import images, labels
from strokeprep.phantom import heads
from strokeprep.registration import location
from strokeprep.segmentation import brains
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import BRAINS

LEAST_DICE = 0.92
# One of each: a contrast, a disease, a technique.
FEW = (
    "old infarct, T2w 6.5 mm",
    "haematoma, NCCT",
    "swollen infarct, DWI stripped",
    "child, T1w sagittal",
    "frame, T1w gadolinium",
)
CHOSEN = heads.CASES if os.environ.get("FULL") == "1" else FEW


@pytest.mark.slow
@pytest.mark.parametrize("name", CHOSEN)
def test_the_brain_of_a_hard_head_is_found(name):
    made = heads.case(name, 1)
    place = location.locate(made.image, made.modality, name)
    request = Request(made.image, made.modality, name, location=place)
    mask, _ = brains.mask(request, BRAINS["template"])
    assert labels.dice(images.array(mask) > 0, made.brain) > LEAST_DICE

"""A scan is classified as the same head, the same head flipped, or another head."""

from __future__ import annotations

import heads
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from strokeprep.io import images, transforms
from strokeprep.registration import linear, mirror
from strokeprep.registration.mirror import Likeness
from strokeprep.settings.limits import FAIL, LIMITS, PASS, WARN

# What the limit says of a scan of the same head, of a flipped one, and of one of another head.
SAME, FLIPPED, UNLIKE = PASS, FAIL, WARN

SMALL = {"shape": (72, 84, 44), "spacing": (3.0, 3.0, 4.5)}


def person(contrast: str, seed: int) -> heads.Head:
    """A head whose brain has individual folds, the same in every contrast."""
    plain = heads.head(contrast, seed=seed, **SMALL)
    noise = np.random.default_rng(seed).normal(size=SMALL["shape"])
    folds = ndimage.gaussian_filter(noise, 1.6)
    folds = np.where(folds > 0, 1, -1)
    data = images.array(plain.image).astype(np.int16)
    step = {"ct": 25, "t1": -250}[contrast]
    data[plain.brain] += (folds[plain.brain] * step).astype(np.int16)
    return plain._replace(image=images.like(data, plain.image))


@pytest.fixture(scope="module")
def compared() -> dict[str, Likeness]:
    """A CT compared with the MR of the same person, unchanged and flipped."""
    ct = person("ct", 1)
    brain = images.like(ct.brain.astype(np.uint8), ct.image)
    same = person("t1", 1).image
    to_template = transforms.linear(np.linalg.inv(transforms.matrix(heads.TO_TEMPLATE)))
    # The pose that registration finds for a flipped scan: but for its folds the head is symmetric.
    turned = transforms.linear(LEFT_IS_RIGHT @ mirror.across(to_template))
    pairs = {
        SAME: (same, transforms.linear(np.eye(4))),
        FLIPPED: (flipped(same), turned),
    }
    reference = mirror.Reference(linear.Reference.of(ct.image, brain), to_template)
    return {
        name: mirror.compare(reference, moving, found) for name, (moving, found) in pairs.items()
    }


LEFT_IS_RIGHT = np.diag([-1.0, 1, 1, 1])


def flipped(image: sitk.Image) -> sitk.Image:
    """The same voxels in a world where left is right."""
    return images.from_array(images.array(image), LEFT_IS_RIGHT @ images.affine(image))


def verdict_of(likeness: Likeness) -> str:
    return LIMITS["mirror_ratio"].verdict(likeness.ratio)


@pytest.mark.slow
@pytest.mark.parametrize("verdict", [SAME, FLIPPED])
def test_an_unchanged_and_a_flipped_scan_are_told_apart(compared, verdict):
    assert verdict_of(compared[verdict]) == verdict, compared


def test_flipping_a_scan_inverts_the_ratio(compared):
    assert compared[FLIPPED].ratio == pytest.approx(1 / compared[SAME].ratio, rel=0.1)


@pytest.mark.parametrize(
    ("direct", "mirrored", "verdict"),
    [
        # measured on synthetic patients: CTA and DWI on their own NCCT
        (0.418, 0.280, SAME),
        (0.240, 0.196, SAME),
        (0.196, 0.240, FLIPPED),
        # CTA and T1w on another patient's
        (0.195, 0.201, UNLIKE),
        (0.161, 0.166, UNLIKE),
        (0.142, 0.144, UNLIKE),
    ],
)
def test_the_ratio_decides_the_verdict(direct, mirrored, verdict):
    assert verdict_of(Likeness(direct, mirrored)) == verdict

"""A head is told from its mirror image; another head is told from neither."""

from __future__ import annotations

import heads
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from strokeprep.io import images, transforms
from strokeprep.registration import mirror
from strokeprep.registration.mirror import FLIPPED, SAME, UNLIKE, Likeness

SMALL = {"shape": (72, 84, 44), "spacing": (3.0, 3.0, 4.5)}


def person(contrast: str, seed: int) -> heads.Head:
    """A head whose brain has folds of its own, the same ones in every contrast."""
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
    """One CT, and beside it the MR of the same person, as it is and flipped."""
    ct = person("ct", 1)
    brain = images.like(ct.brain.astype(np.uint8), ct.image)
    same = person("t1", 1).image
    to_template = transforms.linear(np.linalg.inv(transforms.matrix(heads.TO_TEMPLATE)))
    # What registration finds of a flipped scan: the head is symmetric but for its folds.
    turned = transforms.linear(LEFT_IS_RIGHT @ mirror.across(to_template))
    pairs = {
        SAME: (same, transforms.linear(np.eye(4))),
        FLIPPED: (flipped(same), turned),
    }
    reference = mirror.Reference(ct.image, brain, to_template)
    return {
        name: mirror.compare(reference, moving, found) for name, (moving, found) in pairs.items()
    }


LEFT_IS_RIGHT = np.diag([-1.0, 1, 1, 1])


def flipped(image: sitk.Image) -> sitk.Image:
    """The same voxels in a world where left is right."""
    return images.from_array(images.array(image), LEFT_IS_RIGHT @ images.affine(image))


@pytest.mark.parametrize("verdict", [SAME, FLIPPED])
def test_the_verdict_is_right(compared, verdict):
    assert compared[verdict].verdict == verdict, compared


def test_a_flip_exchanges_scan_and_mirror_image(compared):
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
def test_another_head_is_as_unlike_as_a_mirror_image(direct, mirrored, verdict):
    assert Likeness(direct, mirrored).verdict == verdict

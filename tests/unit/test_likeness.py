"""A head is told from its mirror image; another head is told from neither."""

from __future__ import annotations

import heads
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from strokeprep import images, likeness, transforms
from strokeprep.likeness import FLIPPED, SAME, UNLIKE, Likeness

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
    flipped = likeness.mirror_image(same)
    # What registration would have found: the head is symmetric but for its folds.
    across = images.LPS @ np.diag([-1.0, 1, 1, 1]) @ images.LPS
    turned = transforms.linear(across @ mirror_plane(ct.image))
    start = sitk.Transform(3, sitk.sitkIdentity)
    pairs = {SAME: (same, start), FLIPPED: (flipped, turned)}
    return {
        name: likeness.compare(ct.image, moving, brain, found)
        for name, (moving, found) in pairs.items()
    }


def mirror_plane(image: sitk.Image) -> np.ndarray:
    """The reflection (LPS) that leaves the simulated head as it is, but for its folds."""
    to_template = transforms.matrix(heads.TO_TEMPLATE)
    return np.linalg.inv(to_template) @ np.diag([-1.0, 1, 1, 1]) @ to_template


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


def test_a_mirror_image_has_the_same_voxels_and_is_its_own_mirror_image():
    image = person("ct", 1).image
    mirrored = likeness.mirror_image(image)
    assert np.array_equal(images.array(mirrored), images.array(image))
    again = images.affine(likeness.mirror_image(mirrored))
    assert np.allclose(again, images.affine(image), atol=1e-4)
    turned = np.linalg.det(images.affine(mirrored)) * np.linalg.det(images.affine(image))
    assert turned < 0

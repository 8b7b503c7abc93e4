"""Tilted and uneven slices end up where the head is."""

from __future__ import annotations

import exports
import numpy as np
import pytest
from strokeprep.intake.reading import geometry, voxels
from strokeprep.io import images

CENTRES = np.array([[-30.0, 25.0, 40.0], [35.0, -20.0, -35.0], [0.0, 5.0, 0.0]])
WIDTH_MM = 7.0


def blobs(points: np.ndarray) -> np.ndarray:
    """Bright blobs at known places (LPS), in air."""
    near = [
        np.exp(-((points - centre[:, None, None]) ** 2).sum(0) / (2 * WIDTH_MM**2))
        for centre in CENTRES
    ]
    return -1000 + 2000 * np.sum(near, axis=0)


def centre_of(back: voxels.Volume, near: np.ndarray) -> np.ndarray:
    """The middle of the blob near a point (LPS)."""
    places = np.moveaxis(np.indices(back.array.shape), 0, -1)
    points = (places @ back.affine[:3, :3].T + back.affine[:3, 3]) * (-1, -1, 1)
    weight = np.clip(back.array + 1000.0, 0, None) * (
        np.linalg.norm(points - near, axis=-1) < 3.2 * WIDTH_MM
    )
    return (points * weight[..., None]).sum((0, 1, 2)) / weight.sum()


@pytest.mark.parametrize("degrees", [18.0, -18.0])
@pytest.mark.parametrize("maker", exports.MAKERS)
def test_a_tilt_of_either_sign_leaves_everything_in_its_place(degrees, maker, tmp_path):
    planes = exports.tilted(degrees, (36, 44, 42), (4.0, 4.0, 4.0), blobs)
    exports.write(tmp_path, exports.series(exports.study(maker)), [planes])
    (stack,) = exports.read(tmp_path)
    assert stack.grid.tilt_degrees == pytest.approx(18)
    back = stack.volume()
    images.check_affine(back.affine, "image")  # no shear is left
    for centre in CENTRES:
        assert np.linalg.norm(centre_of(back, centre) - centre) < 0.1


def test_tilted_slices_at_two_distances_are_evened(tmp_path):
    planes = exports.tilted(-12.0, (48, 52, 60), (3.0, 3.0, 2.5), blobs)
    exports.write(tmp_path, exports.series(), [planes[:30] + planes[31::2]])
    (stack,) = exports.read(tmp_path)
    assert stack.grid.regularity == "uneven" and stack.faults == ()
    back = stack.volume()
    for centre in CENTRES:
        assert np.linalg.norm(centre_of(back, centre) - centre) < 0.15


def grid(heights) -> geometry.Grid:
    positions = np.outer(heights, (0.0, 0.0, 1.0))
    return geometry.Grid(8, 8, (1.0, 1.0), np.eye(3)[0], np.eye(3)[1], positions)


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([5.0] * 8, "even"),
        ([5.0, 5.04, 4.96, 5.0], "even"),
        ([5.0, 5.0, 10.0, 5.0, 5.0], "lost"),
        ([5.0, 5.0, 15.0, 5.0, 5.0], "lost"),
        ([2.5, 2.5, 2.5, 2.5, 5.0, 5.0, 5.0, 5.0], "uneven"),
        ([4.0, 4.0, 4.0, 1.1, 7.0, 7.0, 7.0], "uneven"),
    ],
)
def test_a_lost_slice_is_told_from_a_protocol_of_two_distances(steps, found):
    assert grid(np.cumsum([0.0, *steps])).regularity == found


def test_the_finest_distance_is_one_that_the_protocol_keeps():
    assert geometry.finest_step(grid(np.cumsum([0, 4, 4, 4, 1.1, 7, 7, 7]))) == pytest.approx(4)


def test_slices_that_leave_their_line_are_a_fault(tmp_path):
    planes = exports.frames()
    moved = list(planes[0])
    moved[9] = exports.replace(moved[9], position=moved[9].position + (0.0, 4.0, 0.0))
    exports.write(tmp_path, exports.series(), [moved])
    (stack,) = exports.read(tmp_path)
    assert stack.faults == ("its slices do not follow one another in a straight line",)

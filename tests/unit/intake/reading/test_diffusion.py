"""Images in several directions become the trace, if the directions allow it."""

from __future__ import annotations

import exports
import numpy as np
import pytest
from strokeprep.intake import plan, studies
from strokeprep.intake.reading import comparison, diffusion

AXES = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]
UNEVEN = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.1, 0.995, 0.0)]
ECHO = {"ScanningSequence": "EP", "EchoTime": "80", "RepetitionTime": "5000"}
SHAPE = (12, 14, 16)


def tensors():
    """A tensor for each voxel (10^-3 mm2/s), and its images at b = 1000."""
    random = np.random.default_rng(3)
    factor = random.normal(0, 0.5, (*SHAPE, 3, 3))
    return np.einsum("...ab,...cb->...ac", factor, factor)


def weighted(tensor, direction):
    return np.rint(2000 * np.exp(-np.einsum("a,...ab,b", direction, tensor, direction)))


def write(folder, directions, maker="siemens", **changes):
    """b = 0 and an image in each direction, in one series."""
    of, tensor = exports.study(maker, "MR"), tensors()
    images = [np.full(SHAPE, 2000.0), *(weighted(tensor, np.array(each)) for each in directions)]
    for index, (image, direction) in enumerate(zip(images, [None, *directions], strict=True)):
        tags = {**ECHO, "DiffusionBValue": 1000.0 if direction else 0.0}
        private = {}
        if direction and maker == "siemens":
            private = {(0x0019, 0x0010): ("LO", "SIEMENS MR HEADER")}
            private[0x0019, 0x100E] = ("FD", list(direction))
        elif direction and maker == "ge":
            private = {(0x0019, 0x0010): ("LO", "GEMS_ACQU_01")}
            private |= {
                (0x0019, 0x10BB + axis): ("DS", f"{direction[axis]:.6f}") for axis in range(3)
            }
        elif direction and maker == "philips":
            private = {(0x2005, 0x0010): ("LO", "Philips MR Imaging DD 001")}
            private |= {(0x2005, 0x10B0 + axis): ("FL", direction[axis]) for axis in range(3)}
        elif direction:
            tags["DiffusionGradientOrientation"] = list(direction)
        made = exports.series(
            of,
            "ep2d diff",
            image_type=("ORIGINAL", "PRIMARY", "DIFFUSION"),
            tags=tags,
            private_tags=private,
            **changes,
        )
        exports.slices.write(
            folder / f"{index}", made, exports.frames(image.astype(np.int16)), first=100 * index + 1
        )
    return tensor


def converted(folder):
    (study,) = studies.read([folder]).studies
    return {row.kind: row for row in plan.of_study(study, "01", "01").rows}


@pytest.mark.parametrize("maker", ["siemens", "ge", "philips", "canon"])
def test_the_geometric_mean_of_three_directions_is_the_trace(maker, tmp_path):
    tensor = write(tmp_path, AXES, maker)
    rows = converted(tmp_path)
    assert (rows["b0"].decision, rows["trace"].decision) == ("convert", "convert")
    made = rows["trace"].stack.volume()
    expected = 2000 * np.exp(-np.trace(tensor, axis1=-2, axis2=-1) / 3)
    bright = expected > 100  # stored values are whole numbers
    assert made.array.shape == SHAPE
    assert np.allclose(made.array[bright], expected[bright], rtol=0.03)
    assert comparison.unlike(rows["trace"].stack, made) == []


def test_directions_in_a_file_of_many_frames_become_the_trace(tmp_path):
    tensor, told = tensors(), [(0.0, 0.0, 0.0), *AXES]
    images = np.stack([weighted(tensor, np.array(each)) for each in told], axis=3)
    made = exports.series(exports.study(modality="MR"), "ep2d diff")
    exports.enhanced(
        tmp_path / "all", made, exports.slices.planes(images, exports.affine(), range(4))
    )

    def as_mr(dataset):
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
        for index, each in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            direction = told[index // SHAPE[2]]
            gradient = exports.group(DiffusionGradientOrientation=list(direction))
            each.MRDiffusionSequence = [
                exports.group(
                    DiffusionBValue=1000.0 * any(direction),
                    DiffusionGradientDirectionSequence=[gradient],
                )
            ]
            each.MREchoSequence = [exports.group(EffectiveEchoTime=80.0)]
        dataset.EchoPlanarPulseSequence = "YES"

    exports.edit(tmp_path, as_mr)
    rows = converted(tmp_path)
    assert (rows["b0"].decision, rows["trace"].decision) == ("convert", "convert")
    assert len(rows["trace"].stack.directions) == 3
    assert np.array_equal(rows["b0"].stack.volume().array, images[..., 0])


def test_a_mean_that_is_not_that_of_its_slices_is_known(tmp_path):
    write(tmp_path, AXES)
    row = converted(tmp_path)["trace"]
    made = row.stack.volume()
    assert comparison.unlike(row.stack, made._replace(array=made.array * 1.01))


def test_directions_that_are_not_evenly_spread_wait(tmp_path):
    write(tmp_path, UNEVEN)
    row = converted(tmp_path)["trace"]
    assert row.decision == "wait" and "not evenly spread" in row.role.lacks[0]


def test_a_direction_that_lost_a_slice_waits(tmp_path):
    write(tmp_path, AXES)
    (tmp_path / "2" / "IM00205").unlink()
    row = converted(tmp_path)["trace"]
    assert row.decision == "wait" and "was lost" in row.role.lacks[0]


def test_one_direction_alone_is_no_trace(tmp_path):
    write(tmp_path, AXES[:1])
    assert "trace" not in converted(tmp_path)


def test_the_scanner_s_own_trace_is_taken_rather_than_our_mean(tmp_path):
    write(tmp_path, AXES)
    made = exports.series(
        exports.study("siemens", "MR"),
        "ep2d diff TRACEW",
        number=3,
        image_type=("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"),
        tags={**ECHO, "DiffusionBValue": 1000.0},
    )
    exports.write(tmp_path / "trace", made, exports.frames(np.full(SHAPE, 700, np.int16)))
    (study,) = studies.read([tmp_path]).studies
    taken = plan.of_study(study, "01", "01").converted
    assert [row.stack.number for row in taken if row.kind == "trace"] == [3]


@pytest.mark.parametrize(("count", "even"), [(6, True), (12, True), (2, False)])
def test_directions_are_judged_by_their_spread(count, even):
    golden = (1 + 5**0.5) / 2
    corners = [(0, 1, golden), (0, 1, -golden), (1, golden, 0), (1, -golden, 0), (golden, 0, 1)]
    corners.append((-golden, 0, 1))
    units = [tuple(np.array(each) / np.linalg.norm(each)) for each in corners]
    assert diffusion.are_evenly_spread((units * 2)[:count]) is even

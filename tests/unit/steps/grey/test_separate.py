"""The images of a diffusion series, each as a file of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.settings.study import IntensitySettings
from strokeprep.steps.grey.separate import separate

B = 1000.0
SETTINGS = IntensitySettings(b_value=B)


@pytest.fixture
def volumes() -> tuple[np.ndarray, np.ndarray]:
    """b0 and trace of a head in air."""
    random = np.random.default_rng(4)
    fluid = random.random((24, 24, 10)) < 0.15
    head = np.zeros(fluid.shape, bool)
    head[3:-3, 3:-3, 1:-1] = True
    b0 = np.where(fluid, 1000, random.normal(400, 40, fluid.shape)) * head
    trace = b0 * np.exp(-B * 1e-6 * np.where(fluid, 3000, 800))
    return b0, trace


def parts(folder: Path, *frames: np.ndarray, b_values: str = "", sidecar: dict | None = None):
    """b0, trace and the trace's sidecar of a series."""
    series = folder / "dwi.nii.gz"
    images.write_array(np.stack(frames, -1).astype(np.float32), np.diag([2.0, 2, 4, 1]), series)
    weights, metadata = folder / "dwi.bval", folder / "dwi.json"
    weights.write_text(b_values)
    metadata.write_text(json.dumps(sidecar or {}))
    made = [str(folder / f"{name}.nii.gz") for name in ("b0", "trace")]
    given = [str(weights) if b_values else None, str(metadata) if sidecar else None]
    separate(str(series), *given, *made, SETTINGS)
    b0, trace = (images.array(images.read(path)) for path in made)
    return b0, trace, json.loads((folder / "trace.json").read_text())


@pytest.mark.parametrize("first", [0, 1])
def test_the_order_of_b0_and_dwi_in_one_file_does_not_matter(tmp_path, volumes, first):
    frames = volumes if first == 0 else volumes[::-1]
    b0, trace, about = parts(tmp_path, *frames)
    assert b0 == pytest.approx(volumes[0], rel=1e-5) and trace == pytest.approx(
        volumes[1], rel=1e-5
    )
    assert about["DiffusionBValue"] == B


def test_two_volumes_alike_are_refused(tmp_path, volumes):
    with pytest.raises(StrokeprepError, match="not clear which"):
        parts(tmp_path, volumes[0], volumes[0] * 1.01)


def test_more_volumes_need_b_values(tmp_path, volumes):
    with pytest.raises(StrokeprepError, match="3 volumes without b-values"):
        parts(tmp_path, *volumes, volumes[1])


def test_directions_become_their_geometric_mean(tmp_path, volumes):
    b0, trace = volumes
    directions = [trace * 0.8, trace * 1.25, trace]
    found = parts(tmp_path, b0, *directions, b0, b_values="0 995 1000 1005 5")
    assert found[0] == pytest.approx(b0, rel=1e-5)
    assert found[1] == pytest.approx(trace, rel=1e-4)
    assert found[2]["DiffusionBValue"] == 1000


def test_b_values_that_contradict_the_voxels_are_refused(tmp_path, volumes):
    with pytest.raises(StrokeprepError, match="look like the weighted ones"):
        parts(tmp_path, *volumes, b_values="1000 0")


def test_as_many_b_values_as_volumes_are_needed(tmp_path, volumes):
    with pytest.raises(StrokeprepError, match="3 b-values for 2 volumes"):
        parts(tmp_path, *volumes, b_values="0 1000 1000")


def test_a_weighting_that_cannot_be_is_refused(tmp_path, volumes):
    b0, trace = volumes
    with pytest.raises(StrokeprepError, match="median diffusivity"):
        parts(tmp_path, b0, trace * 0.1, b_values="0 1000")


def test_the_sidecar_of_the_series_goes_on(tmp_path, volumes):
    *_, about = parts(tmp_path, *volumes, b_values="0 1000", sidecar={"EchoTime": 0.08})
    assert about == {"EchoTime": 0.08, "DiffusionBValue": 1000.0}

"""The curves that a page holds are those of the cells that its slices show."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from perfused_heads import head
from strokeprep.io import images
from strokeprep.io.whole import write_text
from strokeprep.perfusion import pipeline
from strokeprep.quality.folder import Folder
from strokeprep.report import plan
from strokeprep.report.pages import page
from strokeprep.report.sections import perfusion, viewer
from strokeprep.settings.perfusion import AUTOMATIC, PerfusionSettings
from strokeprep.steps.perfused import curves as cells_file

SETTINGS = PerfusionSettings()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A series whose maps were computed: the plan of its page, the files and the cells."""
    root, series = tmp_path_factory.mktemp("ctp"), head()
    whole = (slice(0, None),) * 3
    x = series.affine[0, 0] * np.arange(series.brain.shape[0]) + series.affine[0, 3]
    right = np.broadcast_to(x[:, None, None], series.brain.shape)
    slab = pipeline.Slab(series, whole, series.brain.shape, series.affine, right)
    done = pipeline.mapped(slab, pipeline.vessels(slab, SETTINGS, AUTOMATIC), SETTINGS)
    cells_file.write(done, SETTINGS, root / "cells.npz")
    images.write_array(done.maps["cbf"], series.affine, root / "cbf.nii.gz")
    rows = [f"{n}\t{value:.2f}\tn/a" for n, value in enumerate(done.vessels.aif)]
    write_text("\n".join(["time\taif\tvof", *rows]) + "\n", root / "vessels.tsv")
    about = plan.Perfused(
        "1",
        "",
        "vessels.tsv",
        "",
        "",
        {"cbf": "cbf.nii.gz"},
        {},
        {},
        "",
        plan.Beside(root / "cells.npz"),
    )
    files = Folder(root)
    return viewer.curves(about, files, perfusion.sight(about, files)), cells_file.read(
        about.beside.cells
    )


def unpacked(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<i2")


def test_a_place_leads_to_the_curve_that_was_measured_there(made):
    content, cells = made[0].content, made[1]
    shown = unpacked(content["numbers"]).reshape(content["shape"])
    index = np.argwhere(shown >= 0)[7]
    number = shown[tuple(index)]
    curve = unpacked(content["tissue"]).reshape(-1, len(content["time"]))[number] * content["step"]
    (own,) = np.flatnonzero(np.all(cells.index == index, axis=1))
    np.testing.assert_allclose(curve, cells.curves[own], atol=content["step"])
    entry, amplitude, offset = content["fits"][number]
    shape = unpacked(content["shapes"]).reshape(-1, len(content["time"]))[entry] / viewer.MOST
    fit = cells.offset[own] + cells.amplitude[own] * cells.shapes[cells.entry[own]]
    np.testing.assert_allclose(offset + amplitude * shape, fit, atol=0.05)


def test_a_page_without_a_vein_is_whole(made):
    html = page.html("a page", [], [], curves=made[0])
    content = html.split('application/json">')[1].split("</script>")[0]
    assert [each["name"] for each in json.loads(content)["vessels"]] == ["artery, as used"]

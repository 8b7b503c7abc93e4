"""The curves that a page holds are those of the cells that its slices show."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from perfused_heads import head, two_sided_head
from strokeprep.io import images
from strokeprep.io.whole import write_text
from strokeprep.perfusion import pipeline
from strokeprep.quality.folder import Folder
from strokeprep.report import plan
from strokeprep.report.pages import page
from strokeprep.report.sections import perfusion, viewer
from strokeprep.settings.perfusion import AUTOMATIC, PerfusionSettings
from strokeprep.steps.perfused import curves as cells_file
from strokeprep.steps.perfused import inputs

SETTINGS = PerfusionSettings()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return on_page(tmp_path_factory.mktemp("ctp"), head(), SETTINGS)


def on_page(root, series, settings):
    """What the page holds of a series whose maps were computed, and its cells."""
    whole = (slice(0, None),) * 3
    x = series.affine[0, 0] * np.arange(series.brain.shape[0]) + series.affine[0, 3]
    right = np.broadcast_to(x[:, None, None], series.brain.shape)
    slab = pipeline.Slab(series, whole, series.brain.shape, series.affine, right, series.affine[:3])
    found = pipeline.search(slab, settings, AUTOMATIC)
    local = pipeline.local_inputs(slab, found, settings)
    done = pipeline.mapped(slab, found.vessels, settings, local)
    cells_file.write(done, settings, root / "cells.npz")
    images.write_array(done.maps["cbf"], series.affine, root / "cbf.nii.gz")
    own = {inputs.column(each.territory): each.vessels.aif for each in done.own_inputs}
    curves = np.stack([done.vessels.aif, *own.values()], axis=1)
    rows = [
        "\t".join([f"{n}", "n/a", *(f"{hu:.2f}" for hu in row)]) for n, row in enumerate(curves)
    ]
    write_text(
        "\n".join(["\t".join(["time", "vof", "aif", *own]), *rows]) + "\n", root / "vessels.tsv"
    )
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
    assert "inputs" not in json.loads(content)


@pytest.fixture(scope="module")
def of_territories(tmp_path_factory):
    """The same of a head whose right side has an artery of its own."""
    settings = replace(SETTINGS, vessels=replace(SETTINGS.vessels, inputs="local"))
    return on_page(tmp_path_factory.mktemp("own"), two_sided_head(3.0, 1.5), settings)


def test_a_place_has_the_artery_of_its_territory_beside_that_of_the_whole_brain(of_territories):
    content, cells = of_territories[0].content, of_territories[1]
    whole, right = content["inputs"]
    assert whole is None and right["name"] == "input, right carotid"
    assert content["vessels"][0]["name"] == "input, whole brain"
    shown = unpacked(content["numbers"]).reshape(content["shape"])
    for index in np.argwhere(shown >= 0)[::17]:
        x = (cells.affine @ [*index, 1])[0]
        if abs(x) > 12:
            assert content["input"][shown[tuple(index)]] == (x > 0)
    fit = cells.offset[:, None] + cells.amplitude[:, None] * cells.shapes[cells.entry]
    assert np.median((cells.curves - fit).std(1)) == pytest.approx(4 / 3, rel=0.2)

"""A backend says itself what it needs, before any of its code is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from strokeprep.report import methods
from strokeprep.settings import backends
from strokeprep.settings.backends import BACKENDS, BRAINS, FACES, MODELS, Backend, NetworkSettings

MODALITIES = ("ct", "mr")
ALL = [
    pytest.param(backend, id=f"{section}-{name}")
    for section, table in BACKENDS.items()
    for name, backend in table.items()
]


@pytest.mark.parametrize(
    ("backend", "modality", "fast", "wanted"),
    [
        (BRAINS["template"], "ct", True, ()),
        (BRAINS["hd-bet"], "mr", False, ("hd-bet",)),
        (BRAINS["hd-bet"], "mr", True, ("hd-bet",)),
        (BRAINS["totalsegmentator"], "ct", True, ("total-fast",)),
        (BRAINS["totalsegmentator"], "ct", False, ("total-crop", "total-head")),
        (BRAINS["mindgrab"], "ct", True, ("mindgrab",)),
        (BRAINS["totalsegmentator"], "mr", False, ("total-mr-fast", "total-mr-head")),
        (FACES["totalsegmentator"], "mr", True, ("total-mr-fast",)),
        (FACES["totalsegmentator-face"], "mr", True, ("face-mr",)),
        (FACES["none"], "ct", True, ()),
    ],
)
def test_a_backend_says_which_models_it_needs(backend, modality, fast, wanted):
    assert backend.weights(modality, fast) == wanted


@pytest.mark.parametrize("backend", ALL)
def test_a_network_has_weights_for_every_modality_that_it_serves_and_all_are_known(backend):
    for modality in MODALITIES:
        for fast in (True, False):
            needed = backend.weights(modality, fast)
            assert set(needed) <= set(MODELS)
            assert bool(needed) == (backend.is_network and modality in backend.modalities)


@pytest.mark.parametrize("backend", ALL)
def test_what_a_backend_cites_is_in_the_bibliography(backend):
    assert set(backend.cites) <= set(methods.bibliography())


def test_what_was_trained_on_mr_alone_cannot_be_chosen_for_ct():
    assert "hd-bet" in backends.choices("brain", "mr")
    assert "hd-bet" not in backends.choices("brain", "ct")
    assert "totalsegmentator" in backends.choices("brain", "ct")


def test_an_answer_depends_on_its_own_options_and_not_on_where_the_network_runs():
    models = NetworkSettings(mirroring=True, device="cuda", folder="here", fast=False)
    assert models.affecting(BRAINS["hd-bet"]) == {"mirroring": True}
    assert models.affecting(BRAINS["totalsegmentator"]) == {}


def test_the_code_of_a_backend_is_loaded_when_it_runs():
    assert Backend("join", "posixpath:join").run("a", "b") == "a/b"
    with pytest.raises(ValueError, match="runs nothing"):
        FACES["none"].run()


def test_asking_needs_only_the_standard_library():
    program = "import sys; from strokeprep.settings import backends; print(*sys.modules)"
    library = str(Path(backends.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": library},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert not {"numpy", "torch", "SimpleITK", "nibabel", "yaml"} & loaded
    assert not any(name.startswith("strokeprep.segmentation") for name in loaded)

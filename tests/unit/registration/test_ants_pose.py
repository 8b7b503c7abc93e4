"""ANTs gives an opinion of its own on where a head lies in the template."""

from __future__ import annotations

import tempfile

import pytest
from heads import head
from strokeprep.io import images, transforms
from strokeprep.registration import template
from strokeprep.registration.head import ants_pose

MODALITY = {"ct": "ct", "t1": "mr"}


@pytest.fixture(scope="module", params=MODALITY)
def opinion(request):
    made = head(request.param)
    return made, MODALITY[request.param]


@pytest.mark.slow
def test_the_template_s_brain_lies_on_the_head_s_brain(opinion):
    made, modality = opinion
    found = ants_pose.affine_to_template(made.image, modality)
    brain = transforms.resample(template.load().brain, made.image, [found], transforms.NEAREST)
    inside = images.array(brain) > 0
    assert 2 * (inside & made.brain).sum() / (inside.sum() + made.brain.sum()) > 0.93


@pytest.mark.slow
def test_the_same_head_gives_the_same_opinion_and_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = head("t1")
    first, second = (ants_pose.affine_to_template(made.image, "mr") for _ in range(2))
    assert first.GetParameters() == second.GetParameters()
    assert list(tmp_path.iterdir()) == []

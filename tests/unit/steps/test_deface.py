"""A released image says whether it shows the brain alone."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from strokeprep.bids import sidecars
from strokeprep.kinds import KINDS
from strokeprep.quality import defacing
from strokeprep.settings.study import TemplateSettings
from strokeprep.steps import deface, resample

T1W = KINDS["t1w"]


@pytest.fixture
def files(tmp_path) -> dict[str, str]:
    """A raw scan, a face mask and the names of what is made of them."""
    made = {name: str(tmp_path / f"{name}.nii.gz") for name in ("raw", "mask", "target", "moved")}
    for name, values in (("raw", np.int16([7])), ("mask", np.uint8([0]))):
        nib.save(nib.Nifti1Image(np.tile(values, (4, 5, 6)), np.diag([2, 2, 3, 1])), made[name])
    return made | {"sidecar": str(tmp_path / "raw.json"), "seen": str(tmp_path / "mask.json")}


@pytest.mark.parametrize(
    ("shows", "stripped"),
    [(defacing.STRIPPED, True), (defacing.WHOLE, False), (defacing.DEFACED, False)],
)
def test_what_was_seen_of_a_scan_tells_whether_its_image_is_stripped(files, shows, stripped):
    with open(files["seen"], "w") as sidecar:
        json.dump({"Metrics": {"Shows": shows}}, sidecar)
    about = deface.image(files["raw"], None, files["mask"], files["target"], kind=T1W)
    assert about["SkullStripped"] is stripped


@pytest.mark.parametrize("said", [True, False])
def test_of_a_scan_that_is_declared_defaced_its_own_sidecar_tells(files, said):
    with open(files["sidecar"], "w") as sidecar:
        json.dump({"SkullStripped": said}, sidecar)
    about = deface.image(files["raw"], files["sidecar"], None, files["target"], kind=T1W)
    assert about["SkullStripped"] is said


def test_what_is_made_of_a_stripped_image_is_stripped(files):
    with open(files["sidecar"], "w") as sidecar:
        json.dump({"SkullStripped": True}, sidecar)
    about = resample.move_image(
        files["raw"], files["moved"],
        kind=T1W, chain=[], grid=files["raw"], brain=None, template=TemplateSettings(),
    )  # fmt: skip
    assert about["SkullStripped"] is True and not sidecars.is_stripped(files["mask"])

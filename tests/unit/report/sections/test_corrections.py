"""A page shows each correction with what it replaced."""

from __future__ import annotations

import io
from pathlib import Path

import corrected_heads as heads
import numpy as np
import pytest
from PIL import Image
from strokeprep.corrections import targets
from strokeprep.io import images, transforms
from strokeprep.kinds import SCANS
from strokeprep.quality.folder import Folder
from strokeprep.report import methods, plan
from strokeprep.report.scene import Scene
from strokeprep.report.sections import corrections
from strokeprep.settings.study import TemplateSettings
from strokeprep.study import moves, naming
from strokeprep.study.naming import ORIG


@pytest.fixture
def planned(tmp_path):
    """The plan of a patient whose brain mask and registration of the CTA were corrected."""
    subject = heads.study(tmp_path).by_name["01"]
    ncct, cta = (next(s for s in subject.scans if s.name == name) for name in ("ncct", "cta"))
    for scan in (ncct, cta):
        heads.write_head(tmp_path / moves.pilot(scan))
    brain = tmp_path / naming.brain_mask(ncct, ORIG)
    images.write_array(heads.brain(), heads.AFFINE, brain)
    before = tmp_path / "replaced/brain.nii.gz"
    images.write_array((heads.radius() < 0.6).astype(np.uint8), heads.AFFINE, before)
    xfm = moves.to_reference(cta, ncct)
    transforms.write(transforms.linear(np.eye(4)), tmp_path / xfm)
    known = targets.of_subject(subject, heads.TEMPLATE)
    corrected = [
        (known[naming.brain_mask(ncct, ORIG).removesuffix(".nii.gz")], before),
        (known[xfm.removesuffix(".txt")], tmp_path / "replaced/nothing.txt"),
    ]
    return plan.images(subject, heads.TEMPLATE, corrected)


def pixels(picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB"), int)


def test_a_mask_is_shown_after_and_before_and_a_scan_where_it_was_moved(planned, tmp_path):
    files = Folder(tmp_path)
    found = corrections.corrections(planned, files, Scene(planned, files), TemplateSettings())
    mask, moved = found.figures
    assert mask.title == "NCCT: brain mask"
    assert [name for name, _ in mask.frames] == ["after", "before", "image"]
    after, before, bare = (pixels(picture) for _, picture in mask.frames)
    marked = [np.abs(each - bare).max(-1) > 60 for each in (after, before)]
    assert marked[0].sum() > 1.2 * marked[1].sum() > 100  # the outline of before is the smaller
    assert moved.title == "CTA: registration to the NCCT; nothing was found before"
    assert [name for name, _ in moved.frames] == ["after"]


def test_the_methods_say_how_many_outputs_were_corrected():
    def node(*names: str) -> dict:
        listed = [{"File": f"corrections:{name}", "Digest": "x"} for name in names]
        return {"Parameters": {"Corrections": listed}, "Software": {}}

    brains = [f"sub-{n}/anat/sub-{n}_space-orig_desc-brain_mask.nii.gz" for n in (1, 2)]
    vessels = [f"sub-1/perf/sub-1_label-{name}_mask.nii.gz" for name in ("artery", "vein")]
    label = "sub-1/anat/sub-1_seg-CoW_dseg.nii.gz"
    nodes = {
        f"bids::{brains[0]}": node(brains[0]),
        f"bids::{brains[1]}": node(brains[1]),
        "bids::sub-1/perf/sub-1_desc-aif_timeseries.tsv": node(*vessels),
        "bids::docs/qc/sub-1/sub-1_aif.tsv": node(*vessels),
        f"bids::{label}": node(label),
    }
    said = methods.of(nodes).text
    assert "Corrected by hand: 2 brain masks, 2 vessels and 1 other mask." in said
    assert "by hand" not in methods.of({}).text


def test_an_artery_is_no_part_of_the_page_on_images_and_a_label_is_shown_on_its_image(tmp_path):
    subject = heads.study(tmp_path).by_name["01"]
    known = targets.of_subject(subject, heads.TEMPLATE).values()
    page = plan.images(subject, heads.TEMPLATE, [(each, Path(each.word)) for each in known])
    shown = {each.title: each for each in page.corrected}
    assert "DWI: lesion" in shown and not any("artery" in title for title in shown)
    assert shown["DWI: lesion"].kind is SCANS["dwi"]
    assert shown["NCCT: registration to the template"].onto == "template"
    drawn = [(each, Path("x.tsv")) for each in known if each.is_vessel]
    perfused = plan.perfusion(subject, plan.Beside(Path("cells.npz")), drawn)
    assert perfused.replaced == Path("x.tsv")

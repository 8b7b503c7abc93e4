"""The estimate counts everything that a run writes, and grows with what there is to do."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import trees
from strokeprep.guide.cost import estimate as costs
from strokeprep.guide.cost.sizes import Size
from strokeprep.kinds import KINDS
from strokeprep.registration import template
from strokeprep.settings import config
from strokeprep.study import outputs, table
from strokeprep.study.layouts import designs

SIZES = {name: Size(1e6, 1000, 20, 30) if kind.ndim == 4 else Size(1e6, 4000)
         for name, kind in KINDS.items()}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The tree of raw BIDS with its config."""

    def read(**sections):
        root = str(trees.bids(tmp_path_factory.mktemp("raw")))
        read = config.load({"study": {"layout": "bids", "root": root}} | sections)
        return table.build(designs.read(read), read.reference), read

    return read


def test_every_image_of_a_run_is_counted(study):
    built, read = study()
    space = costs.template_of(read)
    for subject in built.subjects:
        names = outputs.outputs(subject, space) + outputs.perfusion_outputs(subject, space)
        images = {name for name in names if name.endswith(".nii.gz")}
        assert costs.files(subject, space, SIZES).keys() == images


def test_files_are_counted_on_the_grid_they_lie_on(study):
    built, read = study(template={"resolution_mm": 2})
    made = costs.files(built.by_name["01"], costs.template_of(read), SIZES)
    ct = "sub-01/ses-01/ct/sub-01_ses-01_acq-"
    assert made[f"{ct}ctp_desc-defaced_ct.nii.gz"] == ("whole", 20e6)
    assert made[f"{ct}ctp_desc-preproc_ct.nii.gz"] == ("series", 30e6)
    assert made[f"{ct}ctp_space-ncct_desc-preproc_ct.nii.gz"] == ("moved_series", 7.5e6)
    moved = made[f"{ct}cta_ce-iohexol_space-MNI152NLin2009aSym_res-2_ct.nii.gz"]
    assert moved == ("moved_whole", pytest.approx(1000 * costs.TEMPLATE_ML / 8))


def test_more_voxels_and_a_finer_template_take_more(study):
    built, read = study()
    usual = costs.estimate(built, read, SIZES, 1)
    large = {name: Size(8e6, s.volume_ml, s.frames, s.seconds) for name, s in SIZES.items()}
    more = costs.estimate(built, read, large, 1)
    coarse = costs.estimate(*study(template={"resolution_mm": 2}), SIZES, 1)
    assert more.cpu_s > usual.cpu_s > coarse.cpu_s > 0
    assert more.bytes > usual.bytes > coarse.bytes > 0


def test_cores_help_until_the_longest_chain_of_one_patient_is_reached(study):
    one, two, many = (costs.estimate(*study(), SIZES, cores) for cores in (1, 2, 1000))
    assert one.cpu_s == two.cpu_s == many.cpu_s
    assert one.wall_s > two.wall_s > many.wall_s > costs.costs()["longest_chain"] * one.cpu_s / 2


def test_a_network_that_nobody_measured_is_named(study):
    built, read = study(brain={"ct": "totalsegmentator", "mr": "hd-bet"})
    assert costs.estimate(built, read, SIZES, 1).unmeasured == ("hd-bet", "totalsegmentator")
    assert costs.estimate(*study(), SIZES, 1).unmeasured == ()


def test_a_scan_of_unknown_size_is_left_out(study):
    built, read = study()
    without = {name: size for name, size in SIZES.items() if name != "ctp"}
    assert (
        0
        < costs.estimate(built, read, without, 1).cpu_s
        < costs.estimate(built, read, SIZES, 1).cpu_s
    )


def test_what_a_config_asks_for_beside_is_counted(study):
    _, read = study(lesions={"tables": True}, intensity={"t1w": "percentiles", "adc": True})
    rows = designs.read(read)
    built = table.build(rows, read.reference, intensity=read.intensity)
    done = Counter(step.name for each in built.subjects for step in costs.steps(each, read, SIZES))
    lesions = [
        label for each in built.subjects for label in each.labels if label.kind.name == "lesion"
    ]
    assert done["lesions"] == len(lesions) > 0
    assert done["intensity"] == sum(len(scan.derived) for scan in built.scans) > 0
    assert done.keys() <= costs.costs()["seconds"].keys()


def test_the_template_is_as_large_as_it_is():
    mni = template.load().t1
    assert math.prod(mni.GetSize()) / 1000 == pytest.approx(costs.TEMPLATE_ML, rel=1e-3)

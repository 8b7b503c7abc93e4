"""CT perfusion from files to files: maps, tables and sidecars agree with the series."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from perfused_heads import ARTERY, head
from strokeprep import kinds
from strokeprep.corrections.given import Given
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, tables
from strokeprep.io import transforms as moves
from strokeprep.perfusion import pipeline
from strokeprep.perfusion.curves import Series
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.perfusion.inputs.scaling import UNSCALED_SD
from strokeprep.perfusion.points import Points
from strokeprep.perfusion.vascular import Marginal, Vascular
from strokeprep.privacy.allowed import ALLOWED, WRITTEN
from strokeprep.settings.perfusion import GivenVessels, PerfusionSettings
from strokeprep.settings.study import TemplateSettings
from strokeprep.steps import perfusion_maps

SETTINGS = PerfusionSettings()


def written(folder: Path, series: Series) -> pipeline.Sources:
    """The files of a series whose reference is the series' own grid."""
    paths = {name: str(folder / f"{name}.nii.gz") for name in ("series", "coverage", "brain")}
    images.write_array(series.hu, series.affine, paths["series"], frame_seconds=1.0)
    whole = np.ones(series.brain.shape, np.uint8)
    images.write_array(whole, series.affine, paths["coverage"])
    images.write_array(series.brain.astype(np.uint8), series.affine, paths["brain"])
    moves.write(moves.linear(np.eye(4)), folder / "to_template.tfm")
    return pipeline.Sources(**paths, to_series=None, to_template=str(folder / "to_template.tfm"))


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return written(tmp_path_factory.mktemp("ctp"), head())


@pytest.fixture(scope="module")
def done(sources):
    return pipeline.computed(sources, SETTINGS)


@pytest.mark.slow
def test_the_late_hemisphere_is_found_on_its_side(done):
    right = np.arange(done.maps["tmax"].shape[0]) < 20  # the affine stores right first
    known = done.maps["cbf"] > 0
    late = np.median(done.maps["tmax"][right][known[right]])
    on_time = np.median(done.maps["tmax"][~right][known[~right]])
    assert late - on_time > 3
    assert done.volumes["side"] == "R"
    assert done.volumes["hypoperfused_ml"] == pytest.approx(
        done.volumes["core_ml"] + done.masks["penumbra"].sum() * 0.054, rel=1e-6
    )


def test_the_rim_of_the_brain_is_left_out(sources, done):
    brain = images.array(images.read(sources.brain)) > 0
    judged = done.maps["cbf"] > 0
    assert not np.any(judged & ~brain)
    outline = brain & ~(np.roll(brain, 1, 0) & np.roll(brain, -1, 0))
    assert not np.any(judged & outline)


def test_voxels_outside_the_coverage_are_left_out(sources, tmp_path):
    coverage = nib.load(sources.coverage)
    part = np.asarray(coverage.dataobj).copy()
    part[..., :2] = 0
    images.write_array(part, coverage.affine, tmp_path / "part.nii.gz")
    done = pipeline.computed(sources._replace(coverage=str(tmp_path / "part.nii.gz")), SETTINGS)
    assert done.maps["cbf"][..., :2].max() == 0
    assert done.maps["cbf"][..., 3].max() > 0


@pytest.mark.slow
def test_an_artery_can_be_given_as_points_or_as_a_mask(sources, done, tmp_path):
    affine = nib.load(sources.series).affine
    voxels = np.argwhere(np.isin(np.arange(44), range(14, 16)))[:, 0]
    points = [[*nib.affines.apply_affine(affine, (i, 20, 2))] for i in voxels]
    by_points = pipeline.computed(sources, SETTINGS, GivenVessels(aif=points))
    assert sorted(map(tuple, by_points.vessels.aif_voxels + _offset(by_points))) == [
        (14, 20, 2),
        (15, 20, 2),
    ]
    mask = np.zeros(done.maps["cbf"].shape, np.uint8)
    mask[ARTERY] = 1
    images.write_array(mask, affine, tmp_path / "artery.nii.gz")
    by_mask = pipeline.computed(
        sources, SETTINGS, GivenVessels(aif=str(tmp_path / "artery.nii.gz"))
    )
    assert len(by_mask.vessels.aif_voxels) == mask.sum()


def test_a_drawn_artery_is_told_with_the_voxels_that_it_replaces(sources, done, tmp_path):
    masks = [
        Given(
            str(tmp_path / name),
            {"File": f"corrections:{name}", "Digest": name},
            tmp_path / "x.tsv",
        )
        for name in ("artery", "vein")
    ]
    given = GivenVessels(aif=masks[0].file, vof=masks[1].file)
    drawn = perfusion_maps.corrected_vessels(masks, sources, SETTINGS, given)
    assert [each["File"] for each in drawn["Corrections"]] == [
        "corrections:artery",
        "corrections:vein",
    ]
    before = [row["vessel"] for row in tables.read(tmp_path / "x.tsv")]
    found = {"artery": done.vessels.aif_voxels, "vein": done.vessels.vof_voxels}
    assert {name: before.count(name) for name in found} == {n: len(v) for n, v in found.items()}
    abouts = perfusion_maps.abouts(done, SETTINGS, drawn)
    assert abouts["vessels"]["Manual"] and abouts["voxels"]["Manual"]
    assert (
        "Manual" not in abouts["cbf"]
        and perfusion_maps.corrected_vessels([], sources, SETTINGS, given) == {}
    )


def test_without_a_vein_flow_and_volume_are_as_uncertain_as_the_size_of_the_artery(sources, done):
    unscaled = pipeline.computed(sources, replace(SETTINGS, scale_to_vein=False))
    known = done.maps["cbf"] > 0
    for name in ("cbf", "cbv"):
        shares = [d.maps[f"{name}_sd"][known] / d.maps[name][known] for d in (done, unscaled)]
        scaled, least = done.vessels.scale_sd, [share.min() + 1e-6 for share in shares]
        assert 0 < scaled < UNSCALED_SD and least[0] >= scaled and least[1] >= UNSCALED_SD
    assert np.all(known[done.maps["delay_sd"] > 0])


def test_probabilities_are_between_none_and_all_and_core_is_late(done):
    """Late grey matter flows little less than the limit, so noise decides in some voxels."""
    core, penumbra = (done.maps[f"{name}_probability"] for name in ("core", "penumbra"))
    for probability in (core, penumbra, core + penumbra):
        assert probability.min() >= -1e-6 and probability.max() <= 1 + 1e-6
    known = done.maps["cbf"] > 0
    late, on_time = ((core + penumbra)[side][known[side]] for side in (np.s_[:20], np.s_[24:]))
    assert np.mean(late > 0.5) > 0.8 and np.mean(on_time > 0.5) < 0.02


UNKNOWN = Marginal(np.zeros(1), np.ones(1), np.ones((1600, 1)))


def test_core_is_low_in_flow_amid_late_tissue_and_a_scar_amid_tissue_on_time_is_none():
    """Neither tells its own delay: as likely late as not."""
    solid = np.ones((40, 40, 1), bool)
    late = np.where(np.arange(40)[:, None, None] < 20, 0.95, 0.02) * solid
    flow = np.where(late > 0.5, 20.0, 45.0)
    for place in ((slice(8, 12), slice(18, 22)), (slice(28, 32), slice(18, 22))):
        late[place], flow[place] = 0.5, 4.0
    values = {"cbf": flow[solid]}
    model = Vascular(
        values,
        {"cbf": 0.3 * flow[solid]},
        late[solid],
        flow[solid],
        np.full(1600, 0.3),
        solid[solid],
        np.zeros(1600),
        UNKNOWN,
        UNKNOWN,
    )
    likely = pipeline.likely_tissue(
        model, Points.of_voxels(solid), solid, 45.0, np.array([2.0, 2.0, 5.0]), SETTINGS.tissue
    )
    core, penumbra = (likely[f"{name}_probability"] > 0.5 for name in ("core", "penumbra"))
    assert core[8:12, 18:22].all() and core.sum() == 16
    assert penumbra[:8].all() and not penumbra[22:].any() and not np.any(core & penumbra)


def test_what_moves_beside_bone_has_no_values_and_is_told(done, tmp_path):
    """Bone comes into the voxels for twenty seconds, as no blood does."""
    series = head()
    place = (slice(30, 36), slice(18, 26), slice(1, 5))
    hu = series.hu.copy()
    hu[place][..., 22:42] += 30
    moved = pipeline.computed(written(tmp_path, replace(series, hu=hu)), SETTINGS)
    inside = np.zeros(moved.maps["cbf"].shape, bool)
    inside[place] = True
    assert np.mean(done.maps["cbf"][inside] > 0) == 1
    for volume in (*moved.maps.values(), *moved.masks.values()):
        assert np.mean(volume[inside] != 0) < 0.02
    beside = np.zeros_like(inside)
    beside[24:28, 18:26, 1:5] = True
    assert np.mean(moved.maps["cbf"][beside] > 0) == 1
    share = inside.sum() / np.count_nonzero(done.maps["cbf"])
    assert done.volumes["unexplained"] < 0.01
    assert moved.volumes["unexplained"] == pytest.approx(share, rel=0.15)


def test_the_delay_map_finds_the_late_hemisphere_without_the_bias_of_tmax(done):
    right = np.arange(done.maps["delay"].shape[0]) < 20
    known = done.maps["cbf"] > 0
    late, on_time = (np.median(done.maps["delay"][s][known[s]]) for s in (right, ~right))
    assert late == pytest.approx(6, abs=1) and on_time == pytest.approx(1.2, abs=0.7)


@pytest.mark.parametrize(("method", "tmax"), [("vascular", "osvd"), ("csvd", "csvd")])
def test_a_sidecar_says_which_method_a_map_is_from(done, method, tmax):
    abouts = perfusion_maps.abouts(done, replace(SETTINGS, method=method))
    assert abouts["cbf"]["Method"] == method and abouts["tmax"]["Method"] == tmax
    assert abouts["delay"]["Method"] == abouts["cbf_sd"]["Method"] == "vascular"
    assert abouts["delay"]["MethodVersion"] and "prior_delay_s" in abouts["delay"]["Constants"]


def test_a_sidecar_of_a_probability_says_what_is_probable(done):
    tissue = replace(SETTINGS.tissue, hypoperfused_tmax_s=7.0, likely_rcbf=(0.2, 0.5))
    abouts = perfusion_maps.abouts(done, replace(SETTINGS, tissue=tissue))
    core, penumbra = (abouts[f"{name}_probability"] for name in ("core", "penumbra"))
    assert "exceed 7 s together" in core["Description"] and "below 20%" in core["Description"]
    assert "between 20% and 50%" in penumbra["Description"]
    assert penumbra["Thresholds"]["likely_rcbf"] == (0.2, 0.5)


def test_a_mask_on_another_grid_is_refused_and_its_key_is_named(sources, done, tmp_path):
    affine = nib.load(sources.series).affine.copy()
    affine[0, 3] += 3
    mask = np.zeros(done.maps["cbf"].shape, np.uint8)
    mask[ARTERY] = 1
    images.write_array(mask, affine, tmp_path / "beside.nii.gz")
    images.write_array(mask[..., :-1], nib.load(sources.series).affine, tmp_path / "less.nii.gz")
    for vessel, name in (("aif", "beside"), ("vof", "less")):
        path = str(tmp_path / f"{name}.nii.gz")
        with pytest.raises(StrokeprepError, match=f"perfusion.{vessel} does not lie") as caught:
            pipeline.computed(sources, SETTINGS, GivenVessels(**{vessel: path}))
        assert caught.value.where == path
        assert not isinstance(caught.value, NotComputable)


def _offset(done: pipeline.Perfusion) -> list[int]:
    return [part.start for part in done.slab.box]


def test_the_table_of_voxels_holds_their_world_coordinates(sources, done, tmp_path):
    """Indices of the box are converted to the whole grid."""
    names = [*done.maps, *done.masks, "vessels", "voxels", "volumes"]
    files = {name: str(tmp_path / (f"{name}.nii.gz" if name in done.maps | done.masks else name))
             for name in names}  # fmt: skip
    perfusion_maps.write(done, sources.series, files)
    rows = tables.read(files["voxels"])
    affine = nib.load(sources.series).affine
    for vessel, voxels in (("artery", done.vessels.aif_voxels), ("vein", done.vessels.vof_voxels)):
        places = [[float(row[axis]) for axis in "xyz"] for row in rows if row["vessel"] == vessel]
        here = nib.affines.apply_affine(affine, voxels + _offset(done))
        assert len(voxels) > 0
        np.testing.assert_allclose(places, here, atol=0.01)


def test_the_error_for_a_series_without_contrast_names_the_series(tmp_path):
    calm = head()
    still = Series(np.repeat(calm.hu[..., :1], 40, -1), calm.brain, calm.affine, 1.0)
    sources = written(tmp_path, still)
    with pytest.raises(NotComputable, match="not computable, no-bolus") as caught:
        pipeline.computed(sources, SETTINGS)
    assert caught.value.reason == "no-bolus"
    assert caught.value.where == sources.series


def test_a_slab_without_brain_is_refused(sources, tmp_path):
    brain = nib.load(sources.brain)
    images.write_array(np.zeros(brain.shape, np.uint8), brain.affine, tmp_path / "none.nii.gz")
    with pytest.raises(NotComputable, match="not computable, little-brain") as caught:
        pipeline.computed(sources._replace(brain=str(tmp_path / "none.nii.gz")), SETTINGS)
    assert caught.value.reason == "little-brain"


def test_everything_is_written_with_its_sidecar(sources, done, tmp_path):
    images_of = [*kinds.MAPS, *kinds.MODEL_MAPS, *kinds.AT_RISK]
    files = {name: str(tmp_path / f"{name}.nii.gz") for name in images_of}
    files |= {name: str(tmp_path / f"{name}.tsv") for name in ("vessels", "voxels", "volumes")}
    perfusion_maps.write(done, sources.series, files)
    abouts = perfusion_maps.abouts(done, SETTINGS)
    assert set(abouts) == set(files)
    json.dumps(abouts)
    for about in abouts.values():
        keys = {
            key for key, value in about.items() if not isinstance(value, dict) or key in WRITTEN
        }
        assert keys <= WRITTEN | set(ALLOWED), "the privacy audit would stop the run"
    (row,) = tables.read(files["volumes"])
    assert set(row) <= set(abouts["volumes"])
    assert float(row["core_ml"]) == pytest.approx(done.volumes["core_ml"], rel=1e-3)
    curves = tables.read(files["vessels"])
    assert len(curves) == len(done.vessels.aif)
    voxels = done.slab.series.hu[tuple(done.vessels.aif_voxels.T)].mean(0)
    measured = voxels - voxels[: done.vessels.baseline_frames].mean()
    written = np.array([float(row["aif_measured"]) for row in curves])
    np.testing.assert_allclose(written, done.vessels.measured, atol=1e-3)
    # Reduced to the courses of vessels, it has less noise and a less sudden rise.
    np.testing.assert_allclose(written, measured, atol=0.08 * measured.max())
    levels = abouts["tmax_levels"]["Levels"]
    assert nib.load(files["tmax_levels"]).get_fdata().max() <= len(levels) == 4
    assert abouts["cbf"]["Units"] == "mL/100 g/min"


def test_moved_maps_are_means_of_measured_neighbours(sources, done, tmp_path):
    images_of = [*kinds.MAPS, *kinds.MODEL_MAPS, *kinds.AT_RISK]
    native = {name: str(tmp_path / f"{name}.nii.gz") for name in images_of}
    moved = {name: str(tmp_path / f"moved_{name}.nii.gz") for name in images_of}
    perfusion_maps.write(
        done,
        sources.series,
        native | {n: str(tmp_path / n) for n in ("vessels", "voxels", "volumes")},
    )
    half = np.eye(4)
    half[0, 3] = 1.5  # half a voxel
    moves.write(moves.linear(half), tmp_path / "half.tfm")
    template = TemplateSettings(name="none")
    chain = [str(tmp_path / "half.tfm")]
    perfusion_maps.move(native, moved, chain=chain, grid=sources.series, template=template)
    before, after = (nib.load(files["cbf"]).get_fdata() for files in (native, moved))
    assert after[after > 0].min() >= before[before > 0].min() - 1e-5

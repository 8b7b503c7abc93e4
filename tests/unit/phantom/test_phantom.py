"""The images of synthetic patients agree with their truth, and are reproducible."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep import phantom
from strokeprep.errors import StrokeprepError
from strokeprep.phantom.head.anatomy import anatomy, lattice_image
from strokeprep.phantom.head.mapping import draw_mapping, head_lattice, spline_displacement
from strokeprep.phantom.head.shapes import FLIP, Lattice
from strokeprep.phantom.scan import bolus
from strokeprep.phantom.scan.scanner import Grid, centred_grid, pose, sampled

SEED = 1
LIBRARY = Path(phantom.__file__).parents[2]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two tiny subjects: 01 maps to MNI by an affine, 02 is deformed."""
    folder = tmp_path_factory.mktemp("phantom")
    for subject in ("01", "02"):
        phantom.write_subject(
            phantom.Patient(subject, seed=SEED, size="tiny"), folder / "raw", folder / "truth"
        )
    phantom.write_dataset(["01", "02"], folder / "raw", folder / "truth", seed=SEED)
    return folder


def files_below(folder: Path) -> dict[str, bytes]:
    """The content of every file in a folder, by relative path."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def scan(study: Path, subject: str, ending: str) -> sitk.Image:
    """A raw image, as float."""
    (path,) = (study / "raw" / f"sub-{subject}").rglob(f"*_{ending}.nii.gz")
    return sitk.ReadImage(str(path), sitk.sitkFloat32)


def nifti(study: Path, subject: str, ending: str) -> nib.Nifti1Image:
    """A raw image as stored, with its header."""
    (path,) = (study / "raw" / f"sub-{subject}").rglob(f"*_{ending}.nii.gz")
    return nib.load(path)


def true(study: Path, subject: str, name: str) -> sitk.Image:
    return sitk.ReadImage(str(study / f"truth/sub-{subject}/{name}.nii.gz"))


def label(study: Path, subject: str, ending: str) -> sitk.Image:
    (path,) = (study / f"raw/derivatives/manual/sub-{subject}").rglob(f"*_{ending}.nii.gz")
    return sitk.ReadImage(str(path))


def between_images(study: Path, subject: str, source: str, target: str) -> sitk.Transform:
    """True transform of points from one image to another (LPS)."""
    folder = study / f"truth/sub-{subject}"
    there, back = (
        sitk.ReadTransform(str(folder / f"from-head_to-{name}.tfm")) for name in (target, source)
    )
    return sitk.CompositeTransform([there, back.GetInverse()])


def voxels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def grid_of(image: sitk.Image) -> Grid:
    return Grid(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())


def best_shift(fixed: sitk.Image, moving: sitk.Image, between: sitk.Transform) -> np.ndarray:
    """The shift (mm, along the axes of the grid) at which bone agrees best; zero by the truth."""
    target, grid = voxels(fixed), grid_of(fixed)
    bone = np.zeros(target.shape, bool)
    bone[2:-2, 8:-8, 8:-8] = target[2:-2, 8:-8, 8:-8] > 300
    steps, found = np.linspace(-0.9, 0.9, 7), []
    for axis in range(3):
        cost = []
        for step in steps:
            origin = grid.point(np.eye(3)[axis] * step / grid.spacing[axis])
            moved = Grid(grid.size, grid.spacing, tuple(origin), grid.direction)
            there = sampled(moving, moved, between, (1, 1, 3), -1000)
            cost.append(((there - target)[bone] ** 2).mean())
        curve = np.polyfit(steps, cost, 2)
        found.append(-curve[1] / (2 * curve[0]))
    return np.array(found)


# --- files ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_exactly_the_announced_files_are_written(study):
    subjects = phantom.subject_ids(2)
    raw = phantom.dataset_files() + [f for s in subjects for f in phantom.raw_files(s)]
    truth = phantom.truth_dataset_files() + [f for s in subjects for f in phantom.truth_files(s)]
    assert set(files_below(study / "raw")) == set(raw)
    assert set(files_below(study / "truth")) == set(truth)


def test_the_lists_of_names_need_only_the_standard_library():
    code = (
        "import sys; from strokeprep import phantom as p; p.raw_files('01'); p.dataset_files();"
        "p.truth_files('01'); p.COW_LABELS; heavy = {'numpy', 'SimpleITK', 'nibabel', 'scipy'};"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=LIBRARY, check=False)
    assert done.returncode == 0


@pytest.mark.slow
def test_a_subject_written_alone_again_has_the_same_bytes(study, tmp_path):
    phantom.write_subject(
        phantom.Patient("02", seed=SEED, size="tiny"), tmp_path / "raw", tmp_path / "truth"
    )
    for side in ("raw", "truth"):
        before = files_below(study / side)
        again = files_below(tmp_path / side)
        assert again
        assert all(before[name] == content for name, content in again.items())


@pytest.mark.slow
def test_another_seed_gives_another_patient(study, tmp_path):
    phantom.write_subject(
        phantom.Patient("01", seed=SEED + 1, size="tiny"), tmp_path / "raw", tmp_path / "truth"
    )
    before, other = files_below(study / "raw"), files_below(tmp_path / "raw")
    images = [name for name in other if name.endswith(".nii.gz")]
    assert all(before[name] != other[name] for name in images)


@pytest.mark.slow
def test_a_participant_does_not_depend_on_the_others(study, tmp_path):
    phantom.write_dataset(phantom.subject_ids(5), tmp_path / "raw", tmp_path / "t", seed=SEED)
    for table in ("participants.tsv", "phenotype/outcome.tsv"):
        few, many = ((f / "raw" / table).read_text().splitlines() for f in (study, tmp_path))
        assert few == many[:3]


@pytest.mark.slow
def test_headers_hold_private_data(study):
    ct = study / "raw/sub-01/ses-01/ct/sub-01_ses-01_acq-ncct_ct"
    header = nib.load(f"{ct}.nii.gz").header
    assert b"Phantom^Patient" in header["descrip"].item()
    assert any(b"Phantom^Patient" in e.get_content() for e in header.extensions)
    assert {"PatientName", "PatientBirthDate"} <= set(json.loads(Path(f"{ct}.json").read_text()))


@pytest.mark.slow
def test_voxels_follow_a_private_comment_and_are_not_scaled(study):
    ncct, cta = nifti(study, "01", "acq-ncct_ct"), nifti(study, "01", "acq-cta_ct")
    assert ncct.dataobj.offset > cta.dataobj.offset == 352  # a bare header's length
    assert {image.dataobj.slope for image in (ncct, cta)} == {1}
    assert {image.dataobj.inter for image in (ncct, cta)} == {0}


def test_an_unknown_size_is_refused(tmp_path):
    with pytest.raises(StrokeprepError, match="no such phantom size"):
        phantom.write_subject(phantom.Patient("01", seed=1, size="huge"), tmp_path, tmp_path)


# --- geometry ------------------------------------------------------------------------------


SCANS = ("acq-ncct_ct", "acq-cta_ct", "acq-ctp_ct", "trace", "T1w")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("subject", "posterior"),
    [("01", {"acq-ctp_ct"}), ("02", {"acq-ncct_ct", "acq-ctp_ct"})],
)
def test_rows_run_anterior_or_posterior_and_columns_to_the_left(study, subject, posterior):
    axes = {name: nib.aff2axcodes(nifti(study, subject, name).affine) for name in SCANS}
    assert axes == {name: ("L", "P" if name in posterior else "A", "S") for name in SCANS}


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["01", "02"])
def test_qform_and_sform_of_every_header_agree(study, subject):
    for path in (study / "raw").rglob(f"sub-{subject}*.nii.gz"):
        image = nib.load(path)
        (qform, qcode), (sform, scode) = image.get_qform(coded=True), image.get_sform(coded=True)
        assert (qcode, scode) == (2, 1)  # aligned to another image, scanner
        assert np.abs(qform - sform).max() < 1e-3


@pytest.mark.slow
def test_the_ncct_of_every_other_patient_is_oblique_and_diffusion_of_all(study):
    tilt = {
        (subject, name): np.degrees(nib.affines.obliquity(nifti(study, subject, name).affine)).max()
        for subject in ("01", "02")
        for name in SCANS
    }
    assert tilt["01", "acq-ncct_ct"] == pytest.approx(11, abs=0.01)
    oblique = {scan for scan, degrees in tilt.items() if degrees > 1}
    assert oblique == {("01", "acq-ncct_ct"), ("01", "trace"), ("02", "trace")}


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["01", "02"])
def test_scans_share_neither_their_first_voxel_nor_their_centre(study, subject):
    images = [nifti(study, subject, name) for name in SCANS]
    first = np.array([image.affine[:3, 3] for image in images])
    middle = np.array(
        [nib.affines.apply_affine(i.affine, (np.array(i.shape[:3]) - 1) / 2) for i in images]
    )
    for points in (first, np.vstack([middle, np.zeros(3)])):
        apart = np.linalg.norm(points[:, None] - points[None], axis=-1)
        assert apart[np.triu_indices(len(points), 1)].min() > 3  # mm, more than a voxel


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["01", "02"])
def test_the_true_transforms_align_cta_and_ncct(study, subject):
    ncct, cta = scan(study, subject, "acq-ncct_ct"), scan(study, subject, "acq-cta_ct")
    shift = best_shift(ncct, cta, between_images(study, subject, "ncct", "cta"))
    assert np.abs(shift).max() < 0.12


@pytest.mark.slow
@pytest.mark.parametrize("frame", [0, 18])  # the ends: motion is largest
def test_a_perfusion_frame_has_the_position_in_the_motion_table(study, frame):
    series = scan(study, "01", "acq-ctp_ct")
    row = np.genfromtxt(study / "truth/sub-01/ctp_motion.tsv", names=True)[frame]
    moved = sitk.AffineTransform(3)
    moved.SetMatrix([row[f"m{r}{c}"] for r in range(3) for c in range(3)])
    moved.SetTranslation([row[f"m{r}3"] for r in range(3)])
    still = between_images(study, "01", "ctp", "cta")
    back = sitk.CompositeTransform([still, moved.GetInverse()])
    cta = scan(study, "01", "acq-cta_ct")
    assert np.abs(best_shift(series[..., frame], cta, back)).max() < 0.15
    bone = voxels(series[..., frame]) > 300
    errors = [
        np.abs(
            sampled(cta, grid_of(series[..., frame]), path, (1, 1, 3), -1000)[bone]
            - voxels(series[..., frame])[bone]
        ).mean()
        for path in (back, still)
    ]
    assert errors[0] < 0.95 * errors[1]


@pytest.mark.slow
def test_motion_averages_to_the_reference_pose(study):
    table = np.genfromtxt(study / "truth/sub-02/ctp_motion.tsv", names=True)
    for name in ("rx_rad", "ry_rad", "rz_rad", "tx_mm", "ty_mm", "tz_mm"):
        assert abs(table[name].mean()) < 1e-6
    assert 0.2 < np.ptp(table["tz_mm"]) < 3


@pytest.mark.slow
@pytest.mark.parametrize(("subject", "kind"), [("01", "AffineTransform"), ("02", "Composite")])
def test_the_true_mapping_aligns_template_and_head(study, subject, kind):
    path = study / f"truth/sub-{subject}/from-head_to-MNI152NLin2009aSym.tfm"
    to_mni = sitk.ReadTransform(str(path))
    assert kind in type(to_mni.Downcast()).__name__
    t1w = scan(study, subject, "T1w")[::2, ::2, ::2]
    brain = voxels(true(study, subject, "t1w_brain")[::2, ::2, ::2]) > 0
    back = sitk.ReadTransform(str(path.with_name("from-head_to-t1w.tfm"))).GetInverse()

    def likeness(shift: float) -> float:
        aside = sitk.TranslationTransform(3, (shift, 0.0, 0.0))
        whole = sitk.CompositeTransform([to_mni, back, aside])
        white = sitk.Resample(anatomy().wm, t1w, whole, sitk.sitkLinear, 0.0)
        return np.corrcoef(voxels(white)[brain], voxels(t1w)[brain])[0, 1]

    assert likeness(0) > 0.8
    assert likeness(0) > max(likeness(-1.5), likeness(1.5)) + 0.02


def test_a_deformation_can_be_switched_on_and_off():
    for largest in (0.0, 5.0):
        mapping = draw_mapping(np.random.default_rng(3), largest)
        if largest == 0:
            assert mapping.spline is None
            continue
        lattice = head_lattice(mapping.affine, 2.0)
        field = spline_displacement(mapping.spline, lattice)
        assert np.linalg.norm(field, axis=-1).max() == pytest.approx(largest, rel=0.02)


def test_the_tabulated_spline_is_the_one_simpleitk_evaluates():
    mapping = draw_mapping(np.random.default_rng(4), 4.0)
    lattice = Lattice((-60.0, -80.0, -50.0), 17.0, (7, 9, 7))
    field = spline_displacement(mapping.spline, lattice)
    x, y, z = (lattice.axis(dim) for dim in range(3))
    for i, j, k in ((0, 0, 0), (3, 4, 2), (6, 8, 6), (5, 1, 4)):
        point = FLIP @ np.array([x[i], y[j], z[k]], float)
        expected = np.subtract(mapping.spline.TransformPoint(point.tolist()), point)
        assert field[k, j, i] == pytest.approx(expected, abs=1e-9)


def test_head_points_invert_the_mapping():
    mapping = draw_mapping(np.random.default_rng(5), 4.0)
    for mni in ((0.0, 0.0, 0.0), (40.0, -10.0, 12.0), (-32.0, 66.0, -38.0)):
        head = mapping.head_point(np.array(mni))
        there = FLIP @ mapping.transform.TransformPoint((FLIP @ head).tolist())
        assert there == pytest.approx(mni, abs=1e-4)


@pytest.mark.parametrize("over", [(1, 1, 1), (2, 2, 4), (1, 1, 3)])
def test_averaging_sub_voxels_does_not_shift_the_image(over):
    lattice = Lattice((-30.0, -30.0, -30.0), 1.0, (61, 61, 61))
    x, y, z = lattice.coordinates()
    ramp = lattice_image((2 * x - y + 3 * z + np.zeros(lattice.shape)).astype(np.float32), lattice)
    placed = pose((9, -4, 5), (12, -30, 40))
    centre = placed.TransformPoint((0.0, 0.0, 0.0))
    grid = centred_grid(centre, (8, 8, 5), (2.0, 2.0, 6.0), "LPS", 11.0)
    found = sampled(ramp, grid, placed.GetInverse(), over)
    for i, j, k in ((0, 0, 0), (7, 2, 4), (3, 6, 1)):
        head = FLIP @ placed.GetInverse().TransformPoint(grid.point((i, j, k)).tolist())
        assert found[k, j, i] == pytest.approx(head @ (2, -1, 3), abs=1e-3)


# --- content -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["01", "02"])
@pytest.mark.parametrize("image", ["ncct", "cta", "dwi", "t1w"])
def test_the_brain_is_complete_and_separate_from_the_face(study, subject, image):
    brain, face = (true(study, subject, f"{image}_{what}") for what in ("brain", "face"))
    ml = voxels(brain).sum() * np.prod(brain.GetSpacing()) / 1000
    assert 1200 < ml < 1700
    assert voxels(face).any()
    assert not (voxels(brain) & voxels(face)).any()


@pytest.mark.slow
def test_brain_and_skull_have_plausible_hounsfield_units(study):
    hu, tissue = voxels(scan(study, "01", "acq-ncct_ct")), voxels(true(study, "01", "ncct_tissue"))
    numbers = json.loads((study / "truth/sub-01/truth.json").read_text())["tissue_labels"]
    mean = {name: hu[tissue == int(number)].mean() for number, name in numbers.items()}
    assert 26 < mean["wm"] < mean["gm"] < 42
    assert 500 < mean["bone"] < 1300
    assert hu.min() == -1024


@pytest.mark.slow
def test_the_infarct_is_bright_on_trace_and_dark_on_adc(study):
    lesion = voxels(label(study, "01", "label-L_desc-infarct_mask")) > 0
    brain = (voxels(true(study, "01", "dwi_brain")) > 0) & ~lesion
    spacing = label(study, "01", "label-L_desc-infarct_mask").GetSpacing()
    assert 20 < lesion.sum() * np.prod(spacing) / 1000 < 80
    adc, trace = (voxels(scan(study, "01", name)) for name in ("ADC", "trace"))
    assert np.median(adc[lesion]) < 550
    assert np.median(adc[brain]) > 700
    assert np.median(trace[lesion]) > 1.4 * np.median(trace[brain])


@pytest.mark.slow
def test_trace_follows_from_b0_and_adc(study):
    b0, trace, adc = (voxels(scan(study, "02", name)) for name in ("S0map", "trace", "ADC"))
    brain = voxels(true(study, "02", "dwi_brain")) > 0
    assert np.abs(trace - b0 * np.exp(-adc * 1e-3))[brain].max() < 3  # rounding, no more


@pytest.mark.slow
def test_the_occluded_artery_is_dark_and_that_of_the_other_side_is_not(study):
    facts = json.loads((study / "truth/sub-02/truth.json").read_text())
    side = facts["traits"]["lesion_side"]
    cta = scan(study, "02", "acq-cta_ct")
    hu, willis = voxels(cta), voxels(label(study, "02", "seg-CoW_dseg"))
    thrombus = voxels(label(study, "02", "label-LVO_mask")) > 0
    number = {name: index for index, name in phantom.COW_LABELS.items()}
    open_side = number["M1-" + ("R" if side == "L" else "L")]
    assert hu[thrombus].mean() < 110
    assert hu[willis == open_side].mean() > 180
    assert set(np.unique(willis)) - {0} <= set(phantom.COW_LABELS)
    left_of_middle = (
        np.argwhere(thrombus).mean(0)[2] - np.argwhere(willis == number["BA"]).mean(0)[2]
    )
    assert (left_of_middle > 0) == (side == "L")  # the CTA's columns run to the left


@pytest.mark.slow
def test_perfusion_frames_follow_the_arterial_curve(study):
    series = scan(study, "01", "acq-ctp_ct")
    sidecar = study / "raw/sub-01/ses-01/ct/sub-01_ses-01_acq-ctp_ct.json"
    times = json.loads(sidecar.read_text())["VolumeTiming"]
    curve = np.genfromtxt(study / "truth/sub-01/ctp_aif.tsv", names=True)
    assert series.GetSize()[3] == len(times) == len(curve)
    header = nib.load(sidecar.with_suffix("").with_suffix(".nii.gz")).header
    assert header.get_xyzt_units() == ("mm", "sec")
    assert header.get_zooms()[3] > 0
    inside = voxels(true(study, "01", "ctp_artery")) == 1
    found = voxels(series)[:, inside].mean(1)
    assert np.corrcoef(found, curve["aif_hu"])[0, 1] > 0.97


@pytest.mark.slow
def test_perfusion_frames_have_a_longer_interval_after_the_first_pass(study):
    sidecar = study / "raw/sub-01/ses-01/ct/sub-01_ses-01_acq-ctp_ct.json"
    content = json.loads(sidecar.read_text())
    steps = np.diff(content["VolumeTiming"])
    assert (steps == np.sort(steps)).all() and steps[0] < steps[-1]
    assert "RepetitionTime" not in content  # no one interval is true
    # The header has room for one, the commonest.
    assert nifti(study, "01", "acq-ctp_ct").header.get_zooms()[3] == pytest.approx(np.median(steps))


@pytest.mark.slow
def test_true_perfusion_obeys_the_central_volume_theorem(study):
    cbf, cbv, mtt, delay = (
        voxels(true(study, "01", f"ctp_{name}")) for name in ("cbf", "cbv", "mtt", "tmax")
    )
    tissue = cbf > 5
    assert mtt[tissue] == pytest.approx(60 * cbv[tissue] / cbf[tissue], rel=1e-4)
    assert delay[tissue].max() > 5
    assert np.median(delay[tissue]) < 2


# --- the forward model ---------------------------------------------------------------------

LONG = np.arange(0, 400, 0.1)


@pytest.mark.parametrize("kind", ["exponential", "linear", "box"])
def test_the_ratio_of_areas_gives_the_blood_volume(kind):
    tissue = bolus.Tissue(cbf=30, cbv=3.0, delay_s=2.0)
    curve = bolus.tissue_curve(LONG, tissue, bolus.Arterial(), kind)
    areas = curve.sum() / bolus.arterial_curve(LONG, bolus.Arterial()).sum()
    assert 100 * bolus.KH / bolus.RHO * areas == pytest.approx(3.0, rel=2e-3)


def test_a_delay_shifts_the_curve_and_changes_nothing_else():
    early, late = (
        bolus.tissue_curve(LONG, bolus.Tissue(30, 3.0, delay), bolus.Arterial())
        for delay in (-1.0, 2.0)
    )
    assert late[30:] == pytest.approx(early[:-30], abs=1e-6)
    assert late.max() > 1


@pytest.mark.parametrize("kind", ["exponential", "linear", "box"])
def test_the_residue_has_the_area_of_the_transit_time(kind):
    fine = np.arange(0, 300, bolus.FINE)
    assert bolus.residue(fine, 6.0, kind).sum() * bolus.FINE == pytest.approx(6.0)


def test_slower_transit_at_equal_volume_lowers_and_widens_the_curve():
    fast, slow = (
        bolus.tissue_curve(LONG, bolus.Tissue(cbf, 4.0, 0.0), bolus.Arterial()) for cbf in (60, 15)
    )
    assert slow.max() < 0.6 * fast.max()
    assert slow.sum() == pytest.approx(fast.sum(), rel=2e-3)

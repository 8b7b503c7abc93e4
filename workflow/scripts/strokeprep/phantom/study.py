"""Write the raw BIDS files and the truth of one subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.phantom.files import write_json, write_nifti, write_table
from strokeprep.phantom.head.mapping import draw_mapping
from strokeprep.phantom.head.pathology import Pathology, draw_pathology
from strokeprep.phantom.head.shapes import FLIP
from strokeprep.phantom.head.subject import Head, draw_traits, make_head
from strokeprep.phantom.head.tissue import MATERIALS, TISSUE_NUMBER
from strokeprep.phantom.head.vessels import cow_numbers
from strokeprep.phantom.names import GRIDS, MNI, USUAL, image_stem
from strokeprep.phantom.patient import NARROW, SHUTTLE, TEXTBOOK, Patient
from strokeprep.phantom.scan import circulation, contrast, exam, scanner
from strokeprep.phantom.scan.circulation import Circulation, Textbook
from strokeprep.phantom.scan.exam import View
from strokeprep.phantom.scan.protocol import Protocol, Scan, protocol
from strokeprep.phantom.scan.scanner import centred_grid, pose

PATIENT = "Phantom^Patient"
MOTION_MM = 1.0  # the largest shift of the head during CT perfusion
T1W_SIDECAR = {
    "Modality": "MR",
    "Description": "Synthetic T1-weighted head",
    "MagneticFieldStrength": 3.0,
}
# Scans of a part of the head, with their middle (MNI): basal ganglia, circle of Willis.
SLABS = {"ctp": (0.0, -6.0, 8.0), "tof": (0.0, -12.0, -12.0)}


@dataclass(frozen=True)
class Plan:
    """Random choices that are made before the first image."""

    views: dict[str, View]
    whole_face: bool


@dataclass(frozen=True)
class Streams:
    """Random numbers for each purpose, so that a change of one leaves the others as they were."""

    shape: np.random.Generator
    stroke: np.random.Generator
    poses: np.random.Generator
    noise: np.random.Generator
    moving: np.random.Generator
    disease: np.random.Generator
    further: np.random.Generator
    blood: np.random.Generator


def write_subject(patient: Patient, raw: Path, truth: Path) -> None:
    """Write one subject's images below raw/ and their truth below truth/."""
    folder = Path(truth) / f"sub-{patient.subject}"
    folder.mkdir(parents=True, exist_ok=True)
    setup = protocol(patient.size)
    random = Streams(*streams(patient.seed, patient.subject, len(fields(Streams))))
    ill = draw_pathology(patient.disease, random.disease)
    head = _head(patient, setup, ill, random)
    plan = plan_of(head, setup, random.poses, patient.number, patient.axes)
    files = Files(patient.subject, Path(raw), folder)
    _write_ct(head, plan, setup, files, random.noise)
    blood, times = _circulation(patient, head, setup, random.blood)
    motion = _write_ctp(head, plan, setup, files, blood, times, random, patient.table == SHUTTLE)
    _write_mri(head, plan, setup, files, random.noise)
    plan = with_further(head, plan, setup, patient.scans, random.further)
    write_further(head, plan, setup, files, patient.scans, random.further)
    write_transforms(head, plan, folder)
    _write_motion(folder / "ctp_motion.tsv", motion, times)
    write_json(folder / "truth.json", _asked(patient, ill) | _facts(head, plan, blood))


def _head(patient: Patient, setup: Protocol, ill: Pathology, random: Streams) -> Head:
    """The head of a patient, from its shape to the stroke."""
    mapping, traits = draw_mapping(random.shape, patient.warp_mm), draw_traits(random.stroke)
    quantities = contrast.quantities(patient.scans)
    return make_head(mapping, traits, setup.voxel_mm, random.stroke, ill, quantities)


def _asked(patient: Patient, ill: Pathology) -> dict[str, Any]:
    """What was asked of the patient, for its truth."""
    about = {
        "subject": patient.subject,
        "seed": patient.seed,
        "size": patient.size,
        "deformation_mm": patient.warp_mm,
        "motion_mm": MOTION_MM,
    }
    return about | ({"pathology": asdict(ill)} if patient.pathologies else {})


def streams(seed: int, subject: str, count: int) -> list[np.random.Generator]:
    """Independent random streams, which do not depend on other subjects."""
    children = np.random.SeedSequence([seed, int(subject)]).spawn(count)
    return [np.random.default_rng(child) for child in children]


class Files:
    """Writes images, their sidecars and their truth under their names."""

    def __init__(self, subject: str, raw: Path, truth: Path, study: str = USUAL) -> None:
        self.subject, self.raw, self.truth, self.study = subject, raw, truth, study

    def image(self, name: str, array: np.ndarray, view: View, sidecar: dict, **header) -> None:
        stem = image_stem(name, self.subject, self.study)
        label = f"{PATIENT} sub-{self.subject} {name}"
        write_nifti(self.raw / f"{stem}.nii.gz", array, view.grid, description=label, **header)
        write_json(self.raw / f"{stem}.json", sidecar | _private(self.subject, name))

    def label(self, name: str, array: np.ndarray, view: View, sidecar: dict) -> None:
        stem = image_stem(name, self.subject, self.study)
        write_nifti(self.raw / f"{stem}.nii.gz", array, view.grid)
        write_json(self.raw / f"{stem}.json", sidecar)

    def true(self, name: str, array: np.ndarray, view: View) -> None:
        write_nifti(self.truth / f"{name}.nii.gz", array, view.grid)

    def masks(self, name: str, head: Head, view: View) -> None:
        """Brain and face in the reconstructed field of view of a scan."""
        seen = scanner.circle(view.grid) if name in ("ncct", "cta", "ctp") else True
        for what in ("brain", "face"):
            self.true(f"{name}_{what}", view.mask(head, head.shares[what]) * seen, view)


def _private(subject: str, name: str) -> dict:
    """Keys that a scanner writes and that must not be released."""
    code = int(subject) * 100 + len(name)
    return {
        "Manufacturer": "Synthetic",
        "ManufacturersModelName": "Phantom",
        "InstitutionName": "Phantom General Hospital",
        "PatientName": PATIENT,
        "PatientID": f"PHANTOM-{subject}",
        "PatientBirthDate": "1950-01-01",
        "AcquisitionDateTime": f"2001-01-{int(subject) % 28 + 1:02d}T03:00:00",
        "SeriesInstanceUID": f"1.2.826.0.1.3680043.2.1125.{code}",
        "AccessionNumber": f"ACC{code:06d}",
    }


def plan_of(
    head: Head, setup: Protocol, random: np.random.Generator, number: int, stored: str | None
) -> Plan:
    """Poses and grids: similar for the CT scans of a session, different for MRI on another day."""
    whole_face = bool(number % 2 == 0)
    lying = random.uniform((-11, -4, -4), (11, 4, 4))
    table = random.uniform((-15, -25, -40), (15, 25, 40))
    apart = random.uniform(-1, 1, (4, 6))
    mri, mri_table = random.uniform((-13, -5, -5), (13, 5, 5)), random.uniform(-25, 25, 3)
    oblique = {"ncct": 11.0 if number % 2 else 0.0, "dwi": random.uniform(-12, 12)}
    placed = {
        "ncct": pose(lying, table),
        "cta": pose(lying + 3 * apart[0, :3], table + 9 * apart[0, 3:]),
        "ctp": pose(lying + 4 * apart[1, :3], table + (6, 12, 36) * apart[1, 3:]),
        "dwi": pose(mri, mri_table),
        "t1w": pose(mri + 1.0 * apart[3, :3], mri_table + 1.5 * apart[3, 3:]),
    }
    scans = {name: getattr(setup, name) for name in GRIDS}
    if whole_face:
        scans["ncct"] = _taller(scans["ncct"], setup.ncct_face_slices)
    mixed = {"ncct": "LAS" if number % 2 else "LPS", "ctp": "LPS"}
    axes = dict.fromkeys(GRIDS, stored or "LAS") | ({} if stored else mixed)
    views = {
        name: _view(head, scans[name], placed[name], axes[name], oblique.get(name, 0.0), name)
        for name in GRIDS
    }
    return Plan(views, whole_face)


def _taller(scan: Scan, slices: int) -> Scan:
    return Scan((*scan.size[:2], slices), scan.spacing, scan.over, scan.noise)


def _view(
    head: Head, scan: Scan, placed: sitk.Euler3DTransform, axes: str, tilt: float, name: str
) -> View:
    """A grid around the head: slabs around their middle, other scans from the vertex down."""
    mapping = head.mapping.healthy
    middle = mapping.head_point(np.array(SLABS.get(name, (0.0, -6.0, 8.0))))
    grid = centred_grid(
        placed.TransformPoint((FLIP @ middle).tolist()), scan.size, scan.spacing, axes, tilt
    )
    if name not in SLABS:
        vertex = mapping.head_point(np.array([0.0, -15.0, 96.0]))
        height = grid.millimetres(placed.TransformPoint((FLIP @ vertex).tolist()))[2]
        up = np.reshape(grid.direction, (3, 3))[:, 2]
        air_mm = 8.0  # above the vertex
        rise = height + air_mm - (scan.size[2] - 0.5) * scan.spacing[2]
        origin = np.array(grid.origin) + rise * up
        grid = replace(grid, origin=tuple(origin.tolist()))
    return View(grid, placed, scan.over)


def _write_ct(
    head: Head, plan: Plan, setup: Protocol, files: Files, random: np.random.Generator
) -> None:
    """NCCT and CTA with their labels and truth."""
    ncct, cta = plan.views["ncct"], plan.views["cta"]
    scan = exam.ct_scan(head, contrast.ncct(head), ncct, setup.ncct.noise, random)
    comment = f"Patient {PATIENT}, born 1950-01-01, Phantom General Hospital"
    files.image("ncct", scan, ncct, _ct_sidecar("non-contrast head CT"), comment=comment)
    scan = exam.ct_scan(head, contrast.cta(head), cta, setup.cta.noise, random)
    files.image("cta", scan, cta, _ct_sidecar("CT angiography"))
    for name, view in (("ncct", ncct), ("cta", cta)):
        files.masks(name, head, view)
    thrombus = [(1, v) for v in head.vessels if v.kind == "thrombus"]
    willis = cow_numbers(head.vessels)
    roi = {"Type": "ROI", "SpatialReference": "orig", "Manual": True}
    lvo = scanner.drawn(thrombus, cta.grid, cta.head_to_image)
    files.label("lvo", lvo, cta, {"Description": "Occluded segment"} | roi)
    cow = scanner.drawn(willis, cta.grid, cta.head_to_image)
    files.label("cow", cow, cta, {"Description": "Circle of Willis", "SpatialReference": "orig"})
    files.true("ncct_lvo", scanner.drawn(thrombus, ncct.grid, ncct.head_to_image), ncct)
    files.true("ncct_cow", scanner.drawn(willis, ncct.grid, ncct.head_to_image), ncct)
    files.true("ncct_lesion", ncct.mask(head, head.shares["core"]), ncct)
    tissue = scanner.nearest(head.image(head.tissue), ncct.grid, ncct.image_to_head)
    files.true("ncct_tissue", tissue, ncct)


def _ct_sidecar(description: str) -> dict:
    return {
        "Modality": "CT",
        "Description": f"Synthetic {description}",
        "Units": "HU",
        "KVP": 120,
        "ConvolutionKernel": "H31s",
    }


def _circulation(
    patient: Patient, head: Head, setup: Protocol, random: np.random.Generator
) -> tuple[Circulation | Textbook, np.ndarray]:
    """How contrast flows in a patient, and the times of the frames that show it (s)."""
    if patient.circulation == TEXTBOOK:
        return Textbook(), np.array(setup.frame_times_s)
    side = head.traits.lesion_side
    drawn = circulation.well_scanned_circulation(random, side)
    if patient.circulation == NARROW:
        drawn = circulation.with_narrow_carotid(drawn, random, side)
    interval_s = max(drawn.bolus.interval_s, setup.least_interval_s)
    scanned = replace(drawn.bolus, interval_s=interval_s, noise_hu=setup.ctp.noise)
    return replace(drawn, bolus=scanned), setup.frame_times(scanned.seconds, interval_s)


def _write_ctp(
    head: Head,
    plan: Plan,
    setup: Protocol,
    files: Files,
    blood: Circulation | Textbook,
    times: np.ndarray,
    random: Streams,
    shuttles: bool,
) -> exam.Motion:
    """The perfusion series, its maps and its arterial curves; the table may go back and forth."""
    view = plan.views["ctp"]
    slab = exam.Slab(head, view, MOTION_MM, blood.regions)
    centre = view.grid.point((np.array(view.grid.size) - 1) / 2)
    motion = exam.draw_motion(random.moving, times, centre, MOTION_MM)

    def noise() -> np.ndarray:
        return scanner.ct_noise(random.noise, view.grid.shape, setup.ctp.noise)

    slices = view.grid.size[2]
    stops: Sequence[exam.Stop] = exam.STILL
    sidecar = _ct_sidecar("CT perfusion") | {"VolumeTiming": times.tolist()}
    if shuttles:
        stops = exam.shuttle(slices, float(np.diff(times).min()))
        sidecar["SliceTiming"] = exam.slice_timing(stops, slices).tolist()
    series = exam.ctp_scan(slab, view, blood.curves, times, motion, noise, stops)
    files.image("ctp", series, view, sidecar, frame_s=float(np.median(np.diff(times))))
    files.masks("ctp", head, view)
    for name, array in exam.perfusion_maps(slab, view, blood.tissues).items():
        files.true(f"ctp_{name}", array, view)
    files.true("ctp_artery", exam.artery_labels(slab, view), view)
    pure = {"time_s": times, "aif_hu": blood.artery(times), "vof_hu": blood.vein(times)}
    pure |= {f"aif_{name}_hu": curve for name, curve in blood.arteries_behind(times).items()}
    write_table(files.truth / "ctp_aif.tsv", tuple(pure), zip(*pure.values(), strict=True))
    return motion


def _write_mri(
    head: Head, plan: Plan, setup: Protocol, files: Files, random: np.random.Generator
) -> None:
    """Diffusion with the infarct mask, and the T1-weighted scan."""
    write_dwi(head, plan.views["dwi"], setup, files, random)
    write_lesion(head, plan.views["dwi"], files, "core")
    t1w = plan.views["t1w"]
    files.image("t1w", exam.t1w_scan(head, t1w, setup.t1w.noise, random), t1w, T1W_SIDECAR)
    files.masks("t1w", head, t1w)


def write_dwi(
    head: Head, dwi: View, setup: Protocol, files: Files, random: np.random.Generator
) -> None:
    """Images of b = 0, trace and ADC."""
    what = {"b0": "b = 0 image", "trace": "trace-weighted image", "adc": "ADC map"}
    for name, array in exam.dwi_scan(head, dwi, setup.dwi.noise, random).items():
        sidecar: dict[str, Any] = {"Modality": "MR", "Description": f"Synthetic {what[name]}"}
        if name == "trace":
            sidecar["DiffusionBValue"] = contrast.B_VALUE
        if name == "adc":
            sidecar["Units"] = "10^-6 mm^2/s"
        files.image(name, array, dwi, sidecar)
    files.masks("dwi", head, dwi)


def write_lesion(head: Head, view: View, files: Files, share: str) -> None:
    """The mask of the lesion as somebody draws it on a scan."""
    sidecar = {"Description": "Infarct", "Type": "Lesion", "Manual": True}
    lesion = view.mask(head, head.shares[share])
    files.label("lesion", lesion, view, sidecar | {"SpatialReference": "orig"})


def with_further(
    head: Head,
    plan: Plan,
    setup: Protocol,
    scans: Sequence[str],
    random: np.random.Generator,
) -> Plan:
    """The plan with scans of the same MR session, between which the head moved a little."""
    first = plan.views["t1w"].head_to_image
    turn = np.degrees([first.GetAngleX(), first.GetAngleY(), first.GetAngleZ()])
    views = dict(plan.views)
    for name in scans:
        moved = random.uniform(-1, 1, 6) * (2, 1, 1, 3, 3, 3)
        placed = pose(turn + moved[:3], np.array(first.GetTranslation()) + moved[3:])
        tilt = 0.0 if name == "t1wce" else float(random.uniform(-12, 12))
        views[name] = _view(head, setup.of(name), placed, "LAS", tilt, name)
    return replace(plan, views=views)


def write_further(
    head: Head,
    plan: Plan,
    setup: Protocol,
    files: Files,
    scans: Sequence[str],
    random: np.random.Generator,
) -> None:
    """The MR scans beside the usual ones, and their truth."""
    for name in scans:
        view = plan.views[name]
        image = exam.mr_scan(head, name, view, setup.of(name).noise, random)
        sidecar = {"Modality": "MR", "Description": f"Synthetic {name} head"}
        files.image(name, image, view, sidecar | {"MagneticFieldStrength": 3.0})
        files.masks(name, head, view)


def write_transforms(head: Head, plan: Plan, truth: Path) -> None:
    for name, view in plan.views.items():
        sitk.WriteTransform(view.head_to_image, str(truth / f"from-head_to-{name}.tfm"))
    sitk.WriteTransform(head.mapping.transform, str(truth / f"from-head_to-{MNI}.tfm"))


def _write_motion(path: Path, motion: exam.Motion, times: np.ndarray) -> None:
    """One row per frame: six parameters, the centre, and the same as a 3 x 4 matrix (LPS)."""
    names = ["frame", "time_s", "rx_rad", "ry_rad", "rz_rad", "tx_mm", "ty_mm", "tz_mm"]
    names += ["cx_mm", "cy_mm", "cz_mm"] + [f"m{r}{c}" for r in range(3) for c in range(4)]
    rows = []
    for frame, time in enumerate(times):
        rigid = motion.at(frame)
        matrix = np.reshape(rigid.GetMatrix(), (3, 3))
        shift = np.array(rigid.TransformPoint((0.0, 0.0, 0.0)))
        numbers = np.r_[motion.angles[frame], motion.shifts[frame], motion.centre]
        rows.append([frame, time, *numbers, *np.c_[matrix, shift].ravel()])
    write_table(path, names, rows)


def _facts(head: Head, plan: Plan, blood: Circulation | Textbook) -> dict:
    """Facts about the subject that are not in an image."""
    return {
        "traits": asdict(head.traits),
        "whole_face_on_ncct": plan.whole_face,
        "brain_ml": round(head.ml(head.shares["brain"]), 3),
        "face_ml": round(head.ml(head.shares["face"]), 3),
        "lesion_ml": round(head.ml(head.shares["core"] > 0.5), 3),
        "penumbra_ml": round(head.ml(head.shares["penumbra"] > 0.5), 3),
        "tissue_labels": {str(number): name for name, number in TISSUE_NUMBER.items()},
        "tissue_hu": {name: material.hu for name, material in MATERIALS.items()},
        "perfusion": {
            name: asdict(tissue) | {"mtt_s": tissue.mtt_s, "residue": blood.shapes[name]}
            for name, tissue in blood.tissues.items()
        },
        "bolus": asdict(blood.bolus),
        "regions": [asdict(region) for region in blood.regions],
    }

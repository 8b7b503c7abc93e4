"""The errors of CT perfusion in the built-in study: motion, maps and volumes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep import kinds
from strokeprep.accuracy import score_regions
from strokeprep.accuracy.figures import Measure
from strokeprep.accuracy.truth import Truth
from strokeprep.io import images, tables, transforms
from strokeprep.perfusion import pipeline, regions
from strokeprep.perfusion import tissue as tissue_at_risk
from strokeprep.perfusion.inputs import vessel_voxels
from strokeprep.perfusion.inputs import vessels as arteries
from strokeprep.perfusion.regions import Labels
from strokeprep.quality.judgement import Measurement
from strokeprep.series import motion
from strokeprep.series.timing import GRID_S
from strokeprep.settings.perfusion import PerfusionSettings, TissueSettings
from strokeprep.study import naming
from strokeprep.study.naming import ORIG
from strokeprep.study.scans import Scan

# Where the true flow is lower, there is hardly any tissue.
LEAST_FLOW = 5.0
# The share of the artery's peak above which a frame does not belong to the baseline. Boluses begin gently; in
# tissue this is a tenth of a Hounsfield unit.
ARRIVED = 0.01
# The truth that each map is compared with. Tmax is compared with the delay, which it follows.
TRUE_MAPS = {name: "tmax" if name == "delay" else name for name in kinds.MAPS}
HYPOPERFUSED = "hypoperfused_ml"
LATE = tuple(regions.PROBABLE.values())


class Course:
    """True and estimated positions of brain points in every frame of a series."""

    def __init__(self, scan: Scan, reference: Scan, root: Path, truth: Truth) -> None:
        self.found = motion.read(root / naming.motion(scan))
        self.usable = np.flatnonzero(self.found.usable)
        rows = tables.read(truth.folder / "ctp_motion.tsv")
        self.true = np.tile(np.eye(4), (len(rows), 1, 1))
        for frame, row in enumerate(rows):
            values = [float(row[name]) for name in motion.MATRIX_COLUMNS]
            self.true[frame, :3] = np.reshape(values, (3, 4))
        head = truth.head_points(scan.name)
        here = truth.points(reference.name, head)
        path = root / naming.to_reference(scan, scan.name, reference.name)
        self.at_rest = truth.points(scan.name, head)
        self.placed = transforms.apply(transforms.read(path), here)

    def errors(self) -> np.ndarray:
        """Frames × points × 3 (mm): from the true position of a point to the estimated one."""
        return np.stack(
            [
                transforms.apply(transforms.linear(self.found.matrices[frame]), self.placed)
                - transforms.apply(transforms.linear(self.true[frame]), self.at_rest)
                for frame in self.usable
            ]
        )

    def to_truth(self) -> np.ndarray:
        """The matrix (LPS) from the pose of the computed maps to that of the true maps."""
        frame = self.usable[0]
        return np.linalg.inv(self.true[frame]) @ self.found.matrices[frame]


def measurements(
    scan: Scan,
    reference: Scan,
    template: str,
    root: Path,
    truth: Truth,
    settings: PerfusionSettings,
    measured: Measure,
    atlases: Mapping[str, Labels],
) -> Iterator[Measurement]:
    """All measures of one series; ``atlases`` are those by which it is told of regions."""
    course = Course(scan, reference, root, truth)
    yield from _places(scan, reference, course, measured)
    true = _true_maps(scan, root, truth, course)
    yield from _maps(scan, root, true, settings.tissue, measured)
    head = truth.from_head(scan.name).GetInverse()
    chain = [transforms.linear(course.to_truth()), head, truth.from_head(template)]
    yield from score_regions.measurements(scan, root, true, chain, atlases, settings, measured)
    sources = pipeline.Sources(
        series=str(root / naming.preproc(scan, scan.pilot.kind.suffix, ORIG, "preproc")),
        coverage=str(root / naming.coverage(scan, ORIG)),
        brain=str(root / naming.brain_mask(reference, ORIG)),
        to_series=str(root / naming.to_reference(scan, scan.name, reference.name)),
        to_template=str(root / naming.from_template(reference, reference.name, template)),
    )
    used = tables.read(root / naming.vessels(scan))
    about = json.loads(Path(naming.sidecar(sources.series)).read_text())
    vessels = _true_vessels(truth, about["FirstFrameTime"] + GRID_S * np.arange(len(used)))
    area = sum(float(row["aif"]) for row in used) / float(vessels.aif.sum())
    yield measured("ctp_aif", "area_error", abs(area - 1))
    ideal = pipeline.mapped(pipeline.slab_of(sources, settings.rim_mm), vessels, settings)
    yield from _by_either_input(scan, root, ideal, measured)


def _places(
    scan: Scan, reference: Scan, course: Course, measured: Measure
) -> Iterator[Measurement]:
    """The error common to all frames is that of registration, the rest that of motion."""
    errors = course.errors()
    common = errors.mean(axis=0)
    apart = np.linalg.norm(common, axis=1)
    step = f"{scan.name}_to_{reference.name}"
    yield measured(step, "tre_mean", float(apart.mean()))
    yield measured(step, "tre_max", float(apart.max()))
    by_frame = np.linalg.norm(errors - common, axis=2).mean(axis=1)
    yield measured("ctp_motion", "tre_mean", float(by_frame.mean()))
    yield measured("ctp_motion", "tre_worst_frame", float(by_frame.max()))


def _true_maps(scan: Scan, root: Path, truth: Truth, course: Course) -> dict[str, sitk.Image]:
    """The true maps by name, on the grid and in the pose of the computed ones."""
    grid = images.read_grid(root / naming.perfusion_map(scan, "cbf", ORIG))
    chain = [transforms.linear(course.to_truth())]
    return {
        name: transforms.resample(images.read(truth.folder / f"ctp_{of}.nii.gz"), grid, chain)
        for name, of in TRUE_MAPS.items()
    }


def _maps(
    scan: Scan,
    root: Path,
    there: Mapping[str, sitk.Image],
    tissue: TissueSettings,
    measured: Measure,
) -> Iterator[Measurement]:
    """Maps compared with the true ones, equally smoothed, in tissue that both show."""
    maps = {
        name: images.array(images.read(root / naming.perfusion_map(scan, name, ORIG)))
        for name in kinds.MAPS
    }
    true = {name: images.array(image) for name, image in there.items()}
    spacing = np.array(there["cbf"].GetSpacing())
    blood = maps["cbv"]
    known = (maps["cbf"] > 0) & (true["cbf"] > LEAST_FLOW)
    known &= blood < tissue.vessel_cbv * np.median(blood[known])
    fwhm = tissue.smoothing_fwhm_mm
    for name in kinds.MAPS:
        volume = true[name][..., None]
        wanted = tissue_at_risk.smoothed_curves(volume, known, spacing, fwhm)[:, 0]
        here = maps[name][known]
        yield measured(f"ctp_{name}", "correlation", float(np.corrcoef(here, wanted)[0, 1]))
        if name not in ("tmax", "delay"):  # of a bias that adds, a ratio says nothing
            apart = abs(float(np.median(here) / np.median(wanted)) - 1)
            yield measured(f"ctp_{name}", "median_error", apart)


def _by_either_input(
    scan: Scan, root: Path, ideal: pipeline.Perfusion, measured: Measure
) -> Iterator[Measurement]:
    """Maps made with the input that was found, compared with those made with the true input."""
    blood = ideal.maps["cbv"] > 0
    for name in ("cbv", "mtt"):
        values = images.array(images.read(root / naming.perfusion_map(scan, name, ORIG)))[blood]
        wanted = ideal.maps[name][blood]
        alike = float(np.corrcoef(values, wanted)[0, 1])
        yield measured(f"ctp_{name}_by_input", "correlation", alike)
        slope = float(values @ wanted / (wanted @ wanted))
        yield measured(f"ctp_{name}_by_input", "slope_error", abs(slope - 1))
    apart = images.array(images.read(root / naming.perfusion_map(scan, "tmax", ORIG)))[blood]
    shift = abs(float(np.median(apart - ideal.maps["tmax"][blood])))
    yield measured("ctp_tmax_by_input", "shift", shift)
    likely = {name: images.array(images.read(root / naming.model_map(scan, name))) for name in LATE}
    change = abs(_late_voxels(likely) / _late_voxels(ideal.maps) - 1)
    yield measured("ctp_late", "volume_change", change)
    (row,) = tables.read(root / naming.tissue_volumes(scan))
    true = float(str(ideal.volumes[HYPOPERFUSED]))
    change = abs(float(row[HYPOPERFUSED]) / true - 1)
    yield measured("ctp_hypoperfused", "volume_change", change)


def _late_voxels(maps: Mapping[str, np.ndarray]) -> int:
    """How many voxels are likely core or penumbra."""
    return int(np.count_nonzero(sum(maps[name] for name in LATE) > regions.LIKELY))


def _true_vessels(truth: Truth, seconds: np.ndarray) -> arteries.Vessels:
    """The simulated arterial input at the times of the one-second series (s)."""
    rows = tables.read(truth.folder / "ctp_aif.tsv")
    times, curve = (np.array([float(row[name]) for row in rows]) for name in ("time_s", "aif_hu"))
    aif = np.interp(seconds, times, curve)
    baseline = int(np.argmax(aif > ARRIVED * aif.max()))
    nowhere = vessel_voxels.NO_VOXELS
    return arteries.Vessels(aif, aif, None, baseline, nowhere, nowhere, 1.0, 0.0)

"""Vessels, maps and tissue at risk of simulated patients, each with a bolus of its own, against the truth.

    python benchmarks/circulations.py [--patients 30] [--first 401] [--seeds 7 11] [--size small] [--motion 0] [--out FILE.tsv]
        [--local] [--narrow] [--shuttle] [--hardened 0]

Each patient has a head, a stroke, a bolus as real patients have it (``strokeprep.phantom.scan.circulation``) and
noise of a kernel. The head may move by some millimetres; its frames are then moved back by the true motion, so
that no series has to be registered, and what is left is what interpolation leaves. Everything after that is the
project's. A row per patient, then the median of all with the 10th and 90th percentile. The input's course is how
far it lies from the true one at the same area (root mean square over that of the true one). Flow and transit time
are the median in tissue over the true one ("per voxel": the median of ratios); r is the correlation with the true
map, equally smoothed, in tissue that flows by more than 5 mL/100 g/min. "true" is with the true arterial input,
"local" with inputs of territories. With --narrow the carotid of the side without the stroke is narrow; "behind" is
the tissue that it feeds. With --shuttle the table goes back and forth, so that half of the slices are taken half an
interval later; --hardened takes so many HU off where bone is all around.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from strokeprep.io import labels, transforms
from strokeprep.perfusion import pipeline, tissue
from strokeprep.perfusion.curves import Series
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.phantom import study
from strokeprep.phantom.head.mapping import draw_mapping
from strokeprep.phantom.head.subject import Head, draw_traits, make_head
from strokeprep.phantom.scan import contrast, exam, scanner
from strokeprep.phantom.scan.circulation import Circulation, draw_circulation, with_narrow_carotid
from strokeprep.phantom.scan.protocol import protocol
from strokeprep.series.timing import Timing
from strokeprep.settings.perfusion import PerfusionSettings

SETTINGS = PerfusionSettings()
LOCAL = replace(SETTINGS, vessels=replace(SETTINGS.vessels, inputs="local"))
BEHIND = "behind"  # a narrow carotid: the share of a voxel
LEAST_FLOW = 5.0
RIM_MM = 2.0
WHOLLY = 1 - 1e-3  # a share of one, rounded
# Maps are as sharp as the truth that they are most like.
OTHER_MM = (2.0, 8.0)


@dataclass(frozen=True)
class Scan:
    """How a patient is scanned."""

    size: str
    motion_mm: float = 0.0
    shuttles: bool = False
    hardened_hu: float = 0.0


@dataclass(frozen=True)
class Patient:
    """A slab of one frame per second, and what is true of it (arrays as those of the slab)."""

    slab: pipeline.Slab
    circulation: Circulation
    aif: np.ndarray
    true: dict[str, np.ndarray]


def patient(seed: int, scan: Scan, narrow: bool = False) -> Patient:
    """The patient of a seed; its carotid may be narrow on the side without the stroke."""
    setup, motion_mm = protocol(scan.size), scan.motion_mm
    shape, stroke, poses, noise, blood, moving, carotid = study.streams(seed, "01", 7)
    head = make_head(
        draw_mapping(shape, 0.0),
        draw_traits(stroke),
        setup.voxel_mm,
        stroke,
        quantities=contrast.quantities(()),
    )
    view = study.plan_of(head, setup, poses, 1, None).views["ctp"]
    circulation = draw_circulation(blood, head.traits.lesion_side)
    if narrow:
        circulation = with_narrow_carotid(circulation, carotid, head.traits.lesion_side)
    slab = exam.Slab(head, view, motion_mm, circulation.regions, scan.hardened_hu)
    times = circulation.bolus.times
    centre = view.grid.point((np.array(view.grid.size) - 1) / 2)
    motion = exam.draw_motion(moving, times, centre, motion_mm)

    def of_kernel() -> np.ndarray:
        return scanner.kernel_noise(noise, view.grid, circulation.bolus.noise_hu)

    slices = view.grid.size[2]
    stops = exam.shuttle(slices, circulation.bolus.interval_s) if scan.shuttles else exam.STILL
    frames = exam.ctp_scan(slab, view, circulation.curves, times, motion, of_kernel, stops)
    covered = np.ones(view.grid.shape, bool)
    if motion_mm:
        frames, covered = _moved_back(frames, view, motion)
    timing = Timing(times, exam.slice_timing(stops, slices), "simulated", None, ())
    seconds = timing.grid()
    true = exam.perfusion_maps(slab, view, circulation.tissues) | exam.stroke_masks(slab, view)
    if narrow:
        kinds = [name for name in circulation.tissues if name.startswith("stenosis-")]
        volume = slab.mixed(dict.fromkeys(kinds, 1.0))
        true[BEHIND] = scanner.sampled(volume, view.grid, view.image_to_head, view.over)
    series = _every_second(frames, timing.of_slices(slices), seconds)
    box, made = _slab(head, view, series, covered)
    there = {name: array.transpose(2, 1, 0)[box] for name, array in true.items()}
    return Patient(made, circulation, circulation.bolus.artery(seconds), there)


def _moved_back(
    frames: np.ndarray, view: exam.View, motion: exam.Motion
) -> tuple[np.ndarray, np.ndarray]:
    """The frames [t, z, y, x], each in the pose of the reference, and the voxels that all of them cover.

    As in the workflow, what lies outside of the slab in any frame is air.
    """
    grid = view.grid.image()
    ones = sitk.Cast(grid, sitk.sitkFloat32) + 1
    inside = sitk.ConstantPad(ones, [1] * 3, [1] * 3, 0.0)  # falls beyond the outermost voxels
    back, covered = np.empty_like(frames), np.ones(view.grid.shape, bool)
    for index, frame in enumerate(frames):
        moved = sitk.GetImageFromArray(frame.astype(np.float32))
        moved.CopyInformation(grid)
        there, share = (
            sitk.GetArrayFromImage(sitk.Resample(image, grid, motion.at(index), sitk.sitkLinear))
            for image in (moved, inside)
        )
        back[index] = np.rint(there)
        covered &= share > WHOLLY
    back[:, ~covered] = scanner.PADDING_HU
    return back, covered


def _every_second(frames: np.ndarray, times: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """A series [t, z, y, x] with times of its slices (frames × slices), interpolated linearly, as [x, y, z, t]."""
    count = np.arange(len(times))
    at = np.stack([np.interp(seconds, of_slice, count) for of_slice in times.T], axis=1)
    before = np.minimum(at.astype(int), len(times) - 2)
    hu = np.empty((*frames.shape[:0:-1], len(seconds)), np.int16, order="F")
    slices = np.arange(frames.shape[1])
    for frame, (first, later) in enumerate(zip(before, at - before, strict=True)):
        share = later[:, None, None]
        mean = (1 - share) * frames[first, slices] + share * frames[first + 1, slices]
        hu[..., frame] = np.rint(mean).transpose(2, 1, 0)
    return hu


def _slab(
    head: Head, view: exam.View, hu: np.ndarray, covered: np.ndarray
) -> tuple[tuple[slice, ...], pipeline.Slab]:
    affine = view.grid.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    brain = ((view.mask(head, head.shares["brain"]) > 0) & covered).transpose(2, 1, 0)
    rim = max(RIM_MM, spacing[:2].max())
    brain &= ndimage.distance_transform_edt(brain, sampling=spacing) > rim
    box = labels.bounding_box(brain, np.ceil(16 / spacing).astype(int))
    here = affine.copy()
    here[:3, 3] = affine[:3, :3] @ [part.start for part in box] + affine[:3, 3]
    right = scanner.sampled(
        head.image(_right_of(head)), view.grid, view.image_to_head, outside=0.0
    ).transpose(2, 1, 0)[box]
    series = Series(hu[box].copy(order="F"), brain[box], here, 1.0)
    to_template = transforms.chain([view.image_to_head, head.mapping.transform])
    place = pipeline.placed_by(series, to_template)
    return box, pipeline.Slab(series, box, brain.shape, affine, right, place)


def _right_of(head: Head) -> np.ndarray:
    """How far each voxel of a head lies right of its middle (mm)."""
    x, _, _ = head.lattice.coordinates()
    return np.broadcast_to(x, head.lattice.shape).astype(np.float32)


def figures(made: Patient, with_local: bool) -> dict[str, float]:
    """All figures of a patient."""
    bolus = made.circulation.bolus
    out = {"share": bolus.share, "noise": bolus.noise_hu, "interval": bolus.interval_s}
    search = pipeline.search(made.slab, SETTINGS, pipeline.AUTOMATIC)
    found = search.vessels
    area = float(found.aif.sum() / made.aif.sum())
    out |= {"input area": area, "within its SD": float(abs(area - 1) <= found.scale_sd)}
    apart = np.linalg.norm(found.aif / area - made.aif) / np.linalg.norm(made.aif)
    out |= {"input course": float(apart)}
    out |= {"stated SD": found.scale_sd, "scale": found.scale}
    out |= {"likeness": found.likeness, "course likeness": found.course_likeness}
    true = replace(found, aif=made.aif, scale=1.0, scale_sd=0.0)
    by = {"": found, "true ": true}
    perfusion = {name: pipeline.mapped(made.slab, each, SETTINGS) for name, each in by.items()}
    if with_local and (local := pipeline.local_inputs(made.slab, search, LOCAL)):
        perfusion["local "] = (
            pipeline.mapped(made.slab, found, LOCAL, local) if local.own else perfusion[""]
        )
        out |= {f"own {each.territory}": float(each.refused is None) for each in local.each}
        out["warnings of territories"] = float(len(local.warnings))
    for name, done in perfusion.items():
        maps = {key: volume[made.slab.box] for key, volume in done.maps.items()}
        masks = {key: volume[made.slab.box] > 0 for key, volume in done.masks.items()}
        out |= {name + key: value for key, value in _of_maps(made, maps)}
        out |= {name + key: value for key, value in _behind(made, maps)}
        if not name.startswith("true"):
            out |= {name + key: value for key, value in _at_risk(made, maps, masks)}
    return out


def _of_maps(made: Patient, maps: dict[str, np.ndarray]) -> Iterator[tuple[str, float]]:
    series, true = made.slab.series, made.true
    known = (maps["cbf"] > 0) & (true["cbf"] > LEAST_FLOW)
    known &= maps["cbv"] < SETTINGS.tissue.vessel_cbv * np.median(maps["cbv"][known])
    fwhm = SETTINGS.tissue.smoothing_fwhm_mm
    for name, of in (("cbf", "cbf"), ("mtt", "mtt"), ("delay", "tmax")):
        wanted = tissue.smoothed_curves(true[of][..., None], known, series.spacing, fwhm)[:, 0]
        here = maps[name][known]
        if name == "delay":
            yield "delay bias", float(np.mean(here - wanted))
            within = np.abs(here - wanted) <= maps["delay_sd"][known]
            yield "delay within its SD", float(np.mean(within))
            for width in OTHER_MM:
                of_width = tissue.smoothed_curves(
                    true[of][..., None], known, series.spacing, width
                )[:, 0]
                yield f"delay r, truth at {width:g} mm", float(np.corrcoef(here, of_width)[0, 1])
        else:
            yield name, float(np.median(here) / np.median(wanted))
            yield f"{name} per voxel", float(np.median(here / wanted))
        yield f"{name} r", float(np.corrcoef(here, wanted)[0, 1])


def _behind(made: Patient, maps: dict[str, np.ndarray]) -> Iterator[tuple[str, float]]:
    """The same of tissue behind a narrow carotid, and of the other side where no stroke is."""
    if BEHIND not in made.true:
        return
    series, true = made.slab.series, made.true
    known = (maps["cbf"] > 0) & (true["cbf"] > LEAST_FLOW)
    known &= maps["cbv"] < SETTINGS.tissue.vessel_cbv * np.median(maps["cbv"][known])
    stroke = (true["core"] > 0) | (true["penumbra"] > 0)
    parts = {BEHIND: true[BEHIND] > 0.5, "beside": (true[BEHIND] < 0.01) & ~stroke}
    for part, inside in parts.items():
        here = known & inside
        for name, of in (("cbf", "cbf"), ("mtt", "mtt"), ("delay", "tmax")):
            fwhm = SETTINGS.tissue.smoothing_fwhm_mm
            wanted = tissue.smoothed_curves(true[of][..., None], here, series.spacing, fwhm)[:, 0]
            values, sd = maps[name][here], maps[f"{name}_sd"][here]
            if name == "delay":
                yield f"delay {part}, bias", float(np.median(values - wanted))
            else:
                yield f"{name} {part}", float(np.median(values) / np.median(wanted))
            yield f"{name} {part} within its SD", float(np.mean(np.abs(values - wanted) <= sd))


def _at_risk(
    made: Patient, maps: dict[str, np.ndarray], masks: dict[str, np.ndarray]
) -> Iterator[tuple[str, float]]:
    parts = ("core", "penumbra")
    for name, count in (("core", 1), ("late", 2)):
        wanted = np.any([made.true[part] > 0 for part in parts[:count]], axis=0)
        likely = np.sum([maps[f"{part}_probability"] for part in parts[:count]], axis=0) > 0.5
        cut = np.any([masks[part] for part in parts[:count]], axis=0)
        for by, mask in (("probability", likely), ("thresholds", cut)):
            yield f"{name} by {by}: Dice", labels.dice(mask, wanted)
            apart = int(mask.sum()) - int(wanted.sum())
            yield f"{name} by {by}: ml too much", apart * made.slab.series.voxel_ml


def table(seeds: Iterable[int], scan: Scan, narrow: bool, with_local: bool) -> Iterator[str]:
    """The rows of the table, as they are ready."""
    rows = []
    for seed in seeds:
        try:
            rows.append(figures(patient(seed, scan, narrow), with_local))
        except NotComputable as error:
            yield f"{seed}\tno maps: {error.reason}"
            continue
        if len(rows) == 1:
            yield "\t".join(["seed", *rows[0]])
        yield "\t".join([str(seed), *(f"{value:.4g}" for value in rows[-1].values())])
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for name, column in values.items():
        low, middle, high = np.quantile(column, (0.1, 0.5, 0.9))
        yield f"{name}\t{middle:.2f}\t{low:.2f}\t{high:.2f}"
    apart = np.abs(values["input area"] - 1)
    yield f"input area within 5 %, 10 %\t{np.mean(apart <= 0.05):.2f}\t{np.mean(apart <= 0.1):.2f}"
    yield f"input area within its SD\t{np.mean(values['within its SD']):.2f}"


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=30)
    parser.add_argument("--first", type=int, default=401, help="seed of the first")
    parser.add_argument("--seeds", type=int, nargs="+", help="in place of consecutive ones")
    parser.add_argument("--size", default="small")
    parser.add_argument("--motion", type=float, default=0.0, help="largest shift of the head (mm)")
    parser.add_argument("--local", action="store_true", help="inputs of territories, too")
    parser.add_argument("--narrow", action="store_true", help="one carotid of each is narrow")
    parser.add_argument("--shuttle", action="store_true", help="half of the slices are later")
    parser.add_argument("--hardened", type=float, default=0.0, help="HU lost between bones")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines = []
    seeds = given.seeds or range(given.first, given.first + given.patients)
    scan = Scan(given.size, given.motion, given.shuttle, given.hardened)
    for line in table(seeds, scan, given.narrow, given.local):
        print(line, flush=True)
        lines.append(line)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""Motion correction of CT perfusion, beside ANTsPy's, on series whose motion is known.

    make bench-motion
    python benchmarks/motion.py --out motion.tsv [--case whole slab fine] [--peer-frames 6]

The series come from the phantom's forward model: every frame is the head in its true pose, averaged over
sub-voxels, with its own bolus, noise and a head holder that stays in place. No frame is a resampled copy of
another. Errors are distances (mm) between the positions of brain points by an estimate and by the truth,
after removing the one rigid transform that all frames share, because each method chooses its own reference
pose. ANTsPy takes minutes per series, so it gets some of the frames, which the output names; its time per
frame is that of these. CPU seconds are those of the process, without loading libraries.

The peers are pinned in ``benchmarks/peers-motion.txt``; nothing else of the project needs them.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation
from strokeprep.io import frames as io_frames
from strokeprep.io import images, tables, transforms
from strokeprep.phantom.head import subject
from strokeprep.phantom.head.mapping import draw_mapping
from strokeprep.phantom.head.shapes import FLIP
from strokeprep.phantom.scan import exam, scanner
from strokeprep.phantom.scan.circulation import Textbook
from strokeprep.phantom.scan.protocol import frame_times
from strokeprep.series import motion_fit

SEED = 31  # of a head and a motion that no constant of the fit was tuned on
NOISE_HU = 6.0
POINTS = 2000
MOST = 5.0  # mm, and degrees
JUMP = (2.0, 0.6, 1.2, 1.0, -0.8, 1.5)  # degrees about x, y, z, then mm, from JUMP_AT on
JUMP_AT = 0.6


@dataclass(frozen=True)
class Case:
    """One series: its grid, its sub-voxels per voxel, its frame times, and its largest move."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    over: tuple[int, int, int]
    times: tuple[float, ...]
    most: float = MOST


CASES = {
    "whole": Case((256, 256, 24), (0.86, 0.86, 5.0), (2, 2, 4), frame_times(30, 1.2, 15, 2.4)),
    "slab": Case((256, 256, 8), (0.86, 0.86, 5.0), (2, 2, 4), frame_times(30, 1.2, 15, 2.4)),
    "thick": Case((256, 256, 8), (0.86, 0.86, 10.0), (2, 2, 6), frame_times(30, 1.2, 15, 2.4)),
    "fine": Case((512, 512, 16), (0.43, 0.43, 5.0), (1, 1, 4), frame_times(35, 1.2, 20, 2.4)),
}


@dataclass(frozen=True)
class Series:
    """A simulated series on disk, its true motion (LPS, reference to frame points) and brain points."""

    path: Path
    times: np.ndarray
    matrices: np.ndarray
    brain: np.ndarray


def make_motion(random: np.random.Generator, times: np.ndarray, centre, most: float) -> exam.Motion:
    """Nodding, drift and one jump, with no frame further than ``most`` from the start."""
    drawn = exam.draw_motion(random, times, centre, 1.0)
    course = np.column_stack([np.degrees(drawn.angles), drawn.shifts])
    course *= most * 0.6
    course += np.outer(np.arange(len(times)) >= JUMP_AT * len(times), JUMP)
    course -= course[0]
    course *= most / np.abs(course).max()
    return exam.Motion(np.asarray(centre, float), np.radians(course[:, :3]), course[:, 3:])


def make_head(seed: int) -> subject.Head:
    """A 1 mm head with a stroke in it."""
    shape, stroke = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    mapping = draw_mapping(shape, 3.0)
    return subject.make_head(mapping, subject.draw_traits(stroke), 1.0, stroke)


def simulate(name: str, case: Case, head: subject.Head, folder: Path, seed: int) -> Series:
    """Write a series of a head, and its truth."""
    random = np.random.default_rng(seed)
    placed = scanner.pose((6.0, -2.0, 3.0), (5.0, -12.0, 20.0))
    middle = FLIP @ head.mapping.head_point(np.array([0.0, -6.0, 8.0]))
    centre = placed.TransformPoint(middle.tolist())
    view = exam.View(
        scanner.centred_grid(centre, case.size, case.spacing, "LPS"), placed, case.over
    )
    times = np.array(case.times)
    drawn = make_motion(random, times, np.array(centre), case.most)
    slab = exam.Slab(head, view, case.most)

    def noise() -> np.ndarray:
        return scanner.ct_noise(random, view.grid.shape, NOISE_HU)

    series = exam.ctp_scan(slab, view, Textbook().curves, times, drawn, noise)
    share = view.sample(head, head.shares["brain"])
    inside = np.argwhere(share > 0.5)
    chosen = inside[random.choice(len(inside), POINTS, replace=False)][:, ::-1]
    brain = np.array([view.grid.point(index) for index in chosen])
    path = folder / f"{name}.nii.gz"
    matrices = np.array([transforms.matrix(drawn.at(frame)) for frame in range(len(times))])
    images.write_array(
        np.ascontiguousarray(series.T), view.grid.affine, path, frame_seconds=case.times[1]
    )
    np.savez(folder / f"{name}.npz", times=times, matrices=matrices, brain=brain)
    return Series(path, times, matrices, brain)


def simulated(name: str, folder: Path, seed: int, heads: dict[int, subject.Head]) -> Series:
    """The series called ``name``, simulated unless it is there already."""
    kept = folder / f"{name}.npz"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if seed not in heads:
            heads[seed] = make_head(seed)
        return simulate(name, CASES[name], heads[seed], folder, seed)
    truth = np.load(kept)
    return Series(folder / f"{name}.nii.gz", truth["times"], truth["matrices"], truth["brain"])


def errors_mm(found: np.ndarray, true: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """The errors (frames × points) after removing the rigid transform that all frames share.

    It is the mean of the frames' residual transforms, and comes from the choice of a reference.
    """
    residual = np.linalg.inv(true) @ found
    centre = brain.mean(axis=0)
    shared = np.eye(4)
    shared[:3, :3] = Rotation.from_matrix(residual[:, :3, :3]).mean().as_matrix()
    moved = residual[:, :3, :3] @ centre + residual[:, :3, 3]
    shared[:3, 3] = moved.mean(axis=0) - shared[:3, :3] @ centre
    return np.linalg.norm(_placed(found, brain) - _placed(true @ shared, brain), axis=-1)


def _placed(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.einsum("fij,nj->fni", matrices[:, :3, :3], points) + matrices[:, None, :3, 3]


def ours(series: Series) -> tuple[np.ndarray, float]:
    """Poses of all frames, and CPU seconds per frame including reading the file."""
    start = time.process_time()
    found = motion_fit.estimate(series.path)
    return found.matrices, (time.process_time() - start) / len(series.times)


def antspy(series: Series, frames: list[int]) -> tuple[np.ndarray, float]:
    """Poses of some frames by ANTsPy's motion_correction with its defaults, and CPU seconds per frame.

    Its default target is the mean of all frames, each scaled to 0..1. It is made here and not timed,
    because the method is given only some of the frames.
    """
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"  # read when the library is loaded
    import ants

    data = np.stack(list(io_frames.stream(series.path)), axis=3).astype(np.float32)
    stack = _four_dimensional(ants, data, images.open_nifti(series.path).affine)
    volumes = [ants.slice_image(stack, axis=3, idx=frame) for frame in range(data.shape[3])]
    mean = sum(ants.iMath(volume, "Normalize") * (1 / len(volumes)) for volume in volumes)
    some = ants.list_to_ndimage(stack, [volumes[frame] for frame in frames])
    start = time.process_time()
    found = ants.motion_correction(some, fixed=mean)
    seconds = (time.process_time() - start) / len(frames)
    return np.array([_read(chain) for chain in found["motion_parameters"]]), seconds


def _four_dimensional(ants: Any, data: np.ndarray, affine: np.ndarray) -> Any:
    """A series as an ANTsPy image, whose frames keep their position when they are taken out again."""
    grid = images.from_array(data[..., 0], affine)
    direction = np.eye(4)
    direction[:3, :3] = np.reshape(grid.GetDirection(), (3, 3))
    return ants.from_numpy(
        data,
        origin=[*grid.GetOrigin(), 0.0],
        spacing=[*grid.GetSpacing(), 1.0],
        direction=direction,
    )


def _read(chain: str | list[str]) -> np.ndarray:
    paths = [chain] if isinstance(chain, str) else chain
    return transforms.matrix(transforms.chain([transforms.read(path) for path in paths]))


def compared(name: str, series: Series, peer_frames: int) -> list[dict[str, str]]:
    """Rows of the table for one series."""
    case = CASES[name]
    what = "x".join(map(str, (*case.size, len(series.times))))
    what += f", {case.spacing[2]:g} mm slices"
    found, cpu = ours(series)
    wrong = errors_mm(found, series.matrices, series.brain)
    uncorrected = errors_mm(np.tile(np.eye(4), (len(found), 1, 1)), series.matrices, series.brain)
    rows = [_row(f"{what}, all frames", cpu, None, wrong, None)]
    rows[0]["what"] += f", uncorrected {_summary(uncorrected)}"
    if peer_frames:
        frames = np.linspace(0, len(series.times) - 1, peer_frames).astype(int).tolist()
        theirs, peer_cpu = antspy(series, frames)
        true = series.matrices[frames]
        pair = [errors_mm(m, true, series.brain) for m in (found[frames], theirs)]
        numbers = " ".join(map(str, frames))
        rows.append(_row(f"{what}, frames {numbers}, peer ANTsPy", cpu, peer_cpu, *pair))
    return rows


def _row(
    what: str, ours: float, peer: float | None, wrong: np.ndarray, theirs: np.ndarray | None
) -> dict[str, str]:
    return {
        "what": what,
        "ours": f"{ours:.3f}",
        "peer": "n/a" if peer is None else f"{peer:.3f}",
        "ratio": "n/a" if peer is None else f"{peer / ours:.1f}",
        "accuracy ours": _summary(wrong),
        "accuracy peer": "n/a" if theirs is None else _summary(theirs),
    }


def _summary(wrong: np.ndarray) -> str:
    """Mean over frames, and the worst frame's mean."""
    return f"{wrong.mean():.3f}/{wrong.mean(axis=1).max():.3f} mm"


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="table to write (CPU s per frame)")
    parser.add_argument("--work", type=Path, default=Path("benchmarks/work"), help="series kept")
    parser.add_argument("--case", nargs="+", choices=CASES, default=["whole", "slab", "fine"])
    parser.add_argument("--peer-frames", type=int, default=6, help="0 leaves the peer out")
    parser.add_argument("--seed", type=int, default=SEED, help="of head, motion and noise")
    options = parser.parse_args()
    rows: list[dict[str, str]] = []
    heads: dict[int, subject.Head] = {}
    for name in options.case:
        folder = options.work / f"motion-{options.seed}"
        series = simulated(name, folder, options.seed, heads)
        rows += compared(name, series, options.peer_frames)
        options.out.write_text(tables.render(rows, list(rows[0])))
    print(options.out.read_text())


if __name__ == "__main__":
    main()

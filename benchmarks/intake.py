"""The intake beside dcm2niix: DICOM series with known truth, and a whole study against the clock.

    python benchmarks/intake.py [--out intake.tsv] [--slices 1480] [--cases NAME ...] [--studies 100]

A case is right if voxels, places and times come back, or if a series from which they cannot come back
is refused. It is wrong if an image comes out that is not so. The exit status is 1 where ours is wrong.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from strokeprep.intake import plan, stage, studies
from strokeprep.io import tables
from strokeprep.phantom.dicom import series as slices
from strokeprep.phantom.dicom.headers import Series, Study, fill
from strokeprep.phantom.dicom.series import Plane
from strokeprep.phantom.dicom.vendors import VENDORS, Vendor

REPOSITORY = Path(__file__).parents[1]
SHAPE, SPACING = (64, 72, 40), (3.4, 3.4, 3.5)
TIMES = np.cumsum([0.0, *[1.5] * 9, *[3.0] * 4]).round(3)
NOON = datetime(2001, 2, 3, 12, 0, 0)
SPOTS = np.array([[-40.0, 30.0, 35.0], [45.0, -30.0, -30.0], [5.0, 50.0, 0.0]])  # LPS, mm
NEAR_MM, SAME_S = 0.3, 1e-3
RIGHT, REFUSED, WRONG = "right", "refused", "wrong"


@dataclass(frozen=True)
class Case:
    """A series of files, and what it shows: bright spots that grow by 5 HU a frame, or nothing."""

    name: str
    write: Callable[[Path], None]
    frames: int = 1
    times: np.ndarray | None = None
    lost: bool = False  # whether slices are missing, so that no image is right


@dataclass(frozen=True)
class Image:
    """What a converter made of a case."""

    voxels: np.ndarray
    affine: np.ndarray
    times: np.ndarray | None


def spots(points: np.ndarray) -> np.ndarray:
    """HU at points (3 × …, LPS): brain in air, with three bright spots."""
    value = np.where(np.linalg.norm(points / [[[95]], [[105]], [[85]]], axis=0) < 1, 40.0, -1000.0)
    for spot in SPOTS:
        away = ((points - spot[:, None, None]) ** 2).sum(axis=0)
        value = value + 900 * np.exp(-away / (2 * 7.0**2))
    return value


def taken(degrees: float = 0.0, times: Sequence[float] = (0.0,), at: Sequence[float] = ()) -> list:
    """Slices of a gantry that is tilted by ``degrees``, through the spots; ``at`` are their heights."""
    angle = np.radians(degrees)
    across, down = np.eye(3)[0], np.array([0.0, np.cos(angle), -np.sin(angle)])
    columns, rows, count = SHAPE
    heights = list(at) or [SPACING[2] * (k - count / 2) for k in range(count)]
    made = []
    for height in heights:
        corner = np.array([0.0, 0.0, height])
        corner = corner - (across * SPACING[0] * columns + down * SPACING[1] * rows) / 2
        points = (
            corner[:, None, None]
            + down[:, None, None] * SPACING[1] * np.arange(rows)[None, :, None]
            + across[:, None, None] * SPACING[0] * np.arange(columns)[None, None, :]
        )
        pixels = np.rint(spots(points)).astype(np.int16)
        made.append(Plane(pixels, corner, across, down, (SPACING[1], SPACING[0])))
    return [
        [replace(plane, pixels=plane.pixels + 5 * t, seconds=float(s), frame=t) for plane in made]
        for t, s in enumerate(times)
    ]


def put(folder: Path, frames: list, maker: str | Vendor = "siemens", **about) -> None:
    """Write frames as a series of a maker."""
    vendor = VENDORS[maker] if isinstance(maker, str) else maker
    study = Study("P", "N", vendor, "CT", about.pop("begins", NOON), private=False)
    tags = {"KVP": "120", "Exposure": "200", "ConvolutionKernel": vendor.soft}
    slices.write(folder, Series(study, 3, "Head without", vendor.ct_type, tags=tags), frames)


def changed(folder: Path, change: Callable) -> None:
    """Change the header of every file."""
    for path in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.save_as(path)


def restarted(dataset) -> None:
    """Instance numbers that start again in every frame."""
    dataset.InstanceNumber = (int(dataset.InstanceNumber) - 1) % SHAPE[2] + 1


def cases() -> Iterator[Case]:
    """All series, the plain ones first."""
    still, moving = taken(), taken(times=TIMES)
    for maker in VENDORS:
        yield Case(f"NCCT {maker}", lambda to, maker=maker: put(to, still, maker))
    for degrees in (18.0, -18.0):
        for maker in VENDORS:
            name = f"tilt {degrees:+g} {maker}"
            tilted = taken(degrees)
            yield Case(name, lambda to, m=maker, t=tilted: put(to, t, m))
    yield Case("tilt, series", lambda to: put(to, taken(12, TIMES)), len(TIMES), TIMES)
    lost = [frame[:17] + frame[18:] for frame in still]
    yield Case("a slice lost", lambda to: put(to, lost), lost=True)
    for maker in VENDORS:
        yield Case(f"CTP {maker}", lambda to, m=maker: put(to, moving, m), len(TIMES), TIMES)
    for order in ("frames", "slices", "to-and-fro"):
        vendor = replace(VENDORS["siemens"], order=order)
        yield Case(f"CTP, {order}", lambda to, v=vendor: put(to, moving, v), len(TIMES), TIMES)
        vendor = replace(VENDORS["ge"], order=order)
        yield Case(f"CTP, {order}, GE", lambda to, v=vendor: put(to, moving, v), len(TIMES), TIMES)

    def numbers_restart(to: Path) -> None:
        put(to, moving)
        changed(to, restarted)

    yield Case("CTP, numbers restart", numbers_restart, len(TIMES), TIMES)
    late = NOON.replace(hour=23, minute=59, second=50)
    yield Case("CTP over midnight", lambda to: put(to, moving, begins=late), len(TIMES), TIMES)
    content = replace(VENDORS["siemens"], clocks=("ContentTime",))
    yield Case("CTP, one AcquisitionTime", lambda to: put(to, moving, content), len(TIMES), TIMES)
    short = [frame[:9] + frame[10:] if t == 6 else frame for t, frame in enumerate(moving)]
    yield Case("CTP, a slice lost", lambda to: put(to, short), len(TIMES), TIMES, lost=True)
    cut = [frame[:20] if t == len(moving) - 1 else frame for t, frame in enumerate(moving)]
    yield Case("CTP, last frame cut", lambda to: put(to, cut), len(TIMES), TIMES, lost=True)

    def sent_twice(to: Path) -> None:
        put(to, still)
        put(to / "again", still)

        def renumber(dataset) -> None:
            again = f"{dataset.SOPInstanceUID}.2"
            fill(dataset, InstanceNumber=dataset.InstanceNumber + 500, SOPInstanceUID=again)
            fill(dataset.file_meta, MediaStorageSOPInstanceUID=again)

        changed(to / "again", renumber)

    yield Case("sent twice, new numbers", sent_twice)


# --- Converters -----------------------------------------------------------------------------


def ours(folder: Path) -> Image | str:
    """What the intake makes of a folder, or why it makes nothing."""
    (study,) = studies.read([folder]).studies
    (row,) = plan.of_study(study, "01", "01").rows
    if row.stack.faults or not row.stack.frames:
        return "; ".join(row.stack.faults)
    made, clock = row.stack.volume(), row.stack.clock
    return Image(made.array, made.affine, None if clock is None else clock.starts)


def theirs(folder: Path) -> Image | str:
    """What dcm2niix makes of a folder: the last file it names, as its users are told to take."""
    program = shutil.which("dcm2niix", path=str(Path(sys.executable).parent)) or "dcm2niix"
    out = folder.parent / "dcm2niix"
    out.mkdir()
    command = [program, "-b", "y", "-z", "n", "-g", "i", "-d", "9", "-f", "x", "-o", out, folder]
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True)
    files = sorted(out.glob("*.nii"), key=lambda path: (len(path.name), path.name))
    if done.returncode or not files:
        return f"exit {done.returncode}"
    if len([path for path in files if not {"Tilt", "Eq"} & set(path.stem.split("_"))]) > 1:
        return Image(np.zeros((0, 0, 0)), np.eye(4), None)  # frames as files of their own
    nifti = nib.load(files[-1])
    try:
        sidecar = json.loads(files[0].with_suffix(".json").read_text())
    except ValueError:
        sidecar = {}
    times = sidecar.get("FrameTimesStart")
    if times is None and "RepetitionTime" in sidecar and nifti.ndim == 4:
        times = np.arange(nifti.shape[3]) * sidecar["RepetitionTime"]
    return Image(
        np.asarray(nifti.dataobj), nifti.affine, None if times is None else np.array(times)
    )


def judged(case: Case, made: Image | str) -> tuple[str, str]:
    """Right, refused or wrong, and in which way."""
    if isinstance(made, str):
        return (RIGHT if case.lost else REFUSED), made
    if case.lost:
        return WRONG, "an image in spite of the loss"
    frames = made.voxels[..., None] if made.voxels.ndim == 3 else made.voxels
    if frames.shape[3] != case.frames or frames.size == 0:
        return WRONG, f"{frames.shape[3] if frames.size else 'one file for each'} frames"
    away = max(
        float(np.linalg.norm(found(frames[..., t], made.affine, spot) - spot))
        for t in (0, case.frames // 2, case.frames - 1)
        for spot in SPOTS
    )
    if not away < NEAR_MM:
        return WRONG, f"spots {away:.1f} mm away"
    levels = [float(np.median(frames[..., t][frames[..., t] > -500])) for t in range(case.frames)]
    if np.abs(np.diff(levels) - 5).max(initial=0) > 1:
        return WRONG, "frames out of order"
    if case.times is not None and (
        made.times is None or len(made.times) != case.frames
        or np.abs(made.times - case.times).max() > SAME_S
    ):  # fmt: skip
        return WRONG, "no times" if made.times is None else "wrong times"
    return RIGHT, f"spots {away:.2f} mm away"


def found(voxels: np.ndarray, affine: np.ndarray, spot: np.ndarray) -> np.ndarray:
    """The middle of the bright spot near a point (LPS)."""
    places = np.moveaxis(np.indices(voxels.shape), 0, -1)
    points = (places @ affine[:3, :3].T + affine[:3, 3]) * (-1, -1, 1)
    near = np.linalg.norm(points - spot, axis=-1) < 25
    if not near.any():
        return np.full(3, np.inf)
    weight = np.where(near, np.clip(voxels - np.median(voxels[near]) - 30.0, 0, None), 0)
    total = weight.sum()
    return (points * weight[..., None]).sum((0, 1, 2)) / total if total else np.full(3, np.inf)


# --- The clock ------------------------------------------------------------------------------


def write_study(folder: Path, count: int) -> None:
    """A study of CTP (16 slices, 55 frames), CTA and NCCT with noise, 512 × 512."""
    random = np.random.default_rng(1)
    noise = [np.rint(random.normal(0, 7, (512, 512))).astype(np.int16) for _ in range(7)]
    rows, columns = np.indices((512, 512))
    head = np.where(np.hypot(rows - 256, (columns - 256) * 1.2) < 200, 40, -1000)
    vendor = VENDORS["siemens"]
    study = Study("P", "N", vendor, "CT", NOON, private=False)
    agent = {"ContrastBolusAgent": "Omnipaque"}
    for number, about, step, height, frames, tags in (
        (2, "Head without", 1.5, max(count - 880 - 400, 20), 1, {}),
        (3, "CTA head", 0.6, 400, 1, agent),
        (4, "CTP", 5.0, 16, 55, agent),
    ):
        physics = {"KVP": "120", "Exposure": "200", "ConvolutionKernel": vendor.soft} | tags
        one = Series(study, number, about, vendor.ct_type, starts_s=60.0 * number, tags=physics)
        planes = [
            [
                Plane(
                    (head + noise[(k + t) % 7]).clip(-1024).astype(np.int16),
                    np.array([-115.0, -115.0, k * step]),
                    *np.eye(3)[:2],
                    (0.45, 0.45),
                    1.5 * t,
                    t,
                )
                for k in range(height)
            ]
            for t in range(frames)
        ]
        slices.write(folder / str(number), one, planes)


def timed(folder: Path, out: Path) -> dict[str, str]:
    """Processor seconds of both for one study, all of ours counted: plan, writing, check, page."""
    people = out / "people.tsv"
    people.write_text("patient\tissuer\tsubject\nP\t\t01\n")
    people.chmod(0o600)
    request = stage.Request((folder,), out / "raw", out / "work", people)
    began = time.process_time()
    stage.planned(request, stage.listed(request))
    ended = [line for each in stage.index(request) for line in stage.taken_in(request, each["key"])]
    mine = time.process_time() - began
    print("\n".join(ended), file=sys.stderr)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    program = shutil.which("dcm2niix", path=str(Path(sys.executable).parent)) or "dcm2niix"
    (out / "theirs").mkdir()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [program, "-b", "y", "-z", "i", "-1", "-g", "i", "-f", "%s", "-o", out / "theirs", folder],
        capture_output=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "ours": f"{mine:.1f} s of a processor, {peak:.2f} GB",
        "dcm2niix": f"{seconds:.1f} s of a processor",
    }


def side_by_side(folder: Path, count: int) -> dict[str, str]:
    """What ``snakemake intake`` takes for many small studies, a job for each, two at a time."""
    still = taken(at=[7.0 * k - 60 for k in range(18)])
    vendor = VENDORS["siemens"]
    for index in range(count):
        study = Study(f"P{index}", "N", vendor, "CT", NOON, private=False)
        tags = {"KVP": "120", "ConvolutionKernel": vendor.soft}
        made = Series(study, 3, "Head without", vendor.ct_type, tags=tags)
        slices.write(folder / "export" / str(index), made, still)
    settings = {
        "study": {"layout": "bids", "root": "raw"},
        "intake": {"exports": ["export"], "people": "private/people.tsv", "draw": True},
    }
    (folder / "study.yaml").write_text(json.dumps(settings))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "intake",
        "--snakefile",
        str(REPOSITORY / "Snakefile"),
    ]
    command += ["--profile", "none", "--cores", "2", "--configfile", "study.yaml", "--quiet", "all"]
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    images = len(list((folder / "raw").rglob("*.nii.gz")))
    told = f"{images} images, {seconds:.0f} s of processors, {time.monotonic() - began:.0f} s"
    return {"case": f"{count} studies", "ours": told, "dcm2niix": tables.MISSING}


def main() -> int:
    """Run what is asked for; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--slices", type=int, default=1480)
    parser.add_argument("--cases", nargs="*")
    parser.add_argument("--studies", type=int, default=0)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        if options.slices:
            folder = Path(scratch) / "study"
            write_study(folder, options.slices)
            rows.append({"case": f"{options.slices} slices", **timed(folder, Path(scratch))})
            shutil.rmtree(folder)
        if options.studies:
            rows.append(side_by_side(Path(scratch) / "studies", options.studies))
        for index, case in enumerate(cases()):
            if options.cases is not None and case.name not in options.cases:
                continue
            folder = Path(scratch) / str(index) / "export"
            case.write(folder)
            told = [": ".join(filter(None, judged(case, by(folder)))) for by in (ours, theirs)]
            rows.append({"case": case.name, "ours": told[0], "dcm2niix": told[1]})
            shutil.rmtree(folder.parent)
    table = tables.render(rows, ("case", "ours", "dcm2niix"))
    print(table, end="")
    if options.out:
        options.out.write_text(table)
    return int(any(row["ours"].startswith((REFUSED, WRONG)) for row in rows))


if __name__ == "__main__":
    sys.exit(main())

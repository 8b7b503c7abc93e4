"""The project's runner of HD-BET beside the ``hd-bet`` command, on the same weights and scan.

    python benchmarks/segmentation.py --out segmentation.tsv [--threads 1] [--runs 3]
    python benchmarks/segmentation.py --image T1W.nii.gz --models models     # published weights

Without arguments, the weights are the small network of ``tests/models`` and the scan is a simulated head, so
the figures are those of start-up, preprocessing and writing. With the published weights the network itself
dominates. Both run as processes of their own, including imports. Memory is the peak of the proportional set
size (PSS), summed over a run's processes. "processes" is the largest number at one time, and CPU seconds are
the sum over all. The command takes every core; "threads" are those granted to the runner. Needs
envs/segmentation.txt.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODELS_TESTS = ROOT / "tests" / "models"
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(MODELS_TESTS)]

import nibabel as nib  # noqa: E402
import numpy as np  # noqa: E402
import psutil  # noqa: E402

PATIENT, SPACING_MM = 900, (1.0, 1.0, 1.0)
EVERY_S = 0.1  # sampling interval of the measurements
Figures = dict[str, float]


def measured(command: list[str], environment: dict[str, str]) -> Figures:
    """Wall and CPU seconds, peak memory and number of processes of a command and its children."""
    start = time.monotonic()
    process = psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    peak, most, used = 0, 0, {}
    while process.poll() is None:
        family = [process, *_children(process)]
        most = max(most, len(family))
        peak = max(peak, sum(_memory(each) for each in family))
        for each in family:
            used[each.pid] = max(used.get(each.pid, 0.0), _cpu_s(each))
        time.sleep(EVERY_S)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    wall = time.monotonic() - start
    return {
        "wall s": wall,
        "CPU s": sum(used.values()),
        "peak GB": peak / 1e9,
        "processes": most,
    }


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
        return 0


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
        return times.user + times.system
    except psutil.NoSuchProcess:
        return 0.0


def compared(image: Path, models: Path, folder: Path, threads: int) -> tuple[Figures, Figures, int]:
    """Figures of the runner and of the command, and the number of voxels in which their masks differ."""
    home = folder / "hd-bet_params"
    home.mkdir()
    (home / "release_2.0.0").symlink_to((models / "hd-bet").resolve())
    environment = os.environ | {"HOME": str(folder), "CUDA_VISIBLE_DEVICES": ""}
    worker = [sys.executable, MODELS_TESTS / "worker.py", "hd-bet", "mr", models]
    ours = [*worker, image, folder / "ours.nii.gz", threads]
    theirs = [Path(sys.executable).parent / "hd-bet", "-i", image, "-o", folder / "theirs.nii.gz"]
    theirs += ["-device", "cpu", "--disable_tta", "--save_bet_mask", "--no_bet_image"]
    figures = [measured([str(part) for part in each], environment) for each in (ours, theirs)]
    masks = [folder / name for name in ("ours.nii.gz", "theirs_bet.nii.gz")]
    first, second = (np.asarray(nib.load(path).dataobj) for path in masks)
    return *figures, int(np.count_nonzero(first != second))


def given(folder: Path, image: Path | None, models: Path | None) -> tuple[Path, Path]:
    """The scan and the weights to use: those given, or a simulated head and the small network."""
    if models is None:
        import standins
        from strokeprep.segmentation.weights import fetching, store

        models, built = folder / "models", folder / "built"
        standins.install_hd_bet(built / "hd-bet")
        known = {"hd-bet": store.digest_of(built / "hd-bet")}
        fetching.fetch(["hd-bet"], models, offline=built, known=known)
    if image is None:
        import phantoms

        image = folder / "t1w.nii.gz"
        nib.save(phantoms.scan(PATIENT, "t1", SPACING_MM, "RAS").image, image)
    return image, models


def table(runs: list[tuple[Figures, Figures, int]], threads: int) -> list[list[str]]:
    """Rows of the comparison, heading first: medians over the runs."""
    rows = [["what", "ours", "hd-bet", "ratio"]]
    for what in runs[0][0]:
        ours, theirs = (statistics.median(run[side][what] for run in runs) for side in (0, 1))
        rows.append([what, f"{ours:.3g}", f"{theirs:.3g}", f"{theirs / ours:.2f}"])
    rows.append(["voxels that differ", str(max(run[2] for run in runs)), "", ""])
    rows.append(["threads granted", str(threads), f"all {os.cpu_count()}", ""])
    return rows


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--image", type=Path, help="an upright T1w, T2w or b0")
    parser.add_argument("--models", type=Path, help="a folder with the published weights")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    runs = []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            image, models = given(folder, options.image, options.models)
            runs.append(compared(image, models, folder, options.threads))
    text = "\n".join("\t".join(row) for row in table(runs, options.threads)) + "\n"
    print(text, end="")
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()

"""Perfusion maps of all methods over boluses as patients have them, against the truth.

    python benchmarks/boluses.py [--boluses 31] [--noise 1] [--interval 1] [--settling]
    python benchmarks/boluses.py --cost vascular

For each method: the median of flow and of transit time over the true one, in all voxels and per residue
function. "per voxel" is the median of the voxels' ratios, which tells bias: tissues differ, so scatter alone, without
bias, raises the ratio of medians (a third by 12 % in flow, 15 % in transit). Then bias of the delay (s) and its correlation with the truth (of Tmax, where a method has no delay); slope of
volume; the share of voxels whose truth lies within the stated standard deviation; CPU seconds for 441,000
voxels of 60 frames. The boluses and residue functions are those that nothing was settled on. Noise is white, as smoothing leaves it about.

``--cost`` smooths a clinical series and makes the maps of one method (of vascular with its neighbours,
which the table's voxels do not have), and prints CPU seconds and peak memory.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from strokeprep.perfusion.deconvolution import METHODS, perfusion_maps
from strokeprep.perfusion.points import Points
from strokeprep.perfusion.tissue import smoothed_curves
from strokeprep.perfusion.vascular import among_neighbours, vascular_maps
from strokeprep.phantom.scan import kudo, patients
from strokeprep.settings.perfusion import TissueSettings, VascularSettings

SEED = 2600
VASCULAR = "vascular"
SLOW_S = 8.0  # transit times of ill tissue are longer
CLINICAL_VOXELS = 441_000
TIMED_VOXELS = 44_100
SLICES, SPACING = (200, 240, 16), np.array([0.86, 0.86, 5.0])  # hold about so many voxels of brain
UNCERTAIN = ("cbf", "cbv", "mtt", "delay")
Maps = Mapping[str, np.ndarray]
MapsOf = Callable[[str, np.ndarray, np.ndarray, float], Maps]  # method, curves, input, interval
Case = tuple[patients.Voxels, np.ndarray]  # the truth, and curves with noise


def cases(
    boluses: int = 31,
    noise_hu: float = 1.0,
    interval_s: float = 1.0,
    each: int = 40,
    held_out: bool = True,
) -> list[Case]:
    """Voxels of as many patients, scanned at an interval, ``each`` of every residue function."""
    families, shapes = patients.ACCEPTING if held_out else patients.SETTLING
    drawn = []
    for number in range(boluses):
        random = np.random.default_rng([SEED, number])
        bolus = replace(patients.draw(random, families), interval_s=interval_s)
        truth = patients.voxels(random, bolus, shapes, each)
        noise = random.standard_normal(truth.curves.shape, np.float32)
        drawn.append((truth, truth.curves + np.float32(noise_hu) * noise))
    return drawn


def maps_of(method: str, curves: np.ndarray, aif: np.ndarray, dt: float) -> Maps:
    """Maps by name; what a method without delays calls Tmax stands for its delay."""
    if method == VASCULAR:
        found = vascular_maps(curves, aif, dt)
        return found.maps | {f"{name}_sd": values for name, values in found.sd.items()}
    maps = vars(perfusion_maps(curves, aif, dt, method))
    return maps | {"delay": maps["tmax"]}


def score(method: str, drawn: Sequence[Case], maps_of: MapsOf = maps_of) -> dict[str, float]:
    """The figures of one method over all patients, with the true input."""
    found = []
    for truth, curves in drawn:
        bolus = truth.bolus
        found.append(maps_of(method, curves, bolus.artery(bolus.times), bolus.interval_s))
    true = {n: np.concatenate([getattr(t, n) for t, _ in drawn]) for n in (*UNCERTAIN, "shape")}
    maps = {n: np.concatenate([m[n] for m in found]) for n in found[0]}
    figures = {}
    slow, all_ = true["mtt"] > SLOW_S, {"": slice(None)}
    shapes = {f" {shape}": true["shape"] == shape for shape in dict.fromkeys(true["shape"])}
    speeds = {f" transit below {SLOW_S:g} s": ~slow, " above": slow}
    for name, where in (("cbf", all_ | shapes | speeds), ("mtt", all_ | speeds)):
        for kind, here in where.items():
            figures |= ratios(name + kind, maps[name][here], true[name][here])
    figures["cbv slope"] = float(np.polyfit(true["cbv"], maps["cbv"], 1)[0])
    figures["delay bias"] = float(np.mean(maps["delay"] - true["delay"]))
    for name in UNCERTAIN:
        figures[f"{name} r"] = float(np.corrcoef(maps[name], true[name])[0, 1])
    if method == VASCULAR:
        for name in UNCERTAIN:
            within = np.abs(maps[name] - true[name]) <= maps[f"{name}_sd"]
            figures[f"{name} coverage"] = float(within.mean())
    return figures


def ratios(name: str, values: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """The ratio of medians, and the median of the voxels' ratios."""
    return {
        name: float(np.median(values) / np.median(true)),
        f"{name} per voxel": float(np.median(values / true)),
    }


def seconds(method: str, maps_of: MapsOf = maps_of) -> float:
    """CPU time of the maps of a clinical series, from a tenth of its voxels."""
    tiles = kudo.tiles(kudo.Design())
    copies = -(-TIMED_VOXELS // len(tiles.cbf))
    curves = kudo.noisy(tiles.curves, copies, 1.0, SEED)[:TIMED_VOXELS]
    maps_of(method, curves[:100], tiles.aif, 1.0)  # loads the library
    start = time.process_time()
    maps_of(method, curves, tiles.aif, 1.0)
    return (time.process_time() - start) * CLINICAL_VOXELS / TIMED_VOXELS


def cost(method: str) -> str:
    """What smoothing a clinical series and making its maps takes, in this process."""
    tiles = kudo.tiles(kudo.Design())
    x, y, z = np.ogrid[-1:1:200j, -1:1:240j, :16]
    brain = (x / 0.84) ** 2 + (y / 0.88) ** 2 + 0 * z <= 1
    copies = -(-np.count_nonzero(brain) // len(tiles.cbf))
    hu = np.zeros((*SLICES, len(tiles.aif)), np.int16, order="F")
    hu[brain] = kudo.noisy(tiles.curves, copies, 5.0, SEED)[: np.count_nonzero(brain)]
    maps_of(method, tiles.curves[:100], tiles.aif, 1.0)  # loads the library
    times = [time.process_time()]
    curves = smoothed_curves(hu, brain, SPACING, TissueSettings().smoothing_fwhm_mm)
    times.append(time.process_time())
    if method == VASCULAR:
        model = vascular_maps(curves, tiles.aif, 1.0)
        among_neighbours(model, Points.of_voxels(brain), brain, SPACING, VascularSettings())
    else:
        maps_of(method, curves, tiles.aif, 1.0)
    times.append(time.process_time())
    smoothing, maps = np.diff(times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{len(curves)} voxels of {len(tiles.aif)} frames: smoothing {smoothing:.1f} CPU s, "
        f"maps {maps:.1f} CPU s, peak {peak:.0f} MB"
    )


def table(
    drawn: Sequence[Case],
    methods: Sequence[str] = (VASCULAR, *METHODS),
    maps_of: MapsOf = maps_of,
) -> str:
    """A row for each figure, a column for each method."""
    by_method = {m: score(m, drawn, maps_of) | {"CPU s": seconds(m, maps_of)} for m in methods}
    lines = ["\t".join(["", *by_method])]
    for name in by_method[VASCULAR]:
        cells = (f"{f[name]:.2f}" if name in f else "" for f in by_method.values())
        lines.append("\t".join([name, *cells]))
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boluses", type=int, default=31)
    parser.add_argument("--noise", type=float, default=1.0, help="HU")
    parser.add_argument("--interval", type=float, default=1.0, help="s between frames")
    parser.add_argument("--settling", action="store_true", help="those that settings were made on")
    parser.add_argument("--cost", metavar="METHOD", help="time and memory of one method")
    options = parser.parse_args()
    if options.cost:
        print(cost(options.cost))
        return
    held_out = not options.settling
    print(table(cases(options.boluses, options.noise, options.interval, held_out=held_out)))


if __name__ == "__main__":
    main()

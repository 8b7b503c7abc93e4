"""Perfusion maps beside osipy's and dcmri's, on the same arrays with a known truth.

    make bench-perfusion
    python benchmarks/perfusion.py --out perfusion.tsv [--copies 600]

The arrays come from the tile phantom (735 tiles x 600 voxels, 60 frames, 1 HU of noise) with an input
function and a seed that no setting was tuned on. Every method runs in its own process on one core. CPU
seconds are those of the maps alone, memory is the process's peak (0.1 GB of it are the curves), and ratios
are peer over ours. r is Pearson's correlation over tile means. "early" is the mean flow of tissue that fills
3 s before the input, relative to tissue without delay; the true value is 1.

Below the table, all methods over boluses as patients have them (``benchmarks/boluses.py``): those of this
project, of the peers, and the settings that OpenPerfusion publishes (``benchmarks/published.py``).

osipy's flow lacks the haematocrit factor and is multiplied by the factor of its volume. dcmri only
deconvolves: its maps are the maximum, its time and the area of the result. What a peer cannot divide counts as
zero. The peers are pinned in ``benchmarks/peers-perfusion.txt``; nothing else of the project needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import boluses
import numpy as np
import published
from strokeprep.perfusion.deconvolution import METHODS, perfusion_maps
from strokeprep.phantom.scan import kudo
from strokeprep.phantom.scan.bolus import Arterial
from strokeprep.settings.perfusion import MapSettings

ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ARTERIAL = Arterial(peak_hu=250, arrival_s=8.7, shape=2.8, scale_s=1.7, recirculation_share=0.1)
SEED, NOISE_HU = 77, 1.0
PEERS = {"osvd": "osipy oSVD", "csvd": "osipy cSVD", "tikhonov": "dcmri Tikhonov"}
EARLY = (-3.0, 0.0)
Maps = dict[str, np.ndarray]


def ours(method: str, curves: np.ndarray, aif: np.ndarray) -> Maps:
    """This project's maps."""
    maps = perfusion_maps(curves, aif, 1.0, method)
    return {"cbf": maps.cbf, "cbv": maps.cbv, "mtt": maps.mtt}


def osipy_maps(name: str, curves: np.ndarray, aif: np.ndarray, dt: float = 1.0) -> Maps:
    """osipy's maps, with the haematocrit factor applied to flow, too."""
    from osipy.dsc.parameters import compute_perfusion_maps

    factor = MapSettings().kh
    maps = compute_perfusion_maps(
        curves[:, None, None],
        aif.astype(np.float32),
        dt * np.arange(curves.shape[1], dtype=np.float32),
        deconvolution_method=name,
        hematocrit_ratio=factor,
    )
    found = (np.ravel(m.values) for m in (maps.cbf, maps.cbv, maps.mtt, maps.tmax))
    flow, volume, transit, latest = found
    return {"cbf": factor * flow, "cbv": volume, "mtt": transit, "tmax": latest}


def dcmri_maps(name: str, curves: np.ndarray, aif: np.ndarray, dt: float = 1.0) -> Maps:
    """Maps from the maximum and the area of dcmri's deconvolution."""
    from dcmri.pk_inv import deconv

    settings = MapSettings()
    factor = settings.kh / settings.rho
    k = deconv(curves.T, aif.astype(np.float32), dt, method=name, tol=settings.tikhonov)
    flow, volume = 6000 * factor * k.max(0), 100 * factor * dt * k.sum(0)
    transit = 60 * volume / np.where(flow > 0, flow, np.nan)
    return {"cbf": flow, "cbv": volume, "mtt": transit, "tmax": dt * k.argmax(0)}


def maps_of(who: str, curves: np.ndarray, aif: np.ndarray) -> Maps:
    """The maps of a method by its name: "ours osvd", "osipy oSVD", "dcmri Tikhonov"."""
    library, method = who.split()
    return {"ours": ours, "osipy": osipy_maps, "dcmri": dcmri_maps}[library](method, curves, aif)


def over_boluses(who: str, curves: np.ndarray, aif: np.ndarray, dt: float) -> Maps:
    """The maps of any method; what is called Tmax stands for the delay."""
    library, _, method = who.partition(" ")
    if not method:
        return boluses.maps_of(who, curves, aif, dt)
    makers = {"osipy": osipy_maps, "dcmri": dcmri_maps, "OpenPerfusion's": published.maps}
    maps = makers[library](method, curves, aif, dt)
    finite = {n: np.nan_to_num(values, posinf=0.0, neginf=0.0) for n, values in maps.items()}
    return finite | {"delay": finite["tmax"]}


def scores(tiles: kudo.Tiles, maps: Maps, copies: int) -> dict[str, float]:
    """Correlation and slope against the truth, over tile means."""
    out = {}
    for name in ("cbf", "cbv", "mtt"):
        truth, mean = getattr(tiles, name), kudo.per_tile(maps[name], copies)
        out[f"{name} r"] = float(np.corrcoef(truth, mean)[0, 1])
        out[f"{name} slope"] = float(np.polyfit(truth, mean, 1)[0])
    return out


def early_flow(who: str) -> float:
    """The ratio of mean noise-free flow, tissue that fills early over tissue that does not."""
    tiles = kudo.tiles(kudo.Design(ARTERIAL, delays_s=EARLY))
    flow = maps_of(who, tiles.curves, tiles.aif)["cbf"]
    return float(flow[tiles.delay == EARLY[0]].mean() / flow[tiles.delay == EARLY[1]].mean())


def measured(who: str, copies: int) -> dict[str, float]:
    """Time, memory and accuracy of one method, in this process."""
    tiles = kudo.tiles(kudo.Design(ARTERIAL))
    curves = kudo.noisy(tiles.curves, copies, NOISE_HU, SEED)
    maps_of(who, curves[:100], tiles.aif)  # loads the library
    start = time.process_time()
    maps = maps_of(who, curves, tiles.aif)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    early = early_flow(who)
    return {"CPU s": seconds, "peak MB": peak, **scores(tiles, maps, copies), "early": early}


def in_its_own_process(who: str, copies: int) -> dict[str, float]:
    """The result of :func:`measured` in a process of its own."""
    command = [sys.executable, __file__, "--copies", str(copies), "--only", who]
    settings = os.environ | ONE_CORE  # read when numpy is loaded
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=settings)
    return json.loads(done.stdout.splitlines()[-1])


def table(copies: int) -> list[list[str]]:
    """Rows of the comparison, heading first."""
    rows = [["what", "ours", "peer", "ratio", "accuracy ours", "accuracy peer"]]
    voxels = copies * len(kudo.tiles(kudo.Design(ARTERIAL)).cbf)
    for method, peer in PEERS.items():
        here, there = (in_its_own_process(who, copies) for who in (f"ours {method}", peer))
        accuracy = [
            ", ".join(f"{k} {v:.3f}" for k, v in list(m.items())[2:]) for m in (here, there)
        ]
        for what in ("CPU s", "peak MB"):
            label = f"{method} against {peer}, {voxels} voxels x 60 frames: {what}"
            ratio = there[what] / here[what]
            numbers = (f"{here[what]:.3g}", f"{there[what]:.3g}", f"{ratio:.2g}")
            rows.append([label, *numbers, *accuracy])
    return rows


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--copies", type=int, default=600, help="voxels per tile")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # one method, for a process of its own
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measured(options.only, options.copies)))
        return
    text = "\n".join("\t".join(row) for row in table(options.copies)) + "\n"
    theirs = [f"OpenPerfusion's {method}" for method in published.METHODS]
    methods = [boluses.VASCULAR, *METHODS, *PEERS.values(), *theirs]
    text += "\n" + boluses.table(boluses.cases(), methods, over_boluses) + "\n"
    print(text, end="")
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()

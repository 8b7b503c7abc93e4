"""A digital perfusion phantom like that of Kudo et al. 2013, to score deconvolution.

It has sections of tiles, and each tile has one flow, volume and delay: transit times from left to
right, delays from top to bottom, one volume and one shape of the residue function per section. The
publication leaves some parameters open, which are chosen here (see the constants). Scores are
therefore not comparable with those published for the original.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from strokeprep.phantom.scan.bolus import (
    Arterial,
    Tissue,
    arterial_curve,
    tissue_curve,
    venous_curve,
)

MTT_S = tuple(24 / k for k in range(1, 8))  # 24 ... 3.4 s, so flow is 2.5 k per ml/100 g of volume
CBV = (1.0, 2.0, 3.0, 4.0, 5.0)  # ml / 100 g
KINDS = ("exponential", "linear", "box")
PARTIAL = 0.7  # share of blood in the partial-volume arteries


@dataclass(frozen=True)
class Design:
    """The parameters of the simulation, the input function included."""

    arterial: Arterial = field(default_factory=Arterial)
    frames: int = 60
    dt: float = 1.0
    delays_s: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
    kinds: tuple[str, ...] = KINDS

    @property
    def times(self) -> np.ndarray:
        """Frame times in seconds."""
        return np.arange(self.frames) * self.dt


@dataclass(frozen=True)
class Tiles:
    """The truth and the noise-free enhancement of each tile, and of the vessels.

    Flow in ml/100 g/min, volume in ml/100 g, times in s, curves in HU.
    """

    kind: np.ndarray
    cbf: np.ndarray
    cbv: np.ndarray
    mtt: np.ndarray
    delay: np.ndarray
    curves: np.ndarray  # tiles x frames, HU
    aif: np.ndarray
    vof: np.ndarray


def tiles(design: Design) -> Tiles:
    """All tiles, ordered by shape, volume, delay and transit time."""
    unit = {
        (kind, delay, mtt): tissue_curve(
            design.times, Tissue(60 / mtt, 1.0, delay), design.arterial, kind
        )
        for kind in design.kinds
        for delay in design.delays_s
        for mtt in MTT_S
    }
    keys = [(kind, cbv, delay, mtt) for kind in design.kinds for cbv in CBV
            for delay in design.delays_s for mtt in MTT_S]  # fmt: skip
    kind, cbv, delay, mtt = (np.array(column) for column in zip(*keys, strict=True))
    curves = np.array([v * unit[k, d, m] for k, v, d, m in keys], np.float32)
    return Tiles(
        kind=kind,
        cbf=60 * cbv / mtt,
        cbv=cbv,
        mtt=mtt,
        delay=delay,
        curves=curves,
        aif=arterial_curve(design.times, design.arterial),
        vof=venous_curve(design.times, design.arterial),
    )


def noisy(curves: np.ndarray, copies: int, noise_hu: float, seed: int) -> np.ndarray:
    """Each curve ``copies`` times in succession, each copy with its own white noise; float32."""
    random = np.random.default_rng(seed)
    repeated = np.repeat(np.asarray(curves, np.float32), copies, axis=0)
    noise = random.standard_normal(repeated.shape, np.float32)
    return repeated + np.float32(noise_hu) * noise


def per_tile(values: np.ndarray, copies: int) -> np.ndarray:
    """The mean over the copies of each tile."""
    return values.reshape(-1, copies).mean(1)


@dataclass(frozen=True)
class Phantom:
    """The phantom as an image, with maps of tiles and vessels."""

    hu: np.ndarray  # i, j, section, frame; int16
    tile: np.ndarray  # number of the tile, -1 outside
    brain: np.ndarray  # bool: tiles and vessels
    artery: np.ndarray  # share of blood
    vein: np.ndarray  # bool


def phantom(design: Design, noise_hu: float, seed: int, tile: int = 32) -> Phantom:
    """An image of 8 x 8 fields: tiles, with fluid, skull, and vessels in the first section."""
    truth = tiles(design)
    count = len(MTT_S) * len(design.delays_s)
    sections = len(truth.cbf) // count
    if len(design.delays_s) != 7:
        raise ValueError("The image has room for seven delays")
    side = 8 * tile
    number = np.full((side, side, sections + 1), -1)
    grid = np.arange(len(truth.cbf)).reshape(sections, 7, 7).transpose(2, 1, 0)
    number[: 7 * tile, : 7 * tile, 1:] = grid.repeat(tile, 0).repeat(tile, 1)
    artery, vein = np.zeros(number.shape), np.zeros(number.shape, bool)
    artery[tile : 2 * tile, tile : 2 * tile, 0] = 1
    artery[3 * tile : 4 * tile, tile : 2 * tile, 0] = PARTIAL
    vein[tile : 2 * tile, 3 * tile : 4 * tile, 0] = True
    brain_hu, blood_hu, skull_hu, csf_hu = 35.0, 45.0, 1000.0, 5.0
    hu = np.full((*number.shape, design.frames), csf_hu, np.float32)
    hu[7 * tile :] = skull_hu
    hu[number >= 0] = brain_hu + truth.curves[number[number >= 0]]
    blood = artery > 0
    hu[blood] = brain_hu + artery[blood, None] * (blood_hu - brain_hu + truth.aif)
    hu[vein] = blood_hu + truth.vof
    hu += np.float32(noise_hu) * np.random.default_rng(seed).standard_normal(hu.shape, np.float32)
    inside = (number >= 0) | blood | vein
    return Phantom(np.rint(hu).astype(np.int16), number, inside, artery, vein)

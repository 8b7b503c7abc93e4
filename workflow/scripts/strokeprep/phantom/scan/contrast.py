"""What a head looks like on each kind of scan: its signal or HU in head space, without noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from strokeprep.errors import StrokeprepError
from strokeprep.phantom.head.subject import Head, vessel_shares
from strokeprep.phantom.head.tissue import FIELD_MM, MATERIALS, QUANTITIES, TISSUE_NUMBER, doubled
from strokeprep.phantom.head.vessels import choroid_plexus

CTA_HU = {"artery": 390.0, "collateral": 150.0, "vein": 190.0, "thrombus": 60.0}
B_VALUE = 1000.0  # s/mm2


@dataclass(frozen=True)
class Contrast:
    """A kind of scan: what it shows of a head, and how noisy it is."""

    modality: str  # ct or mr
    quantities: tuple[str, ...]  # of `Material`, of which the signal is made
    volume: Callable[[Head], np.ndarray]
    noise: float  # HU, or signal units
    is_epi: bool = False
    b_value: float = 0  # s/mm2

    def of_material(self, name: str) -> float:
        """The signal of a pure tissue."""
        material = MATERIALS[name]
        first = float(getattr(material, self.quantities[0]))
        return first * float(np.exp(-self.b_value * 1e-6 * material.adc))


def contrast(name: str) -> Contrast:
    """The contrast called `name`."""
    if name not in CONTRASTS:
        raise StrokeprepError("no such contrast", name, f"choose one of {', '.join(CONTRASTS)}")
    return CONTRASTS[name]


def quantities(further: Sequence[str]) -> tuple[str, ...]:
    """The quantities of tissue that the usual scans need, and those that further ones do."""
    needed = dict.fromkeys(QUANTITIES)
    for name in further:
        needed |= dict.fromkeys(contrast(name).quantities)
    return tuple(needed)


def ncct(head: Head) -> np.ndarray:
    """HU without contrast agent: blood, a dense thrombus and a faint infarct added."""
    shares, blood_hu, thrombus_hu = head.shares, 45.0, 70.0
    hu = head.volumes["hu"] + head.traits.lesion_hu * shares["core"]
    blood = np.minimum(shares["artery"] + shares["collateral"] + shares["vein"], 1)
    hu += blood * (blood_hu - hu)
    hu += shares["thrombus"] * (thrombus_hu - hu)
    return hu


def cta(head: Head) -> np.ndarray:
    """HU in the arterial phase; the blocked artery stays dark."""
    shares = head.shares
    alive = 1 - shares["core"] - 0.6 * shares["penumbra"]
    hu = head.volumes["hu"] + head.traits.lesion_hu * shares["core"]
    grey_hu = 6.0  # enhancement of grey matter
    hu += grey_hu * (shares["gm"] + 0.4 * shares["wm"]) * alive
    for kind, value in CTA_HU.items():
        hu += shares[kind] * (value - hu)
    return hu


def b0(head: Head) -> np.ndarray:
    """Echo-planar signal without diffusion weighting."""
    core, core_gain = head.shares["core"], 1.15
    return head.volumes["b0"] * (1 + (core_gain - 1) * core) * loss_near_air(head)


def adc(head: Head) -> np.ndarray:
    """Apparent diffusion coefficient, 1e-6 mm2/s, low in the infarct."""
    core, core_adc = head.shares["core"], 430.0
    return head.volumes["adc"] + core * (core_adc - head.volumes["adc"])


def _trace(head: Head) -> np.ndarray:
    return b0(head) * np.exp(-B_VALUE * 1e-6 * adc(head))


def _adc_map(head: Head) -> np.ndarray:
    """ADC where there is signal enough to compute it."""
    return np.where(head.volumes["b0"] > 35, adc(head), 0).astype(np.float32)


def t1w(head: Head) -> np.ndarray:
    """T1-weighted signal, with flow voids."""
    t1 = head.volumes["t1"]
    t1 = t1 + np.minimum(_vessels(head), 1) * (90.0 - t1)
    return t1 + 0.15 * head.shares["core"] * (250.0 - t1)


def _t1w_with_gadolinium(head: Head) -> np.ndarray:
    """Vessels, mucosa of nose and sinuses, and choroid plexus are bright."""
    t1 = t1w(head)
    plexus = vessel_shares(choroid_plexus(head.mapping.head_point), head.lattice)["vein"]
    plexus = plexus * (head.shares["gm"] + head.shares["wm"] < 0.5)
    muscle = head.tissue == TISSUE_NUMBER["muscle"]
    mucosa = muscle * np.exp(-((_distance_to_hollow(head) / 4.0) ** 2))
    for share, value in ((mucosa, 980.0), (plexus, 950.0), (_vessels(head), 1000.0)):
        t1 += np.clip(share, 0, 1) * (value - t1)
    return t1


def _t2w(head: Head) -> np.ndarray:
    return _with_flow_voids(head, "t2", core=700.0, void=40.0)


def _flair(head: Head) -> np.ndarray:
    return _with_flow_voids(head, "flair", core=780.0, void=60.0)


def _with_flow_voids(head: Head, quantity: str, core: float, void: float) -> np.ndarray:
    """A spin-echo signal: an infarct of some hours is bright, flowing blood is dark."""
    signal = head.volumes[quantity]
    signal = signal + 0.8 * head.shares["core"] * (core - signal)
    return signal + np.minimum(_vessels(head), 1) * (void - signal)


def _t2star(head: Head) -> np.ndarray:
    """Gradient-echo signal, lost near air; a thrombus and veins are dark."""
    return _susceptible(head, vein=230.0)


def _swi(head: Head) -> np.ndarray:
    return _susceptible(head, vein=40.0)


def _susceptible(head: Head, vein: float) -> np.ndarray:
    signal, shares = head.volumes["t2star"], head.shares
    for kind, value in (("artery", 520.0), ("collateral", 250.0), ("vein", vein), ("thrombus", 20)):
        signal = signal + np.minimum(shares[kind], 1) * (value - signal)
    return signal * loss_near_air(head)


def _tof(head: Head) -> np.ndarray:
    """Inflow makes arteries bright; what does not move is saturated."""
    signal, shares = head.volumes["tof"], head.shares
    for kind, value in (("artery", 1150.0), ("collateral", 450.0), ("vein", 220.0)):
        signal = signal + np.minimum(shares[kind], 1) * (value - signal)
    return signal


def _vessels(head: Head) -> np.ndarray:
    return np.asarray(sum(head.shares[kind] for kind in ("artery", "collateral", "vein")))


def loss_near_air(head: Head) -> np.ndarray:
    """The share of a gradient echo's signal that is left near air-filled bone and the skull base."""
    most_loss, range_mm = 0.85, 7.0
    left = 1 - most_loss * np.exp(-((_coarse_distance_to_hollow(head) / range_mm) ** 2))
    return _as_fine_as(head, left)


def _distance_to_hollow(head: Head) -> np.ndarray:
    return _as_fine_as(head, _coarse_distance_to_hollow(head))


def _as_fine_as(head: Head, coarse: np.ndarray) -> np.ndarray:
    return doubled(coarse) if head.lattice.spacing < FIELD_MM else coarse


def _coarse_distance_to_hollow(head: Head) -> np.ndarray:
    """Distance (mm) to air inside the head, every 2 mm."""
    fine = head.lattice.spacing < FIELD_MM  # then the number of points along each axis is odd
    tissue = head.tissue[::2, ::2, ::2] if fine else head.tissue
    bone = tissue == TISSUE_NUMBER["bone"]
    in_front = np.maximum.accumulate(bone[:, ::-1], axis=1)[:, ::-1]
    behind = np.maximum.accumulate(bone, axis=1)
    hollow = (
        (tissue == TISSUE_NUMBER["air"]) & in_front & behind
    )  # air inside the head, not around it
    return ndimage.distance_transform_edt(~hollow, sampling=FIELD_MM).astype(np.float32)


CONTRASTS: dict[str, Contrast] = {
    "ncct": Contrast("ct", ("hu",), ncct, 5.0),
    "cta": Contrast("ct", ("hu",), cta, 9.0),
    "t1w": Contrast("mr", ("t1",), t1w, 14.0),
    "t1wce": Contrast("mr", ("t1",), _t1w_with_gadolinium, 14.0),
    "t2w": Contrast("mr", ("t2",), _t2w, 14.0),
    "flair": Contrast("mr", ("flair",), _flair, 12.0),
    "b0": Contrast("mr", ("b0",), b0, 10.0, is_epi=True),
    "dwi": Contrast("mr", ("b0", "adc"), _trace, 5.0, is_epi=True, b_value=B_VALUE),
    "adc": Contrast("mr", ("adc", "b0"), _adc_map, 40.0, is_epi=True),
    "swi": Contrast("mr", ("t2star",), _swi, 9.0),
    "t2star": Contrast("mr", ("t2star",), _t2star, 12.0),
    "tof": Contrast("mr", ("tof",), _tof, 9.0),
}

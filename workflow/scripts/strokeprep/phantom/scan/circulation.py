"""The circulation of one patient: its bolus, and what flows where in the brain.

Every patient has a bolus of its own (:mod:`strokeprep.phantom.scan.patients`) and tissue whose
residue functions no dictionary of the estimators holds. Beside the stroke, some have an old scar,
luxury perfusion around a spot, pale white matter around the ventricles, a fringe that collaterals fill late but
well, or a narrow carotid, behind which the whole hemisphere is late. A patient may also be given a carotid so
narrow that its blood is dispersed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from strokeprep.phantom.head.shapes import Lattice
from strokeprep.phantom.scan import patients
from strokeprep.phantom.scan.bolus import (
    Arterial,
    Tissue,
    arterial_curve,
    tissue_curve,
    venous_curve,
)
from strokeprep.phantom.scan.patients import Bolus, Dispersed

# literature-like values, ml/100 g/min, ml/100 g, s after the arterial reference
TISSUES: dict[str, Tissue] = {
    "gm": Tissue(cbf=60, cbv=4.0, delay_s=1.0),
    "wm": Tissue(cbf=25, cbv=2.0, delay_s=1.5),
    "penumbra-gm": Tissue(cbf=20, cbv=4.4, delay_s=6.5),
    "penumbra-wm": Tissue(cbf=10, cbv=2.4, delay_s=7.0),
    "core": Tissue(cbf=4, cbv=1.0, delay_s=8.0),
}
# Residue functions of tissue: neither an exponential nor a box, which dictionaries hold.
SHAPES = tuple(name for name in patients.RESIDUES if name not in ("exponential", "box"))
# How far (SD of the logarithm) a patient's flow and volume lie from those values.
APART = 0.12
# A scan that shows no baseline, or ends while contrast is still high, is not one to make maps of.
FIRST_S, ARRIVED, MOST_LEFT = 5.0, 0.1, 0.45
# A scan that shows the bolus well: an artery as high as in a quarter of patients, frames so close to each other, and
# in the first seconds less contrast than this share of the artery's peak, which in tissue is .1 HU.
LEAST_PEAK_HU, MOST_INTERVAL_S, BEFORE = patients.REAL["peak_hu"][4], 2.0, 0.01
# How much of their fullest voxels the arteries fill that are drawn. The rest of the way to the share of
# real patients is made by the arteries' curve.
FILLED = 0.75
# How late, and with how little contrast, the arteries beyond the occlusion fill.
COLLATERAL_S, COLLATERAL_SHARE = 3.5, 0.6
# Flow and volume behind a narrow carotid, of the usual.
FLOW_BEHIND = (0.9, 1.15)
# How late blood comes behind a narrow carotid, and by how much it is dispersed on its way (s).
NARROW_S, DISPERSED_S = (0.5, 2.5), (1.5, 4.5)


@dataclass(frozen=True)
class Region:
    """A soft-edged ellipsoid (RAS mm of the head) in which grey and white matter flow otherwise."""

    name: str
    centre: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    flow: float  # of the usual
    volume: float
    later_s: float
    kinds: tuple[str, ...] = ("gm", "wm")

    def share(self, lattice: Lattice) -> np.ndarray:
        """The share of each voxel that belongs to it; the edge is a fifth of the radius wide."""
        axes = zip(lattice.coordinates(), self.centre, self.radii_mm, strict=True)
        radius = np.sqrt(sum(((axis - at) / mm) ** 2 for axis, at, mm in axes))
        return np.clip(0.5 + (1 - radius) / 0.2, 0, 1).astype(np.float32)

    def tissue(self, usual: Tissue) -> Tissue:
        """What such tissue becomes in it."""
        later = usual.delay_s + self.later_s
        return Tissue(self.flow * usual.cbf, self.volume * usual.cbv, later)


@dataclass(frozen=True)
class Behind(Region):
    """Tissue and arteries behind a narrow carotid, which blood reaches late and dispersed.

    It is a box with rounded corners that reaches to the mid-plane, as arteries lie close to it on both sides.
    """

    dispersion_s: float = 0.0  # mean of the times by which the bolus is spread

    def share(self, lattice: Lattice) -> np.ndarray:
        """The share of each voxel that belongs to it; the edge is a twentieth of the radius wide."""
        axes = zip(lattice.coordinates(), self.centre, self.radii_mm, strict=True)
        radius = sum(((axis - at) / mm) ** 8 for axis, at, mm in axes) ** (1 / 8)
        return np.clip(0.5 + (1 - radius) / 0.05, 0, 1).astype(np.float32)

    def tissue(self, usual: Tissue) -> Tissue:
        """What such tissue becomes in it; its delay is the mean of those of its blood."""
        there = super().tissue(usual)
        return replace(there, delay_s=there.delay_s + self.dispersion_s)


@dataclass(frozen=True)
class Textbook:
    """One sharp bolus for all patients, exponential residue functions, and arteries that fill their voxels."""

    bolus: Arterial = Arterial()
    tissues: Mapping[str, Tissue] = field(default_factory=lambda: dict(TISSUES))
    regions: tuple[Region, ...] = ()

    @property
    def shapes(self) -> Mapping[str, str]:
        """The residue function of every kind of tissue."""
        return dict.fromkeys(self.tissues, "exponential")

    def artery(self, times: np.ndarray) -> np.ndarray:
        """The curve of a pure artery (HU)."""
        return arterial_curve(times, self.bolus)

    def vein(self, times: np.ndarray) -> np.ndarray:
        """The curve of a pure vein (HU)."""
        return venous_curve(times, self.bolus)

    def arteries_behind(self, times: np.ndarray) -> dict[str, np.ndarray]:
        """No carotid is narrow."""
        return {}

    def curves(self, times: np.ndarray) -> dict[str, np.ndarray]:
        """Enhancement (HU) of every kind of voxel at times (s)."""
        curves = {name: tissue_curve(times, t, self.bolus) for name, t in self.tissues.items()}
        curves["artery"] = self.artery(times)
        filled_late = arterial_curve(times, self.bolus, delay_s=COLLATERAL_S)
        curves["collateral"] = COLLATERAL_SHARE * filled_late
        curves["vein"] = self.vein(times)
        return curves


@dataclass(frozen=True)
class Circulation:
    """The bolus and the flow of one patient."""

    bolus: Bolus
    tissues: Mapping[str, Tissue]
    shapes: Mapping[str, str]  # of the residue function of every kind of tissue
    regions: tuple[Region, ...] = ()

    def artery(self, times: np.ndarray) -> np.ndarray:
        """The curve of a pure artery (HU)."""
        return self.bolus.artery(times)

    def vein(self, times: np.ndarray) -> np.ndarray:
        """The curve of a pure vein (HU)."""
        return self.bolus.vein(times)

    def arteries_behind(self, times: np.ndarray) -> dict[str, np.ndarray]:
        """The curves (HU) of pure arteries behind a narrow carotid, by its region."""
        return {
            region.name: _dispersed(self.bolus, region).artery(times - region.later_s)
            for region in self._narrow
        }

    @property
    def _narrow(self) -> list[Behind]:
        return [region for region in self.regions if isinstance(region, Behind)]

    def curves(self, times: np.ndarray) -> dict[str, np.ndarray]:
        """Enhancement (HU) of every kind of voxel at times (s).

        Arteries are thinner than the ones that are drawn: their curve is in part that of tissue.
        """
        curves = {name: self._tissue(times, name) for name in self.tissues}
        filled = min(self.bolus.share / FILLED, 1.0)
        around = (1 - filled) * curves["gm"]
        curves["artery"] = filled * self.artery(times) + around
        filled_late = self.artery(times - COLLATERAL_S)
        curves["collateral"] = COLLATERAL_SHARE * filled * filled_late + around
        curves["vein"] = self.vein(times)
        for name, pure in self.arteries_behind(times).items():
            curves[f"{name}-artery"] = filled * pure + (1 - filled) * curves[f"{name}-gm"]
        return curves

    def _tissue(self, times: np.ndarray, name: str) -> np.ndarray:
        """The curve of a kind of tissue. Behind a narrow carotid its delay is the mean of those of its blood."""
        bolus, tissue, later_s = self.bolus, self.tissues[name], 0.0
        for region in self._narrow:
            if name in {f"{region.name}-{kind}" for kind in region.kinds}:
                bolus, later_s = _dispersed(bolus, region), region.dispersion_s
        unit = bolus.tissue(times, tissue.mtt_s, tissue.delay_s - later_s, self.shapes[name])
        return tissue.cbv * unit


def _dispersed(bolus: Bolus, behind: Behind) -> Bolus:
    return Dispersed(**asdict(bolus), dispersion_s=behind.dispersion_s)


def draw_circulation(
    random: np.random.Generator, side: str, suits: Callable[[Bolus], bool] = lambda bolus: True
) -> Circulation:
    """The circulation of a patient with a stroke on a side (L, R), and with a bolus that suits."""
    bolus = _draw_bolus(random, suits)
    regions = _draw_regions(random, -1 if side == "L" else 1)
    tissues = {name: _varied(random, tissue) for name, tissue in TISSUES.items()}
    for region in regions:
        own = {f"{region.name}-{kind}": region.tissue(tissues[kind]) for kind in region.kinds}
        tissues |= own
    shapes = {name: str(random.choice(SHAPES)) for name in tissues}
    return Circulation(bolus, tissues, shapes, regions)


def well_scanned_circulation(random: np.random.Generator, side: str) -> Circulation:
    """The same with a scan that shows the bolus well, and one residue function for all tissue.

    Flow follows from a curve up to a factor that depends on its residue function. If functions differed
    between tissues, ratios of flow would tell which of them were drawn.
    """
    drawn = draw_circulation(random, side, _is_well_scanned)
    return replace(drawn, shapes=dict.fromkeys(drawn.tissues, str(random.choice(SHAPES))))


def with_narrow_carotid(
    drawn: Circulation, random: np.random.Generator, stroke_side: str
) -> Circulation:
    """A patient whose carotid is narrow on the side without the stroke.

    Tissue behind it has the residue functions of its like: it differs by its blood alone.
    """
    sign = 1 if stroke_side == "L" else -1
    later, dispersion = (float(random.uniform(*ends)) for ends in (NARROW_S, DISPERSED_S))
    narrow = Behind(
        "stenosis",
        (sign * 45.0, 20, 30),
        (45, 80, 70),
        *FLOW_BEHIND,
        later,
        kinds=("gm", "wm", "artery"),
        dispersion_s=dispersion,
    )
    kinds = {f"{narrow.name}-{kind}": kind for kind in ("gm", "wm")}
    tissues = {name: narrow.tissue(drawn.tissues[kind]) for name, kind in kinds.items()}
    others = tuple(region for region in drawn.regions if region.name != narrow.name)
    return replace(
        drawn,
        tissues={**drawn.tissues, **tissues},
        shapes={**drawn.shapes, **{name: drawn.shapes[kind] for name, kind in kinds.items()}},
        regions=(narrow, *others),
    )


def _is_well_scanned(bolus: Bolus) -> bool:
    """Whether an artery is high, and seen from its baseline on in short intervals."""
    return (
        bolus.peak_hu >= LEAST_PEAK_HU
        and bolus.interval_s <= MOST_INTERVAL_S
        and bolus.artery(np.array([FIRST_S]))[0] < BEFORE * _peak(bolus)
    )


def _draw_bolus(random: np.random.Generator, suits: Callable[[Bolus], bool]) -> Bolus:
    """A bolus that arrives after the first frames, is over before the last, and suits."""
    while True:
        bolus = patients.draw(random)
        early = bolus.artery(np.array([FIRST_S]))[0]
        late = bolus.artery(bolus.seconds - patients.TAIL_S * np.arange(0, 1, 0.05))
        peak = _peak(bolus)
        if early < ARRIVED * peak and late.mean() < MOST_LEFT * peak and suits(bolus):
            return bolus


def _peak(bolus: Bolus) -> float:
    """The peak of a pure artery while it is scanned (HU)."""
    return float(bolus.pure[: int(bolus.seconds / patients.FINE)].max())


def _varied(random: np.random.Generator, tissue: Tissue) -> Tissue:
    flow, volume = np.exp(APART * random.standard_normal(2))
    return replace(tissue, cbf=float(flow * tissue.cbf), cbv=float(volume * tissue.cbv))


def _draw_regions(random: np.random.Generator, sign: int) -> tuple[Region, ...]:
    """What ails the circulation beside the stroke, which is on the right if ``sign`` is 1.

    Where regions overlap, the later ones in this list displace the earlier ones.
    """
    y, z = random.uniform((-40, 5), (20, 40))
    spot = (float(y), float(z))
    likely = (
        # behind a narrow carotid
        (0.15, Region("stenosis", (-sign * 45.0, 10, 20), (44, 80, 70), *FLOW_BEHIND, 2.0)),
        # filled by collaterals, around the stroke
        (0.35, Region("collateral", (sign * 36.0, -15, 15), (34, 70, 55), 1.0, 1.1, 2.0)),
        *((0.35, region) for region in _PALE),
        (0.25, Region("scar", (-sign * 40.0, *spot), (14, 16, 14), 0.25, 0.35, 0.5)),
        (0.25, Region("luxury", (-sign * 36.0, -spot[0], 45 - spot[1]), (12, 14, 12), 1.5, 1.4, 0)),
    )
    drawn = random.random(5)
    chances = [drawn[0], drawn[1], drawn[2], drawn[2], drawn[3], drawn[4]]
    chosen = zip(chances, likely, strict=True)
    return tuple(region for chance, (often, region) in chosen if chance < often)


# White matter around the ventricles, of both sides.
_PALE = tuple(
    Region(f"pale-{side}", (sign * 22.0, -12, 24), (14, 44, 14), 0.6, 0.75, 0.5, ("wm",))
    for side, sign in (("left", -1), ("right", 1))
)

"""Perfusion by region and side: medians, asymmetry, and how much tissue is late or low in flow.

Hemispheres and the whole brain need no atlas. A region of an atlas is measured on either side of the
template's mid-plane, and compared with what lies at its mirror image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from strokeprep.io import images, labels, transforms
from strokeprep.perfusion import tissue as tissue_at_risk
from strokeprep.settings.perfusion import PerfusionSettings

LEFT, RIGHT, BOTH = "left", "right", "both"
OPPOSITE = {LEFT: RIGHT, RIGHT: LEFT}
BRAIN = "brain"  # the region that is measured without an atlas
# A region with this share of its voxels on one side belongs to that side alone.
ONE_SIDED = 0.9
# Maps whose medians are told, and how they are compared with the other side: times may be zero.
RATIOS, DIFFERENCES = ("cbf", "cbv", "mtt"), ("tmax", "delay")
PROBABLE = {"core": "core_probability", "penumbra": "penumbra_probability"}
LIKELY = 0.5  # the probability above which a voxel is counted
USED = (*RATIOS, *DIFFERENCES, *PROBABLE.values())

Row = dict[str, str | int | float | None]


@dataclass(frozen=True)
class Tissue:
    """Voxels of brain tissue: the values of their maps, and where they lie in the template."""

    maps: Mapping[str, np.ndarray]  # by the names of USED, a value for each voxel
    place: np.ndarray  # voxels × 3 (RAS, mm)
    inside: np.ndarray  # the voxels of the grid of the maps that these are (bool)
    voxel_ml: float

    def drawn(self, by: Labels) -> np.ndarray:
        """The regions of an atlas on the grid of the maps; 0 where there is no tissue."""
        volume = np.zeros(self.inside.shape, by.numbers.dtype)
        volume[self.inside] = by.at(self.place)
        return volume

    @property
    def mirrored(self) -> np.ndarray:
        """The places on the other side."""
        return self.place * (-1, 1, 1)


@dataclass(frozen=True)
class Labels:
    """The regions of an atlas in the space of the template."""

    numbers: np.ndarray
    affine: np.ndarray  # voxel to world mm, RAS
    names: Mapping[int, str]

    @classmethod
    def of(cls, image: sitk.Image, names: Mapping[int, str]) -> Labels:
        """The regions of a label image."""
        return cls(images.array(image), images.affine(image), names)

    def at(self, points: np.ndarray) -> np.ndarray:
        """The label of the voxel nearest to each point (N×3, RAS mm); 0 outside the grid."""
        back = np.linalg.inv(self.affine)
        index = np.rint(points @ back[:3, :3].T + back[:3, 3]).astype(np.intp)
        on_grid = np.all((index >= 0) & (index < self.numbers.shape), axis=1)
        found = np.zeros(len(points), self.numbers.dtype)
        found[on_grid] = self.numbers[tuple(index[on_grid].T)]
        return found

    def sides(self) -> dict[int, tuple[str, ...]]:
        """The sides on which each region lies."""
        axes = np.ogrid[tuple(slice(0, n) for n in self.numbers.shape)]
        x = sum(step * axis for step, axis in zip(self.affine[0, :3], axes, strict=True))
        x = np.round(np.broadcast_to(x + self.affine[0, 3], self.numbers.shape), 3)
        most = max(self.names, default=0) + 1
        left, right = (np.bincount(self.numbers[on], minlength=most) for on in (x < 0, x > 0))
        least = (1 - ONE_SIDED) * (left + right)
        found = {}
        for number in self.names:
            on = {LEFT: left[number] > least[number], RIGHT: right[number] > least[number]}
            found[number] = tuple(side for side in on if on[side])
        return found


def tissue_of(volumes: Mapping[str, np.ndarray], settings: PerfusionSettings) -> np.ndarray:
    """The voxels (bool) of brain tissue of maps on one grid, which are zero where nothing is known."""
    known = np.any([volumes[name] != 0 for name in (*RATIOS, *DIFFERENCES)], axis=0)
    return tissue_at_risk.without_vessels(known, volumes["cbv"], settings.tissue)


def tissue_in_template(
    maps: Mapping[str, sitk.Image], chain: Sequence[sitk.Transform], settings: PerfusionSettings
) -> Tissue:
    """The tissue of maps on one grid; ``chain`` maps their points to points of the template."""
    volumes = {name: images.array(image) for name, image in maps.items()}
    inside = tissue_of(volumes, settings)
    box = labels.bounding_box(inside)
    grid = maps["cbf"][box]
    return Tissue(
        {name: volume[inside] for name, volume in volumes.items()},
        transforms.places(grid, chain)[inside[box]],
        inside,
        float(np.prod(grid.GetSpacing())) / 1000,
    )


def rows(
    tissue: Tissue, atlases: Mapping[str, Labels], normal_flow: float, settings: PerfusionSettings
) -> Iterator[Row]:
    """A row for the brain, each hemisphere, and each side of each region of the atlases."""
    measure = _Measure(tissue, normal_flow, settings)
    for about, inside, across in parts(tissue, atlases):
        yield about | measure(inside, across)


def parts(
    tissue: Tissue, atlases: Mapping[str, Labels]
) -> Iterator[tuple[Row, np.ndarray, np.ndarray | None]]:
    """What each row is about, its voxels (bool), and those that they are compared with."""
    x = tissue.place[:, 0]
    on = {LEFT: x < 0, RIGHT: x > 0}
    yield _about(None, None, BRAIN, BOTH), np.ones(len(x), bool), None
    for side, other in OPPOSITE.items():
        yield _about(None, None, BRAIN, side), on[side], on[other]
    for name, by in atlases.items():
        here, mirrored = by.at(tissue.place), by.at(tissue.mirrored)
        for number, sides in by.sides().items():
            for side in sides:
                inside, across = here == number, mirrored == number
                if len(sides) > 1:
                    inside, across = inside & on[side], across & on[OPPOSITE[side]]
                yield _about(name, number, by.names[number], side), inside, across


def _about(atlas: str | None, index: int | None, region: str, side: str) -> Row:
    return {"atlas": atlas, "index": index, "region": region, "side": side}


class _Measure:
    """What is told of a region; None where it has no tissue, or none on the other side."""

    def __init__(self, tissue: Tissue, normal_flow: float, settings: PerfusionSettings) -> None:
        self.maps, self.voxel_ml = tissue.maps, tissue.voxel_ml
        self.normal_flow, self.settings = normal_flow, settings

    def __call__(self, inside: np.ndarray, across: np.ndarray | None) -> Row:
        """The row of the voxels of a region (bool), compared with those ``across``."""
        inside = np.flatnonzero(inside)
        medians = self._medians(inside)
        beyond = self._medians(inside[:0] if across is None else np.flatnonzero(across))
        found: Row = {"volume_ml": len(inside) * self.voxel_ml}
        found |= {f"{name}_median": value for name, value in medians.items()}
        found |= {f"{name}_ratio": _ratio(medians[name], beyond[name]) for name in RATIOS}
        for name in DIFFERENCES:
            found[f"{name}_difference"] = _difference(medians[name], beyond[name])
        return found | self._shares(inside, beyond["cbf"]) | self._probable(inside)

    def _medians(self, inside: np.ndarray) -> dict[str, float | None]:
        return {
            name: float(np.median(self.maps[name][inside])) if len(inside) else None
            for name in (*RATIOS, *DIFFERENCES)
        }

    def _shares(self, inside: np.ndarray, flow_across: float | None) -> Row:
        """Shares of the region that are late, and low in flow."""
        tissue = self.settings.tissue
        low = None if flow_across is None else tissue.core_rcbf * flow_across
        return {
            "late_tmax": self._share("tmax", inside, above=tissue.hypoperfused_tmax_s),
            "late_delay": self._share("delay", inside, above=tissue.late_delay_s),
            "low_cbf": self._share("cbf", inside, below=tissue.core_rcbf * self.normal_flow),
            "low_cbf_mirrored": self._share("cbf", inside, below=low),
        }

    def _share(
        self, name: str, inside: np.ndarray, above: float | None = None, below: float | None = None
    ) -> float | None:
        values = self.maps[name][inside]
        if not len(values) or (above is None and below is None):
            return None
        return float(np.mean(values > above if below is None else values < below))

    def _probable(self, inside: np.ndarray) -> Row:
        """Volumes of likely tissue, and those to be expected: the sums of the probabilities."""
        found: Row = {}
        for name, probability in PROBABLE.items():
            values = self.maps[probability][inside]
            found[f"{name}_ml"] = float(np.count_nonzero(values > LIKELY) * self.voxel_ml)
            found[f"{name}_expected_ml"] = float(values.sum(dtype=float) * self.voxel_ml)
        return found


def _ratio(here: float | None, there: float | None) -> float | None:
    return here / there if here is not None and there else None


def _difference(here: float | None, there: float | None) -> float | None:
    return None if here is None or there is None else here - there


def columns(settings: PerfusionSettings) -> dict[str, tuple[str, str]]:
    """The columns of the table, each with its meaning and its unit, if it has one."""
    late, low = settings.tissue.hypoperfused_tmax_s, settings.tissue.core_rcbf
    named = {
        "cbf": ("flow", "mL/100 g/min"),
        "cbv": ("blood volume", "mL/100 g"),
        "mtt": ("mean transit time", "s"),
        "tmax": ("Tmax", "s"),
        "delay": ("delay", "s"),
    }
    across = "the region at its mirror image"
    flow = f"Share of the tissue with a flow below {low:g} times that of"
    return {
        "atlas": ("The atlas, as the config calls it; n/a for the brain and its hemispheres", ""),
        "index": ("The label of the region in its atlas", ""),
        "region": ("Its name", ""),
        "side": ("left or right of the template's mid-plane; both for the whole brain", ""),
        "volume_ml": ("Brain tissue of the region that the series shows", "mL"),
        **{f"{n}_median": (f"Median {what} of the tissue", unit)
           for n, (what, unit) in named.items()},
        **{f"{n}_ratio": (f"Median {named[n][0]} over that of {across}", "") for n in RATIOS},
        **{f"{n}_difference": (f"Median {named[n][0]} minus that of {across}", "s")
           for n in DIFFERENCES},
        "late_tmax": (f"Share of the tissue with a Tmax above {late:g} s", ""),
        "late_delay": (f"Share with a delay above {settings.tissue.late_delay_s:g} s", ""),
        "low_cbf": (f"{flow} healthy tissue on the unaffected side", ""),
        "low_cbf_mirrored": (f"{flow} {across} (their medians)", ""),
        **{column: (text.format(name), "mL")
           for name in PROBABLE
           for column, text in (
               (f"{name}_ml", f"Tissue that is {{}} with a probability above {LIKELY:g}"),
               (f"{name}_expected_ml", "Sum of the probability of {} over the tissue: even small "
                                       "ones add up, also where nothing is wrong"),
           )},
    }  # fmt: skip

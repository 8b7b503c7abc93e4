"""The lesions of patients who had MRI alone: fresh or bled infarcts, or the cavities of old ones.

Each stays on one side and in one region, so that its side and type are known by how it was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strokeprep.phantom.head.lesions import Growth, growth
from strokeprep.phantom.head.mapping import Mapping
from strokeprep.phantom.head.shapes import Point
from strokeprep.phantom.head.tissue import Canvas, embedded

# What covers a lesion's inside and its rim, and the rim's volume as a share of the lesion's.
MATERIALS = {"haematoma": ("blood", "oedema", 0.6), "cavity": ("csf", "gliosis", 0.3)}
UNEVEN_MM = 2.0  # rougher lesions would fall into parts


@dataclass(frozen=True)
class Focus:
    """One lesion: what it is, where and how large. The region is cortical, subcortical or other."""

    kind: str  # infarct, haematoma or cavity
    region: str
    side: str  # L or R
    centre: Point  # MNI
    ml: float


@dataclass(frozen=True)
class Site:
    """Where lesions of a sort lie: their middle on the right (MNI), and their smallest and largest size."""

    region: str
    centre: Point
    ml: tuple[float, float]


SITES = {
    "mca": Site("cortical", (54, -14, 14), (6, 30)),
    "frontal": Site("cortical", (34, 40, 20), (3, 10)),
    "parietal": Site("cortical", (40, -58, 40), (3, 10)),
    "occipital": Site("cortical", (23, -87, 8), (3, 9)),
    "lacune": Site("subcortical", (23, -2, 12), (0.6, 2.0)),
    "basal_ganglia": Site("subcortical", (27, -6, 8), (3, 6)),
    "cerebellum": Site("other", (28, -64, -40), (2, 7)),
    "brainstem": Site("other", (7, -28, -32), (0.4, 0.9)),
}
# What the patients of a study have, in turn: lesions as site and side; a side is the first (+) or the
# other (-). The turn begins anywhere.
PATTERNS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "jhu": (
        ("infarct", ("+mca",)),
        ("haematoma", ("+basal_ganglia",)),
        ("none", ()),
        ("infarct", ("+parietal", "-lacune")),
        ("infarct", ("+lacune",)),
        ("infarct", ("+occipital", "+cerebellum")),
    ),
    "atlas": (
        ("cavity", ("+mca",)),
        ("cavity", ("+lacune",)),
        ("cavity", ("+parietal", "-frontal")),
        ("cavity", ("+cerebellum",)),
        ("cavity", ("+frontal", "+occipital", "-lacune")),
        ("cavity", ("+brainstem",)),
    ),
}


def draw_foci(study: str, turn: int, random: np.random.Generator) -> tuple[Focus, ...]:
    """The lesions of the patient whose turn it is."""
    kind, wanted = PATTERNS[study][turn % len(PATTERNS[study])]
    first = 1 if random.random() < 0.5 else -1
    return tuple(_focus(kind, each, first, random) for each in wanted)


def _focus(kind: str, wanted: str, first: int, random: np.random.Generator) -> Focus:
    sign = first if wanted[0] == "+" else -first
    site = SITES[wanted[1:]]
    moved = np.array(site.centre) + random.uniform(-1.5, 1.5, 3)
    centre = (float(sign * moved[0]), float(moved[1]), float(moved[2]))
    return Focus(kind, site.region, "R" if sign > 0 else "L", centre, random.uniform(*site.ml))


def paint_foci(
    canvas: Canvas,
    shares: dict[str, np.ndarray],
    foci: Sequence[Focus],
    mapping: Mapping,
    random: np.random.Generator,
) -> None:
    """Paint lesions, and add what is drawn of them by hand to the shares (``drawn``).

    An infarct is a share of its own, ``core``: what it looks like depends on the scan.
    """
    tissue = shares["gm"] + shares["wm"]
    for name in ("core", "penumbra", "drawn"):
        shares[name] = np.zeros(canvas.lattice.shape, np.float32)
    for focus in foci:
        grown = growth(
            focus.centre, shares, mapping, canvas.lattice, random, UNEVEN_MM, within="brain"
        )
        inside = grown.share(grown.voxels(focus.ml))
        _add(shares["drawn"], grown, inside)
        if focus.kind == "infarct":
            _add(shares["core"], grown, inside * tissue[grown.box])
            continue
        material, rim, wider = MATERIALS[focus.kind]
        around = grown.share(grown.voxels(focus.ml * (1 + wider))) * tissue[grown.box]
        canvas.cover(rim, grown.box, around)
        canvas.cover(material, grown.box, inside)
        for name in ("gm", "wm"):
            shares[name] = shares[name] * (1 - embedded(inside, grown.box, canvas.lattice))


def _add(share: np.ndarray, grown: Growth, inside: np.ndarray) -> None:
    view = share[grown.box]
    np.maximum(view, inside, out=view)

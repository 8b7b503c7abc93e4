"""Grey levels that can be compared: the tissue peak of DWI, T1w before and after N4, both maps of ADC."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.drawing import curves
from strokeprep.drawing.curves import DASHED, Chart, Line, Panel, Spans
from strokeprep.drawing.palette import BLUE, GREY, INK, VERMILION
from strokeprep.drawing.pictures import Picture, Scale
from strokeprep.intensity import bimodal
from strokeprep.intensity.bimodal import Histogram
from strokeprep.io import images
from strokeprep.quality.judgement import Judge, Measurement
from strokeprep.report import views
from strokeprep.report.plan import Grey
from strokeprep.report.scene import Scene
from strokeprep.report.sections import looks
from strokeprep.report.sections.parts import Figure, Section
from strokeprep.study import derived, naming

HEIGHT = 260
ADC = Scale(0, 2500)
APART = Scale(-300, 300, "viridis", "1e-6 mm2/s")
FIELD = Scale(0.7, 1.3, "viridis", "")
# What to look for, by desc- entity.
LOOKS = {
    derived.NORMALISED: "Tissue is the high peak of the histogram, and its curve follows the bars; infarct "
    "lies to the right of it, fluid to the left.",
    derived.UNBIASED: "After N4, white matter is as bright in front as behind, above as below, and the "
    "field is smooth: no gyrus or lesion shows in it.",
    derived.RECALCULATED: "The recalculated ADC looks like the scanner's, and their difference like noise.",
}


def grey(scene: Scene) -> list[Section]:
    """One section of all that there is to see, each on a view along its own scan; none of a z-score."""
    drawn = [(each, figure) for each in scene.plan.grey for figure in _figures(each, scene)]
    if not drawn:
        return []
    return [
        Section(
            "grey",
            "Grey levels that can be compared",
            " ".join(dict.fromkeys(LOOKS[each.desc] for each, _ in drawn)),
            tuple(figure for _, figure in drawn),
            tuple(dict.fromkeys(_step(each) for each, _ in drawn)),
        )
    ]


def numbers(scene: Scene, judge: Judge) -> Iterator[Measurement]:
    """The figures of these images."""
    for each in scene.plan.grey:
        step, found = _step(each), _Shown(each, scene).metrics
        if "GoodnessOfFit" in found:
            yield judge(step, "tissue_fit", found["GoodnessOfFit"])
        if "FieldLogSd" in found:
            yield judge(step, "field_log_sd", found["FieldLogSd"])
        if each.desc == derived.RECALCULATED and each.source:
            both = _Both(_Shown(each, scene))
            yield judge(step, "adc_ratio", both.ratio / both.unit)
            yield judge(step, "adc_correlation", both.correlation)


def _step(of: Grey) -> str:
    return f"{of.desc} {of.kind}"


def _figures(of: Grey, scene: Scene) -> Iterator[Figure]:
    shown, title = _Shown(of, scene), scene.plan.titles[of.scan]
    if of.desc == derived.RECALCULATED:
        yield Figure(f"{title}: ADC", _Both(shown).frames() if of.source else _alone(shown))
    elif of.desc == derived.UNBIASED:
        yield Figure(f"{title}: before and after N4", tuple(_unbiased(shown)))
    elif "TissueMean" in shown.metrics:
        yield Figure(f"{title}: histogram of the brain", svg=curves.svg(_histogram(shown)))


class _Shown:
    """A derived image, its source and the brain of their scan."""

    def __init__(self, of: Grey, scene: Scene) -> None:
        self.of, self.files = of, scene.files
        path = scene.files.path(naming.sidecar(of.image))
        self.metrics: Mapping[str, Any] = json.loads(path.read_text()).get("Metrics", {})

    def values(self, name: str) -> np.ndarray:
        """The voxels of an image within the brain."""
        return images.array(self.files.image(name))[images.array(self.brain) > 0]

    @property
    def brain(self) -> sitk.Image:
        return self.files.image(self.of.brain)

    @property
    def view(self) -> sitk.Image:
        return views.around(self.brain, looks.MAP_MM, looks.AROUND_BRAIN_MM)

    def seen(self, name: str) -> np.ndarray:
        """An image on the view."""
        return views.seen(self.files.image(name), self.view)


def _histogram(shown: _Shown) -> Chart:
    """The histogram of the brain on DWI that the Gaussians were fitted to, and these."""
    values, found = shown.values(shown.of.source), shown.metrics
    seen = Histogram.of(values, shown.of.source)
    x = seen.centres * seen.unit
    curve = {
        name: bimodal.gaussian(x, *(found[f"{name}{what}"] for what in ("Mean", "Sd", "Height")))
        for name in ("Tissue", "Dark")
        if f"{name}Height" in found
    }
    lines = [Line("tissue", curve["Tissue"], VERMILION)]
    if "Dark" in curve:
        lines.append(Line("what is darker", curve["Dark"], BLUE, DASHED))
        lines.append(Line("both", curve["Tissue"] + curve["Dark"], INK))
    mean, sd = found["TissueMean"], found["TissueSd"]
    bars = Line("brain", seen.density / seen.unit, GREY)
    panel = Panel("density", HEIGHT, tuple(lines), bars)
    return Chart(x, "grey level", (panel,), Spans("mean ± SD of tissue", ((mean - sd, mean + sd),)))


def _unbiased(shown: _Shown) -> Iterator[tuple[str, Picture]]:
    """A scan before and after N4, and the field between them."""
    before, after = shown.seen(shown.of.source), shown.seen(shown.of.image)
    inside = views.marked(shown.brain, shown.view) > 0
    cuts, scale = looks.cuts(inside, 4), looks.mr_scale(before, inside)
    yield "before", looks.strip(before, cuts, scale)
    yield "after", looks.strip(after, cuts, scale)
    field = np.divide(before, after, out=np.ones_like(before), where=after > 0)
    yield "field", looks.strip(np.where(inside, field, 1), cuts, FIELD)


def _alone(shown: _Shown) -> tuple[tuple[str, Picture], ...]:
    """The recalculated ADC where the scanner gave none."""
    inside = views.marked(shown.brain, shown.view) > 0
    values = np.where(inside, shown.seen(shown.of.image), 0)
    return (("recalculated", looks.strip(values, looks.cuts(inside, 4), ADC)),)


class _Both:
    """The scanner's ADC and the one that was computed, in the brain."""

    def __init__(self, shown: _Shown) -> None:
        self.shown = shown
        self.own, self.given = (
            shown.values(name).astype(np.float64) for name in (shown.of.image, shown.of.source)
        )
        known = (self.given > 0) & (self.own > 0)
        self.ratio = float(np.median(self.own[known] / self.given[known])) if known.any() else 0.0
        self.correlation = (
            float(np.corrcoef(self.own[known], self.given[known])[0, 1]) if known.any() else 0.0
        )

    @property
    def unit(self) -> float:
        """The power of ten by which the scanner's unit differs from 1e-6 mm2/s."""
        return 10.0 ** round(np.log10(self.ratio)) if self.ratio > 0 else 1.0

    def frames(self) -> tuple[tuple[str, Picture], ...]:
        """Both maps to flick between, and their difference."""
        of, unit = self.shown.of, self.unit
        inside = views.marked(self.shown.brain, self.shown.view) > 0
        given, own = (np.where(inside, self.shown.seen(name), 0) for name in (of.source, of.image))
        cuts = looks.cuts(inside, 4)
        times = f", × {unit:,.10g}" if unit != 1 else ""
        return (
            (f"scanner{times}", looks.strip(given * unit, cuts, ADC)),
            ("recalculated", looks.strip(own, cuts, ADC)),
            ("difference", looks.strip(own - given * unit, cuts, APART)),
        )

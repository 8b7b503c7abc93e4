"""The errors of grey levels that can be compared, and of images on cubic voxels and in the template.

They are taken from the released images and the truth alone: where a step says what it found, that is not
looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.accuracy.figures import Measure
from strokeprep.accuracy.truth import Truth
from strokeprep.io import images, labels, tables, transforms
from strokeprep.kinds import KINDS, STRIPPED
from strokeprep.quality import measures
from strokeprep.quality.judgement import Measurement
from strokeprep.registration import template as templates
from strokeprep.settings.study import TemplateSettings
from strokeprep.study import derived, moves, naming
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.scans import Label, Scan

# What steps are called in a space.
CUBIC, TEMPLATE = "cubic", "mni"


def measurements(
    scan: Scan,
    drawn: list[Label],
    root: Path,
    truth: Truth,
    template: TemplateSettings,
    measured: Measure,
) -> Iterator[Measurement]:
    """All measures of a scan from which images are derived; ``drawn`` are the labels on it."""
    scored = _Scored(scan, root, truth, template)
    for kind, desc in scan.derived:
        for metric, value in scored.of_levels(kind, desc):
            yield measured(f"{kind}_{desc}", metric, value)
    for where, space in scored.spaces.items():
        for kind, desc in scored.moved:
            yield measured(
                f"{kind}_{desc}_{where}", "correlation", scored.likeness(kind, desc, space)
            )
        brain = scored.overlap(
            naming.brain_mask(scan, space), truth.read(f"{scan.name}_brain"), space
        )
        yield measured(f"brain_{scan.name}_{where}", "dice", brain)
    for label in drawn if scan.is_cubic else ():
        native = labels.read(root / naming.label(scan, ORIG, label.kind))
        name = naming.label(scan, scored.spaces[CUBIC], label.kind)
        yield measured(
            f"{label.kind.name}_{CUBIC}", "dice", scored.overlap(name, native, scored.spaces[CUBIC])
        )


def gammas(
    page: Path, scan: Scan, root: Path, truth: Truth, template: TemplateSettings, measured: Measure
) -> Iterator[Measurement]:
    """How far each γ of the page's table is from that of a brain moved by the true transform.

    The released brain shows whether γ was moved and computed right. The true brain shows besides how far
    the outline of the mask is off, to which the mask's own overlap sets a limit.
    """
    scored = _Scored(scan, root, truth, template)
    space = scored.spaces.get(TEMPLATE)
    if space is None:
        return
    found = {row["metric"]: float(row["value"]) for row in tables.read(page)}
    released = scored.read(naming.defaced(scan, KINDS["b0"].suffix))
    outline = labels.read(root / naming.brain_mask(scan, ORIG))
    true_outline = truth.read(f"{scan.name}_brain")
    true = images.like(scored.true("b0").astype(np.float32), true_outline)
    for metric, b0, brain in (
        ("difference", released, outline),
        ("from_true_brain", true, true_outline),
    ):
        for gamma, value in _moved_gammas(scored, b0, brain, space).items():
            yield measured(gamma, metric, abs(found[gamma] - value))


def _moved_gammas(
    scored: _Scored, b0: sitk.Image, brain: sitk.Image, space: Space
) -> dict[str, float]:
    """γ of a brain of the scan's own grid, moved to the template by the true transform."""
    grid = scored.read(naming.preproc(scored.scan, KINDS["b0"].suffix, space, STRIPPED))
    standard = templates.standard(scored.template)
    own = transforms.resample(standard.brain, grid, [], transforms.NEAREST)
    t1 = images.array(transforms.resample(standard.t1, grid, []))
    inside, mm = images.array(own) > 0, grid.GetSpacing()[0]
    ventricles = measures.lateral_ventricles(t1, inside, mm)
    shown = images.array(scored.ideally(brain, grid, space, transforms.NEAREST)) > 0
    grey = images.array(scored.ideally(b0, grid, space)) * shown
    return gammas_of(grey, inside, ventricles, max(round(measures.STRIP_MM / mm), 1))


def gammas_of(
    grey: np.ndarray, inside: np.ndarray, ventricles: np.ndarray, steps: int
) -> dict[str, float]:
    """γ by its definition, with strips that grow from voxel to voxel by so many steps."""
    outer, around = (
        ndimage.binary_dilation(each, iterations=steps) & ~each for each in (inside, ventricles)
    )
    inner = inside & ~ndimage.binary_erosion(inside, iterations=steps)
    level = grey[ventricles].mean() - measures.OSLV_SD * grey[ventricles].std()
    return {
        "gamma_osbm": float((grey[outer] > 0).mean()),
        "gamma_isbm": float((grey[inner] == 0).mean()),
        "gamma_oslv": float((grey[around] > level).mean()),
    }


class _Scored:
    """A scan with its released images and what is true of them."""

    def __init__(self, scan: Scan, root: Path, truth: Truth, template: TemplateSettings) -> None:
        self.scan, self.root, self.truth, self.template = scan, root, truth, template

    @cached_property
    def spaces(self) -> dict[str, Space]:
        """The grids of 1 mm that images were moved to; a deformed head's true transform has no inverse."""
        there = Space(self.template.name, self.template.res)
        found = {CUBIC: moves.cubic_space(there)} if self.scan.is_cubic else {}
        return found | ({TEMPLATE: there} if self.truth.facts["deformation_mm"] == 0 else {})

    @property
    def moved(self) -> list[tuple[str, str]]:
        """The images of the brain in other spaces: kind and desc- entity."""
        return [*((each.kind.name, STRIPPED) for each in self.scan.images), *self.scan.derived]

    # --- On the scan's own grid -----------------------------------------------------------------

    def of_levels(self, kind: str, desc: str) -> Iterator[tuple[str, float]]:
        """The errors of a derived image."""
        found = self.released(kind, desc)
        if desc == derived.RECALCULATED:
            ratio = found[self.healthy] / self.true(kind)[self.healthy]
            yield "median_error", abs(float(np.median(ratio)) - 1)
        elif desc == derived.UNBIASED:
            yield "field_error", self.field_error(found)
        elif kind == "trace":
            # What is 0 in the normalised image is the level of tissue.
            _, level = np.polyfit(found[self.brain], self.defaced(kind)[self.brain], 1)
            yield "peak_error", abs(float(level / self.true(kind)[self.healthy].mean()) - 1)
        else:
            yield "level_error", self.level_error(found)

    def field_error(self, unbiased: np.ndarray) -> float:
        """Log RMS of what N4 left of the true field, in the healthy tissue."""
        raw, true = self.defaced("t1w"), self.truth.image(f"{self.scan.name}_bias")
        where = self.healthy & (raw > 0) & (unbiased > 0)
        return float(np.log(raw[where] / unbiased[where] / true[where]).std())

    def level_error(self, normalised: np.ndarray) -> float:
        """How far grey and white matter are off, as a share of the range of the template's levels.

        They should be where the true signal's percentiles would put them.
        """
        standard = templates.standard(self.template)
        model = images.array(standard.t1)[images.array(standard.inside) > 0]
        brain = self.truth.image(f"{self.scan.name}_brain") > 0
        signal = self.true("t1w")
        (low, high), (to_low, to_high) = (
            np.quantile(values, (0.01, 0.99)) for values in (signal[brain], model)
        )
        wanted = to_low + (signal - low) * (to_high - to_low) / (high - low)
        tissue = self.truth.image(f"{self.scan.name}_tissue")
        number = {name: int(n) for n, name in self.truth.facts["tissue_labels"].items()}
        off = [
            np.median(normalised[where]) - np.median(wanted[where])
            for name in ("gm", "wm")
            for where in [self.healthy & (tissue == number[name])]
        ]
        return float(np.abs(off).max() / (to_high - to_low))

    @cached_property
    def healthy(self) -> np.ndarray:
        """Voxels of the scan with (almost) nothing but healthy tissue."""
        return self.truth.image(f"{self.scan.name}_healthy") > 0

    @cached_property
    def brain(self) -> np.ndarray:
        """The brain mask of the scan as it was released."""
        return images.array(labels.read(self.root / naming.brain_mask(self.scan, ORIG))) > 0

    def released(self, kind: str, desc: str) -> np.ndarray:
        return images.array(self.read(naming.preproc(self.scan, KINDS[kind].suffix, ORIG, desc)))

    def defaced(self, kind: str) -> np.ndarray:
        return images.array(self.read(naming.defaced(self.scan, KINDS[kind].suffix)))

    def true(self, kind: str, desc: str = "") -> np.ndarray:
        """Noise-free grey levels; those of an image as it was scanned have the bias field."""
        name = self.scan.name
        if kind == "t1w":
            field = self.truth.image(f"{name}_bias") if desc == STRIPPED else 1
            return self.truth.image(f"{name}_signal") * field
        if kind != "trace":
            return self.truth.image(f"{name}_{kind}")
        weighting = np.exp(-self.truth.facts["b_value"] * 1e-6 * self.truth.image(f"{name}_adc"))
        return self.truth.image(f"{name}_b0") * weighting

    def read(self, name: str) -> sitk.Image:
        return images.read(self.root / name)

    # --- In other spaces ------------------------------------------------------------------------

    def likeness(self, kind: str, desc: str, space: Space) -> float:
        """Correlation with the true image, moved by the true transform, in the brain of both."""
        found = self.read(naming.preproc(self.scan, KINDS[kind].suffix, space, desc))
        true = images.like(
            self.true(kind, desc).astype(np.float32), self.truth.read(f"{self.scan.name}_brain")
        )
        mask = images.array(labels.read(self.root / naming.brain_mask(self.scan, space))) > 0
        brain = self.truth.read(f"{self.scan.name}_brain")
        both = mask & (images.array(self.ideally(brain, found, space, transforms.NEAREST)) > 0)
        ideal = self.ideally(true, found, space)
        return float(np.corrcoef(images.array(found)[both], images.array(ideal)[both])[0, 1])

    def overlap(self, name: str, native: sitk.Image, space: Space) -> float:
        """The Dice coefficient of a mask with the native one, moved by the true transform."""
        found = labels.read(self.root / name)
        ideal = self.ideally(native, found, space, transforms.NEAREST)
        return labels.dice(images.array(found), images.array(ideal))

    def ideally(
        self, native: sitk.Image, grid: sitk.Image, space: Space, how: int = transforms.LINEAR
    ) -> sitk.Image:
        """An image of the scan on the grid of a space by the true transform."""
        steps = []
        if space.label != ORIG.label:
            here, there = (self.truth.from_head(each) for each in (space.label, self.scan.name))
            steps = [here.GetInverse(), there]
        return transforms.resample(native, grid, steps, how)

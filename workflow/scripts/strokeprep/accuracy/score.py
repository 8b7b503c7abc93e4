"""The errors of every step in the built-in study: distances in mm, Dice coefficients, ratios.

They are computed from the derivatives and the phantom's truth, both read from files. No number that a
step reports about itself is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.accuracy import score_ctp, score_grey, score_lesions
from strokeprep.accuracy.figures import SCORED, Limits, against
from strokeprep.accuracy.truth import Truth
from strokeprep.io import frames, images, labels, transforms
from strokeprep.perfusion.regions import Labels
from strokeprep.quality import defacing
from strokeprep.quality.judgement import Measurement
from strokeprep.quality.label_change import LabelChange
from strokeprep.registration import template as templates
from strokeprep.settings.perfusion import PerfusionSettings
from strokeprep.settings.study import TemplateSettings
from strokeprep.study import naming
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.scans import Label, Scan, Subject


def measurements(
    subject: Subject,
    derivatives: Path,
    truth_folder: Path,
    template: TemplateSettings,
    limits: Limits,
    perfusion: PerfusionSettings,
    page: Path | None = None,
    atlases: Mapping[str, Labels] | None = None,
) -> list[Measurement]:
    """All measures of one subject; ``page`` is the table of its page, where that has figures to score.

    ``atlases`` are those by which its perfusion is told of regions.
    """
    truth = Truth(truth_folder)
    score = _Scorer(subject, derivatives, truth, template, limits)
    measured = [*score.registrations(), *score.brains(), *score.labels(), *score.faces()]
    for scan in subject.scans:
        measured += score.grey(scan, page)
        if scan.has_perfusion:
            measured += score_ctp.measurements(
                scan, subject.base, template.name, derivatives, truth, perfusion, score.measured,
                atlases or {},
            )  # fmt: skip
    return measured


class _Scorer:
    def __init__(
        self,
        subject: Subject,
        derivatives: Path,
        truth: Truth,
        template: TemplateSettings,
        limits: Limits,
    ) -> None:
        self.subject, self.root, self.truth = subject, derivatives, truth
        self.about_template, self.measured = template, against(limits, subject.name)
        self.template = Space(template.name, template.res)
        self.reference = subject.base
        self.is_affine = truth.facts["deformation_mm"] == 0

    def registrations(self) -> Iterator[Measurement]:
        """Target registration errors: distances between true and registered brain points."""
        ref = self.reference
        head = self.truth.head_points(ref.name)
        here = self.truth.points(ref.name, head)
        for scan in self.subject.scans:
            if scan is ref or scan.in_reference_space or scan.is_4d:
                continue
            path = self.root / naming.to_reference(scan, scan.name, ref.name)
            registered = transforms.apply(transforms.read(path), here)
            yield from self.distances(
                f"{scan.name}_to_{ref.name}", registered, self.truth.points(scan.name, head)
            )
        there = self.truth.points(self.template.label, head)
        path = self.root / naming.to_template(ref, ref.name, self.template.label)
        registered = transforms.apply(transforms.read(path), there)
        yield from self.distances(
            f"{ref.name}_to_mni" + ("" if self.is_affine else "_deformed"), registered, here
        )

    def distances(
        self, step: str, registered: np.ndarray, true: np.ndarray
    ) -> Iterator[Measurement]:
        apart = np.linalg.norm(registered - true, axis=1)
        yield self.measured(step, "tre_mean", float(apart.mean()))
        yield self.measured(step, "tre_max", float(apart.max()))

    def brains(self) -> Iterator[Measurement]:
        for scan in self.subject.scans:
            if scan.has_brain:
                mask = self.read(naming.brain_mask(scan, ORIG))
                true = self.truth.image(f"{scan.name}_brain")
                yield self.measured(f"brain_{scan.name}", "dice", labels.dice(mask, true))

    def labels(self) -> Iterator[Measurement]:
        """Labels resampled to the reference, or to the template if they were drawn on the reference."""
        for label in self.subject.labels:
            native = labels.read(self.root / naming.label(label.scan, ORIG, label.kind))
            yield from self.lesions(label, native)
            if not images.array(native).any():
                continue  # nothing was visible
            if label.scan is self.reference:
                yield from self.in_template(label, native)
            else:
                yield from self.on_reference(label, native)

    def in_template(self, label: Label, native: sitk.Image) -> Iterator[Measurement]:
        """A label in template space, compared with the same label moved by the true transform.

        The true transform of a deformed head has no inverse, which that takes.
        """
        moved = labels.read(self.root / naming.label(label.scan, self.template, label.kind))
        step = f"{label.kind.name}_mni" + ("" if self.is_affine else "_deformed")
        kept = LabelChange.between(native, moved).labels_kept
        yield self.measured(step, "labels_kept", kept)
        if self.is_affine:
            ideal = self.ideally(native, label.scan.name, self.template.label, moved)
            dice = labels.dice(images.array(moved), images.array(ideal))
            yield self.measured(step, "dice", dice)

    def lesions(self, label: Label, native: sitk.Image) -> Iterator[Measurement]:
        """The tables of lesions, if there are any."""
        table = self.root / naming.lesion_table(label.scan, self.template)
        if table.exists():
            for metric, value in self.of_tables(label, table, native):
                yield self.measured("lesions", metric, value)

    def of_tables(
        self, label: Label, table: Path, native: sitk.Image
    ) -> Iterator[tuple[str, float]]:
        """The errors of the tables; those of places need a true transform that has an inverse."""
        facts = self.truth.facts
        yield from score_lesions.errors(table, facts["lesions"])
        row = self.root / naming.lesion_row(label.scan)
        yield "row_errors", score_lesions.row_errors(row, facts)
        drawn = self.truth.read(f"{label.scan.name}_lesion")
        yield "volume_error", score_lesions.volume_error(table, "volume_ml", drawn)
        if self.is_affine:
            standard = templates.standard(self.about_template)
            there = self.ideally(native, label.scan.name, self.template.label, standard.t1)
            error = score_lesions.volume_error(table, "template_volume_ml", there)
            yield "template_volume_error", error
            yield "outside_error", score_lesions.outside_error(table, there, standard.brain)

    def grey(self, scan: Scan, page: Path | None) -> Iterator[Measurement]:
        """What is derived from a scan, where the truth of its grey levels was written."""
        if not scan.derived or "study" not in self.truth.facts:
            return
        drawn = [label for label in self.subject.labels if label.scan is scan]
        about = (self.root, self.truth, self.about_template, self.measured)
        yield from score_grey.measurements(scan, drawn, *about)
        if page is not None and any(image.kind.name == "b0" for image in scan.images):
            yield from score_grey.gammas(page, scan, *about)

    def on_reference(self, label: Label, native: sitk.Image) -> Iterator[Measurement]:
        """A label on the reference's grid, compared with the same label drawn there."""
        on = self.reference.name
        step = f"{label.kind.name}_{on}"
        moved = labels.read(self.root / naming.label(label.scan, Space(on), label.kind))
        drawn = self.truth.image(f"{on}_{label.kind.name}")
        yield self.measured(step, "labels_kept", LabelChange.between(native, moved).labels_kept)
        ideal = self.ideally(native, label.scan.name, on, moved)
        attainable = _label_figures(native, ideal, drawn)
        for metric, value in _label_figures(native, moved, drawn).items():
            yield self.measured(step, metric, value)
            yield self.measured(step, f"{metric}_attainable", attainable[metric])
            worse = SCORED[metric].badness(value) - SCORED[metric].badness(attainable[metric])
            yield self.measured(step, f"{metric}_lost", worse)

    def ideally(self, native: sitk.Image, scan: str, to: str, grid: sitk.Image) -> sitk.Image:
        """The label of a scan resampled by the true transform: the best that a grid allows."""
        here, there = (self.truth.from_head(each) for each in (to, scan))
        return transforms.resample(native, grid, [here.GetInverse(), there], transforms.NEAREST)

    def faces(self) -> Iterator[Measurement]:
        for scan in self.subject.scans:
            face, brain = (self.places(f"{scan.name}_{part}") for part in ("face", "brain"))
            for image in scan.images:
                yield from self.face(
                    scan, image.kind.name, image.kind.suffix, image.path, face, brain
                )

    def face(
        self, scan: Scan, name: str, suffix: str, raw: Path, face: np.ndarray, brain: np.ndarray
    ) -> Iterator[Measurement]:
        """The share of the face that is emptied, and the brain voxels changed, in a released image."""
        background = images.background(scan.modality)
        left, changed = 0.0, 0
        files = (self.root / naming.defaced(scan, suffix), raw)
        for frame, original in zip(*map(frames.as_stored, files), strict=True):
            filled = defacing.filled(frame[face], background)
            left = max(left, filled / max(len(face), 1))
            changed += int(np.count_nonzero(frame[brain] != original[brain]))
        yield self.measured(f"deface_{name}", "face_removed", 1 - left)
        yield self.measured(f"deface_{name}", "brain_removed", float(changed))

    def places(self, name: str) -> np.ndarray:
        """Where the voxels of a true mask lie in a frame, in the order of a file."""
        return np.flatnonzero(self.truth.image(name).T)

    def read(self, name: str) -> np.ndarray:
        path = self.root / name
        return images.voxels(images.open_nifti(path), path)


def _label_figures(native: sitk.Image, moved: sitk.Image, drawn: np.ndarray) -> dict[str, float]:
    """How well a moved label agrees with the one drawn there, and how far it kept its volume."""
    change = LabelChange.between(native, moved).volume_change
    figures = {"dice": labels.dice(images.array(moved), drawn)}
    return figures if change is None else figures | {"volume_change": change}

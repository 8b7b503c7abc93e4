"""The figures of a subject's pages, from the files a reader of the derivatives has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.io import images, labels, tables, transforms
from strokeprep.io.tables import MISSING
from strokeprep.quality import measures
from strokeprep.quality.folder import Folder
from strokeprep.quality.judgement import Judge, Measurement
from strokeprep.quality.measured import Audited
from strokeprep.registration import template
from strokeprep.registration import template as templates
from strokeprep.report import views
from strokeprep.report.plan import Drawn, Face, Images, Perfused, Series
from strokeprep.report.scene import Scene, Shown, ranged
from strokeprep.report.sections import grey
from strokeprep.series import motion
from strokeprep.settings.study import TemplateSettings
from strokeprep.study import naming

PURE = 0.9
# nilearn stores tissue probabilities as bytes.
PURE_BYTE = PURE * 255
# Of the template's voxels along each axis, one in so many tells what share of it is shown.
SHARE_VOXELS = 4


def of_images(
    scene: Scene, judge: Judge, audited: Audited, settings: TemplateSettings
) -> list[Measurement]:
    """Every figure of the page on a subject's images."""
    return [
        *of_brain(scene, judge, audited, settings),
        *(number for shown in scene.shown for number in of_move(scene, shown, judge, audited)),
        *(number for each in scene.plan.series for number in of_motion(scene, each, judge)),
        *(number for each in scene.plan.labels for number in of_label(scene, each, judge, audited)),
        *of_gammas(scene, judge, settings),
        *grey.numbers(scene, judge),
    ]


def of_faces(plan: Images, files: Folder, judge: Judge, audited: Audited) -> list[Measurement]:
    """The figures on defacing; without a reference there are fewer."""
    has_reference = bool(plan.reference)
    return [
        number
        for face in plan.faces
        for number in _of_face(face, files, judge, audited, has_reference)
    ]


def of_brain(
    scene: Scene, judge: Judge, audited: Audited, settings: TemplateSettings
) -> Iterator[Measurement]:
    """Brain mask, place in the template, noise and contrast of the reference."""
    step = f"brain {scene.plan.reference}"
    yield judge(step, "brain_ml", _ml(scene.brain_image))
    yield judge(step, "brain_asymmetry", measures.asymmetry(scene.brain, scene.right))
    yield from audited.of("brain", scene.plan.image, step)
    standard = template.standard(settings)
    to_template = f"{scene.plan.reference} to {scene.plan.template}"
    yield from audited.of("normalise", scene.plan.template_brain, to_template)
    matrix = scene.to_template_matrix
    yield judge(to_template, "head_tilt_deg", measures.tilt_deg(matrix))
    yield judge(to_template, "head_scale", 1 / abs(np.linalg.det(matrix[:3, :3])))
    yield judge(to_template, "brain_shown", _shown(standard.brain, scene))
    here = views.seen(standard.t1, scene.coarse_view, transforms.linear(matrix))
    edges = measures.edge_agreement(here, _coarse(_grey(scene)), scene.near_brain)
    yield judge(to_template, "template_edge_agreement", edges)
    yield from _signal(scene, judge, settings)


def _signal(scene: Scene, judge: Judge, settings: TemplateSettings) -> Iterator[Measurement]:
    step = f"signal {scene.plan.reference}"
    spacing = np.array(scene.brain_image.GetSpacing())
    inner = ndimage.distance_transform_cdt(scene.brain) * scene.view.GetSpacing()[0] > 5
    # Noise is of the image as it was scanned: a view is smoother.
    index = views.middle(images.array(scene.brain_image) > 0)
    half = np.maximum((30 / spacing).astype(int), 1)
    box = tuple(slice(max(i - h, 0), i + h) for i, h in zip(index, half, strict=True))
    patch = images.array(scene.reference)[box].astype(np.float32)
    sd = measures.noise(patch, images.array(scene.brain_image)[box] > 0)
    middle = float(np.median(scene.grey[inner]))
    yield judge(step, "snr", middle / max(sd, 1e-6))
    if scene.plan.modality == "ct" and settings.path is None:
        place = transforms.linear(scene.to_template_matrix)
        grey, white = (views.seen(each, scene.view, place) > PURE_BYTE for each in _tissues())
        sd_view = measures.noise(scene.grey, inner)
        ratio = measures.contrast_to_noise(scene.grey, grey & inner, white & inner, sd_view)
        yield judge(step, "cnr_grey_white", ratio)


def of_move(scene: Scene, shown: Shown, judge: Judge, audited: Audited) -> Iterator[Measurement]:
    """How well a scan lies on the reference, and the right way round."""
    step, brain = f"{shown.plan.scan} to {scene.plan.reference}", scene.brain & shown.seen
    if not shown.plan.is_slab:
        yield judge(step, "brain_seen", np.count_nonzero(brain) / np.count_nonzero(scene.brain))
    fixed = ranged(scene.grey, scene.plan.modality)
    after = ranged(shown.after, shown.plan.modality)
    information = measures.normalised_information(fixed[brain], after[brain])
    if shown.before is not None:
        placed = ranged(shown.before, shown.plan.modality)
        before = measures.normalised_information(fixed[brain], placed[brain])
        yield judge(step, "nmi_before", before)
        yield judge(step, "nmi_gain", information - before)
    yield judge(step, "nmi_after", information)
    agreed = measures.edge_agreement(
        _coarse(fixed), _coarse(after), scene.near_brain & shown.seen[::2, ::2, ::2]
    )
    yield judge(step, "edge_agreement", agreed)
    off_mm = measures.off_mm(scene.as_image(fixed), scene.as_image(after), brain)
    yield judge(step, "off_mm", off_mm)
    yield from audited.of("likeness", shown.plan.native, step)
    if shown.brain is not None:
        yield judge(step, "brain_dice_with_reference", labels.dice(shown.brain, scene.brain))
        yield from audited.of("brain", shown.plan.native, f"brain {shown.plan.scan}")


def of_motion(scene: Scene, series: Series, judge: Judge) -> Iterator[Measurement]:
    """Motion of a perfusion series, and how much of the brain it shows throughout."""
    course = motion.read(scene.root / series.motion)
    yield judge("ctp motion", "framewise_max_mm", course.steps_mm.max())
    yield judge("ctp motion", "framewise_mean_mm", course.steps_mm.mean())
    yield judge("ctp motion", "displacement_max_mm", course.displacement_mm[course.usable].max())
    yield judge("ctp motion", "outlier_share", course.outlier.mean())
    covered = scene.marked(series.coverage) > 0
    share = np.count_nonzero(covered & scene.brain) / np.count_nonzero(scene.brain)
    yield judge("ctp motion", "series_coverage", share)


def of_label(scene: Scene, label: Drawn, judge: Judge, audited: Audited) -> Iterator[Measurement]:
    """What moving a label did to it, and whether it lies in the brain."""
    step = label.step
    yield judge(step, "label_ml", _ml(scene.read(label.on_reference)))
    if label.native:
        yield from audited.of("label", label.on_reference, step)
    here = scene.marked(label.on_reference) > 0
    if label.kind == "lesion" and here.any():
        yield judge(step, "label_in_brain", (here & scene.brain).sum() / here.sum())


def of_gammas(scene: Scene, judge: Judge, settings: TemplateSettings) -> Iterator[Measurement]:
    """The Johns Hopkins measures of a diffusion image in template space."""
    if not scene.plan.s0_on_template:
        return
    image, standard = scene.read(scene.plan.s0_on_template), template.standard(settings)
    whole = images.array(transforms.resample(standard.brain, image, [], transforms.NEAREST)) > 0
    mm = image.GetSpacing()[0]
    margin = int(measures.STRIP_MM / mm) + 2
    box = labels.bounding_box(whole, margin)
    grey, inside = images.array(image)[box], whole[box]
    outer, inner = measures.gammas(grey, inside, mm)
    yield judge("dwi in template", "gamma_osbm", outer)
    yield judge("dwi in template", "gamma_isbm", inner)
    t1 = images.array(transforms.resample(standard.t1, image, []))[box]
    ventricles = measures.lateral_ventricles(t1, inside, mm)
    if ventricles.any():  # a template may show none
        near = labels.bounding_box(ventricles, margin)
        ratio = measures.gamma_oslv(grey[near], ventricles[near], mm)
        yield judge("dwi in template", "gamma_oslv", ratio)


def _of_face(
    face: Face, files: Folder, judge: Judge, audited: Audited, has_reference: bool
) -> Iterator[Measurement]:
    step = f"deface {face.scan}"
    if face.mask:
        yield from audited.of("deface", face.image, step, "face_voxels_left")
        yield judge(step, "removed_ml", _ml(files.image(face.mask)))
        before_ml = _sidecar(files.path(face.mask))["Metrics"]["FaceMl"]
        yield judge(step, "face_before_ml", before_ml)
    if has_reference:
        if face.mask:
            yield from audited.of("deface", face.mask, step, "brain_voxels_removed")
        yield from audited.of("deface", face.seen, step, "face_left_ml")


def of_perfusion(plan: Perfused, files: Folder, judge: Judge) -> list[Measurement]:
    """Every figure of the page on perfusion."""
    return [*of_vessels(plan, files.root, judge), *of_maps(plan, files, judge)]


def of_vessels(plan: Perfused, root: Path, judge: Judge) -> Iterator[Measurement]:
    """Whether the arterial input looks like an artery's."""
    rows = tables.read(root / plan.vessels)
    about = _sidecar(root / plan.vessels)
    time, aif, measured = (
        np.array([float(row[name]) for row in rows]) for name in ("time", "aif", "aif_measured")
    )
    yield judge("arterial input", "series_warnings", len(about["Warnings"]))
    yield judge("arterial input", "aif_peak_hu", measured.max())
    yield judge("arterial input", "aif_fwhm_s", measures.fwhm_s(aif, time[1] - time[0]))
    yield judge("arterial input", "aif_scale", about["ArterialScale"])
    yield judge("arterial input", "aif_likeness", about["ArterialLikeness"])
    yield judge("arterial input", "aif_course_likeness", about["ArterialCourseLikeness"])
    yield judge("arterial input", "baseline_frames", about["BaselineFrames"])
    if rows[0]["vof"] != MISSING:
        vof = np.array([float(row["vof"]) for row in rows])
        yield judge("arterial input", "aif_to_vof", aif.max() / max(vof.max(), 1e-6))
        yield judge("arterial input", "aif_lead_s", time[vof.argmax()] - time[aif.argmax()])


def of_maps(plan: Perfused, files: Folder, judge: Judge) -> Iterator[Measurement]:
    """Whether the maps hold values a brain can have."""
    row = tables.read(files.path(plan.volumes))[0]
    for name in (
        "tissue_ml",
        "reference_cbf",
        "core_ml",
        "hypoperfused_ml",
        "mismatch_ratio",
        "unexplained",
    ):
        if row[name] != MISSING:
            yield judge("maps", name, float(row[name]))
    flow = images.array(files.image(plan.maps["cbf"]))
    known = flow > 0
    for name in ("cbv", "mtt"):
        values = images.array(files.image(plan.maps[name]))[known]
        yield judge("maps", f"{name}_median", np.median(values) if values.size else np.nan)
    late = images.array(files.image(plan.maps["tmax"]))[known]
    yield judge("maps", "tmax_negative", float((late < 0).mean()) if late.size else np.nan)


def _grey(scene: Scene) -> np.ndarray:
    return np.where(scene.brain, ranged(scene.grey, scene.plan.modality), 0)


def _coarse(values: np.ndarray) -> np.ndarray:
    return values[::2, ::2, ::2].astype(np.float32)


def _tissues() -> list[sitk.Image]:
    """Probabilities of grey and white matter in the built-in template, as bytes."""
    files = (templates.NILEARN_FILE.replace("_t1_", f"_{name}_") for name in ("gm", "wm"))
    return [images.read(templates.nilearn_data() / file, np.uint8) for file in files]


def _shown(brain: sitk.Image, scene: Scene) -> float:
    """The share of the template's brain that the reference's field of view holds."""
    every = SHARE_VOXELS
    index = np.argwhere(images.array(brain)[::every, ::every, ::every] > 0) * every
    points = index * brain.GetSpacing()[0]
    points = points @ np.reshape(brain.GetDirection(), (3, 3)).T + brain.GetOrigin()
    back = np.linalg.inv(scene.to_template_matrix)
    here = points @ back[:3, :3].T + back[:3, 3]
    grid = np.linalg.inv(measures.mi.index_to_physical(scene.reference))
    index_here = here @ grid[:3, :3].T + grid[:3, 3]
    size = np.array(scene.reference.GetSize())
    return float(np.all((index_here >= -0.5) & (index_here <= size - 0.5), axis=1).mean())


def _ml(mask: sitk.Image) -> float:
    return np.count_nonzero(sitk.GetArrayViewFromImage(mask)) * _voxel_ml(mask)


def _voxel_ml(image: sitk.Image) -> float:
    return float(np.prod(image.GetSpacing())) / 1000


def _sidecar(path: Path) -> dict[str, Any]:
    return json.loads(Path(naming.sidecar(str(path))).read_text())

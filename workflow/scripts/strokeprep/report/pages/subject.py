"""A subject's report from files to files: page, numbers, thumbnail."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from strokeprep.drawing import pictures
from strokeprep.io import images, tables
from strokeprep.io.whole import whole, write_json, write_text
from strokeprep.quality import judgement
from strokeprep.quality.folder import Folder
from strokeprep.quality.judgement import Judge, Measurement
from strokeprep.quality.measured import Audited
from strokeprep.report import methods, numbers, plan
from strokeprep.report.lineage import Lineage
from strokeprep.report.pages import page, steps
from strokeprep.report.scene import Scene
from strokeprep.report.sections.defacing import faces
from strokeprep.report.sections.images import of_images
from strokeprep.report.sections.parts import Section
from strokeprep.report.sections.perfusion import of_perfusion, sight
from strokeprep.report.sections.viewer import curves, viewer
from strokeprep.settings.study import TemplateSettings

COHORT = ("cohort", f"../{Path(plan.COHORT).name}")


def write_images(
    about: plan.Images,
    made: Lineage,
    settings: TemplateSettings,
    judge: Judge,
    audited: Audited,
    has_perfusion: bool,
) -> list[Measurement]:
    """The report on a subject's images; returns its numbers."""
    root, files = made.root, Folder(made.root)
    scene = Scene(about, files) if about.reference else None
    measured = numbers.of_images(scene, judge, audited, settings) if scene else []
    measured += numbers.of_faces(about, files, judge, audited)
    shown = of_images(about, files, scene, judge, settings)
    names, other = plan.image_names(about.subject), plan.perfusion_names(about.subject)
    links = [COHORT]
    if has_perfusion:
        links.insert(0, ("CT perfusion", Path(other.page).name))
    html = page.html(
        f"sub-{about.subject}",
        shown,
        measured,
        viewer(scene) if scene else None,
        links,
        methods.of(made.nodes),
        case=f"sub-{about.subject}",
    )
    _write(names, root, html, measured, shown)
    made.write(root / names.provenance, about.subject, settings)
    _thumbnail(root / names.thumbnail, shown)
    return measured


def write_perfusion(
    about: plan.Perfused, made: Lineage, settings: TemplateSettings, judge: Judge
) -> list[Measurement]:
    """The report on what a subject's CT perfusion gave; returns its numbers."""
    root, files = made.root, Folder(made.root)
    measured = numbers.of_perfusion(about, files, judge)
    seen = sight(about, files)
    shown = of_perfusion(about, files, seen)
    names = plan.perfusion_names(about.subject)
    links = [
        ("images", Path(plan.image_names(about.subject).page).name),
        COHORT,
    ]
    words = methods.of(made.nodes)
    case = f"sub-{about.subject}"
    title = f"{case}: CT perfusion"
    walked = curves(about, files, seen)
    html = page.html(title, shown, measured, links=links, methods=words, case=case, curves=walked)
    _write(names, root, html, measured, shown)
    made.write(root / names.provenance, about.subject, settings)
    _thumbnail(root / names.thumbnail, [each for each in shown if each.name == "maps"], last=True)
    return measured


def write_faces(about: plan.Images, root: Path, raw: Mapping[str, str], target: Path) -> None:
    """The page with faces; ``raw`` are undefaced images by scan."""
    heads = {scan: images.read_mean(path) for scan, path in raw.items()}
    section = faces(about, Folder(root), heads)
    write_text(page.html(f"sub-{about.subject}: faces", [section], []), target)


def _write(
    names: plan.Names,
    root: Path,
    html: str,
    measured: Sequence[Measurement],
    shown: Sequence[Section],
) -> None:
    write_text(html, root / names.page)
    write_text(steps.table(steps.of(shown)), root / names.steps)
    rows = [each.report_row() for each in measured]
    write_text(tables.render(rows, list(judgement.REPORT_COLUMNS)), root / names.table)
    write_json(judgement.about(), root / names.about)


def _thumbnail(path: Path, shown: Sequence[Section], last: bool = False) -> None:
    """The picture that says most at a glance: the template overlay, or Tmax."""
    wanted = [each for each in shown if each.name in ("template", "maps")] or list(shown)
    figure = wanted[-1].figures[-1 if last else 0]
    first = Image.open(io.BytesIO(figure.frames[0][1].png)).convert("RGB")
    with whole(path) as partial:
        partial.write_bytes(pictures.thumbnail(first, 300))

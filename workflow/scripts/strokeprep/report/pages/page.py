"""The HTML of a subject's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strokeprep.drawing import palette
from strokeprep.quality.judgement import Measurement, worst
from strokeprep.report.methods import Methods
from strokeprep.report.pages import steps
from strokeprep.report.render import render

if TYPE_CHECKING:  # pictures need imaging packages, which Snakemake's own process may lack
    from strokeprep.report.sections.parts import Curves, Section, Viewer


@dataclass(frozen=True)
class Part:
    """A section and the figures of its steps."""

    section: Section
    numbers: Sequence[Measurement]

    @property
    def verdict(self) -> str:
        """The gravest verdict of its figures."""
        return worst([number.verdict for number in self.numbers])

    @property
    def version(self) -> str:
        """The version of its pictures, which a verdict is about."""
        return steps.version(self.section)


def html(
    title: str,
    sections: Sequence[Section],
    numbers: Sequence[Measurement],
    viewer: Viewer | None = None,
    links: Sequence[tuple[str, str]] = (),
    methods: Methods | None = None,
    case: str = "",
    curves: Curves | None = None,
) -> str:
    """The page; ``links`` are names and addresses of other pages.

    People judge the sections of a page that names its ``case``.
    """
    parts = [
        Part(section, [number for number in numbers if number.step in section.steps])
        for section in sections
    ]
    others = {"viewer": ("Viewer", viewer), "curves": ("Curves of a place", curves),
              "numbers": ("All numbers", numbers), "methods": ("Methods", methods)}  # fmt: skip
    contents = [
        *((part.section.name, part.section.title, part.verdict) for part in parts),
        *((name, text, "") for name, (text, content) in others.items() if content),
    ]
    return render(
        "subject.html",
        title=title,
        contents=contents,
        links=links,
        parts=parts,
        numbers=numbers,
        viewer=viewer,
        volumes=viewer and _volumes(viewer),
        curves=curves,
        methods=methods,
        case=case,
    )


def _volumes(viewer: Viewer) -> dict[str, Any]:
    """What the script of the viewer reads."""
    return {
        "shape": viewer.shape,
        "across": viewer.across,
        "volumes": [{"name": name, "uri": picture.uri} for name, picture in viewer.volumes],
        "overlays": [{"name": name, "uri": picture.uri} for name, picture in viewer.overlays],
        "colours": {"overlay": palette.ORANGE, "cross": palette.SKY, "sides": palette.YELLOW},
    }

"""What a page is made of: sections with their figures, and the viewer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from strokeprep.drawing.pictures import Picture


@dataclass(frozen=True)
class Figure:
    """One picture, several in one place to flick between, or a drawing as SVG."""

    title: str
    frames: tuple[tuple[str, Picture], ...] = ()
    svg: str = ""


@dataclass(frozen=True)
class Section:
    """What a page shows of one step; ``steps`` are those whose figures are listed below it.

    ``rows`` are a table with a heading: each is the text of its cells by column.
    """

    name: str
    title: str
    look: str
    figures: tuple[Figure, ...]
    steps: tuple[str, ...] = ()
    rows: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Viewer:
    """Volumes to scroll through, each a mosaic of all its slices."""

    shape: tuple[int, int, int]
    mm: float
    across: int
    volumes: tuple[tuple[str, Picture], ...]
    overlays: tuple[tuple[str, Picture], ...] = field(default=())


@dataclass(frozen=True)
class Curves:
    """Curves of coarse cells, to which the pictures of a section lead, as the script reads them."""

    mm: float  # edge of a cell
    content: Mapping[str, Any]

"""Names and colours of a mask's values, as ITK-SNAP and 3D Slicer read them."""

from __future__ import annotations

from collections.abc import Mapping

from strokeprep.drawing.palette import ON_GREY

SNAP = "labels.label"
SNAP_HEAD = (
    "#" * 48,
    "# ITK-SnAP Label Description File",
)  # by its second line a dropped file is known
SLICER = "labels.ctbl"


def for_itksnap(names: Mapping[int, str]) -> str:
    """A label description file: number, red, green, blue, opacity, visible, mesh, name."""
    lines = [*SNAP_HEAD, '    0     0    0    0        0  0  0    "Clear"']
    for value, name in names.items():
        red, green, blue = _colour(value)
        lines.append(f'{value:5} {red:5}{green:5}{blue:5}        1  1  1    "{name}"')
    return "\n".join(lines) + "\n"


def for_slicer(names: Mapping[int, str]) -> str:
    """A colour table: number, name without spaces, red, green, blue, opacity."""
    lines = ["# Color table file", "0 background 0 0 0 0"]
    for value, name in names.items():
        red, green, blue = _colour(value)
        lines.append(f"{value} {name.replace(' ', '_')} {red} {green} {blue} 255")
    return "\n".join(lines) + "\n"


def _colour(value: int) -> tuple[int, int, int]:
    red, green, blue = ON_GREY[(value - 1) % len(ON_GREY)]
    return red, green, blue

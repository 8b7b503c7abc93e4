"""Pictures of volumes: slices with outlines, colour maps with their bars, heads as surfaces.

All volumes are views (see ``strokeprep.report.views``): axial slices as they lie in memory are
radiological. Every picture says so and is marked R and L (A and P on sagittal slices).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from strokeprep.drawing.palette import YELLOW, Colour

ZOOM = 1.6  # screen pixels per voxel
GAP, FOOT, BAR = 4, 18, 96
FOOT_START, CONVENTION = 4, "radiological: R is on the left"
INK, PAPER = (235, 235, 235), (0, 0, 0)  # of what is written on and around slices
TINT = 0.45
CHECKS = 8  # squares along a slice
AXIAL, CORONAL, SAGITTAL = 2, 1, 0
SIDES = {AXIAL: ("R", "L"), CORONAL: ("R", "L"), SAGITTAL: ("A", "P")}


@dataclass(frozen=True)
class Slice:
    """One slice of a view: the axis across it, and its index."""

    axis: int
    index: int


@dataclass(frozen=True)
class Scale:
    """The values shown as black and white, or as the ends of a colour map with a bar."""

    low: float
    high: float
    colours: str | None = None
    unit: str = ""


@dataclass(frozen=True)
class Layer:
    """A mask drawn over a slice, as an outline or filled."""

    mask: np.ndarray
    colour: Colour
    filled: bool = False
    name: str = ""


@dataclass(frozen=True)
class Picture:
    """PNG bytes and their size on screen."""

    png: bytes = field(repr=False)
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The picture as an address that holds its bytes."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


def picture(image: Image.Image, colours: int | None = None) -> Picture:
    """An image as PNG; fewer ``colours`` make it smaller."""
    if colours:
        image = image.quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return Picture(buffer.getvalue(), *image.size)


def from_png(png: bytes) -> Picture:
    """A picture that was saved before."""
    return Picture(png, *Image.open(io.BytesIO(png)).size)


def strip(
    volume: np.ndarray,
    slices: Sequence[Slice],
    scale: Scale,
    layers: Sequence[Layer] = (),
    shown: np.ndarray | None = None,
) -> Image.Image:
    """Slices side by side. Where ``shown`` is false, a colour map is left black."""
    panels = [_panel(volume, each, scale, layers, shown) for each in slices]
    height = max(panel.height for panel in panels)
    bar = BAR if scale.colours else 0
    width = max(sum(panel.width + GAP for panel in panels) - GAP + bar, _legend(layers)[1])
    canvas = Image.new("RGB", (width, height + FOOT), PAPER)
    x = 0
    for panel, each in zip(panels, slices, strict=True):
        canvas.paste(panel, (x, (height - panel.height) // 2))
        _mark(canvas, x, panel.width, height, SIDES[each.axis])
        x += panel.width + GAP
    if scale.colours:
        _bar(canvas, x + 6, height, scale)
    _foot(canvas, height, layers)
    return canvas


def stack(images: Sequence[Image.Image]) -> Image.Image:
    """Images one below the other."""
    canvas = Image.new(
        "RGB", (max(image.width for image in images), sum(image.height for image in images)), PAPER
    )
    y = 0
    for image in images:
        canvas.paste(image, (0, y))
        y += image.height
    return canvas


def _panel(
    volume: np.ndarray,
    where: Slice,
    scale: Scale,
    layers: Sequence[Layer],
    shown: np.ndarray | None,
) -> Image.Image:
    grey = _cut(volume, where)
    share = np.clip((grey - scale.low) / (scale.high - scale.low), 0, 1)
    if scale.colours:
        pixels = _colours(scale.colours)[(share * 255).astype(np.uint8)]
        if shown is not None:
            pixels[~_cut(shown, where)] = 0
    else:
        pixels = np.repeat((share * 255).astype(np.uint8)[..., None], 3, axis=2)
    size = round(pixels.shape[1] * ZOOM), round(pixels.shape[0] * ZOOM)
    way = Image.Resampling.NEAREST if scale.colours else Image.Resampling.BICUBIC
    image = np.array(Image.fromarray(pixels).resize(size, way))
    for layer in layers:
        _draw(image, _cut(layer.mask, where), layer, size)
    return Image.fromarray(image)


def _draw(image: np.ndarray, mask: np.ndarray, layer: Layer, size: tuple[int, int]) -> None:
    if not mask.any():
        return
    soft = Image.fromarray((mask > 0).astype(np.uint8) * 255).resize(
        size, Image.Resampling.BILINEAR
    )
    large = np.asarray(soft) > 127
    if layer.filled:
        mixed = (1 - TINT) * image[large] + TINT * np.array(layer.colour)
        image[large] = mixed.astype(np.uint8)
    image[large & ~ndimage.binary_erosion(large)] = layer.colour


def _cut(volume: np.ndarray, where: Slice) -> np.ndarray:
    """A slice as rows and columns on screen: right to left, front to back, top to bottom."""
    index = min(max(where.index, 0), volume.shape[where.axis] - 1)
    at: list[int | slice] = [slice(None)] * 3
    at[where.axis] = index
    plane = volume[tuple(at)].T
    return plane if where.axis == AXIAL else plane[::-1]


def checkerboard(
    a: np.ndarray, b: np.ndarray, slices: Sequence[Slice], scales: tuple
) -> Image.Image:
    """Two volumes in alternate squares, each in its own scale."""
    one, two = (
        np.asarray(strip(volume, slices, scale))
        for volume, scale in zip((a, b), scales, strict=True)
    )
    side = max(a.shape) * ZOOM / CHECKS
    row, column = (np.arange(n) // side for n in one.shape[:2])
    odd = (row[:, None] + column) % 2 > 0
    return Image.fromarray(np.where(odd[..., None], two, one))


def surface(head: np.ndarray, axis: int, from_start: bool) -> np.ndarray:
    """A head seen along an axis, as brightness (0 to 1) with the light behind the viewer."""
    solid = head if from_start else np.flip(head, axis)
    hit = solid.any(axis=axis)
    depth = np.where(hit, solid.argmax(axis=axis), solid.shape[axis]).astype(np.float32)
    smooth = ndimage.gaussian_filter(depth, 0.8)
    slope = np.stack(np.gradient(smooth))
    light = 1 / np.sqrt(1 + 0.35 * (slope**2).sum(0))
    near = 1 - 0.5 * depth / solid.shape[axis]
    return np.where(hit, light * near, 0)


def renders(head: np.ndarray) -> Image.Image:
    """A head from the front and from both sides."""
    views = [
        (surface(head, CORONAL, True), ("R", "L"), "from the front"),
        (surface(head, SAGITTAL, True)[::-1], ("P", "A"), "from the right"),
        (surface(head, SAGITTAL, False), ("A", "P"), "from the left"),
    ]
    panels = []
    for shade, sides, _ in views:
        pixels = (np.clip(shade, 0, 1).T[::-1] * 255).astype(np.uint8)
        size = round(pixels.shape[1] * ZOOM), round(pixels.shape[0] * ZOOM)
        panels.append((Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC), sides))
    height = max(panel.height for panel, _ in panels)
    width = sum(panel.width + GAP for panel, _ in panels)
    canvas = Image.new("RGB", (width, height + FOOT), PAPER)
    x = 0
    for (panel, sides), (_, _, name) in zip(panels, views, strict=True):
        canvas.paste(panel, (x, 0))
        _mark(canvas, x, panel.width, height, sides)
        ImageDraw.Draw(canvas).text((x + 4, height + 2), name, INK, _font())
        x += panel.width + GAP
    return canvas


def mosaic(volume: np.ndarray, scale: Scale) -> tuple[Picture, int]:
    """All axial slices of a volume in one grey picture, and the number of slices in a row."""
    share = np.clip((volume - scale.low) / (scale.high - scale.low), 0, 1)
    grey = (share * 255).astype(np.uint8)
    across = int(np.ceil(np.sqrt(grey.shape[2])))
    rows = int(np.ceil(grey.shape[2] / across))
    width, height, depth = grey.shape
    canvas = np.zeros((rows * height, across * width), np.uint8)
    for k in range(depth):
        y, x = divmod(k, across)
        canvas[y * height : (y + 1) * height, x * width : (x + 1) * width] = grey[:, :, k].T
    return picture(Image.fromarray(canvas)), across


def thumbnail(image: Image.Image, width: int = 220) -> bytes:
    """A small PNG of an image."""
    height = max(1, round(image.height * width / image.width))
    return picture(image.resize((width, height), Image.Resampling.LANCZOS)).png


def _mark(canvas: Image.Image, x: int, width: int, height: int, sides: tuple[str, str]) -> None:
    draw, font = ImageDraw.Draw(canvas), _font(15)
    for text, at, anchor in (
        (sides[0], (x + 4, height // 2), "lm"),
        (sides[1], (x + width - 4, height // 2), "rm"),
    ):
        draw.text(at, text, YELLOW, font, anchor=anchor, stroke_width=2, stroke_fill=PAPER)


def _foot(canvas: Image.Image, height: int, layers: Sequence[Layer]) -> None:
    draw = ImageDraw.Draw(canvas)
    draw.text((FOOT_START, height + 2), CONVENTION, INK, _font())
    for x, layer in _legend(layers)[0]:
        draw.rectangle((x, height + 5, x + 10, height + 13), fill=layer.colour)
        draw.text((x + 15, height + 2), layer.name, INK, _font())


def _legend(layers: Sequence[Layer]) -> tuple[list[tuple[int, Layer]], int]:
    """The x of each named layer in the line below the slices, and the width of that line."""
    x, places = FOOT_START + int(_font().getlength(CONVENTION)) + 24, []
    for layer in layers:
        if layer.name:
            places.append((x, layer))
            x += 15 + int(_font().getlength(layer.name)) + 18
    return places, x if places else 0


def _bar(canvas: Image.Image, x: int, height: int, scale: Scale) -> None:
    top, bottom = 24, max(height - 14, 40)
    ramp = _colours(scale.colours)[np.linspace(255, 0, bottom - top).astype(int)]
    canvas.paste(Image.fromarray(np.repeat(ramp[:, None], 14, axis=1)), (x, top))
    draw = ImageDraw.Draw(canvas)
    draw.text((x, 2), scale.unit, INK, _font())
    for share in (0, 0.5, 1):
        value = scale.low + share * (scale.high - scale.low)
        y = bottom - share * (bottom - top)
        draw.text((x + 20, y), f"{value:g}", INK, _font(), anchor="lm")


@cache
def _colours(name: str) -> np.ndarray:
    from matplotlib import colormaps

    return (colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255).astype(np.uint8)


@cache
def _font(size: int = 12) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)

"""A tilted gantry: is it better to move the slices first, or to carry the tilt into the transform?

    python benchmarks/tilt.py [--out tilt.tsv]

A head that is known everywhere is scanned with a tilt and resampled to upright voxels in another
pose, as the chain resamples a scan. ``moved`` moves the slices along their columns by a cubic spline
and resamples the result; ``carried`` resamples once, from the oblique axes. Errors are root mean
squares in HU against the head itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage
from strokeprep.intake.reading import voxels
from strokeprep.intake.reading.geometry import Grid
from strokeprep.io import tables

MATRIX, FIELD_MM = (160, 120), 80.0  # rows and columns around the side of the skull
TARGET_MM, TARGET = 1.0, 44  # size of the voxels that are resampled to, and how many an edge has
POSE = np.radians([6.0, 4.0, -5.0])
ORDERS = {"linear": 1, "cubic spline": 3}


def head(points: np.ndarray) -> np.ndarray:
    """HU at points (... x 3, mm): textured brain, a blurred skull, fluid and air."""
    x, y, z = np.moveaxis(points, -1, 0)
    away = np.sqrt((x + 40) ** 2 + y**2 + (0.8 * z) ** 2)
    texture = 5 * np.sin(x / 1.3 + 0.4 * y) + 5 * np.cos(y / 1.1 - z / 2.4) * np.sin(z / 1.9)

    def inside(radius: float) -> np.ndarray:
        return 1 / (1 + np.exp((away - radius) / 0.45))

    return (
        -1000 + 1010 * inside(62) + 1000 * (inside(60) - inside(54)) + (28 + texture) * inside(53)
    )


def scan(degrees: float, step: float) -> tuple[np.ndarray, Grid]:
    """The stored slices of a tilted gantry (k, rows from back to front, columns), and their grid."""
    angle = np.radians(degrees)
    across, down = np.eye(3)[0], np.array([0.0, np.cos(angle), -np.sin(angle)])
    spacing = FIELD_MM / MATRIX[0]
    count = int(90 / step)
    positions = np.outer((np.arange(count) - count / 2) * step, np.eye(3)[2])
    positions = positions - across * MATRIX[1] * spacing / 2 - down * MATRIX[0] * spacing / 2
    grid = Grid(MATRIX[1], MATRIX[0], (spacing, spacing), across, down, positions)
    rows, columns = np.arange(MATRIX[0])[::-1] * spacing, np.arange(MATRIX[1]) * spacing
    places = positions[:, None, None] + down * rows[:, None, None] + across * columns[:, None]
    return np.rint(head(places)).astype(np.int16), grid


def targets() -> np.ndarray:
    """Upright voxels in another pose (LPS, mm), within what all slices show."""
    cosines, sines = np.cos(POSE), np.sin(POSE)
    about_x = np.array([[1, 0, 0], [0, cosines[0], -sines[0]], [0, sines[0], cosines[0]]])
    about_y = np.array([[cosines[1], 0, sines[1]], [0, 1, 0], [-sines[1], 0, cosines[1]]])
    about_z = np.array([[cosines[2], -sines[2], 0], [sines[2], cosines[2], 0], [0, 0, 1]])
    edge = (np.arange(TARGET) - TARGET / 2) * TARGET_MM
    grid = np.stack(np.meshgrid(edge, edge, edge, indexing="ij"), axis=-1)
    return grid @ (about_x @ about_y @ about_z).T


def resampled(array: np.ndarray, affine: np.ndarray, points: np.ndarray, order: int) -> np.ndarray:
    """The image (k, j, i) at points (LPS), by its affine (RAS), sheared or not."""
    ras = points * (-1, -1, 1)
    inverse = np.linalg.inv(affine)
    at = np.moveaxis(ras @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)[::-1]
    return ndimage.map_coordinates(array.astype(np.float32), at, order=order, mode="nearest")


def errors(degrees: float, step: float) -> list[dict[str, str]]:
    """Both ways beside each other."""
    stored, grid = scan(degrees, step)
    moved, upright = voxels.untilted(stored[None], grid, -1024)
    points = targets()
    truth = head(points)
    brain = np.abs(truth - 38) < 15
    rows = []
    for name, order in ORDERS.items():
        made = {
            "moved": resampled(moved[0], upright, points, order),
            "carried": resampled(stored, grid.affine, points, order),
        }
        row = {"tilt": f"{degrees:g}", "step_mm": f"{step:g}", "resampled_by": name}
        for way, image in made.items():
            off = image - truth
            row[f"{way}_all"] = f"{np.sqrt(np.mean(off**2)):.2f}"
            row[f"{way}_brain"] = f"{np.sqrt(np.mean(off[brain] ** 2)):.2f}"
        rows.append(row)
    return rows


def main() -> None:
    """Print the table, and write it where it is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = [
        row
        for degrees in (10.0, -10.0, 18.0, -18.0, 25.0)
        for step in (0.75, 1.5, 5.0)
        for row in errors(degrees, step)
    ]
    table = tables.render(rows, list(rows[0]))
    print(table, end="")
    if options.out:
        options.out.write_text(table)


if __name__ == "__main__":
    main()

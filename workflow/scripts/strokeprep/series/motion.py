"""Head motion as a table: one rigid move per frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from strokeprep.io import tables
from strokeprep.io.whole import whole

COLUMNS = {
    "frame": "Frame number, from 0",
    "trans_x_mm": "Shift of the slab's centre from the reference pose to the frame, to the right",
    "trans_y_mm": "The same, to anterior",
    "trans_z_mm": "The same, to superior",
    "rot_x_deg": "Rotation vector, x (RAS): nodding",
    "rot_y_deg": "Rotation vector, y (RAS)",
    "rot_z_deg": "Rotation vector, z (RAS)",
    "displacement_mm": "Mean distance of points of the head from the reference pose",
    "framewise_mm": "Mean distance of points of the head from the frame before",
    "similarity_before": "Correlation with the reference at edges, uncorrected",
    "similarity_after": "Correlation with the reference at edges, corrected",
    "residual_hu": "Median difference from the reference at edges, corrected",
    "enhancement_hu": "Contrast in what enhances most deep inside the brain",
    "pre_contrast": "Whether the frame lies before the arrival of contrast",
    "still": "Whether no point of the head moved more than StillThresholdMm, or no move fits better",
    "outlier": "Whether the frame is left out and interpolated in time",
}

MATRIX_COLUMNS = [f"m{row}{column}" for row in range(3) for column in range(4)]


@dataclass(frozen=True)
class Motion:
    """The pose of the head in every frame, and how well it is known.

    ``matrices`` (frames × 4 × 4, LPS mm) map points of the reference pose to points of a frame.
    ``moves`` (frames × 6) are shifts (mm, of the slab's centre) and rotation vectors (deg) in RAS.
    """

    matrices: np.ndarray
    moves: np.ndarray
    displacement_mm: np.ndarray
    framewise_mm: np.ndarray
    before: np.ndarray
    after: np.ndarray
    residual_hu: np.ndarray
    pre_contrast: np.ndarray
    still: np.ndarray
    outlier: np.ndarray
    enhancement_hu: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """Frames that the corrected series is interpolated from."""
        return ~self.outlier

    @property
    def steps_mm(self) -> np.ndarray:
        """Framewise displacement between neighbours that are both usable; a single 0 if none are."""
        steps = self.framewise_mm[1:][self.usable[1:] & self.usable[:-1]]
        return steps if len(steps) else np.zeros(1)

    @property
    def all_still(self) -> bool:
        """Whether the head never moved, or the series was corrected before."""
        return bool(np.all(self.still | self.outlier))

    def among(self, shown: np.ndarray) -> Motion:
        """This motion with frames added that show no head.

        ``shown`` tells, for each frame of the whole series, whether this motion has it. The others
        are outliers with the pose of the frame before.
        """
        if shown.all():
            return self
        source = np.maximum(np.cumsum(shown) - 1, 0)
        lost = ~shown
        columns = {name: values[source] for name, values in vars(self).items()}
        columns["framewise_mm"][lost] = 0.0
        columns["before"][lost] = columns["after"][lost] = 0.0
        columns["residual_hu"][lost] = np.inf
        columns["outlier"][lost] = True
        return Motion(**columns)

    def rows(self) -> list[tuple[Any, ...]]:
        """One row per frame, in the order of COLUMNS."""
        return [
            (
                frame,
                *(round(float(value), 4) for value in self.moves[frame]),
                *(round(float(column[frame]), 4) for column in self._numbers),
                *(int(column[frame]) for column in (self.pre_contrast, self.still, self.outlier)),
            )
            for frame in range(len(self.matrices))
        ]

    def summary(self) -> dict[str, Any]:
        """What a sidecar says about the series' motion."""
        return {
            "Frames": len(self.matrices),
            "PreContrastFrames": np.flatnonzero(self.pre_contrast).tolist(),
            "OutlierFrames": np.flatnonzero(self.outlier).tolist(),
            "StillFrames": int(self.still.sum()),
            "AllStill": self.all_still,
            "MeanDisplacementMm": round(float(self.displacement_mm[self.usable].mean()), 3),
            "MaxDisplacementMm": round(float(self.displacement_mm[self.usable].max()), 3),
            "MeanFramewiseMm": round(float(self.steps_mm.mean()), 3),
            "BolusHu": round(float(self.enhancement_hu.max()), 1),
        }

    @property
    def _numbers(self) -> tuple[np.ndarray, ...]:
        return (
            self.displacement_mm,
            self.framewise_mm,
            self.before,
            self.after,
            self.residual_hu,
            self.enhancement_hu,
        )


def write(motion: Motion, path: str | Path) -> None:
    """Save as a table of one row per frame: COLUMNS, then the pose's matrix (LPS), row by row."""
    rows = [
        dict(zip(COLUMNS, row, strict=True))
        | dict(zip(MATRIX_COLUMNS, map(repr, pose[:3].ravel().tolist()), strict=True))
        for row, pose in zip(motion.rows(), motion.matrices, strict=True)
    ]
    with whole(path) as partial:
        partial.write_text(tables.render(rows, [*COLUMNS, *MATRIX_COLUMNS]))


def read(path: str | Path) -> Motion:
    """The motion that :func:`write` saved; all numbers but the matrices are rounded."""
    rows = tables.read(path)
    columns = {name: np.array([float(row[name]) for row in rows]) for name in COLUMNS}
    matrices = np.tile(np.eye(4), (len(rows), 1, 1))
    for frame, row in enumerate(rows):
        matrices[frame, :3] = np.reshape([float(row[name]) for name in MATRIX_COLUMNS], (3, 4))
    flags = {name: columns[name].astype(bool) for name in ("pre_contrast", "still", "outlier")}
    return Motion(
        matrices=matrices,
        moves=np.column_stack([columns[name] for name in list(COLUMNS)[1:7]]),
        displacement_mm=columns["displacement_mm"],
        framewise_mm=columns["framewise_mm"],
        before=columns["similarity_before"],
        after=columns["similarity_after"],
        residual_hu=columns["residual_hu"],
        enhancement_hu=columns["enhancement_hu"],
        **flags,
    )

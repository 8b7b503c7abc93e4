"""Whether a label changed when it was moved to another grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import SimpleITK as sitk

from strokeprep.io import labels
from strokeprep.quality.judgement import Judge, Measurement

# Moved between grids with voxels up to s mm wide, nearest neighbour changed the volume V of a
# vessel by at most 4 √(V s³), in 3000 poses of two Circles of Willis and s of 0.7 to 7 mm. Rounding
# alone could therefore exceed a limit of 0.1 for classes below CLASS_FLOOR √(V s³), which are
# judged as if they were that large.
CLASS_FLOOR = 40


@dataclass(frozen=True)
class LabelChange:
    """What a move did to a label image."""

    labels_changed: int  # labels that vanished or came up
    labels_kept: float  # share of the labels that did not vanish
    volume_change: float | None  # relative change of all labels together; None of an empty image
    class_volume_change: float | None  # largest of those of the labels; None if there is only one

    @classmethod
    def between(cls, before: sitk.Image, after: sitk.Image, least_ml: float = 0.0) -> LabelChange:
        """Compare a label image before and after; a smaller one is judged as if it had ``least_ml``."""
        old, new = labels.volumes_ml(before), labels.volumes_ml(after)
        total = sum(old.values())
        widest_mm = max(*before.GetSpacing(), *after.GetSpacing())
        return cls(
            len(set(old) ^ set(new)),
            len(set(old) & set(new)) / len(old) if old else 1.0,
            abs(sum(new.values()) - total) / max(total, least_ml) if total else None,
            _class_change(old, new, widest_mm) if len(old) > 1 else None,
        )

    def measurements(self, step: str, judge: Judge, *, judged: bool) -> Iterator[Measurement]:
        """The figures of the audit and of the report.

        They are ``judged`` where the new grid covers the old one. Elsewhere labels may leave the
        field of view.
        """
        values = {
            "labels_changed": self.labels_changed,
            "volume_change": self.volume_change,
            "class_volume_change": self.class_volume_change,
        }
        for metric, value in values.items():
            if value is not None:
                yield judge(step, metric, value, judged=judged)


def _class_change(old: Mapping[str, float], new: Mapping[str, float], widest_mm: float) -> float:
    """The largest relative change of the volume (ml) of any class, on voxels so wide at most."""
    voxel_ml = widest_mm**3 / 1000
    changes = (
        abs(new.get(name, 0) - volume) / max(volume, CLASS_FLOOR * math.sqrt(volume * voxel_ml))
        for name, volume in old.items()
        if volume  # that of a lone voxel may be rounded to nothing
    )
    return max(changes, default=0)

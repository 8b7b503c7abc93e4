"""The figures of the synthetic study against its truth; the config's section ``accuracy`` limits them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from strokeprep.quality.judgement import Measurement
from strokeprep.settings.limits import Limit, told

Limits = Mapping[str, Mapping[str, float]]  # by step and metric
Measure = Callable[[str, str, float], Measurement]  # of a step, a metric and a value

SCORED: dict[str, Limit] = {
    "tre_mean": told("mm", "Mean distance of brain points from where they are found."),
    "tre_max": told("mm", "The largest such distance."),
    "tre_worst_frame": told("mm", "The mean distance in the frame where it is largest."),
    "dice": told("ratio", "Overlap with the true mask.", more_is_better=True),
    "dice_attainable": told("ratio", "The same by the true transform.", more_is_better=True),
    "dice_lost": told("ratio", "By how much the overlap is less than that."),
    "volume_change": told("ratio", "Relative change of a label's volume."),
    "volume_change_attainable": told("ratio", "The same of a label moved by the true transform."),
    "volume_change_lost": told("ratio", "By how much the change is more than that."),
    "labels_kept": told("ratio", "Share of the labels that are still there.", more_is_better=True),
    "face_removed": told("ratio", "Share of the true face that is empty.", more_is_better=True),
    "brain_removed": told("voxels", "Voxels of the true brain that defacing changed."),
    "correlation": told("ratio", "Of a map with the true one.", more_is_better=True),
    "median_error": told("ratio", "Relative error of a map's median."),
    "area_error": told("ratio", "Relative error of the area under the arterial input."),
    "count_error": told("lesions", "How many lesions too many or too few are counted."),
    "side_errors": told("lesions", "Lesions that are said to lie on another side than they do."),
    "type_errors": told("lesions", "Lesions of another type than they were simulated with."),
    "row_errors": told("cells", "Cells of a table that differ from what was simulated or counted."),
    "volume_error": told("ratio", "Relative error of the volume as it was drawn."),
    "template_volume_error": told(
        "ratio", "The same in the template, moved by the true transform."
    ),
    "outside_error": told(
        "ratio", "Error of the share of lesions outside of the template's brain."
    ),
    "peak_error": told("ratio", "Relative error of the level of tissue on DWI."),
    "level_error": told("ratio", "Error of grey and white matter, by the range of the template's."),
    "field_error": told("log", "RMS of what is left of the bias field."),
    "difference": told(
        "ratio", "From the same figure of the released brain, moved by the true transform."
    ),
    "from_true_brain": told("ratio", "From the same figure of the true brain, moved so, too."),
    "max_difference": told("value", "The largest, from the same by direct computation."),
    "ratio_error": told(
        "ratio",
        "How far a region's ratio of flow to the other side lies beyond those of the middle tenth of "
        "its true flow, the largest.",
    ),
    "share_error": told(
        "ratio",
        "How far the share of a region that is late lies beyond those of thresholds half a second "
        "earlier and later, the largest.",
    ),
    "shift": told("s", "Median difference of a time from that by the true input."),
    "slope_error": told("ratio", "How far a map's slope over the true one is from 1."),
}


def against(limits: Limits, subject: str) -> Measure:
    """What makes a measurement of a value, with the limit that the config sets for it in a step, if any."""

    def measured(step: str, metric: str, value: float) -> Measurement:
        limit, end = SCORED[metric], limits.get(step, {}).get(metric)
        limit = limit if end is None else limit.failing_at(end)
        return Measurement(subject, step, metric, float(value), limit)

    return measured

"""What must hold of a subject's figures before its outputs may be trusted.

Only the standard library is imported: the job that judges has nothing else to load.
"""

from __future__ import annotations

from strokeprep.errors import StrokeprepError
from strokeprep.quality.judgement import Measurement
from strokeprep.settings.limits import FAIL, WARN

FLIPPED = "mirror_ratio"  # the figure that tells a flipped scan

MASK = (
    "Look at the contour of the brain on the subject's page: if it is wrong, choose another "
    "backend for brains in the config; if the image is, exclude the scan."
)
# What to do if a figure fails, by the beginning of its name.
REMEDIES = {
    FLIPPED: "Left and right are exchanged in one of two scans: convert them again.",
    "face_left": "Look at the surface of the released head on the subject's page: if a face is left, set "
    "study.defaced to false or choose another backend for faces.",
    "contour_": MASK,
    "brain_missing": MASK,
    "brain_outlying": MASK,
    "template_": "Look at the brain and the template's outline on the subject's page: choose another "
    "backend for brains if the mask is wrong, else another registration.to_template.",
    "": "Look at the images named; exclude the scan in question, or correct its input.",
}


def warnings(measured: list[Measurement]) -> list[str]:
    """A line for each measurement that neither passes nor fails."""
    return [
        f"Warning: {each.step} {each.metric} = {each.value:.4g} {each.limit.unit}. "
        f"{each.limit.reason}"
        for each in measured
        if each.verdict == WARN
    ]


def check(measured: list[Measurement], subject: str) -> None:
    """Raise if any measurement failed."""
    failed = [each for each in measured if each.verdict == FAIL]
    if failed:
        listed = "; ".join(
            f"{each.step} {each.metric} = {each.value:.4g} {each.limit.unit} "
            f"(limit {each.limit.text(each.limit.fail)})"
            for each in failed
        )
        raise StrokeprepError(f"The audit failed: {listed}", f"sub-{subject}", _remedy(failed))


def _remedy(failed: list[Measurement]) -> str:
    """What to try; a flipped scan explains all other failures, and a wrong mask a wrong template."""
    return next(
        remedy
        for begins, remedy in REMEDIES.items()
        if any(each.metric.startswith(begins) for each in failed)
    )

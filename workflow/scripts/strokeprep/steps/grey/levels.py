"""Grey levels that can be compared, from files to files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.bids import sidecars
from strokeprep.errors import StrokeprepError
from strokeprep.intensity import bias, bimodal, diffusion, order, scaling
from strokeprep.intensity.scaling import Linear
from strokeprep.io import images, json_files, labels
from strokeprep.kinds import KINDS, Kind
from strokeprep.registration.template import standard
from strokeprep.settings.study import IntensitySettings, TemplateSettings
from strokeprep.study import naming

B_VALUE = "DiffusionBValue"
# What messages and sidecars call the ways to normalise.
PERCENTILES = "1st and 99th percentile of the brain, linearly to those of the template's brain"
ZSCORE = "mean and SD of the brain"


def unbias(
    source: str, brain: str, lesions: Sequence[str], target: str, *, kind: Kind
) -> dict[str, Any]:
    """Write an image without its bias field, on its own grid; returns its sidecar."""
    image, inside = images.read(source), images.array(images.read(brain)) > 0
    for lesion in lesions:
        inside &= images.array(labels.read(lesion)) == 0
    done = bias.corrected(image, inside, source)
    images.write(done.image, target, source)
    field = images.array(done.field)[inside]
    about = sidecars.image(
        kind, f"The {kind.called} without its bias field", sidecars.is_stripped(source)
    )
    return about | {
        "Method": "N4, in the brain" + (" outside of lesions" if lesions else ""),
        "LesionMasked": bool(lesions),
        "Metrics": {
            "ShrunkBy": list(done.shrunk_by),
            "FieldLogSd": round(float(np.log(field).std()), 4),
        },
    }


def normalise(
    source: str,
    brain: str,
    target: str,
    *,
    kind: Kind,
    settings: IntensitySettings,
    template: TemplateSettings,
) -> dict[str, Any]:
    """Write the brain of an image with grey levels that can be compared; returns its sidecar."""
    image, mask = images.read(source), images.read(brain)
    values = images.array(image)[images.array(mask) > 0]
    how = settings.dwi if kind.name == "trace" else settings.t1w
    found = _scaling(values, how, settings, template, source)
    scaled = images.like(found.linear.of(images.array(image)), image)
    images.write(sitk.Mask(scaled, mask, 0), target, source)
    about = sidecars.image(kind, f"Normalised brain of the {kind.called}", skull_stripped=True)
    return about | {"Method": found.method, "Metrics": found.linear.facts() | found.facts}


@dataclass(frozen=True)
class _Found:
    linear: Linear
    method: str
    facts: dict[str, Any]


def _scaling(
    values: np.ndarray,
    how: str,
    settings: IntensitySettings,
    template: TemplateSettings,
    where: str,
) -> _Found:
    """The linear map that the config asks for."""
    if how == "bimodal":
        peak = bimodal.tissue_peak(values, settings.least_fit, where)
        return _Found(scaling.to_peak(peak.tissue), f"Tissue peak by {peak.method}", peak.facts())
    if how == "percentiles":
        model = standard(template)
        inside = images.array(model.t1)[images.array(model.inside) > 0]
        return _Found(scaling.to_percentiles(values, inside, where), PERCENTILES, {})
    return _Found(scaling.to_zscore(values, where), ZSCORE, {})


def diffusivity(b0: str, trace: str, target: str, *, b_value: float | None) -> dict[str, Any]:
    """Write the ADC that b0 and trace give, of the whole head; returns its sidecar.

    ``b_value`` is taken where the sidecar of the trace holds none.
    """
    weighting = _b_value(trace, b_value)
    first, second = (images.array(images.read(path)).astype(np.float64) for path in (b0, trace))
    confirm(first, second, weighting, trace)
    images.write(
        images.like(diffusion.adc(first, second, weighting), images.read_grid(b0)), target, b0
    )
    about = sidecars.image(
        KINDS["adc"], "ADC computed from b0 and trace, in 1e-6 mm2/s", sidecars.is_stripped(trace)
    )
    return about | {"Units": "1e-6 mm2/s", "Method": "ln(b0 / trace) / b", B_VALUE: weighting}


def _b_value(trace: str, given: float | None) -> float:
    said = json_files.read(naming.sidecar(trace)).get(B_VALUE, given)
    if not said:
        raise StrokeprepError(
            "The b-value of the diffusion image is not known, so the ADC cannot be computed",
            trace,
            "Set intensity.b_value in the config, or DiffusionBValue in the sidecar.",
        )
    return float(said)


def confirm(b0: np.ndarray, trace: np.ndarray, b_value: float, where: str) -> None:
    """Refuse two images that cannot be a pair with this weighting."""
    low, high = order.PLAUSIBLE
    found = order.diffusivity(b0, trace, b_value)
    if not low <= found <= high:
        raise StrokeprepError(
            f"b0 and DWI give the head a median diffusivity of {found:.0f} (1e-6 mm2/s), where "
            f"{low:g} to {high:g} can be",
            where,
            "Check the b-value, that the two images are not in each other's place, and that the "
            "scanner did not scale them differently; or set intensity.adc to false.",
        )

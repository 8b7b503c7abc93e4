"""Settings of tissue at risk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class TissueSettings:
    """The defaults of every threshold; a study may set others, by these names."""

    smoothing_fwhm_mm: float = 5.0  # in plane; slices are thick, and their noise is independent
    tissue_hu: tuple[float, float] = (15.0, 90.0)  # before contrast: below CSF, above bone
    vessel_cbv: float = 2.5  # times the median: blood, not tissue
    tmax_s: tuple[float, ...] = (4.0, 6.0, 8.0, 10.0)
    hypoperfused_tmax_s: float = 6.0  # as in DEFUSE 3 and most trials since
    severe_tmax_s: float = 10.0  # over the former: the hypoperfusion intensity ratio
    rcbf: tuple[float, ...] = (0.20, 0.30, 0.34, 0.38)
    core_rcbf: float = 0.30
    core_is_late: bool = True  # low flow without delay is white matter or an old scar
    midline_mm: float = 5.0  # either side of the mid-plane: no side, in the flow reference
    least_reference_ml: float = 20.0  # of healthy tissue that flow is compared with
    least_cluster_ml: float = 1.0

    @classmethod
    def of(cls, values: Mapping) -> TissueSettings:
        """TissueSettings from a mapping; names that are missing keep their defaults."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"No such setting: {', '.join(unknown)}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})

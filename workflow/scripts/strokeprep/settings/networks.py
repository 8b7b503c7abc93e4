"""Settings of networks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LICENSE_VARIABLE = "TOTALSEG_LICENSE"


@dataclass(frozen=True)
class NetworkSettings:
    """Where a network runs and with what.

    ``models`` is the folder of weights, ``device`` one of auto, cpu, cuda and cuda:N.
    ``mirroring`` averages over mirrored copies (HD-BET only: eight times the work).
    ``fast`` takes TotalSegmentator's 3 mm networks instead of those of 1.5 mm. The licence number
    comes from the environment, so that it stands in no config, log or sidecar.
    """

    models: str
    device: str = "auto"
    threads: int = 1
    mirroring: bool = False
    fast: bool = True
    license_number: str | None = field(
        default_factory=lambda: os.environ.get(LICENSE_VARIABLE), repr=False
    )

    @classmethod
    def of(cls, config: Mapping[str, Any], threads: int) -> NetworkSettings:
        """The settings of a config's section ``models`` for a job of so many threads."""
        return cls(
            models=config["folder"],
            device=config["device"],
            threads=threads,
            mirroring=config["mirroring"],
            fast=config["fast"],
        )

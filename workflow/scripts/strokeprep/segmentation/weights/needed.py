"""Which weights a study needs, by what a backend has to find in each of its scans."""

from __future__ import annotations

from collections.abc import Iterable

from strokeprep.settings.backends import BACKENDS, PROPOSALS, Backend
from strokeprep.settings.config import Config
from strokeprep.study.scans import Scan, Study

Mask = tuple[str, Scan]  # section of the config that names the backend, and the scan


def masks(study: Study) -> list[Mask]:
    """Everything a backend has to find in a study."""
    brains = [("brain", scan) for scan in study.scans if scan.has_brain]
    return brains + [("deface", scan) for scan in study.scans if not scan.defaced]


def backend(section: str, modality: str, config: Config) -> Backend:
    """The backend that the config chooses for a modality."""
    return BACKENDS[section][getattr(getattr(config, section), modality)]


def models(wanted: Iterable[Mask], config: Config) -> list[str]:
    """The weights that are needed to find some masks, each once."""
    return list(
        dict.fromkeys(
            name
            for section, scan in wanted
            for name in backend(section, scan.modality, config).weights(
                scan.modality, config.models.fast
            )
        )
    )


def of_proposals(config: Config) -> tuple[str, ...]:
    """The weights of the backend that proposes infarcts."""
    return PROPOSALS[config.proposal.backend].weights("mr", config.models.fast)

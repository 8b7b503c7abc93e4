"""The infarct that a network proposes, from the stripped diffusion images of a patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strokeprep.bids import sidecars
from strokeprep.io import images
from strokeprep.kinds import PROPOSAL
from strokeprep.segmentation import proposals
from strokeprep.settings.backends import PROPOSALS, NetworkSettings


def infarct(
    trace: str,
    adc: str,
    brain: str,
    target: str,
    *,
    flair: str | None,
    backend: str,
    container: str | None,
    networks: NetworkSettings,
) -> dict[str, Any]:
    """Write the proposal on the grid of the diffusion images; returns its sidecar."""
    request = proposals.Diffusion(
        images.read(trace),
        images.read(adc),
        trace,
        networks,
        Path(flair) if flair else None,
        container,
    )
    mask, facts = proposals.found(request, images.read(brain), PROPOSALS[backend])
    images.write(mask, target, trace)
    about = sidecars.label(PROPOSAL, "on this image") | {"Manual": False}
    return about | sidecars.by_backend(backend, facts)

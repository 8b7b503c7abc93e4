"""Check whether b0 and DWI are what the names of their files say.

The order of volumes in one file is checked where they are made files of their own
(:mod:`strokeprep.steps.grey.separate`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from strokeprep.gate.checks import Finding
from strokeprep.intensity import order
from strokeprep.io import images


def of_pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Pairs of a b0 and the DWI on its grid that are in each other's place."""
    for b0, trace in pairs:
        said = order.votes(_voxels(b0), _voxels(trace))
        if said is not None and said.first_is_unweighted is False:
            yield Finding.of(
                "swapped",
                f"The image without diffusion weighting looks like the weighted one, {trace}, and the "
                "other way round",
                b0,
                "Give each the name of the other, if they are in each other's place.",
            )


def _voxels(path: str) -> np.ndarray:
    return images.voxels(images.open_nifti(Path(path)), Path(path))

"""A cohort of a few patients on a grid of a few voxels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from strokeprep.cohort.gathering import Cohort, Grid, gathered
from strokeprep.cohort.plan import Candidate
from strokeprep.io import images
from strokeprep.io.whole import write_json
from strokeprep.study import naming

SHAPE = (8, 7, 6)
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = -7, -6, -5  # the middle plane lies between two voxels
GROUPS = {"01": "ischemic", "02": "ischemic", "03": "hemorrhagic", "04": "none"}


class Study(NamedTuple):
    """Patients with a lesion mask and a normalised image each; the last has no lesion."""

    root: Path
    candidates: list[Candidate]
    grid: Grid
    masks: dict[str, np.ndarray]
    images: dict[str, np.ndarray]

    def gathered(self, groups: Mapping[str, str] = GROUPS, **more) -> Cohort:
        return gathered(self.root, self.candidates, groups, self.grid, **more)


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root, random = tmp_path_factory.mktemp("cohort"), np.random.default_rng(3)
    brain = np.zeros(SHAPE, bool)
    brain[1:-1, 1:-1, 1:-1] = True
    masks, shown, candidates = {}, {}, []
    for name in GROUPS:
        stem = f"sub-{name}/dwi/sub-{name}_space-MNI152NLin2009aSym_res-2"
        mask, seen = f"{stem}_label-L_mask.nii.gz", f"{stem}_desc-brain_mask.nii.gz"
        image = f"{stem}_desc-normalised_trace.nii.gz"
        covers = brain & (random.random(SHAPE) > 0.1)
        shown[name] = np.where(covers, random.normal(1000, 2, SHAPE), 0).astype(np.float32)
        images.write_array(shown[name], AFFINE, root / image)
        images.write_array(covers.astype(np.uint8), AFFINE, root / seen)
        if name != "04":
            masks[name] = (brain & (random.random(SHAPE) > 0.6)).astype(np.uint8)
            images.write_array(masks[name], AFFINE, root / mask)
            about = {"Audit": {"Before": {"Volumes": {"1": 1.5}}}}
            write_json(about, root / naming.sidecar(mask))
        candidates.append(Candidate(name, "1", mask, seen, {"trace": image}, {"trace": seen}))
    return Study(root, candidates, Grid(AFFINE, brain, True), masks, shown)

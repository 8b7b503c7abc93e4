"""Where a study comes from: a user's folder, or the simulation of the built-in study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strokeprep import phantom
from strokeprep.clinical import tables as clinical


@dataclass(frozen=True)
class Origin:
    """The folder of a raw study, and what is known of its own files before any is opened."""

    root: Path
    files: tuple[str, ...]  # what the dataset's own files are made from
    tables: tuple[str, ...]  # names of its clinical tables
    arteries: Mapping[int, str]  # by their number in a segmentation of the Circle of Willis
    truth: Path | None = None  # what is true of a simulated study
    atlas: str | None = None  # the regions by which a simulated study places its lesions
    regions: str | None = None  # the same, where perfusion is measured by them

    @property
    def is_simulated(self) -> bool:
        """Whether the workflow makes the study itself, and can score what comes out."""
        return self.truth is not None


def given(root: Path, arteries: Mapping[int, str]) -> Origin:
    """A study that lies in a folder; ``arteries`` may not be known."""
    return Origin(root, tuple(clinical.sources(root)), tuple(clinical.names(root)), arteries)


def simulated(folder: Path, study: str) -> Origin:
    """The built-in study, whose files are known before they are written."""
    raw = folder / "raw"
    files = phantom.dataset_files(study)
    return Origin(
        root=raw,
        files=tuple(str(raw / name) for name in files),
        tables=tuple(
            Path(name).stem for name in files if name.startswith("phenotype/") and ".tsv" in name
        ),
        arteries=phantom.COW_LABELS if study == phantom.USUAL else {},
        truth=folder / "truth",
        **{"regions" if study == phantom.USUAL else "atlas": str(folder / phantom.ATLAS)},
    )

"""What a synthetic patient is drawn from. Standard library and names alone, as it is read at parse time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strokeprep.phantom.names import USUAL

WARP_MM = 3.0
TEXTBOOK, NARROW = "textbook", "narrow"
STILL, SHUTTLE = "still", "shuttle"


@dataclass(frozen=True)
class Patient:
    """One patient and what is asked of it: the bytes of its files depend on nothing else.

    Of ``pathologies``, each subject has one, in turn. ``scans`` are made beside the usual ones. ``axes``
    is the storage order of all images; without it they differ, as those of scanners do. Other kinds of
    ``study`` than isles24 have no perfusion, no ``pathologies`` and no ``axes``.
    """

    subject: str  # "01", "02", …
    seed: int
    size: str  # "tiny", "small" or "clinical"
    pathologies: Sequence[str] = ()
    scans: Sequence[str] = ()
    axes: str | None = None
    study: str = USUAL
    # or "drawn", with a bolus of its own, as real patients have it; or NARROW, with a narrow carotid, too
    circulation: str = TEXTBOOK
    # of CT perfusion; or SHUTTLE, which takes half of the slices later in each frame
    table: str = STILL

    @property
    def number(self) -> int:
        """The number of the subject in its study."""
        return int(self.subject)

    @property
    def warp_mm(self) -> float:
        """The largest displacement of the warp to MNI; the first subject is related by an affine."""
        return 0.0 if self.number == 1 else WARP_MM

    @property
    def disease(self) -> Sequence[str]:
        """The one disease that is this patient's turn, if there are any."""
        if not self.pathologies:
            return []
        return [self.pathologies[(self.number - 1) % len(self.pathologies)]]

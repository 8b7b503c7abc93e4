"""What a backend is given to find a brain or a face in a scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # jobs load what they use
    import SimpleITK as sitk

    from strokeprep.registration.location import Location
    from strokeprep.settings.backends import NetworkSettings


@dataclass(frozen=True)
class Request:
    """A scan, and what a backend may need for it.

    ``modality`` is ct or mr; ``where`` names the scan in messages. ``settings`` are for networks.
    ``location`` (where the head lies in the template) is for faces, and for those brains whose
    backend's row in :mod:`strokeprep.settings.backends` asks for it.
    """

    image: sitk.Image
    modality: str
    where: str = "image"
    settings: NetworkSettings | None = None
    location: Location | None = None

    def network(self) -> NetworkSettings:
        """How a network runs; an error where the request does not say."""
        if self.settings is None:
            raise ValueError(f"the backend needs the settings of networks for {self.where}")
        return self.settings

    def head(self) -> Location:
        """Where the head lies; an error where the request does not say."""
        if self.location is None:
            raise ValueError(f"the backend needs to know where the head lies in {self.where}")
        return self.location

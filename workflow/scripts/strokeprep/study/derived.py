"""Images that are computed from others of their scan, to have grey levels that can be compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from strokeprep.kinds import KINDS, Kind
from strokeprep.settings.study import IntensitySettings
from strokeprep.study import naming
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.scans import Scan

NORMALISED, RECALCULATED, UNBIASED = "normalised", "recalculated", "n4"
DESCS = (NORMALISED, RECALCULATED, UNBIASED)


@dataclass(frozen=True)
class Derived:
    """An image of a scan and where it comes from; names are relative to the derivatives folder."""

    scan: Scan
    kind: Kind
    desc: str

    def name(self, space: Space) -> str:
        """The file in some space."""
        return naming.preproc(self.scan, self.kind.suffix, space, self.desc)

    @property
    def source(self) -> str:
        """The image that is interpolated for other spaces: one of the whole head."""
        if self.desc == NORMALISED:
            return unscaled(self.scan, self.kind)
        return self.name(ORIG)

    @property
    def scaled_by(self) -> str:
        """The image whose sidecar says how the source is scaled, or ""."""
        return self.name(ORIG) if self.desc == NORMALISED else ""


def unscaled(scan: Scan, kind: Kind) -> str:
    """The image of the whole head that is normalised."""
    if (kind.name, UNBIASED) in scan.derived:
        return naming.preproc(scan, kind.suffix, ORIG, UNBIASED)
    return naming.defaced(scan, kind.suffix)


def of_scan(scan: Scan) -> list[Derived]:
    """What is derived from the images of a scan."""
    return [Derived(scan, KINDS[kind], desc) for kind, desc in scan.derived]


def with_derived(scans: Sequence[Scan], settings: IntensitySettings) -> tuple[Scan, ...]:
    """The scans, each with what the config asks to be derived from it."""
    return tuple(
        replace(
            scan,
            derived=_derived({image.kind.name for image in scan.images}, settings),
            is_cubic=scan.kind.name in settings.cubic,
        )
        if scan.has_brain
        else scan
        for scan in scans
    )


def _derived(kinds: Collection[str], settings: IntensitySettings) -> tuple[tuple[str, str], ...]:
    wanted = []
    if "trace" in kinds and settings.dwi != "none":
        wanted.append(("trace", NORMALISED))
    if {"b0", "trace"} <= set(kinds) and settings.adc:
        wanted.append(("adc", RECALCULATED))
    if "t1w" in kinds and settings.t1w != "none":
        wanted.append(("t1w", UNBIASED))
        wanted += [("t1w", NORMALISED)] if settings.t1w != "n4" else []
    return tuple(wanted)

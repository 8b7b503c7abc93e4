"""Provenance: for each file its digest, its sources with theirs, parameters and software."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from strokeprep.corrections import given
from strokeprep.io import whole
from strokeprep.io.whole import write_json
from strokeprep.privacy import allowed
from strokeprep.registration import template
from strokeprep.run import provenance
from strokeprep.settings.study import TemplateSettings
from strokeprep.study import naming

OWN = "bids::"
# Keys of sidecars that describe the image, or that stand elsewhere in the graph.
NOT_PARAMETERS = frozenset({"Description", "Sources", "Software"}) | allowed.ALLOWED.keys()


class Lineage:
    """The provenance of one part of a subject. Each file is digested once."""

    def __init__(self, root: Path, names: Iterable[str], admitted: Path | None) -> None:
        self.root = root
        self.names = sorted(name for name in names if name.startswith("sub-"))
        self._digests = _of_raw(admitted) if admitted else {}

    @cached_property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """By file: digest, sources, parameters and software."""
        return {
            f"{OWN}{name}": self._node(name, about)
            for name in self.names
            if (about := _sidecar(self.root / name)) is not None
        }

    def write(self, path: Path, subject: str, settings: TemplateSettings) -> None:
        """Write the graph as JSON."""
        content = {
            "Subject": f"sub-{subject}",
            "Workflow": {"Name": "strokeprep", "Version": provenance.VERSION},
            "Template": {"Name": settings.name, "Digest": _of_template(settings)},
            "Corrections": given.named(self.nodes),
            "Files": self.nodes,
        }
        write_json(content, path)

    def _node(self, name: str, about: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "Digest": self._digest(f"{OWN}{name}"),
            "Sources": [
                {"File": source, "Digest": self._digest(source)} for source in about["Sources"]
            ],
            "Parameters": {key: value for key, value in about.items() if key not in NOT_PARAMETERS},
            "Software": about.get("Software", {}),
        }

    def _digest(self, uri: str) -> str | None:
        """The digest of a file, or of a raw image's voxels as the gate computed it."""
        if uri.startswith(OWN) and uri not in self._digests:
            self._digests[uri] = whole.digest(self.root / uri.removeprefix(OWN))
        return self._digests.get(uri)


def _of_raw(admitted: Path) -> dict[str, str]:
    """Digests of raw images' voxels, from the gate's report. Raw files are not opened."""
    files = json.loads(admitted.read_text())["files"]
    return {each["path"]: f"voxels-blake2b:{each['digest']}" for each in files}


def _of_template(settings: TemplateSettings) -> str | None:
    given = settings.path
    path = Path(given) if given else template.nilearn_data() / template.NILEARN_FILE
    return whole.digest(path) if path.is_file() else None  # a folder of TemplateFlow has many files


def _sidecar(path: Path) -> dict[str, Any] | None:
    """The sidecar of a file, if it names sources."""
    beside = Path(naming.sidecar(str(path)))
    if not beside.is_file():
        return None
    about = json.loads(beside.read_text())
    return about if "Sources" in about else None

"""A correction that was accepted, as a step takes it in place of what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io import json_files, whole

FOLDER = "corrections:"  # stands for the user's folder in what is released


@dataclass(frozen=True)
class Given:
    """A file that passed its checks, what is known of it, and where to keep what it replaces."""

    file: str
    facts: Mapping[str, Any]
    replaced: Path

    @classmethod
    def of(cls, files: Sequence[str], replaced: str) -> Given | None:
        """The correction of a job's input ``[file, facts]``; None where nothing is corrected."""
        if not files:
            return None
        return cls(files[0], json_files.read(files[1]), Path(replaced))

    def sidecar(self, compute: Callable[[str], object]) -> dict[str, Any]:
        """Keys that say what was corrected.

        ``compute`` writes what the chain would have made to a file, which pages show. It may fail:
        often that is why there is a correction.
        """
        self.replaced.parent.mkdir(parents=True, exist_ok=True)
        self.replaced.unlink(missing_ok=True)
        try:
            compute(str(self.replaced))
        except StrokeprepError as error:
            print(f"What is replaced could not be computed: {error}")
        digest = whole.digest(self.replaced) if self.replaced.exists() else None
        return {"Manual": True, "Corrections": [{**self.facts, "Replaces": digest}]}


def facts(name: str, digest: str) -> dict[str, str]:
    """What is kept of a correction: the output that it is for, and the digest of the file given."""
    return {"File": f"{FOLDER}{name}", "Digest": digest}


def named(nodes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The corrections that files of a provenance graph were made with, each once."""
    found = (each for node in nodes.values() for each in node["Parameters"].get("Corrections", []))
    return sorted({each["File"] for each in found})

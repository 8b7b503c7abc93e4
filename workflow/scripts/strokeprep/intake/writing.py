"""Write raw BIDS from a plan: each image whole or not at all, read back, and skipped if unchanged.

What was written from what is noted in the work folder, so that a series is written again when slices
of it arrive late, and an image that the plan has no more is removed.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import igzip, isal_zlib

from strokeprep.errors import StrokeprepError
from strokeprep.gate import inspection
from strokeprep.intake import sidecars
from strokeprep.intake.pages import Written, look_of
from strokeprep.intake.plan import Plan, Row
from strokeprep.intake.reading.comparison import unlike
from strokeprep.intake.reading.files import Unreadable
from strokeprep.intake.reading.voxels import Volume
from strokeprep.io import images, json_files
from strokeprep.io.whole import whole, write_json
from strokeprep.kinds import KINDS
from strokeprep.privacy import files
from strokeprep.privacy.private_words import PrivateWords

FORMAT = 1  # of what is noted; a new one writes everything again
ROUNDING_MM = 1e-3  # headers are single precision
PRIVATE = (
    "PatientName", "PatientID", "PatientBirthDate", "StudyDate", "StudyInstanceUID",
    "SeriesInstanceUID", "SOPInstanceUID",
)  # fmt: skip
SHORTEST_NUMBER = 6  # characters of what is searched for wherever it stands


def write(plan: Plan, raw: Path, notes: Path) -> list[Written]:
    """Write everything that a plan converts, and note it; one series never stops another."""
    before = json_files.read(notes) if notes.exists() else {}
    ended, noted, words = [], {}, private_words(plan)
    for row in plan.converted:
        done = _one(row, raw, before.get(row.stem), words)
        ended.append(done)
        if done.ended != "refused":
            noted[row.stem] = {"key": key(row), "files": digests(row.stem, raw)}
    for stem in before.keys() - {row.stem for row in plan.converted}:
        _remove(stem, raw)
    for done in ended:
        if done.ended == "refused":
            _remove(done.row.stem, raw)
    write_json(noted, notes)
    notes.chmod(0o600)
    return ended


def key(row: Row) -> str:
    """What an image is made from: its slices, what a person said, and the form that is written."""
    told = sorted(f"{each.uid}/{each.index}" for each in row.stack.slices)
    said = sorted((name, str(value)) for name, value in row.said.items())
    return sha256(repr((FORMAT, row.stem, told, said)).encode()).hexdigest()


def digests(stem: str, raw: Path) -> dict[str, str]:
    """The digests of an image and its sidecar, by extension; empty for what is not there."""
    found = {}
    for extension in (".nii.gz", ".json"):
        path = raw / f"{stem}{extension}"
        if path.exists():
            with path.open("rb") as file:
                found[extension] = _digest(file)
    return found


def _digest(file) -> str:
    made = sha256()
    while block := file.read(1 << 20):
        made.update(block)
    return made.hexdigest()


def _remove(stem: str, raw: Path) -> None:
    for extension in (".nii.gz", ".json"):
        (raw / f"{stem}{extension}").unlink(missing_ok=True)


def _one(row: Row, raw: Path, before: Mapping[str, Any] | None, words: PrivateWords) -> Written:
    """Write a series unless it is there already, made from the same slices."""
    if before and before["key"] == key(row) and before["files"] == digests(row.stem, raw):
        return Written(row, "unchanged")
    try:
        sidecar = sidecars.of_row(row)
        volume = row.stack.volume()
        if wrong := unlike(row.stack, volume):
            raise _Refused(wrong)
        _put(row, volume, sidecar, raw)
        if leaks := private_content(row.stem, raw, words):
            raise _Refused(leaks)
    except _Refused as error:
        return Written(row, "refused", tuple(error.args[0]))
    except Unreadable as error:
        return Written(row, "refused", (f"a file of it cannot be used: {error}",))
    except StrokeprepError as error:
        return Written(row, "refused", (error.what,))
    look = look_of(volume, row.kind, sidecar.get("FrameTimesStart", ()))
    return Written(row, "written", look=look)


class _Refused(Exception):
    """What is wrong with an image that was made, as a list."""


def _put(row: Row, volume: Volume, sidecar: Mapping[str, Any], raw: Path) -> None:
    """Write an image and its sidecar, read them back, and only then give them their names.

    Whenever a run is killed, an image that has its name was read back and has its own sidecar.
    """
    image, told = (raw / f"{row.stem}{extension}" for extension in (".nii.gz", ".json"))
    with whole(image) as partial, whole(told) as partial_sidecar:
        interval = _interval(sidecar)
        images.write_array(volume.array, volume.affine, partial, frame_seconds=interval)
        write_json(sidecar, partial_sidecar)
        if wrong := read_back(row, volume, partial, partial_sidecar):
            raise _Refused(wrong)
        image.unlink(missing_ok=True)  # an older one goes before its sidecar does


def _interval(sidecar: Mapping[str, Any]) -> float | None:
    """The usual interval between frames, for the header of a series."""
    starts = sidecar.get("FrameTimesStart")
    return float(np.median(np.diff(starts))) if starts else None


# --- Privacy audit --------------------------------------------------------------------------


def private_words(plan: Plan) -> PrivateWords:
    """What the headers of a study say of who and when, which nothing that is written may hold."""
    words = PrivateWords()
    told = {
        (name, str(each.facts[name]))
        for row in plan.rows
        for each in row.stack.slices
        for name in PRIVATE
        if str(each.facts.get(name, "")).strip("^ ")
    }
    for name, text in sorted(told):
        # A short number is also a number of other things, and a name may be a word.
        is_short = len(text) < SHORTEST_NUMBER
        (words.add_short if is_short else words.add)(text.strip("^ "), name)
        parts = text.replace("^", " ").split() if name == "PatientName" else []
        for part in parts:
            words.add_short(part, name)
        if len(parts) > 1:
            words.add(" ".join(parts), name)
    return words


def private_content(stem: str, raw: Path, words: PrivateWords) -> list[str]:
    """What the audit of a release would find in an image and its sidecar."""
    names = [f"{stem}{extension}" for extension in (".nii.gz", ".json")]
    found = [leak for name in names for leak in files.of_file(raw / name, name, words)]
    return [f"private content ({leak.find}): {leak.what}" for leak in found]


# --- Read back ------------------------------------------------------------------------------


def read_back(row: Row, volume: Volume, path: Path, sidecar: Path) -> list[str]:
    """Why the file on disk cannot stay: it is another image, or the gate would refuse it.

    The gate looks at the voxels in memory, which are those of the file by its checksum.
    """
    where = str(path)
    image = inspection.RawImage(where, KINDS[row.kind], str(sidecar), where, volume.array)
    report = inspection.inspect([image], [])
    refused = [f"{finding.check}: {finding.what}" for finding in report.refused]
    same = _holds(path, volume.array)
    same &= bool(np.abs(nib.load(path).affine - volume.affine).max() < ROUNDING_MM)
    return refused or ([] if same else ["what was written is not what was read"])


def _holds(path: Path, array: np.ndarray) -> bool:
    """Whether a packed image holds these voxels, by the checksum and the length at its end."""
    before = int(nib.load(path).dataobj.offset)
    with igzip.open(path) as file:
        header = file.read(before)
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        told = struct.unpack("<II", file.read(8))
    voxels_alone = np.ascontiguousarray(array.T).reshape(-1).view(np.uint8)
    checksum = isal_zlib.crc32(voxels_alone.data, isal_zlib.crc32(header))
    return told == (checksum, (before + array.nbytes) % (1 << 32))

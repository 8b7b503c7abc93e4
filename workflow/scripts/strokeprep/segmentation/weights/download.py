"""The archive of a model from its publisher, continued where an interrupted download stopped.

By ``urllib`` and not by pooch. pooch 1.9 sends GET requests alone, but the licensed models come as
the answer to a POST with the licence number. It throws a partial download away, but these archives
are large. It holds no lock, and keeps no record of the files in an archive whose digest nobody
published. What it could replace are the dozen lines that compare an archive with its digest.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from strokeprep.errors import StrokeprepError
from strokeprep.settings.backends import LICENSE_VARIABLE, Model

TIMEOUT_S = 60  # without a byte
CHUNK = 1 << 20

# What TotalSegmentator's server is told to give weights for; envs/segmentation.txt has the same.
TOTAL_SEGMENTATOR = "2.18.0"


def archive_of(model: Model, folder: Path, license_number: str | None) -> Path:
    """The downloaded archive; a partial one of an interrupted run is continued."""
    archive = folder / f".{model.name}.part"
    have = archive.stat().st_size if archive.exists() else 0
    try:
        expected = _received(_request(model, have, license_number), archive, have)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: the whole of it is here already
            return archive
        raise _unreachable(model, error) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(model, error) from error
    if expected and archive.stat().st_size < expected:
        raise _unreachable(model, f"{archive.stat().st_size} of {expected} bytes came")
    return archive


def _received(request: urllib.request.Request, archive: Path, have: int) -> int:
    """Write what the server answers to the archive; returns the size it should have, 0 if unknown."""
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        # 206: the server sends the rest; 200: it sends all.
        mode, before = ("ab", have) if answer.status == 206 else ("wb", 0)
        announced = int(answer.headers["Content-Length"] or 0)
        with archive.open(mode) as file:
            shutil.copyfileobj(answer, file, CHUNK)
    return before + announced if announced else 0


def _request(model: Model, have: int, license_number: str | None) -> urllib.request.Request:
    headers = {"User-Agent": "strokeprep"}
    if model.licensed is None:
        headers |= {"Range": f"bytes={have}-"} if have else {}
        return urllib.request.Request(model.url, headers=headers)
    number = _number(model, license_number)
    asked = {"license_number": number, "task": model.licensed, "version": TOTAL_SEGMENTATOR}
    headers["Content-Type"] = "application/json"
    return urllib.request.Request(model.url, json.dumps(asked).encode(), headers)


def _number(model: Model, license_number: str | None) -> str:
    """The licence number, from the environment where none is given."""
    number = license_number or os.environ.get(LICENSE_VARIABLE)
    if not number:
        raise StrokeprepError(
            f"{model.name} needs a licence number, which is free for academic use",
            model.name,
            f"Set {LICENSE_VARIABLE}; a number is given at "
            "https://backend.totalsegmentator.com/license-academic/",
        )
    return number


def _unreachable(model: Model, reason: object) -> StrokeprepError:
    return StrokeprepError(
        f"The weights of {model.name} could not be downloaded ({reason})",
        model.url,
        "Run it again: it continues where it stopped. Without network, get "
        f"{model.archive} elsewhere and give its folder with --from.",
    )

"""Write files so that the same content always gives the same bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from strokeprep.io.whole import whole
from strokeprep.phantom.scan.scanner import Grid


def write_nifti(
    path: Path,
    array: np.ndarray,
    grid: Grid,
    *,
    description: str = "",
    frame_s: float | None = None,
    comment: str | None = None,
) -> None:
    """Write a [z, y, x] or [t, z, y, x] array."""
    image = nib.Nifti1Image(array.T, grid.affine, dtype=array.dtype)
    header = image.header
    header.set_qform(grid.affine, code=2)
    header.set_sform(grid.affine, code=1)
    header.set_xyzt_units("mm", "sec" if frame_s is not None else None)
    header["descrip"] = description.encode("ascii")[:79]
    if frame_s is not None:
        header["pixdim"][4] = frame_s
    if comment is not None:
        header.extensions.append(nib.nifti1.Nifti1Extension("comment", comment.encode("ascii")))
    with (
        whole(path) as partial,
        partial.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as stream,
    ):
        image.to_stream(stream)


def write_json(path: Path, content: dict) -> None:
    """Write a sidecar."""
    with whole(path) as partial:
        partial.write_text(json.dumps(content, indent=2, sort_keys=False) + "\n", encoding="utf-8")


def write_table(path: Path, names: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a tab-separated table of strings and numbers."""
    lines = ["\t".join(names)]
    lines += ["\t".join(v if isinstance(v, str) else f"{v:.10g}" for v in row) for row in rows]
    with whole(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")

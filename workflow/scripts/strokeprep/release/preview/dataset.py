"""The preview as a data set of its own: one row for each case in Parquet, and its card.

The features are those of the preview of ISLES'24. pyarrow alone writes them: the key "huggingface"
in the schema tells readers which columns are pictures.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io import json_files
from strokeprep.io.whole import whole, write_text
from strokeprep.release import licence
from strokeprep.settings.finished.release import ReleaseSettings
from strokeprep.settings.study import StudySettings

PICTURE = "image"
# The columns: the type of each, and what the card says of it.
FEATURES = {
    "sub_id": ("string", "Name of the case"),
    "shape": ("string", "Voxels of the NCCT"),
    "n_slices": ("int32", "Axial slices of the NCCT"),
    "display_slice": ("int32", "The slice that is shown: that with the largest area of infarct"),
    "lesion_voxels": ("int64", "Voxels of the infarct on the NCCT"),
    "has_lvo": ("bool", "Whether an occlusion is marked"),
    "cow_classes": ("int32", "Arteries of the Circle of Willis that are marked"),
    "ncct": (PICTURE, "Non-contrast CT, 0 to 80 HU"),
    "cta": (PICTURE, "CT angiogram, -125 to 475 HU"),
    "tmax": (PICTURE, "Tmax, 0 to 16 s"),
    "dwi": (PICTURE, "Diffusion-weighted image of the follow-up"),
    "adc": (PICTURE, "Apparent diffusion coefficient of the follow-up"),
    "lesion_overlay_ncct": (PICTURE, "Outline of the infarct on the NCCT"),
    "lesion_overlay_dwi": (PICTURE, "Outline of the infarct on the diffusion-weighted image"),
}
FILE = "data/train-00000-of-00001.parquet"
ROWS_AT_ONCE = 32
SIZES = ((1000, "n<1K"), (10_000, "1K<n<10K"))
CARD = """\
---
license: {licence}
task_categories:
- image-segmentation
tags:
- medical
- stroke
- ct
- mri
size_categories:
- {size}
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
dataset_info:
  features:
{features}
  splits:
  - name: train
    num_examples: {cases}
    num_bytes: {size_bytes}
---

# {name}: preview

One axial slice of each image of {cases} cases. The images themselves are in the release, of which this
is a part: version {version}. Pictures are radiological (the patient's right is on the left), their
pixels are square, and they were made of the defaced images that are released.

{licence_text}
Please cite: {citation}

| column | type | meaning |
|---|---|---|
{columns}
"""


def write(
    folder: Path,
    rows: Mapping[str, Path],
    called: Mapping[str, str],
    study: StudySettings,
    settings: ReleaseSettings,
) -> None:
    """Write Parquet and card; ``rows`` has the file of each patient's row, ``called`` the case's name."""
    people = sorted(called, key=lambda person: called[person])
    _write_parquet(
        folder / FILE, ({"sub_id": called[p]} | json_files.read(rows[p]) for p in people)
    )
    size = (folder / FILE).stat().st_size
    write_text(_card(len(people), size, study, settings), folder / "README.md")


def _write_parquet(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise StrokeprepError(
            "The preview needs pyarrow",
            "release.preview",
            "Install envs/preview.txt, or set release.preview to false.",
        ) from None
    schema = _schema(pyarrow)
    with whole(path) as partial, parquet.ParquetWriter(partial, schema) as writer:
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch.append({name: _cell(row, name) for name in FEATURES})
            if len(batch) == ROWS_AT_ONCE:
                writer.write_table(pyarrow.Table.from_pylist(batch, schema))
                batch = []
        if batch:
            writer.write_table(pyarrow.Table.from_pylist(batch, schema))


def _schema(pyarrow: Any) -> Any:
    """The columns, and what the library ``datasets`` reads of them under two names."""
    picture = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    types = {"string": pyarrow.string(), "bool": pyarrow.bool_(), "int32": pyarrow.int32(),
             "int64": pyarrow.int64(), PICTURE: picture}  # fmt: skip
    features = {
        name: {"_type": "Image"} if kind == PICTURE else {"dtype": kind, "_type": "Value"}
        for name, (kind, _) in FEATURES.items()
    }
    about = {"info": {"features": features}, "dataset_info": {"features": features}}
    fields = [pyarrow.field(name, types[kind]) for name, (kind, _) in FEATURES.items()]
    return pyarrow.schema(fields, {"huggingface": json.dumps(about)})


def _cell(row: Mapping[str, Any], name: str) -> Any:
    if FEATURES[name][0] != PICTURE or name not in row:
        return row.get(name)
    return {"bytes": base64.b64decode(row[name]), "path": f"{row['sub_id']}_{name}.png"}


def _card(cases: int, size_bytes: int, study: StudySettings, settings: ReleaseSettings) -> str:
    listed = [(name, kind, text) for name, (kind, text) in FEATURES.items()]
    known = licence.spdx(study.license) in licence.KNOWN
    return CARD.format(
        licence=licence.spdx(study.license).lower() if known else "other",
        size=next((name for most, name in SIZES if cases < most), "n>10K"),
        features="\n".join(f"  - name: {name}\n    dtype: {kind}" for name, kind, _ in listed),
        cases=cases,
        size_bytes=size_bytes,
        name=study.name,
        version=settings.version,
        licence_text=licence.text(study),
        citation=licence.citation(study, settings),
        columns="\n".join(f"| {name} | {kind} | {text} |" for name, kind, text in listed),
    )

"""The preview shows each case as a radiologist sees it, and opens as a data set of pictures."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from finished_study import Finished, finished
from PIL import Image
from strokeprep.io.whole import write_json
from strokeprep.release.preview import dataset, pictures

parquet = pytest.importorskip("pyarrow.parquet")
# Of the preview of ISLES'24.
COLUMNS = [
    "sub_id",
    "shape",
    "n_slices",
    "display_slice",
    "lesion_voxels",
    "has_lvo",
    "cow_classes",
    "ncct",
    "cta",
    "tmax",
    "dwi",
    "adc",
    "lesion_overlay_ncct",
    "lesion_overlay_dwi",
]
HEAD = (20, 30, 12)  # voxels to the left, to the back and to the top
AFFINES = {
    "LPS": np.diag([-1, -1, 2, 1.0]),
    "RAS": np.diag([1, 1, 2, 1.0]),
    "PSR": np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1.0]]),
}


def stored(lps: np.ndarray, axes: str) -> nib.Nifti1Image:
    """An image in a storage order, from voxels that run to the left, the back and the top."""
    plain = nib.Nifti1Image(lps, AFFINES["LPS"])
    way = nib.orientations.ornt_transform(
        nib.io_orientation(plain.affine), nib.orientations.axcodes2ornt(axes)
    )
    return plain.as_reoriented(way)


def case_of(folder: Path, axes: str) -> dict:
    """A head with a bright spot at the right front; the infarct lies at the left back of slice 7."""
    head = np.full(HEAD, 20, np.int16)
    head[2:5, 3:6] = 80
    lesion = np.zeros(HEAD, np.uint8)
    lesion[12:18, 20:27, 7] = 1
    lesion[12:14, 20:22, 6] = 1
    files = []
    for end in (*pictures.ENDS.values(), pictures.LESION, pictures.COW):
        path = folder / f"{end}.nii"
        nib.save(stored(lesion if "msk" in end else head, axes), path)
        files.append({"path": f"x_{end}", "source": str(path)})
    return {"files": files, "refused": ""}


def seen(row: dict, name: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(row[name]))).convert("RGB"), int)


@pytest.mark.parametrize("axes", AFFINES)
def test_right_is_on_the_left_and_the_front_is_up_in_whatever_order_it_is_stored(tmp_path, axes):
    row = pictures.of_case(case_of(tmp_path, axes))
    ncct, overlay = seen(row, "ncct"), seen(row, "lesion_overlay_ncct")
    bright = np.argwhere(ncct[..., 0] > 250).mean(0) / ncct.shape[:2]
    assert bright == pytest.approx([4.5 / 30, 3.5 / 20], abs=0.02)
    red = np.argwhere(overlay[..., 0] - overlay[..., 2] > 150).mean(0) / ncct.shape[:2]
    assert red == pytest.approx([23.5 / 30, 15 / 20], abs=0.02)
    assert ncct.shape[:2] == (384, 256)  # pixels are square, as these voxels are


def test_the_slice_with_the_largest_area_of_infarct_is_shown(tmp_path):
    row = pictures.of_case(case_of(tmp_path, "LPS"))
    assert (row["display_slice"], row["n_slices"], row["lesion_voxels"]) == (7, 12, 46)
    assert (row["shape"], row["has_lvo"], row["cow_classes"]) == ("(20, 30, 12)", False, 1)


def test_a_case_without_infarct_is_shown_in_the_middle(tmp_path):
    case = case_of(tmp_path, "LPS")
    path = tmp_path / f"{pictures.LESION}.nii"
    nib.save(stored(np.zeros(HEAD, np.uint8), "LPS"), path)
    row = pictures.of_case(case)
    assert (row["display_slice"], row["lesion_voxels"]) == (6, 0)


def previewed(study: Finished) -> Path:
    """A release with its preview; returns the preview's folder."""
    rows = {}
    for person, path in study.prepared().items():
        rows[person] = path.with_suffix(".row.json")
        write_json(pictures.of_case(json.loads(path.read_text())), rows[person])

    def preview(folder, called):
        dataset.write(folder, rows, called, study.config.study, study.config.release)

    return study.export(preview=preview) / "preview"


def test_the_preview_has_the_columns_of_that_of_isles24_and_its_pictures_decode(tmp_path):
    table = parquet.read_table(previewed(finished(tmp_path)) / dataset.FILE)
    assert table.column_names == COLUMNS
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert [name for name, each in features.items() if each["_type"] == "Image"] == COLUMNS[7:]
    rows = table.to_pylist()
    assert [row["sub_id"] for row in rows] == sorted(row["sub_id"] for row in rows)
    for row in rows:
        for name in COLUMNS[7:]:
            assert max(Image.open(io.BytesIO(row[name]["bytes"])).size) == 384, name


def test_the_library_datasets_opens_the_folder_with_its_pictures(tmp_path):
    datasets = pytest.importorskip("datasets")
    folder = previewed(finished(tmp_path))
    opened = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert opened.column_names == COLUMNS and len(opened) == 2
    assert max(opened[0]["lesion_overlay_dwi"].size) == 384


def test_the_card_tells_what_the_table_holds(tmp_path):
    folder = previewed(finished(tmp_path))
    card = yaml.safe_load((folder / "README.md").read_text().split("---")[1])
    features = {each["name"]: each["dtype"] for each in card["dataset_info"]["features"]}
    assert features == {name: kind for name, (kind, _) in dataset.FEATURES.items()}
    size = (folder / dataset.FILE).stat().st_size
    assert card["dataset_info"]["splits"] == [
        {"name": "train", "num_examples": 2, "num_bytes": size}
    ]
    assert (card["license"], card["size_categories"]) == ("cc-by-nc-sa-4.0", ["n<1K"])


def test_the_preview_of_the_challenge_shows_nothing_on_another_grid(tmp_path):
    folder = previewed(finished(tmp_path, archive="isles24-challenge"))
    row = parquet.read_table(folder / dataset.FILE).to_pylist()[0]
    assert row["ncct"] and not row["dwi"] and not row["lesion_overlay_dwi"]

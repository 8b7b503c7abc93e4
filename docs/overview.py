"""Draw docs/overview.png from a finished `make demo`: python docs/overview.py demo"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np

SUBJECT = "02"
SOFT, VESSEL = (-20, 90), (0, 350)
CT, ANAT, DWI = "ses-01/ct", "ses-01/anat", "ses-02/dwi"
MNI = "space-MNI152NLin2009aSym"
# Title, image, window, mask to outline, plane (0 sagittal, 2 axial), position (share of the extent).
PANELS = [
    ("raw NCCT", f"raw:{CT}/*acq-ncct_ct", SOFT, None, 0, 0.5),
    ("raw CTA", f"raw:{CT}/*acq-cta_ct", VESSEL, None, 0, 0.5),
    ("raw CTP, one frame", f"raw:{CT}/*acq-ctp_ct", SOFT, None, 0, 0.5),
    ("raw DWI trace", f"raw:{DWI}/*_trace", None, None, 0, 0.5),
    ("raw T1w", "raw:ses-02/anat/*_T1w", None, None, 0, 0.5),
    ("NCCT defaced, brain", f"{CT}/*ncct_desc-defaced_ct", SOFT,
     f"{ANAT}/*ncct_space-orig_desc-brain_mask", 0, 0.5),
    ("CTA on NCCT, Circle of Willis", f"{CT}/*cta_space-ncct_ct", VESSEL,
     f"{ANAT}/*space-ncct_seg-CoW_dseg", 2, None),
    ("CTP mean on NCCT", f"{CT}/*ctp_space-ncct_desc-mean_ct", SOFT,
     f"{ANAT}/*ncct_space-ncct_desc-brain_mask", 0, 0.5),
    ("DWI on NCCT, infarct", f"{DWI}/*space-ncct_desc-brain_trace", None,
     f"{DWI}/*space-ncct_label-L_desc-infarct_mask", 2, None),
    ("NCCT in MNI, infarct", f"{CT}/*{MNI}_res-*_desc-brain_ct", SOFT,
     f"{DWI}/*{MNI}_res-*_label-L_desc-infarct_mask", 2, None),
]  # fmt: skip


def volume(folder: Path, pattern: str) -> tuple[np.ndarray, tuple[float, ...]]:
    """The voxels of an image in RAS order, and their size; of a series the first frame."""
    root = "raw" if pattern.startswith("raw:") else "derivatives"
    path = f"{root}/sub-{SUBJECT}/{pattern.removeprefix('raw:')}.nii.gz"
    (only,) = folder.glob(path)
    image = nib.as_closest_canonical(nib.load(only))
    data = np.asanyarray(image.dataobj)
    return data[..., 0] if data.ndim == 4 else data, image.header.get_zooms()[:3]


def draw(axis: plt.Axes, folder: Path, panel: tuple) -> None:
    """Draw one panel; without a position, the slice with the largest mask area is shown."""
    title, image, window, mask, plane, share = panel
    data, zooms = volume(folder, image)
    inside = volume(folder, mask)[0] > 0 if mask else None
    if share is None:
        others = tuple(axis for axis in range(3) if axis != plane)
        index = int(inside.sum(axis=others).argmax())
    else:
        index = int(data.shape[plane] * share)
    low, high = window or (0, np.percentile(data, 99.7))
    sides = [zooms[k] for k in range(3) if k != plane]
    axis.imshow(
        data.take(index, plane).T,
        origin="lower",
        cmap="gray",
        vmin=low,
        vmax=high,
        aspect=sides[1] / sides[0],
    )
    if inside is not None:
        axis.contour(inside.take(index, plane).T, [0.5], colors="#ff9f1c", linewidths=1)
    axis.set_title(title, fontsize=10, color="white")
    axis.set_facecolor("black")


def main(folder: Path) -> None:
    """Draw all panels: raw images above, released ones below."""
    figure, axes = plt.subplots(2, 5, figsize=(15, 6.4), facecolor="black")
    for axis, panel in zip(axes.flat, PANELS, strict=True):
        draw(axis, folder, panel)
        axis.set_xticks([])
        axis.set_yticks([])
    figure.tight_layout()
    figure.savefig(Path(__file__).with_name("overview.png"), dpi=80)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

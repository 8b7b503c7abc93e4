"""Masks and transforms as 3D Slicer itself saves them, taken in as corrections are.

    python benchmarks/editors.py --out editors.tsv

A head is drawn on four grids: upright, turned in the scanner, stored from right to left, and in sagittal
slices. 3D Slicer's core (``slicer-core``) opens image and mask as ``strokeprep correct`` lays them out, and
saves the mask, and a transform that moves a scan onto it, in every way in which a person may. The table has
for each file the voxels that are marked otherwise after ``strokeprep`` read it, or the millimetres by which
points of the head are off. Segments that overlap must be refused, and the names in the colour table that is
laid out must be read. Fails unless all are 0.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from strokeprep.corrections import masks, transform_files
from strokeprep.editing import labels
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, tables
from strokeprep.io.whole import write_text

SHAPE = (40, 48, 36)
TURNED = nib.eulerangles.euler2mat(0.05, -0.1, 0.2)
# What a voxel's step along each axis is in the world (RAS), for four ways in which a scan is stored.
GRIDS = {
    "upright": np.diag([-4.0, -4.0, 4.5]),
    "turned": TURNED @ np.diag([-4.0, 4.0, 4.5]),
    "right to left": np.diag([4.0, 4.0, 4.5]),
    "sagittal": np.array([[0, 0, -4.5], [4.0, 0, 0], [0, -4.0, 0]]),
}
MOST_MM = 1e-3  # an editor writes numbers of six digits
COLUMNS = ("grid", "saved", "unit", "off")
COMPRESSED = True


def main() -> int:
    """Save, read and compare; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the table to write")
    rows = []
    given = parser.parse_args()
    for grid, steps in GRIDS.items():
        affine = nib.affines.from_matvec(steps, [70.0, -90.0, -60.0])
        with tempfile.TemporaryDirectory() as folder:
            found = [*of_masks(Path(folder), affine), *of_transforms(Path(folder))]
        rows += [{"grid": grid, "saved": s, "unit": u, "off": f"{off:.3g}"} for s, u, off in found]
    text = tables.render(rows, COLUMNS)
    print(text, end="")
    write_text(text, given.out)
    return int(any(float(row["off"]) > (MOST_MM if row["unit"] == "mm" else 0) for row in rows))


def marked() -> tuple[np.ndarray, np.ndarray]:
    """A brain that is on no side alike, and a part of it."""
    x, y, z = np.indices(SHAPE)
    brain = ((x - 24) / 12.0) ** 2 + ((y - 20) / 15.0) ** 2 + ((z - 15) / 12.0) ** 2 < 1
    return brain.astype(np.uint8), (brain & (x > 27) & (y < 18)).astype(np.uint8)


# --- Masks ----------------------------------------------------------------------------------


def of_masks(folder: Path, affine: np.ndarray) -> Iterator[tuple[str, str, float]]:
    """How many voxels are marked otherwise, for each way to save a mask."""
    brain, part = marked()
    grid = images.from_array(brain, affine)
    images.write(images.from_array(brain.astype(np.int16) * 40, affine), folder / "image.nii.gz")
    for name, mask in (("brain", brain), ("part", part), ("both", brain + part)):
        images.write(images.from_array(mask, affine), folder / f"{name}.nii.gz")
    for path, wanted in saved_masks(folder, brain, part):
        found = images.array(masks.on_grid(masks.read(path).image, grid, path, "the image"))
        yield path.name, "voxels", float(np.count_nonzero(found != wanted))
    yield "overlapping.seg.nrrd", "taken", float(not is_refused(folder / "overlapping.seg.nrrd"))
    names = ["background", "brain of one", "part"]
    write_text(labels.for_slicer(dict(enumerate(names[1:], 1))), folder / labels.SLICER)
    yield labels.SLICER, "names", float(opened_colours(folder / labels.SLICER) != names)


def is_refused(path: Path) -> bool:
    """Whether segments that overlap, which no mask can hold, are refused as such."""
    try:
        masks.read(path)
    except StrokeprepError as error:
        return error.what == "Segments overlap"
    return False


def saved_masks(
    folder: Path, brain: np.ndarray, part: np.ndarray
) -> Iterator[tuple[Path, np.ndarray]]:
    """Files as 3D Slicer saves them, and the values that were drawn."""
    scene = slicer.vtkMRMLScene()
    image = opened(scene, slicer.vtkMRMLScalarVolumeNode(), folder / "image.nii.gz")
    both = opened(scene, slicer.vtkMRMLLabelMapVolumeNode(), folder / "both.nii.gz")
    for ending in ("nrrd", "nii", "nii.gz"):  # Save, of a label map
        yield save(both, volumes(), folder / f"label_map.{ending}"), brain + part
    one = segmentation(scene, image, folder / "brain.nii.gz")
    for name, is_cropped in (("whole.seg.nrrd", False), ("cropped.seg.nrrd", True)):
        yield save(one, segmentations(is_cropped), folder / name), brain
    yield save(one, segmentations(), folder / "segmentation.nrrd"), brain
    one.GetSegmentation().AddEmptySegment("left", "begun and left empty")
    yield save(one, segmentations(), folder / "empty_second.seg.nrrd"), brain
    two = segmentation(scene, image, folder / "both.nii.gz")
    overlapping = segmentation(scene, image, folder / "brain.nii.gz", folder / "part.nii.gz")
    save(overlapping, segmentations(), folder / "overlapping.seg.nrrd")
    yield save(two, segmentations(), folder / "two_in_one_layer.seg.nrrd"), brain + part
    for ending in ("nrrd", "nii.gz"):  # Segmentations > Export to files
        to = folder / f"exported_{ending}"
        to.mkdir()
        slicer.vtkSlicerSegmentationsModuleLogic.ExportSegmentsBinaryLabelmapRepresentationToFiles(
            str(to), two, None, ending, COMPRESSED, image
        )
        [made] = to.glob(f"*.{ending}")  # beside a table of the names
        yield made.rename(folder / f"exported.{ending}"), brain + part


def segmentation(
    scene: slicer.vtkMRMLScene, image: slicer.vtkMRMLScalarVolumeNode, *drawn: Path
) -> slicer.vtkMRMLSegmentationNode:
    """Masks opened as one segmentation on the grid of an image."""
    found = slicer.vtkMRMLSegmentationNode()
    scene.AddNode(found)
    found.SetReferenceImageGeometryParameterFromVolumeNode(image)
    for path in drawn:
        mask = opened(scene, slicer.vtkMRMLLabelMapVolumeNode(), path)
        slicer.vtkSlicerSegmentationsModuleLogic.ImportLabelmapToSegmentationNode(mask, found)
    return found


def volumes() -> slicer.vtkMRMLStorageNode:
    """What saves volumes."""
    return slicer.vtkMRMLVolumeArchetypeStorageNode()


def segmentations(is_cropped: bool = True) -> slicer.vtkMRMLStorageNode:
    """What saves segmentations, whole or cut to the box around what is marked."""
    found = slicer.vtkMRMLSegmentationStorageNode()
    found.SetCropToMinimumExtent(is_cropped)
    return found


def opened(scene: slicer.vtkMRMLScene, node: slicer.vtkMRMLNode, path: Path) -> slicer.vtkMRMLNode:
    """A volume read into a scene."""
    scene.AddNode(node)
    storage = volumes()
    storage.SetFileName(str(path))
    if not storage.ReadData(node):
        raise RuntimeError(f"3D Slicer cannot read {path.name}")
    return node


def save(node: slicer.vtkMRMLNode, storage: slicer.vtkMRMLStorageNode, path: Path) -> Path:
    """The file that a node is saved to."""
    node.GetScene().AddNode(storage)
    storage.SetFileName(str(path))
    storage.SetUseCompression(COMPRESSED)
    if not storage.WriteData(node):
        raise RuntimeError(f"3D Slicer cannot write {path.name}")
    return path


def opened_colours(path: Path) -> list[str]:
    """The names in a colour table as 3D Slicer reads them."""
    scene, node = slicer.vtkMRMLScene(), slicer.vtkMRMLColorTableNode()
    scene.AddNode(node)
    storage = slicer.vtkMRMLColorTableStorageNode()
    storage.SetFileName(str(path))
    storage.ReadData(node)
    return [node.GetColorName(value) for value in range(node.GetNumberOfColors())]


# --- Transforms -----------------------------------------------------------------------------


def of_transforms(folder: Path) -> Iterator[tuple[str, str, float]]:
    """How far points are off, for each way to save a transform that moves a scan onto another."""
    scene, node = slicer.vtkMRMLScene(), slicer.vtkMRMLLinearTransformNode()
    scene.AddNode(node)
    moves = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.1, 0.02, -0.05), (12.0, -9.0, 6.0))
    matrix = vtk.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            matrix.SetElement(row, column, moves[row, column])
    node.SetMatrixTransformToParent(matrix)  # where a point of the scan comes to lie (RAS)
    for ending in ("tfm", "h5", "txt", "mat"):
        path = save(node, slicer.vtkMRMLTransformStorageNode(), folder / f"transform.{ending}")
        found = transform_files.read(path)
        yield path.name, "mm", max(_apart(found, moves, point) for point in corners())


def _apart(found: sitk.Transform, moves: np.ndarray, point: np.ndarray) -> float:
    """How far a point of the target is from where the scan has it; the file speaks in LPS."""
    to_lps = np.diag([-1.0, -1.0, 1.0])
    on_target = to_lps @ nib.affines.apply_affine(moves, point)
    return float(np.linalg.norm(to_lps @ found.TransformPoint(on_target.tolist()) - point))


def corners() -> Iterator[np.ndarray]:
    """The corners of a head (RAS, mm)."""
    yield from np.stack(np.meshgrid(*([-80.0, 80.0],) * 3), -1).reshape(-1, 3)


if __name__ == "__main__":
    sys.exit(main())

"""Lay out what a person needs to correct an output or to draw a lesion: images, present version, names of values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.corrections.targets import LESION, TEMPLATE, Target
from strokeprep.editing import labels
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, json_files, tables, transforms, whole
from strokeprep.io.whole import write_json, write_text
from strokeprep.kinds import FACE, PROPOSAL
from strokeprep.registration.template import standard
from strokeprep.settings.config import Config
from strokeprep.study import moves, naming
from strokeprep.study.naming import ORIG
from strokeprep.study.scans import Image, Scan, Subject

IMAGE, MASK, ENHANCED = "image.nii.gz", "mask.nii.gz", "enhancement.nii.gz"
MOVING, FIXED, TRANSFORM = "moving.nii.gz", "fixed.nii.gz", "transform.tfm"
ABOUT, README = "laid_out.json", "README.txt"
BASELINE_FRAMES = 3


@dataclass(frozen=True)
class Desk:
    """A folder in which one output is corrected.

    ``into`` is the folder that takes the result, and ``call`` the command that puts it there.
    """

    folder: Path
    target: Target
    subject: Subject
    config: Config
    into: Path
    call: str

    def made(self, name: str) -> Path:
        """An output where it is made."""
        return Path(str(self.config.work)) / naming.MADE / name

    def laid_out(self) -> Mapping[str, str]:
        """The digest of each file as it was laid out."""
        path = self.folder / ABOUT
        if not path.is_file():
            remedy = f"Lay it out: strokeprep correct sub-{self.subject.name} {self.target.word}."
            raise StrokeprepError("Nothing was laid out here", self.folder, remedy)
        about = json_files.read(path)
        if about["Target"] != self.target.name:
            what = f"This was laid out to correct {about['Target']}"
            raise StrokeprepError(what, self.folder, "Name that output, or another folder.")
        return dict(about["Files"])


def lay_out(desk: Desk) -> list[str]:
    """Fill the folder; returns what to tell the person."""
    _refuse_folder(desk)
    desk.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = _transform(desk) if desk.target.kind is None else _mask(desk)
    write_text("\n".join(lines) + "\n", desk.folder / README)
    files = sorted(path for path in desk.folder.iterdir() if path.is_file())
    digests = {path.name: whole.digest(path) for path in files}
    write_json({"Target": desk.target.name, "Files": digests}, desk.folder / ABOUT)
    return lines


def _refuse_folder(desk: Desk) -> None:
    folder = desk.folder.resolve()
    for option, place in (("--folder", folder), ("--into", desk.into.resolve())):
        for released in (desk.config.output, str(desk.config.release.folder)):
            if place.is_relative_to(Path(released).resolve()):
                what = "A correction would be made inside of what is released"
                raise StrokeprepError(what, place, f"Choose a folder elsewhere with {option}.")
    if folder.exists() and any(folder.iterdir()):
        raise StrokeprepError(
            "The folder holds files already",
            folder,
            "Take the correction in with --done, or remove the folder to begin anew.",
        )


def _mask(desk: Desk) -> list[str]:
    """An image and the mask on it."""
    target, kind = desk.target, desk.target.kind
    if kind is None:
        raise ValueError(f"{target.name} is no mask")
    image = _shown(desk)
    images.write(image, desk.folder / IMAGE)
    for other in _others(desk):
        images.write(_read(desk, _scan(desk), other), desk.folder / f"{other.kind.name}.nii.gz")
    begun = _begun(desk)
    mask = images.read(begun) if begun else sitk.Image(image * 0)
    if target.is_vessel:
        mask = _vessel(desk, image)
        images.write(_enhancement(desk, image), desk.folder / ENHANCED)
    mask = sitk.Cast(mask, sitk.sitkUInt8)
    images.write(mask, desk.folder / MASK)
    values = [int(value) for value in np.unique(images.array(mask)) if value]
    one = {1: kind.title or kind.name}
    named = one if kind.suffix == "mask" else {n: f"{kind.name} {n}" for n in values or [1]}
    write_text(labels.for_itksnap(named), desk.folder / labels.SNAP)
    write_text(labels.for_slicer(named), desk.folder / labels.SLICER)
    return _how_to_draw(desk)


def _shown(desk: Desk) -> sitk.Image:
    """The image of a mask: without its face, but for the mask of the face itself."""
    scan = _scan(desk)
    best = next((each for each in scan.images if _shows_infarcts(desk, each)), scan.pilot)
    return _read(desk, scan, best)


def _others(desk: Desk) -> list[Image]:
    """The scan's other images on the same grid, such as the ADC map, by which a lesion is judged."""
    if desk.target.kind is not LESION or len(_scan(desk).images) == 1:
        return []
    return [image for image in _scan(desk).images if not _shows_infarcts(desk, image)]


def _scan(desk: Desk) -> Scan:
    """The scan whose grid the mask has."""
    return next(each for each in desk.subject.scans if each.pilot.path == desk.target.image)


def _shows_infarcts(desk: Desk, image: Image) -> bool:
    return desk.target.kind is LESION and image.kind.name == "trace"


def _read(desk: Desk, scan: Scan, image: Image) -> sitk.Image:
    """An image as it was released, or the raw one where there is none or its face is meant."""
    is_pilot = image is scan.pilot
    name = moves.pilot(scan) if is_pilot else naming.defaced(scan, image.kind.suffix)
    use_raw = desk.target.kind is FACE or not desk.made(name).exists()
    return images.read_mean(image.path if use_raw else desk.made(name))


def _begun(desk: Desk) -> Path | None:
    """What a person goes on from: the mask that was made, or else what a network proposes."""
    work, target = Path(str(desk.config.work)), desk.target
    proposed = work / naming.PROPOSALS / naming.label(target.scan, ORIG, PROPOSAL)
    known = [desk.made(target.name), *([proposed] if target.is_drawn_first else [])]
    return next((path for path in known if path.exists()), None)


def _vessel(desk: Desk, image: sitk.Image) -> sitk.Image:
    """The voxels of the present artery or vein, as the table of them says."""
    mask = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    mask.CopyInformation(image)
    table = desk.made(naming.vessel_voxels(desk.target.scan))
    for row in tables.read(table) if table.exists() else ():
        if row["vessel"] == desk.target.word:
            x, y, z = (float(row[axis]) for axis in "xyz")
            mask[mask.TransformPhysicalPointToIndex((-x, -y, z))] = 1
    return mask


def _enhancement(desk: Desk, image: sitk.Image) -> sitk.Image:
    """By how much each voxel of a series rises, which shows arteries and veins."""
    scan = desk.target.scan
    path = desk.made(naming.preproc(scan, scan.pilot.kind.suffix, ORIG, "preproc"))
    source = path if path.exists() else desk.target.image
    series = images.voxels(images.open_nifti(source), source)
    before = series[..., :BASELINE_FRAMES].mean(-1, dtype=np.float32)
    return images.like((series.max(-1) - before).astype(np.float32), image)


def _transform(desk: Desk) -> list[str]:
    """Two images and the transform between them."""
    target, subject = desk.target, desk.subject
    onto_template = target.word == TEMPLATE
    fixed = standard(desk.config.template).t1 if onto_template else _pilot(desk, subject.base)
    images.write(_pilot(desk, target.scan), desk.folder / MOVING)
    images.write(fixed, desk.folder / FIXED)
    path = desk.made(target.name)
    present = transforms.read(path) if path.exists() else sitk.AffineTransform(3)
    linear = present.IsLinear()
    transforms.write(
        transforms.linear(transforms.matrix(present)) if linear else sitk.AffineTransform(3),
        desk.folder / TRANSFORM,
    )
    return _how_to_move(desk)


def _pilot(desk: Desk, scan: Scan) -> sitk.Image:
    released = desk.made(moves.pilot(scan))
    return images.read_mean(released if released.exists() else scan.pilot.path)


def _how_to_draw(desk: Desk) -> list[str]:
    at = desk.folder.resolve()
    shown = ENHANCED if desk.target.is_vessel else IMAGE
    others = [f"{image.kind.name}.nii.gz" for image in _others(desk)]
    proposed = _begun(desk) if desk.target.is_drawn_first else None
    begun = ", which a network proposes and nobody has looked at" if proposed else ""
    return [
        f"{desk.target.name}: correct {MASK}{begun} over {shown}.",
        *([f"Of the same scan: {', '.join(others)}."] if others else []),
        "",
        f"ITK-SNAP:  itksnap -g {at / shown} -s {at / MASK} -l {at / labels.SNAP}",
        "           Segmentation > Save segmentation image, as it is named.",
        f"3D Slicer: drag {shown} in; drag {MASK} in as Segmentation; edit in Segment Editor.",
        f"           {labels.SLICER} is its colour table. Save the segmentation as .seg.nrrd here.",
        f"MRIcroGL:  open {shown}; Draw > Open drawing {MASK}; Draw > Save drawing, here.",
        "",
        f"Then: {desk.call}",
    ]


def _how_to_move(desk: Desk) -> list[str]:
    return [
        f"{desk.target.name}: move {MOVING} until it lies on {FIXED}.",
        "",
        f"3D Slicer: drag {FIXED}, {MOVING} and {TRANSFORM} in; in Transforms put {MOVING} under",
        "           the transform, move it, and save the transform here as .tfm or .h5.",
        f"ITK-SNAP:  open {FIXED}, add {MOVING} as another image, Tools > Registration > Manual;",
        "           save it here as ITK Transform File (.txt), not as Convert3D.",
        "",
        f"Then: {desk.call}",
    ]

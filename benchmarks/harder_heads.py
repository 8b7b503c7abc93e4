"""Real heads made harder in the ways of real archives, by the template backend: which wrong masks pass?

    python benchmarks/harder_heads.py FOLDER [--heads NAME …] [--variants NAME …] [--lesion HEAD MASK] [--out TSV]
    python benchmarks/harder_heads.py FOLDER --draws 831 832 …    # chains of changes that seeds draw

The heads are laid out as for ``heads.py``, each with the right mask in ``judge.nii.gz``. Each variant changes image
and mask alike. A row has the Dice coefficient of the template backend's mask with the right one, CPU seconds, the
audit's verdict with the figures that do not pass, or why the head was refused. Where Dice is below .92 and the figures
of the image pass, those that need the template are taken, too. The last line counts the heads that were refused, wrong,
and wrong with every figure passing; the exit status is 1 if there is one of these. A lesion (``MASK``, drawn on the image
of ``HEAD``) is painted at the place in each head where the template has it.

With ``--draws`` each seed and head give one to three changes in a row, of drawn strength: field of view, turns,
proportions, sizes of voxels and slices, shading, noise, contrast. Seeds that no setting was chosen on say how heads fare
that nobody has seen.
"""

from __future__ import annotations

import argparse
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from defects import Masked, figures  # noqa: E402
from heads import heads_in  # noqa: E402
from strokeprep.errors import StrokeprepError  # noqa: E402
from strokeprep.io import grids, images, labels, transforms  # noqa: E402
from strokeprep.quality import judgement  # noqa: E402
from strokeprep.registration import location  # noqa: E402
from strokeprep.segmentation import brains  # noqa: E402
from strokeprep.segmentation.request import Request  # noqa: E402
from strokeprep.settings.backends import BRAINS  # noqa: E402
from strokeprep.settings.limits import NONE, PASS  # noqa: E402

LEAST_DICE = 0.92
HEADING = (
    "head",
    "variant",
    "Dice",
    "CPU s",
    "verdict",
    "figures that do not pass, or why it was refused",
)

Variant = Callable[[Masked], Masked]


def on(head: Masked, grid: sitk.Image) -> Masked:
    """A head on another grid."""
    outside = float(sitk.GetArrayViewFromImage(head.image).min())
    image = sitk.Resample(head.image, grid, sitk.Transform(), sitk.sitkLinear, outside)
    mask = sitk.Resample(head.mask, grid, sitk.Transform(), sitk.sitkNearestNeighbor)
    return head._replace(image=image, mask=mask)


def spaced(head: Masked, spacing: list[float]) -> Masked:
    """A head with voxels of another size over the same space, each the mean of what it covers."""
    smooth = head.image
    for axis, (new, old) in enumerate(zip(spacing, head.image.GetSpacing(), strict=True)):
        if new > old:
            smooth = sitk.RecursiveGaussian(
                smooth, 0.42 * new, False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis
            )
    extent = np.array(head.image.GetSize()) * head.image.GetSpacing()
    grid = sitk.Image(np.maximum(extent // spacing, 1).astype(int).tolist(), sitk.sitkUInt8)
    grid.SetSpacing(spacing)
    grid.SetDirection(head.image.GetDirection())
    first = (np.array(spacing) / head.image.GetSpacing() - 1) / 2
    grid.SetOrigin(head.image.TransformContinuousIndexToPhysicalPoint(first.tolist()))
    return on(head._replace(image=smooth), grid)


def thick(head: Masked, axis: int, mm: float = 6.0) -> Masked:
    """Slices of some millimetres across an axis of the patient (LPS)."""
    across = int(np.abs(np.reshape(head.image.GetDirection(), (3, 3))[axis]).argmax())
    spacing = list(head.image.GetSpacing())
    spacing[across] = max(mm, spacing[across])
    return spaced(head, [max(each, 1.0) for each in spacing])


def fine(head: Masked, mm: float = 0.6) -> Masked:
    """Small voxels, as a scanner interpolates them."""
    return spaced(head, [mm] * 3)


def cropped(head: Masked, at_top: bool, share: float = 0.3) -> Masked:
    """A field of view without the highest or the lowest share of the brain."""
    brain = np.argwhere(images.array(head.mask) > 0)
    affine = images.affine(head.mask)
    up = int(np.abs(affine[2, :3]).argmax())
    rises = affine[2, up] > 0
    low, high = np.quantile(brain[:, up], (0, 1))
    step = round(share * (high - low))
    size = head.image.GetSize()[up]
    part = slice(0, int(high) - step) if at_top == rises else slice(int(low) + step, size)
    box = tuple(part if axis == up else slice(None) for axis in range(3))
    return head._replace(image=head.image[box], mask=head.mask[box])


def turned(head: Masked, degrees: tuple[float, float, float]) -> Masked:
    """A head held obliquely: the header turns with it, voxels stay."""
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*np.radians(degrees).tolist())
    both = [sitk.Image(each) for each in (head.image, head.mask)]
    for each in both:
        matrix = np.reshape(turn.GetMatrix(), (3, 3)) @ np.reshape(each.GetDirection(), (3, 3))
        each.SetDirection(matrix.ravel().tolist())
        each.SetOrigin(turn.TransformPoint(each.GetOrigin()))
    return head._replace(image=both[0], mask=both[1])


def regridded(head: Masked, degrees: tuple[float, float, float]) -> Masked:
    """A head turned within a grid that stays straight."""
    return on(turned(head, degrees), grids.cubic_grid(turned(head, degrees).image, 1.5))


def valued(head: Masked, change: Callable[[np.ndarray], np.ndarray]) -> Masked:
    """A head with other grey values."""
    values = images.array(head.image).astype(np.float32)
    return head._replace(image=images.like(change(values).astype(np.float32), head.image))


def level(head: Masked) -> float:
    """The usual grey value of the brain."""
    return float(np.median(images.array(head.image)[images.array(head.mask) > 0]))


def noisy(head: Masked) -> Masked:
    """Noise of a sixth of the brain's brightness, or of 12 HU."""
    sigma = 12.0 if head.modality == "ct" else level(head) / 6
    random = np.random.default_rng(1)

    def change(values: np.ndarray) -> np.ndarray:
        noise = random.normal(0, sigma, (2, *values.shape))
        return values + noise[0] if head.modality == "ct" else np.hypot(values + noise[0], noise[1])

    return valued(head, change)


def shaded(head: Masked) -> Masked:
    """The shading of a surface coil: an eighth of the brightness is left in the far corner of the image."""
    size = head.image.GetSize()
    ramp = (
        np.linspace(0, 1, size[1])[None, :, None] + 0.5 * np.linspace(0, 1, size[0])[:, None, None]
    )
    return valued(head, lambda values: values * np.exp(-np.log(4) * ramp))


def padded(head: Masked) -> Masked:
    """A wide margin without signal, as after resampling to a common size."""
    empty = -2000.0 if head.modality == "ct" else 0.0
    margin = [round(50 / each) for each in head.image.GetSpacing()]
    return head._replace(
        image=sitk.ConstantPad(sitk.Cast(head.image, sitk.sitkFloat32), margin, margin, empty),
        mask=sitk.ConstantPad(head.mask, margin, margin, 0),
    )


def stripped(head: Masked) -> Masked:
    """Without its skull; what is not brain is 0, also on CT."""
    return valued(head, lambda values: values * (images.array(head.mask) > 0))


def rescaled(head: Masked) -> Masked:
    """MR between 0 and 1, with the ringing of an interpolation around 0; CT with air at -3024."""
    if head.modality == "ct":
        return valued(head, lambda values: np.where(values < -1000, -3024, values))
    random = np.random.default_rng(1)
    return valued(head, lambda values: values / values.max() + random.normal(0, 2e-3, values.shape))


class Lesion(NamedTuple):
    """A lesion and the map of its space to the template."""

    mask: sitk.Image
    to_template: sitk.Transform

    @classmethod
    def read(cls, folder: Path, name: str, mask: Path) -> Lesion:
        """The lesion that was drawn on a head of a folder."""
        head = heads_in(folder, [name])[0]
        place = location.locate(images.read(head.image), head.modality, name)
        return cls(labels.read(mask), place.affine)

    def painted(self, head: Masked) -> Masked:
        """A head that has the lesion: dark on CT, and on MR as bright as fluid or as dark."""
        place = location.locate(head.image, head.modality, head.name)
        move = transforms.chain([place.affine, self.to_template.GetInverse()])
        there = (
            images.array(sitk.Resample(self.mask > 0, head.image, move, sitk.sitkNearestNeighbor))
            > 0
        )
        there &= images.array(head.mask) > 0
        if head.modality == "ct":
            return valued(head, lambda values: np.where(there, values - 22, values))
        factor = 1.9 if place.contrast == "bright fluid" else 0.5
        return valued(head, lambda values: np.where(there, factor * values, values))


VARIANTS: dict[str, Variant] = {
    "as it is": lambda head: head,
    "6 mm sagittal": partial(thick, axis=0),
    "6 mm coronal": partial(thick, axis=1),
    "6 mm axial": partial(thick, axis=2),
    "0.6 mm": fine,
    "cropped at the top": partial(cropped, at_top=True),
    "cropped at the base": partial(cropped, at_top=False),
    "nodded by 20°": partial(turned, degrees=(20, 0, 0)),
    "nodded back by 20°": partial(turned, degrees=(-20, 0, 0)),
    "tilted by 20°, straight grid": partial(regridded, degrees=(0, 20, 0)),
    "noisy": noisy,
    "shaded": shaded,
    "padded": padded,
    "stripped": stripped,
    "other grey values": rescaled,
}
MR_ONLY = ("shaded",)


def without_an_end(head: Masked, random: np.random.Generator) -> Masked:
    """A field of view that ends in the brain, by at most a quarter of its height."""
    return cropped(head, bool(random.integers(2)), random.uniform(0.05, 0.25))


def held_obliquely(head: Masked, random: np.random.Generator) -> Masked:
    """Turned by up to 15° about each axis, by its header or within a straight grid."""
    way = turned if random.integers(2) else regridded
    return way(head, tuple(random.uniform(-15, 15, 3)))


def stretched(head: Masked, random: np.random.Generator) -> Masked:
    """Of another size and other proportions, by up to 7 % along each axis of the voxels."""
    both = [sitk.Image(each) for each in (head.image, head.mask)]
    spacing = random.uniform(0.93, 1.07, 3) * head.image.GetSpacing()
    for each in both:
        each.SetSpacing(spacing.tolist())
    return head._replace(image=both[0], mask=both[1])


def in_slices(head: Masked, random: np.random.Generator) -> Masked:
    """Slices of 3 to 7 mm across any axis of the patient."""
    return thick(head, int(random.integers(3)), random.uniform(3, 7))


def in_voxels(head: Masked, random: np.random.Generator) -> Masked:
    """Cubic voxels of 0.7 to 3 mm."""
    return fine(head, random.uniform(0.7, 3))


def in_a_coil(head: Masked, random: np.random.Generator) -> Masked:
    """Shading that leaves down to a quarter of the brightness, along any direction (MR)."""
    affine = images.affine(head.image)[:3, :3]
    way = random.normal(size=3) @ affine
    index = np.indices(head.image.GetSize(), np.float32)
    along = np.tensordot(way, index, 1)
    inside = along[images.array(head.mask) > 0]
    ramp = (along - inside.min()) / np.ptp(inside)
    strength = random.uniform(0.3, np.log(4))
    return valued(head, lambda values: values * np.exp(-strength * ramp))


def with_noise(head: Masked, random: np.random.Generator) -> Masked:
    """Noise of up to a sixth of the brain's brightness, or of 15 HU."""
    sigma = random.uniform(0.03, 0.17) * (90.0 if head.modality == "ct" else level(head))

    def change(values: np.ndarray) -> np.ndarray:
        noise = random.normal(0, sigma, (2, *values.shape))
        return values + noise[0] if head.modality == "ct" else np.hypot(values + noise[0], noise[1])

    return valued(head, change)


def of_other_contrast(head: Masked, random: np.random.Generator) -> Masked:
    """Grey values raised to a power between .6 and 1.6 (MR)."""
    usual, power = level(head), random.uniform(0.6, 1.6)
    return valued(head, lambda values: usual * (np.maximum(values, 0) / usual) ** power)


Drawn = Callable[[Masked, np.random.Generator], Masked]
# In the order in which a scan comes by them.
DRAWN: dict[str, Drawn] = {
    "stretched": stretched,
    "contrast": of_other_contrast,
    "obliquely": held_obliquely,
    "an end cut off": without_an_end,
    "slices": in_slices,
    "voxels": in_voxels,
    "shaded": in_a_coil,
    "noisy": with_noise,
}
DRAWN_FOR_MR = ("contrast", "shaded")
MOST_DRAWN = 3


def drawn(head: Masked, seed: int) -> tuple[Masked, str]:
    """A head after one to three drawn changes, and what they are."""
    random = np.random.default_rng([seed, zlib.crc32(head.name.encode())])
    names = [name for name in DRAWN if head.modality == "mr" or name not in DRAWN_FOR_MR]
    chosen = random.choice(names, random.integers(1, MOST_DRAWN + 1), replace=False)
    for name in DRAWN:
        if name in chosen:
            head = DRAWN[name](head, random)
    return head, f"{seed}: {', '.join(name for name in DRAWN if name in chosen)}"


def made_harder(
    head: Masked, variants: dict[str, Variant], draws: list[int] | None
) -> Iterator[tuple[Masked, str]]:
    """A head's variants, or those that seeds draw, and what they are called."""
    if draws:
        yield from (drawn(head, seed) for seed in draws)
        return
    for name, variant in variants.items():
        if head.modality == "mr" or name not in MR_ONLY:
            yield variant(head), name


def masked(folder: Path, names: list[str]) -> Iterator[Masked]:
    """The heads of a folder with their right masks."""
    for head in heads_in(folder, names):
        if (mask := head.judge()) is not None:
            right = sitk.Cast(mask > 0, sitk.sitkUInt8)
            image = sitk.Cast(images.read(head.image), sitk.sitkFloat32)
            yield Masked(head.name, image, head.modality, right)


def row(head: Masked, variant: str) -> tuple[list[str], str]:
    """The cells of a head, and whether it is right, told, refused, or wrong in silence."""
    cells, start = [head.name, variant], time.process_time()
    try:
        mask = brains.found(Request(head.image, head.modality, head.name), BRAINS["template"]).mask
    except StrokeprepError as error:
        return [*cells, "-", "-", "-", " ".join(str(error).split())], "refused"
    seconds = time.process_time() - start
    dice = labels.dice(images.array(mask) > 0, images.array(head.mask) > 0)
    measured = figures(head, mask, False)
    if dice < LEAST_DICE and not beyond(measured):
        measured = figures(head, mask, True)
    verdict = judgement.worst(each.verdict for each in measured)
    cells += [f"{dice:.3f}", f"{seconds:.1f}", verdict, " ".join(beyond(measured))]
    if dice >= LEAST_DICE:
        return cells, "right"
    return cells, "wrong and told" if beyond(measured) else "wrong in silence"


def beyond(measured: tuple[judgement.Measurement, ...]) -> list[str]:
    """The figures that do not pass."""
    return [
        f"{each.metric} {each.value:.1f}" for each in measured if each.verdict not in (PASS, NONE)
    ]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--heads", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="only these")
    parser.add_argument(
        "--draws", type=int, nargs="+", metavar="SEED", help="drawn changes instead"
    )
    parser.add_argument("--lesion", nargs=2, metavar=("HEAD", "MASK"))
    parser.add_argument("--out", type=Path, help="a TSV file")
    given = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    variants = dict(VARIANTS)
    if given.lesion:
        lesion = Lesion.read(given.folder, given.lesion[0], Path(given.lesion[1]))
        variants["lesion"] = lesion.painted
    if given.variants:
        variants = {name: variants[name] for name in given.variants}
    rows, outcomes = [list(HEADING)], []
    print(*HEADING, sep="\t", flush=True)
    for head in masked(given.folder, given.heads):
        for harder, name in made_harder(head, variants, given.draws):
            cells, outcome = row(harder, name)
            print(*cells, sep="\t", flush=True)
            rows.append(cells)
            outcomes.append(outcome)
    kinds = ("right", "refused", "wrong and told", "wrong in silence")
    print(", ".join(f"{outcomes.count(kind)} {kind}" for kind in kinds))
    if given.out:
        given.out.write_text("\n".join("\t".join(each) for each in rows) + "\n")
    return int("wrong in silence" in outcomes)


if __name__ == "__main__":
    sys.exit(main())

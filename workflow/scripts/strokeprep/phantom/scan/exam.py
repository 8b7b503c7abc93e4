"""The scans of one head: CT, CT angiography, CT perfusion, diffusion and T1-weighted MRI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.phantom.head.anatomy import lattice_image
from strokeprep.phantom.head.shapes import FLIP, Lattice
from strokeprep.phantom.head.subject import Head
from strokeprep.phantom.scan import contrast, scanner
from strokeprep.phantom.scan.bolus import Tissue
from strokeprep.phantom.scan.circulation import Region
from strokeprep.phantom.scan.contrast import B_VALUE
from strokeprep.phantom.scan.scanner import Grid

# Beside bone the beam is hardened about so far (mm, SD), and what is brighter counts as bone.
HARDENED_MM, BONE_HU = 10.0, 300.0


@dataclass(frozen=True)
class View:
    """The grid of a scan and the pose of the head in it."""

    grid: Grid
    head_to_image: sitk.Euler3DTransform
    over: tuple[int, int, int]

    @property
    def image_to_head(self) -> sitk.Transform:
        return self.head_to_image.GetInverse()

    def sample(self, head: Head, array: np.ndarray, outside: float = 0.0) -> np.ndarray:
        """A head-space array, sampled by this scan."""
        return scanner.sampled(head.image(array), self.grid, self.image_to_head, self.over, outside)

    def mask(self, head: Head, share: np.ndarray) -> np.ndarray:
        """Voxels that are filled by at least half along the slice thickness through their centre."""
        over = (1, 1, self.over[2])
        filled = scanner.sampled(head.cropped(share), self.grid, self.image_to_head, over)
        return (filled >= 0.5).astype(np.uint8)


def ct_scan(
    head: Head, volume: np.ndarray, view: View, noise: float, random: np.random.Generator
) -> np.ndarray:
    """A 3-D CT in int16 HU, with head holder, noise and round field of view."""
    hu = view.sample(head, volume, outside=-1000.0)
    holder = scanner.head_holder(hu > -500, view.grid)
    inside = scanner.circle(view.grid)
    result = np.empty(view.grid.shape, np.int16)
    for k, plane in enumerate(hu):
        plane = plane + holder * (scanner.HOLDER_HU - plane)
        plane += scanner.ct_noise(random, plane.shape, noise)
        result[k] = _as_hu(plane, inside)
    return result


def _as_hu(plane: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Rounded HU, never below the padding, padding outside the circle."""
    return np.where(inside, np.clip(np.rint(plane), -1024, 3071), scanner.PADDING_HU)


@dataclass(frozen=True)
class Motion:
    """Rigid head motion per frame about a centre (LPS): angles in radians, shifts in mm."""

    centre: np.ndarray
    angles: np.ndarray  # frames x 3
    shifts: np.ndarray  # frames x 3

    def at(self, frame: int) -> sitk.Euler3DTransform:
        """The transform from image points in the reference pose to points in this frame."""
        rigid = sitk.Euler3DTransform()
        rigid.SetCenter(self.centre.tolist())
        rigid.SetRotation(*self.angles[frame].tolist())
        rigid.SetTranslation(self.shifts[frame].tolist())
        return rigid


def draw_motion(
    random: np.random.Generator, times: np.ndarray, centre: np.ndarray, motion_mm: float
) -> Motion:
    """Nodding and drift of up to about motion_mm millimetres and degrees, with a mean of zero."""
    t = (times / times[-1])[:, None]
    cycles, phase = random.uniform(0.7, 2.2, (2, 6)), random.uniform(0, 2 * np.pi, (2, 6))
    waves = np.sin(2 * np.pi * cycles[0] * t + phase[0])
    waves += 0.4 * np.sin(2 * np.pi * 2.3 * cycles[1] * t + phase[1])
    drift = random.uniform(-1.5, 1.5, 6) * t
    course = waves + drift
    course -= course.mean(0)
    course /= np.abs(course).max(0)
    course *= motion_mm * np.array([1.0, 0.35, 0.45, 0.3, 0.5, 0.6])  # mostly nodding
    return Motion(np.asarray(centre, float), np.radians(course[:, :3]), course[:, 3:])


class Slab:
    """The part of the head that a perfusion scan covers, with the mixture of curves in each voxel.

    Where bone is all around, ``hardened_hu`` are lost: it hardens the beam, so that what lies between looks dark.
    """

    def __init__(
        self,
        head: Head,
        view: View,
        motion_mm: float,
        regions: Sequence[Region] = (),
        hardened_hu: float = 0.0,
    ) -> None:
        self.box = _covered(head.lattice, view, reach=4 + 4 * motion_mm)
        self.base = contrast.ncct(head)[self.box]
        self.lattice = head.lattice.inset(self.box)
        if hardened_hu:
            self.base -= hardened_hu * _bone_around(self.base, self.lattice)
        parts = _curve_shares(
            {name: share[self.box] for name, share in head.shares.items()}, regions, self.lattice
        )
        self.names = list(parts)
        self.where = np.flatnonzero(sum(parts.values()) > 0)
        self.shares = np.stack([part.ravel()[self.where] for part in parts.values()])

    def enhanced(self, values: dict[str, float]) -> sitk.Image:
        """The HU of the slab, with each kind of tissue enhanced by a value."""
        volume = self.base.copy()
        weights = np.array([values[name] for name in self.names], np.float32)
        volume.reshape(-1)[self.where] += weights @ self.shares
        return lattice_image(volume, self.lattice)

    def mixed(self, values: dict[str, float]) -> sitk.Image:
        """The sum over kinds of share times value (missing kinds count as zero)."""
        volume = np.zeros(self.base.shape, np.float32)
        weights = np.array([values.get(name, 0) for name in self.names], np.float32)
        volume.reshape(-1)[self.where] = weights @ self.shares
        return lattice_image(volume, self.lattice)


def _bone_around(hu: np.ndarray, lattice: Lattice) -> np.ndarray:
    """The share of bone around each voxel, in its slice."""
    sigma = np.array([0, HARDENED_MM, HARDENED_MM]) / lattice.spacing
    return ndimage.gaussian_filter((hu > BONE_HU).astype(np.float32), sigma)


def _covered(lattice: Lattice, view: View, reach: float) -> tuple[slice, ...]:
    """The box in head space around the grid of a view."""
    corners = [
        view.grid.point((i, j, k))
        for i in (-0.5, view.grid.size[0] - 0.5)
        for j in (-0.5, view.grid.size[1] - 0.5)
        for k in (-0.5, view.grid.size[2] - 0.5)
    ]
    back = view.image_to_head
    ras = np.array([FLIP @ back.TransformPoint(tuple(c)) for c in corners])
    return lattice.box(ras.min(0) - reach, ras.max(0) + reach)


def _curve_shares(
    s: dict[str, np.ndarray], regions: Sequence[Region], lattice: Lattice
) -> dict[str, np.ndarray]:
    """Each voxel's share of every curve; vessels displace tissue, and stroke other regions."""
    tissue = np.clip(1 - s["artery"] - s["collateral"] - s["vein"] - s["thrombus"], 0, 1)
    healthy = tissue * (1 - s["core"] - s["penumbra"])
    parts = {
        "gm": s["gm"] * healthy,
        "wm": s["wm"] * healthy,
        "penumbra-gm": s["gm"] * s["penumbra"] * tissue,
        "penumbra-wm": s["wm"] * s["penumbra"] * tissue,
        "core": (s["gm"] + s["wm"]) * s["core"] * tissue,
        "artery": s["artery"],
        "collateral": s["collateral"],
        "vein": s["vein"],
    }
    for region in reversed(regions):
        here = region.share(lattice)
        for kind in region.kinds:
            parts[f"{region.name}-{kind}"] = parts[kind] * here
            parts[kind] = parts[kind] * (1 - here)
    return parts


@dataclass(frozen=True)
class Stop:
    """A place at which the table stands in every frame: the slices that it shows, and how long after the frame's time."""

    slices: slice
    later_s: float


STILL = (Stop(slice(None), 0.0),)


def shuttle(slices: int, interval_s: float) -> tuple[Stop, Stop]:
    """The stops of a table that goes back and forth between the lower and the upper half of the slices."""
    half = slices // 2
    return Stop(slice(0, half), 0.0), Stop(slice(half, slices), interval_s / 2)


def slice_timing(stops: Sequence[Stop], slices: int) -> np.ndarray:
    """How long after its frame's time each slice is taken (s)."""
    later = np.zeros(slices)
    for stop in stops:
        later[stop.slices] = stop.later_s
    return later


def ctp_scan(
    slab: Slab,
    view: View,
    curves: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    times: np.ndarray,
    motion: Motion,
    noise: Callable[[], np.ndarray],
    stops: Sequence[Stop] = STILL,
) -> np.ndarray:
    """The 4-D perfusion series, [t, z, y, x] int16 HU; the head moves, the head holder does not.

    ``curves`` gives those of every pure kind of voxel at times, ``noise`` that of a frame. While the table goes from stop
    to stop the head stays as it is.
    """
    grid, inside = view.grid, scanner.circle(view.grid)
    still = scanner.sampled(
        slab.enhanced(dict.fromkeys(slab.names, 0.0)), grid, view.image_to_head, view.over, -1000
    )
    holder = scanner.head_holder(still > -500, grid)
    series = np.empty((len(times), *grid.shape), np.int16)
    of_stops = [(stop.slices, curves(times + stop.later_s)) for stop in stops]
    for frame in range(len(series)):
        back = sitk.CompositeTransform([view.image_to_head, motion.at(frame).GetInverse()])
        hu = np.empty(grid.shape, np.float32)
        for slices, kinds in of_stops:
            volume = slab.enhanced({name: curve[frame] for name, curve in kinds.items()})
            hu[slices] = scanner.sampled(volume, grid, back, view.over, -1000.0)[slices]
        hu += holder * (scanner.HOLDER_HU - hu)
        hu += noise()
        series[frame] = _as_hu(hu, inside)
    return series


def perfusion_maps(slab: Slab, view: View, tissues: Mapping[str, Tissue]) -> dict[str, np.ndarray]:
    """True cbf, cbv, mtt and tmax on the scan's grid at the reference pose (float32).

    Flow and volume are means over the voxel; MTT is their ratio; "tmax" is the flow-weighted delay
    of arrival after the arterial input. Zero where there is no tissue.
    """

    def mean(values: dict[str, float]) -> np.ndarray:
        return scanner.sampled(slab.mixed(values), view.grid, view.image_to_head, view.over)

    cbf = mean({name: t.cbf for name, t in tissues.items()})
    cbv = mean({name: t.cbv for name, t in tissues.items()})
    delayed = mean({name: t.cbf * t.delay_s for name, t in tissues.items()})
    flowing = cbf > 0.5
    safe = np.where(flowing, cbf, 1)
    return {
        "cbf": np.where(flowing, cbf, 0).astype(np.float32),
        "cbv": np.where(flowing, cbv, 0).astype(np.float32),
        "mtt": np.where(flowing, 60 * cbv / safe, 0).astype(np.float32),
        "tmax": np.where(flowing, delayed / safe, 0).astype(np.float32),
    }


def stroke_masks(slab: Slab, view: View) -> dict[str, np.ndarray]:
    """Voxels of which at least half is core, or penumbra."""
    kinds = {"core": ("core",), "penumbra": ("penumbra-gm", "penumbra-wm")}
    return {
        name: (
            scanner.sampled(
                slab.mixed(dict.fromkeys(parts, 1.0)), view.grid, view.image_to_head, view.over
            )
            >= 0.5
        ).astype(np.uint8)
        for name, parts in kinds.items()
    }


def artery_labels(slab: Slab, view: View) -> np.ndarray:
    """1 where a voxel is at least 40 % artery, 2 where it is at least 40 % vein."""
    arteries = [name for name in slab.names if name.endswith("artery")]
    artery, vein = (
        scanner.sampled(
            slab.mixed(dict.fromkeys(of, 1.0)), view.grid, view.image_to_head, view.over
        )
        for of in (arteries, ["vein"])
    )
    return np.where(artery >= 0.4, 1, np.where(vein >= 0.4, 2, 0)).astype(np.uint8)


def dwi_scan(
    head: Head, view: View, noise: float, random: np.random.Generator
) -> dict[str, np.ndarray]:
    """b0, trace and ADC, int16; without noise, trace = b0 exp(-b ADC)."""
    b0, adc = view.sample(head, contrast.b0(head)), view.sample(head, contrast.adc(head))
    trace = b0 * np.exp(-B_VALUE * 1e-6 * adc)
    noisy_b0 = np.rint(scanner.rician(random, b0, noise))
    noisy_trace = np.rint(scanner.rician(random, trace, noise / 2))  # mean of directions
    measured = 1e6 / B_VALUE * np.log(np.maximum(noisy_b0, 1) / np.maximum(noisy_trace, 1))
    measured = np.where(noisy_b0 > 4 * noise, np.clip(measured, 0, 4000), 0)
    scans = {"b0": noisy_b0, "trace": noisy_trace, "adc": np.rint(measured)}
    return {name: array.astype(np.int16) for name, array in scans.items()}


def t1w_scan(head: Head, view: View, noise: float, random: np.random.Generator) -> np.ndarray:
    """T1-weighted MRI, int16, with a mild bias field and a coil whose signal falls at the neck."""
    return mr_scan(head, "t1w", view, noise, random)


def mr_scan(
    head: Head, name: str, view: View, noise: float, random: np.random.Generator
) -> np.ndarray:
    """An MR image of any contrast that needs no series, int16, seen as `t1w_scan` sees."""
    return shaded_scan(head, name, view, bias(view.grid, random), noise, random)


def shaded_scan(
    head: Head,
    name: str,
    view: View,
    field: np.ndarray,
    noise: float,
    random: np.random.Generator,
) -> np.ndarray:
    """The same with a bias field that is known."""
    signal = view.sample(head, contrast.contrast(name).volume(head)) * field
    return np.rint(scanner.rician(random, signal, noise)).astype(np.int16)


def bias(grid: Grid, random: np.random.Generator) -> np.ndarray:
    """A smooth field of about ±20 % that falls off towards the lowest slices."""
    z, y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in grid.shape)
    slope, phase = random.uniform(-0.1, 0.1, 3), random.uniform(0, np.pi, 3)
    wave = 0.08 * (
        np.sin(2 * x + phase[0])[None, None]
        + np.sin(2 * y + phase[1])[None, :, None]
        + np.sin(2 * z + phase[2])[:, None, None]
    )
    linear = slope[0] * x[None, None] + slope[1] * y[None, :, None] + slope[2] * z[:, None, None]
    coil = 1 / (1 + np.exp(-(z + 0.86) / 0.05))[:, None, None]
    return ((1 + wave + linear) * coil).astype(np.float32)

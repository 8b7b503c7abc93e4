"""Rigid and affine registration beside elastix's, ANTs' and SimpleITK's, against a known truth.

    python benchmarks/registration.py --out registration.tsv [--size small|clinical]
        [--phantom FOLDER]

One phantom subject is simulated. Its CTA, mean CTP and b0 are registered to its NCCT (rigid), and the brain
on its NCCT to the template (affine; the subject is not deformed). ``--phantom`` reuses a folder with ``raw``
and ``truth`` of subject 01. Every method starts from the raw headers, gets the same two images and runs in
its own process on one thread. Times are those of the registration alone, memory is the process's peak
including images and libraries. Accuracy is the distance (mm, mean and maximum over the true brain) between
the true position of a point and the position found. The peers run with their default settings, as far as
they have any; they are pinned in ``benchmarks/peers-registration.txt``. ``engine: ants`` is what
``registration.engine: ants`` runs. Two rows locate the raw head of the NCCT in the template, where ours is
the pose without its warp.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

THREAD_VARIABLES = (
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
for _name in THREAD_VARIABLES:
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from strokeprep import phantom  # noqa: E402
from strokeprep.accuracy.truth import Truth  # noqa: E402
from strokeprep.io import images  # noqa: E402
from strokeprep.phantom.names import MNI, image_stem  # noqa: E402
from strokeprep.registration import deformable, linear, template  # noqa: E402
from strokeprep.registration.head import pose  # noqa: E402
from strokeprep.settings.registration import RegistrationSettings  # noqa: E402

SUBJECT, SEED = "01", 1

# Moving image, fixed image, and the names of their truths.
PAIRS = {
    "CTA to NCCT": ("cta", "ncct", "rigid"),
    "CTP mean to NCCT": ("ctp", "ncct", "rigid"),
    "b0 to NCCT": ("dwi", "ncct", "rigid"),
    "NCCT to template": ("ncct", MNI, "affine"),
    "NCCT head to template": ("ncct", MNI, "pose"),
}
LEVELS, BINS = 4, 50


def ours(fixed: sitk.Image, moving: sitk.Image, dof: str) -> sitk.Transform:
    """This project's."""
    if dof == "affine":
        return deformable.to_template(moving, fixed).transform
    return linear.rigid(fixed, moving).transform


def by_engine(fixed: sitk.Image, moving: sitk.Image, dof: str) -> sitk.Transform:
    """This project's with ANTs in place of its own engine."""
    if dof == "affine":
        settings = RegistrationSettings(engine="ants")
        return deformable.to_template(moving, fixed, settings=settings).transform
    return linear.rigid(fixed, moving, engine="ants").transform


def pose_of_head(fixed: sitk.Image, moving: sitk.Image, dof: str) -> sitk.Transform:
    """This project's pose of a raw head."""
    return pose.locate(moving, "ct").to_template.GetInverse()


def elastix(fixed: sitk.Image, moving: sitk.Image, dof: str) -> sitk.Transform:
    """elastix with its default parameters (Mattes, random samples) and four levels."""
    import itk

    def convert(image: sitk.Image):
        result = itk.image_from_array(sitk.GetArrayFromImage(image).astype(np.float32))
        result.SetSpacing(image.GetSpacing())
        result.SetOrigin(image.GetOrigin())
        result.SetDirection(itk.matrix_from_array(np.reshape(image.GetDirection(), (3, 3))))
        return result

    settings = itk.ParameterObject.New()
    chosen = settings.GetDefaultParameterMap(dof, LEVELS)
    chosen["AutomaticTransformInitialization"] = ["true"]
    chosen["AutomaticTransformInitializationMethod"] = ["CenterOfGravity"]
    settings.AddParameterMap(chosen)
    _, found = itk.elastix_registration_method(
        convert(fixed), convert(moving), parameter_object=settings, number_of_threads=1
    )
    found = found.GetParameterMap(0)
    numbers = [float(number) for number in found["TransformParameters"]]
    transform = sitk.AffineTransform(3) if dof == "affine" else sitk.Euler3DTransform()
    transform.SetCenter([float(number) for number in found["CenterOfRotationPoint"]])
    transform.SetParameters(numbers)
    return transform


def ants(fixed: sitk.Image, moving: sitk.Image, dof: str) -> sitk.Transform:
    """ANTs' Rigid or Affine with ANTsPy's defaults."""
    import ants
    from ants.config import set_ants_deterministic

    set_ants_deterministic(seed_value=SEED)
    with tempfile.TemporaryDirectory() as folder:
        found = ants.registration(
            deformable.ants_image(fixed),
            deformable.ants_image(moving),
            type_of_transform=dof.capitalize(),
            outprefix=f"{folder}/",
        )
        return sitk.ReadTransform(found["fwdtransforms"][0])


def simpleitk(fixed: sitk.Image, moving: sitk.Image, dof: str) -> sitk.Transform:
    """SimpleITK's ImageRegistrationMethod as its introductory notebook sets it up."""
    fixed, moving = (sitk.Cast(image, sitk.sitkFloat32) for image in (fixed, moving))
    empty = sitk.AffineTransform(3) if dof == "affine" else sitk.Euler3DTransform()
    start = sitk.CenteredTransformInitializer(
        fixed, moving, empty, sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.01, SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescent(1.0, 100, 1e-6, 10)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(fixed, moving)


METHODS = {
    "ours": ours,
    "engine: ants": by_engine,
    "elastix": elastix,
    "ANTs": ants,
    "SimpleITK": simpleitk,
}
POSES = {"ours": pose_of_head}


def scan(folder: Path, name: str) -> sitk.Image:
    """An image of the subject by its name in the truth; of a series the mean."""
    stem = image_stem({"dwi": "b0"}.get(name, name), SUBJECT)
    return images.read_mean(folder / "raw" / f"{stem}.nii.gz")


def pair_of(folder: Path, pair: str) -> tuple[sitk.Image, sitk.Image]:
    """The fixed and the moving image of a pair."""
    moving, fixed, dof = PAIRS[pair]
    if fixed != MNI:
        return scan(folder, fixed), scan(folder, moving)
    if dof == "pose":
        return template.load().t1, scan(folder, moving)
    brain = images.read(folder / "truth" / f"sub-{SUBJECT}" / f"{moving}_brain.nii.gz")
    return template.load().t1, sitk.Mask(scan(folder, moving), brain, 0)


def errors_mm(folder: Path, pair: str, found: sitk.Transform) -> np.ndarray:
    """The distance of each point of the brain from where a transform puts it."""
    moving, fixed, _ = PAIRS[pair]
    truth = Truth(folder / "truth" / f"sub-{SUBJECT}")
    head = truth.head_points(moving)
    flip = np.array([-1, -1, 1])
    there = [found.TransformPoint(p) for p in (truth.points(fixed, head) * flip).tolist()]
    return np.linalg.norm(np.array(there) * flip - truth.points(moving, head), axis=1)


def methods(pair: str) -> dict[str, Callable[..., sitk.Transform]]:
    """What registers a pair, by name."""
    return POSES if PAIRS[pair][2] == "pose" else METHODS


def measured(who: str, pair: str, folder: Path) -> dict[str, float]:
    """Time, memory and accuracy of one method, in this process."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    fixed, moving = pair_of(folder, pair)
    cpu, wall = time.process_time(), time.perf_counter()
    found = methods(pair)[who](fixed, moving, PAIRS[pair][2])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    apart = errors_mm(folder, pair, found)
    accuracy = {"TRE mean": float(apart.mean()), "max": float(apart.max())}
    return {"CPU s": cpu, "wall s": wall, "peak MB": peak, **accuracy}


def in_its_own_process(who: str, pair: str, folder: Path) -> dict[str, float]:
    """The result of :func:`measured` in a process of its own."""
    command = [sys.executable, __file__, "--phantom", str(folder), "--only", who, pair]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(folder: Path, size: str) -> list[list[str]]:
    """Rows of the comparison, heading first."""
    rows = [["what", "ours", "peer", "ratio", "accuracy ours", "accuracy peer"]]
    for pair in PAIRS:
        result = {who: in_its_own_process(who, pair, folder) for who in methods(pair)}
        here = result.pop("ours")
        for peer, there in result.items():
            accuracy = [
                f"TRE mean {m['TRE mean']:.3f}, max {m['max']:.3f} mm" for m in (here, there)
            ]
            for what in ("CPU s", "wall s", "peak MB"):
                numbers = (f"{here[what]:.3g}", f"{there[what]:.3g}")
                label = f"{pair} ({size}) against {peer}: {what}"
                rows.append([label, *numbers, f"{here[what] / there[what]:.2g}", *accuracy])
    return rows


def tables(size: str, folder: Path | None) -> list[list[str]]:
    """The comparison on the phantom in a folder, or on a new one."""
    if folder:
        return table(folder, size)
    with tempfile.TemporaryDirectory() as made:
        raw, truth = Path(made) / "raw", Path(made) / "truth"
        phantom.write_subject(phantom.Patient(SUBJECT, seed=SEED, size=size), raw, truth)
        return table(Path(made), size)


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--size", choices=("small", "clinical"), default="small")
    parser.add_argument("--phantom", type=Path, help="folder with raw and truth of such a subject")
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)  # method, pair: one process
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measured(*options.only, options.phantom)))
        return
    text = "\n".join("\t".join(row) for row in tables(options.size, options.phantom)) + "\n"
    print(text, end="")
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()

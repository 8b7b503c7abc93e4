"""How far the NCCT of simulated patients is registered from where it lies in the template.

    python benchmarks/to_template.py [--seeds 1 2 3] [--size small|clinical]

Each seed draws a patient whose head is the template's moved by an affine, which alone a registration can find exactly.
As in a run, the brain is that of the template backend, and the affine is searched for the image without its skull. A
row has the mean and the largest distance (mm) over the true brain and CPU seconds on one thread; the last row has
the mean and the worst of all patients.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from strokeprep import phantom  # noqa: E402
from strokeprep.accuracy.truth import Truth  # noqa: E402
from strokeprep.io import images, transforms  # noqa: E402
from strokeprep.phantom.names import MNI, image_stem  # noqa: E402
from strokeprep.registration import deformable, template  # noqa: E402
from strokeprep.segmentation import brains  # noqa: E402
from strokeprep.segmentation.request import Request  # noqa: E402
from strokeprep.settings.backends import BRAINS  # noqa: E402
from strokeprep.settings.study import TemplateSettings  # noqa: E402

SUBJECT = "01"


def distances_mm(folder: Path) -> tuple[np.ndarray, float]:
    """The distance of each point of the brain from where it was registered to, and CPU seconds."""
    image = images.read(folder / "raw" / f"{image_stem('ncct', SUBJECT)}.nii.gz")
    brain = brains.found(Request(image, "ct", "ncct"), BRAINS["template"]).mask
    start = time.process_time()
    fixed = template.standard(TemplateSettings()).t1
    found = deformable.to_template(sitk.Mask(image, brain, 0), fixed).transform
    seconds = time.process_time() - start
    truth = Truth(folder / "truth" / f"sub-{SUBJECT}")
    head = truth.head_points("ncct")
    registered = transforms.apply(found, truth.points(MNI, head))
    return np.linalg.norm(registered - truth.points("ncct", head), axis=1), seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--size", choices=("small", "clinical"), default="small")
    options = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    print("seed\tmean mm\tlargest mm\tCPU s", flush=True)
    means = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            patient = phantom.Patient(SUBJECT, seed=seed, size=options.size)
            phantom.write_subject(patient, folder / "raw", folder / "truth")
            apart, seconds = distances_mm(folder)
        means.append(float(apart.mean()))
        print(f"{seed}\t{means[-1]:.3f}\t{apart.max():.3f}\t{seconds:.1f}", flush=True)
    print(f"all\t{np.mean(means):.3f}\t{max(means):.3f} (worst mean)")


if __name__ == "__main__":
    main()

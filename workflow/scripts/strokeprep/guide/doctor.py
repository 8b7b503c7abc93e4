"""Check the installation: Python, packages, GPU, weights, memory, disk, SLURM; a remedy for each fault.

strokeprep doctor               what every run needs
strokeprep doctor study.yaml    and what this study needs

Nothing is written but a lock that is removed at once. No browser and no network is needed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from strokeprep.errors import StrokeprepError
from strokeprep.guide import checks, status
from strokeprep.guide.checks import FAULT, Finding
from strokeprep.guide.words import shown
from strokeprep.segmentation.weights import needed
from strokeprep.segmentation.weights.needed import Mask
from strokeprep.settings.backends import NetworkSettings
from strokeprep.settings.config import Config


def main(arguments: list[str] | None = None) -> int:
    """Print what each check found; 1 if there is a fault."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, nargs="?", help="the config of a study")
    options = parser.parse_args(arguments)
    faults = 0
    for found in _findings(options.config):
        faults += found.state == FAULT
        print(f"{found.state:<6}{shown(found.about)}")
        if found.remedy:
            print(f"        {shown(found.remedy)}", flush=True)
    print(f"{faults} to mend" if faults else "Nothing to mend")
    return int(bool(faults))


def _findings(path: Path | None) -> Iterator[Finding]:
    yield checks.python()
    yield checks.memory()
    yield checks.slurm()
    if path is None:
        networks = NetworkSettings()
        yield from checks.packages()
        yield checks.gpu(networks.device)
        yield from checks.disk([("this folder", ".")])
        yield from checks.weights(None, networks)
        return
    try:
        config = status.read(path)
        masks = needed.masks(status.study_of(config)[0])
    except StrokeprepError as error:
        yield Finding(FAULT, f"{error.what}: {error.where}", error.remedy)
        return
    yield from checks.packages(_lists(masks, config))
    yield checks.gpu(config.models.device)
    yield from checks.disk((("output", config.output), ("work", str(config.work))))
    yield from checks.weights(needed.models(masks, config), config.models)


def _lists(masks: Iterable[Mask], config: Config) -> list[str]:
    """The lists of packages, beside that of every run, that a study needs."""
    backends = [needed.backend(section, scan.modality, config) for section, scan in masks]
    lists = {
        "segmentation": any(each.torch for each in backends),
        "preview": config.release.preview,
    }
    return [name for name, wanted in lists.items() if wanted]

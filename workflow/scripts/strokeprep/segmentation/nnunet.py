"""nnU-Net within one process and the resources that a job was granted.

By themselves, HD-BET and TotalSegmentator start eight or more helper processes, take every core,
fall back to the CPU without a message, and import all of nnU-Net to find a trainer. Here they get
a predictor that works in the calling process, and limits on threads.
"""

from __future__ import annotations

import importlib
import os
import pickle
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest import mock

from strokeprep.errors import StrokeprepError
from strokeprep.segmentation.weights import store
from strokeprep.settings.backends import NetworkSettings

# nnU-Net reads these when it is imported, and complains about those that are not set.
FOLDERS = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")

FIRST_CHANNEL = "_0000.nii.gz"  # how nnU-Net ends the name of an image in a folder


def device(wanted: str) -> str:
    """``cpu`` or ``cuda:<index>``; a GPU that was asked for and is not there is an error."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and count == 0):
        print(f"device: cpu (asked for {wanted}; {count} GPUs seen)")
        return "cpu"
    index = "0" if wanted in ("auto", "cuda") else wanted.removeprefix("cuda:")
    if not index.isdecimal():
        raise StrokeprepError(
            "No such device", f"device: {wanted}", "Give auto, cpu, cuda, or cuda:N."
        )
    if int(index) >= count:
        raise StrokeprepError(
            f"The GPU that was asked for is not there: torch {torch.__version__} sees {count}",
            f"device: {wanted}",
            "Set the device to auto or cpu, or run where there is a GPU and a torch that can use it.",
        )
    print(f"device: cuda:{index} ({torch.cuda.get_device_name(int(index))}; asked for {wanted})")
    return f"cuda:{index}"


@contextmanager
def limits(threads: int) -> Iterator[Path]:
    """At most ``threads`` busy threads, and a private folder for whatever is written meanwhile.

    The packages ask torch for as many threads as there are cores; here they get ``threads`` at most.
    """
    with tempfile.TemporaryDirectory(prefix="strokeprep-") as name:
        private = Path(name)
        variables = dict.fromkeys(FOLDERS, name) | {
            "nnUNet_def_n_proc": str(threads),
            "nnUNet_n_proc_DA": str(threads),
            "nnUNet_compile": "F",
        }
        with mock.patch.dict(os.environ, variables):
            import torch
            from threadpoolctl import threadpool_limits

            granted, before = torch.set_num_threads, torch.get_num_threads()
            capped = mock.patch.object(
                torch, "set_num_threads", lambda count: granted(min(count, threads))
            )
            elsewhere = mock.patch.object(tempfile, "tempdir", name)
            with threadpool_limits(threads), capped, elsewhere, no_code_in_checkpoints():
                granted(threads)
                try:
                    yield private
                finally:
                    granted(before)


@contextmanager
def no_code_in_checkpoints() -> Iterator[None]:
    """Load checkpoints as data: nnU-Net's own call would run whatever code a pickle holds.

    Beside tensors, nnU-Net's checkpoints hold numbers of numpy, under the names of its versions.
    """
    import numpy as np
    import torch

    numbers = [np.dtype, *{type(np.dtype(each)) for each in (np.float32, np.float64, np.int64)}]
    scalar = np.float64(0).__reduce__()[0]
    named = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    load = torch.load

    def as_data(*arguments: Any, **options: Any) -> Any:
        try:
            with torch.serialization.safe_globals([*numbers, *named]):
                return load(*arguments, **options | {"weights_only": True})
        except pickle.UnpicklingError as error:
            raise StrokeprepError(
                "The checkpoint asks for code to be run, so it was not loaded",
                str(arguments[0]),
                "Fetch the published weights; report it if these are the published ones.",
            ) from error

    with mock.patch.object(torch, "load", as_data):
        yield


@contextmanager
def quick_lookup() -> Iterator[None]:
    """Find a trainer by the file that defines it, without importing all the others.

    The full search imports every optional part of nnU-Net, which takes seconds and fails where
    torch and torchvision were not built together.
    """
    import nnunetv2.inference.predict_from_raw_data as predicting

    with mock.patch.object(predicting, "recursive_find_trainer_class_by_name", trainer):
        yield


@cache
def trainer(name: str) -> type:
    """nnU-Net's trainer class of that name."""
    from nnunetv2.training import nnUNetTrainer as trainers

    root = Path(trainers.__path__[0])
    defines = re.compile(rf"^class {re.escape(name)}\b", re.MULTILINE)
    for path in sorted(root.rglob("*.py")):
        if defines.search(path.read_text(encoding="utf-8")):
            parts = path.relative_to(root).with_suffix("").parts
            return getattr(importlib.import_module(".".join((trainers.__name__, *parts))), name)
    raise StrokeprepError(
        f"The weights were trained with {name}, which nnU-Net {metadata.version('nnunetv2')} lacks",
        "nnunetv2",
        "Install the versions that envs/segmentation.txt names.",
    )


def in_process() -> type:
    """An ``nnUNetPredictor`` that starts no processes, however many it is asked for."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    class InProcess(nnUNetPredictor):
        def predict_from_files(  # as nnU-Net declares it
            self, images, results, save_probabilities=False, overwrite=True, *_counts, **_more
        ):
            if isinstance(images, str):  # nnU-Net would list the folder with twelve processes
                listed = sorted(Path(images).glob(f"*{FIRST_CHANNEL}"))
                images = [[str(path)] for path in listed]
                results = [f"{results}/{path.name.removesuffix(FIRST_CHANNEL)}" for path in listed]
            return self.predict_from_files_sequential(
                images, results, save_probabilities, overwrite
            )

    return InProcess


def on_memory(compute: Callable[[], Any], where: str) -> Any:
    """``compute()``, with a clear message where the GPU's memory does not suffice."""
    import torch

    try:
        return compute()
    except torch.cuda.OutOfMemoryError as error:
        raise StrokeprepError(
            "The GPU's memory does not hold the image",
            where,
            "Run on a larger GPU, or set the device to cpu.",
        ) from error


def facts(package: str, weights: dict[str, str], where: str, **more: Any) -> dict[str, Any]:
    """What a sidecar says about a network: package, version, each model's digest, device."""
    model = {
        "Package": package,
        "Version": metadata.version(package),
        "nnUNet": metadata.version("nnunetv2"),
        "Torch": metadata.version("torch"),
        "Weights": {name: f"sha256:{digest}" for name, digest in weights.items()},
        "Device": where.partition(":")[0],
    }
    return {"Model": model | more}


def weights(names: Iterable[str], settings: NetworkSettings) -> dict[str, tuple[Path, str]]:
    """Folder and digest of each model, verified."""
    store.require(names, settings.folder)
    return {name: store.verified(name, settings.folder, settings.sha256) for name in names}

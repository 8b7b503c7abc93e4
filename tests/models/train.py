"""Train the small networks of these tests on simulated heads.

    python tests/models/train.py

Writes ``ct.pth``, ``mr.pth`` and ``face.pth`` beside this file, each in a process of one thread.
Images are preprocessed by the packages themselves, as in use.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "workflow" / "scripts")]

import numpy as np  # noqa: E402
import phantoms  # noqa: E402
import standins  # noqa: E402
import torch  # noqa: E402

SEEDS = {"ct": range(100, 114), "mr": range(200, 214), "face": range(300, 312)}
CONTRASTS = {"ct": ("ct", "ct", "cta"), "mr": ("t1", "b0"), "face": ("ct",)}
STEPS, BATCH, RATE, SEED = {"ct": 160, "mr": 230, "face": 120}, 2, 6e-3, 1
# The weight of a voxel of the face: a face is thin, and has few voxels.
FACE_WEIGHT = {"ct": 1.0, "mr": 1.0, "face": 3.0}
# The share of patches with only a slab of a head, as in CT perfusion; its height in voxels.
SLABS, SLAB = {"ct": 0.2, "mr": 0.0, "face": 0.0}, (18, 34)


def cases(kind: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Preprocessed images [z, y, x] and the class of each voxel."""
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    from totalsegmentator.resampling import change_spacing

    manager = PlansManager(standins.plans(kind))
    configuration = manager.get_configuration("3d_fullres")
    classes = standins.CLASSES[kind]
    labels = {name: number for number, name in enumerate(classes)}
    description = standins.dataset(labels, kind, ".nii.gz")
    preprocessor = DefaultPreprocessor(verbose=False)
    found = []
    for scan in phantoms.scans(SEEDS[kind], CONTRASTS[kind]):
        image, truth = scan.image, np.zeros(scan.brain.shape, np.int16)
        for name in classes[1:]:
            truth[getattr(scan, name)] = labels[name]
        segmented = type(image)(truth, image.affine)
        if standins.CHANNEL[kind] == "CT":  # TotalSegmentator resamples before nnU-Net does
            image = change_spacing(image, 3.0, order=1, dtype=np.int32)
            segmented = change_spacing(segmented, 3.0, order=0, dtype=np.int16)
        spacing = [float(step) for step in image.header.get_zooms()[::-1]]
        data = np.asarray(image.dataobj, np.float32).T[None]
        target = np.asarray(segmented.dataobj).T[None]
        data, target, _ = preprocessor.run_case_npy(
            data, target, {"spacing": spacing}, manager, configuration, description
        )
        found.append((data[0], np.maximum(target[0], 0)))
    return found


def batch(known: list, kind: str, random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Random patches of the heads, with some more brightness or noise."""
    pairs = [_patch(*known[random.integers(len(known))], kind, random) for _ in range(BATCH)]
    images, targets = (np.stack(each) for each in zip(*pairs, strict=True))
    return torch.from_numpy(images[:, None].astype(np.float32)), torch.from_numpy(targets).long()


def _patch(image: np.ndarray, target: np.ndarray, kind: str, random: np.random.Generator):
    size = standins.PATCH[kind]
    if random.uniform() < SLABS[kind]:
        height = int(random.integers(*SLAB))
        first = int(random.integers(0, max(1, len(image) - height)))
        image, target = image[first : first + height], target[first : first + height]
    lack = [max(0, size - n) for n in image.shape]
    sides = [(n // 2, n - n // 2) for n in lack]
    image, target = np.pad(image, sides), np.pad(target, sides)  # as nnU-Net pads: with zero
    start = [int(random.integers(0, n - size + 1)) for n in image.shape]
    box = tuple(slice(first, first + size) for first in start)
    changed = image[box] * random.uniform(0.85, 1.15) + random.uniform(-0.1, 0.1)
    return changed + random.normal(0, 0.05, changed.shape), target[box]


def network(kind: str) -> torch.nn.Module:
    """The untrained network that nnU-Net makes from the plans."""
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    torch.manual_seed(SEED)
    manager = PlansManager(standins.plans(kind))
    return nnUNetTrainer.build_network_architecture(
        manager,
        manager.get_configuration("3d_fullres"),
        1,
        len(standins.CLASSES[kind]),
        enable_deep_supervision=False,
    )


def loss(logits: torch.Tensor, target: torch.Tensor, kind: str) -> torch.Tensor:
    """Cross-entropy and one minus the mean Dice, of all classes and of each subset alone."""
    classes = standins.CLASSES[kind]
    weights = torch.tensor([FACE_WEIGHT[kind] if name == "face" else 1.0 for name in classes])
    total = _of_all(logits, target, weights)
    for asked in standins.ASKED[kind]:
        channels = [0, *(classes.index(name) for name in asked)]
        renamed = torch.zeros(len(classes), dtype=torch.long)
        renamed[channels] = torch.arange(len(channels))
        total = total + torch.nn.functional.cross_entropy(
            logits[:, channels], renamed[target], weights[channels]
        )
    return total


def _of_all(logits: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    share = torch.softmax(logits, 1)
    wanted = torch.nn.functional.one_hot(target, logits.shape[1]).movedim(-1, 1)
    over = (0, 2, 3, 4)
    common, total = (share * wanted).sum(over), share.sum(over) + wanted.sum(over)
    dice = (2 * common[1:] + 1) / (total[1:] + 1)
    return torch.nn.functional.cross_entropy(logits, target, weights) + 1 - dice.mean()


def train(kind: str) -> None:
    """Train one network and write its weights, in half precision."""
    torch.set_num_threads(1)
    known, net = cases(kind), network(kind).train()
    random = np.random.default_rng(SEED)
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS[kind], pct_start=0.15)
    for step in range(STEPS[kind]):
        images, targets = batch(known, kind, random)
        optimizer.zero_grad()
        value = loss(net(images), targets, kind)
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 12)
        optimizer.step()
        schedule.step()
        if step % 20 == 0 or step == STEPS[kind] - 1:
            print(f"{kind} step {step:3d} loss {value.item():.3f} {time.process_time():.0f} CPU s")
    torch.save(standins.stored(net.state_dict()), HERE / f"{kind}.pth")


if __name__ == "__main__":
    processes = [multiprocessing.Process(target=train, args=[kind]) for kind in CONTRASTS]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(max(process.exitcode for process in processes))

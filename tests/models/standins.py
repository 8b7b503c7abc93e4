"""Small networks in the file layouts of the published ones, for tests of the code that runs them.

``ct.pth``, ``mr.pth`` and ``face.pth`` (for CT) hold weights that :mod:`train` trained on simulated
heads, without any patient. They test that the real packages load, run, resample and write correctly.
They say nothing about accuracy in patients.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from strokeprep.segmentation.weights import store
from strokeprep.settings.backends import MODELS

HERE = Path(__file__).parent
# Coarse, so that a patch holds most of a head: a network needs the surroundings of a brain.
SPACING_MM, PATCH = {"ct": 3.0, "mr": 4.0, "face": 3.0}, {"ct": 56, "mr": 48, "face": 56}
FEATURES = (8, 16, 32, 64)

# The classes of a stand-in, the background first.
CLASSES = {
    "ct": ("background", "brain", "skull", "face"),
    "mr": ("background", "brain", "face"),
    "face": ("background", "face"),
}
# Subsets of classes that are asked for together; all others are then background, also in training.
ASKED = {"ct": (("brain", "skull"), ("face",)), "mr": (("brain",), ("face",)), "face": ()}
CHANNEL = {"ct": "CT", "mr": "MR", "face": "CT"}
NORMALIZATION = {"CT": "CTNormalization", "MR": "ZScoreNormalization"}
# Of the head's tissues: what CTNormalization clips to and scales by.
HU = {"mean": 150.0, "std": 400.0, "percentile_00_5": -300.0, "percentile_99_5": 1300.0,
      "min": -1024.0, "max": 3071.0, "median": 40.0}  # fmt: skip

# The decoder knows the encoder, too, so a state names each of its layers twice.
ALIAS = "decoder."
TWICE = f"{ALIAS}encoder."

# The logit of a class that must never be chosen.
NEVER = -30.0


def plans(kind: str) -> dict[str, Any]:
    """nnU-Net's plans for a stand-in."""
    resampling = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
    shape = [PATCH[kind]] * 3
    configuration = {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": shape,
        "median_image_size_in_voxels": [75, 80, 72],
        "spacing": [SPACING_MM[kind]] * 3,
        "normalization_schemes": [NORMALIZATION[CHANNEL[kind]]],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": resampling,
        "resampling_fn_seg_kwargs": resampling | {"is_seg": True},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": resampling,
        "batch_dice": False,
        "architecture": _architecture(),
    }
    return {
        "dataset_name": "Dataset000_StandIn",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [SPACING_MM[kind]] * 3,
        "original_median_shape_after_transp": [75, 80, 72],
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": HU},
    }


def _architecture() -> dict[str, Any]:
    stages = len(FEATURES)
    return {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": list(FEATURES),
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[3, 3, 3]] * stages,
            "strides": [[1, 1, 1]] + [[2, 2, 2]] * (stages - 1),
            "n_conv_per_stage": [2] * stages,
            "n_conv_per_stage_decoder": [1] * (stages - 1),
            "conv_bias": True,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def dataset(labels: dict[str, int], kind: str, ending: str) -> dict[str, Any]:
    """nnU-Net's description of a data set; ``ending`` is added to the names it writes."""
    return {
        "channel_names": {"0": CHANNEL[kind]},
        "labels": labels,
        "numTraining": 1,
        "file_ending": ending,
    }


def weights(kind: str) -> dict[str, torch.Tensor]:
    """The trained weights of a stand-in."""
    stored = torch.load(HERE / f"{kind}.pth", weights_only=True)
    whole = {name: values.float() for name, values in stored.items()}
    encoder = {ALIAS + name: values for name, values in whole.items() if name.startswith("encoder")}
    return whole | encoder


def stored(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The part of a state that is stored: half precision, each layer once."""
    return {name: part.half() for name, part in state.items() if not name.startswith(TWICE)}


def install_hd_bet(root: Path, blind: bool = False) -> Path:
    """Install a stand-in as the weights of HD-BET: ``root`` gets plans.json and the other files.

    A ``blind`` one finds nothing in any image.
    """
    labels = {"background": 0, "brain": 1}
    wanted = {} if blind else {"brain": 1}
    # HD-BET hands nnU-Net whole file names, so its own data set adds no ending.
    _write(root, "mr", labels, "", "nnUNetTrainer", "fold_all", wanted)
    return root


def install_total_segmentator(weights_folder: Path, task_id: int, blind: bool = False) -> Path:
    """Install a stand-in as the weights of a task of TotalSegmentator; ``blind`` as above."""
    from totalsegmentator.map_tasks_config import TASK_ID_WEIGHTS_CONFIGS

    kind, trainer, wanted, classes = _task(task_id)
    folder = weights_folder / TASK_ID_WEIGHTS_CONFIGS[task_id]["foldername"]
    labels = {"background": 0} | {f"class_{n}": n for n in range(1, classes + 1)}
    model = folder / f"{trainer}__nnUNetPlans__3d_fullres"
    _write(model, kind, labels, ".nii.gz", trainer, "fold_0", {} if blind else wanted)
    return folder


def _task(task_id: int) -> tuple[str, str, dict[str, int], int]:
    """Modality, trainer, numbers of the classes used here, and the number of all classes of a task."""
    from totalsegmentator.map_to_binary import class_map, class_map_5_parts, class_map_parts_mr

    half, full = "nnUNetTrainer_4000epochs_NoMirroring", "nnUNetTrainerNoMirroring"
    mr = "nnUNetTrainer_2000epochs_NoMirroring"
    kind, trainer, names = {
        297: ("ct", half, class_map["total"]),
        298: ("ct", half, class_map["total"]),
        294: ("ct", full, class_map_5_parts["class_map_part_muscles"]),
        303: ("face", full, class_map["face"]),
        852: ("mr", mr, class_map["total_mr"]),
        851: ("mr", mr, class_map_parts_mr["class_map_part_muscles"]),
        856: ("mr", mr, class_map["face_mr"]),
    }[task_id]
    numbers = {name: number for number, name in names.items()}
    known = {name: numbers[name] for name in CLASSES[kind] if name in numbers}
    return kind, trainer, known, len(names)


def _write(
    folder: Path,
    kind: str,
    labels: dict[str, int],
    ending: str,
    trainer: str,
    fold: str,
    wanted: dict[str, int],
) -> None:
    (folder / fold).mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans(kind), indent=1))
    (folder / "dataset.json").write_text(json.dumps(dataset(labels, kind, ending), indent=1))
    checkpoint = {
        "network_weights": _widened(weights(kind), kind, wanted, len(labels)),
        "trainer_name": trainer,
        "init_args": {"configuration": "3d_fullres"},
        "inference_allowed_mirroring_axes": (2,),
    }
    torch.save(checkpoint, folder / fold / "checkpoint_final.pth")


def _widened(
    state: dict[str, torch.Tensor], kind: str, wanted: dict[str, int], channels: int
) -> dict[str, torch.Tensor]:
    """The same network with an output for each class of a task; unknown classes are never chosen."""
    moved = {"background": 0} | wanted
    out = dict(state)
    for name, values in state.items():
        if "seg_layers" not in name:
            continue
        wide = torch.zeros((channels, *values.shape[1:]))
        if name.endswith("bias"):
            wide[:] = NEVER
        for number, label in enumerate(CLASSES[kind]):
            if label in moved:
                wide[moved[label]] = values[number]
        out[name] = wide
    return out


def digests(folder: Path) -> dict[str, str]:
    """The digest of each model in a folder, in place of those of the published weights."""
    places = {name: folder / model.folder for name, model in MODELS.items()}
    return {name: store.digest_of(place) for name, place in places.items() if place.is_dir()}

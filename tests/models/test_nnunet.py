"""A checkpoint is data: code that a pickle holds is never run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.segmentation import nnunet


class Trojan:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    import torch

    torch.save(
        {"network_weights": {}, "trainer_name": Trojan(tmp_path / "mark")}, tmp_path / "x.pth"
    )
    with (
        nnunet.no_code_in_checkpoints(),
        pytest.raises(StrokeprepError, match="asks for code to be run"),
    ):
        torch.load(tmp_path / "x.pth", weights_only=False)
    assert not (tmp_path / "mark").exists()


def test_a_checkpoint_may_hold_the_numbers_that_nnunet_logs(tmp_path):
    import torch

    saved = {
        "network_weights": {"layer": torch.ones(2)},
        "_best_ema": np.float64(0.9),
        "logging": {"mean_fg_dice": [np.float32(0.5)], "epoch": np.int64(3)},
        "optimizer_state": torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.1).state_dict(),
        "init_args": {"plans": {"a": (1, None, True)}},
    }
    torch.save(saved, tmp_path / "x.pth")
    with nnunet.no_code_in_checkpoints():
        loaded = torch.load(tmp_path / "x.pth", weights_only=False)
    assert loaded["_best_ema"] == 0.9 and loaded["logging"]["epoch"] == 3

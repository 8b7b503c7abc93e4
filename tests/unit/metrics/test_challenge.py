"""The figures are equal to those of the evaluator that the ISLES'24 challenge scores with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
# The evaluator needs an older numpy than the workflow.
PYTHON = REPOSITORY / ".bench/metrics/bin/python"


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="panoptica is not there: make bench-metrics")
def test_the_figures_are_those_of_the_challenge_on_random_and_odd_masks():
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow/scripts")}
    command = [PYTHON, REPOSITORY / "benchmarks/metrics.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

"""Lesion metrics beside panoptica, which the ISLES'24 challenge scores with, on random and odd masks.

    python benchmarks/metrics.py [--out metrics.tsv] [--pairs 220]

Prints the largest difference of each figure, and the time that both take; the exit status is 1 where a
difference is larger than 1e-9. Panoptica numbers lesions in 8 bits where each mask has fewer than 256, also
where both together have more. It loses voxels then, even of Dice, so such masks are not drawn.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage
from strokeprep.io import tables
from strokeprep.metrics.masks import CONNECTED, agreement

ALLOWED = 1e-9
SHAPE = (36, 40, 14)
MOST_LESIONS = 256  # that panoptica numbers in 8 bits
THRESHOLDS = {"f1_iou20": 0.2, "f1_iou50": 0.5}

Pair = tuple[np.ndarray, np.ndarray]


def random_pairs(count: int, seed: int = 1) -> Iterator[Pair]:
    """Blobs of many sizes, and a second mask that is like them to a varying degree."""
    random, drawn = np.random.default_rng(seed), 0
    while drawn < count:
        sigma = random.uniform(0.4, 3.0, 3)
        field, other = (ndimage.gaussian_filter(random.normal(size=SHAPE), sigma) for _ in "ab")
        share = random.uniform(0, 1)
        level = random.uniform(0.9, 0.999, 2)
        mixed = share * field + (1 - share) * other
        pair = field > np.quantile(field, level[0]), mixed > np.quantile(mixed, level[1])
        if sum(ndimage.label(mask, CONNECTED)[1] for mask in pair) < MOST_LESIONS:
            drawn += 1
            yield pair


def odd_pairs() -> Iterator[Pair]:
    """Empty, full, single voxels, corners, lines, touching, and one over many."""
    empty, full = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    dot, corner, line, board = (empty.copy() for _ in range(4))
    dot[5, 5, 5] = True
    corner[5:7, 5:7, 5:7], corner[7:9, 7:9, 7:9] = True, True
    line[3, 3, :] = True
    board[::2, ::2, ::2] = True
    halves = full.copy()
    halves[18] = False
    fifth = empty.copy()
    fifth[0:3, 0, 0] = True
    shifted = np.roll(fifth, 2, axis=0)
    shapes = (empty, full, dot, corner, line, board, halves, fifth, shifted)
    for one in shapes:
        for other in shapes:
            yield one, other


def by_panoptica(predicted: np.ndarray, true: np.ndarray, least: float) -> dict[str, float]:
    """The challenge's figures, where a lesion is matched from an overlap of ``least`` on."""
    import panoptica

    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.SEMANTIC,
        instance_approximator=panoptica.ConnectedComponentsInstanceApproximator(),
        instance_matcher=panoptica.NaiveThresholdMatching(matching_threshold=least),
    )
    with contextlib.redirect_stdout(io.StringIO()):
        result, _ = evaluator.evaluate(predicted.astype(int), true.astype(int), verbose=False)[
            "ungrouped"
        ]
    both_empty = result.num_ref_instances == 0 and result.num_pred_instances == 0
    return {
        "f1": 1.0 if both_empty else float(result.rq),
        "dice": 1.0 if both_empty else float(result.global_bin_dsc),
        "alcd": abs(result.num_ref_instances - result.num_pred_instances),
    }


def differences(pair: Pair, spent: dict[str, float]) -> dict[str, float]:
    """How far our figures of a pair are from the challenge's; adds the seconds of both."""
    start = time.perf_counter()
    ours = agreement(*pair, 1.0)
    between = time.perf_counter()
    theirs = {name: by_panoptica(*pair, least) for name, least in THRESHOLDS.items()}
    spent["ours"] += between - start
    spent["panoptica"] += (time.perf_counter() - between) / len(THRESHOLDS)
    apart = {name: abs(ours[name] - theirs[name]["f1"]) for name in THRESHOLDS}
    for name in ("dice", "alcd"):
        apart[name] = max(abs(ours[name] - each[name]) for each in theirs.values())
    return apart


def main() -> int:
    """Compare, print a table, and say by the exit status whether all figures are equal."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--pairs", type=int, default=220, help="random pairs")
    options = parser.parse_args()
    spent = {"ours": 0.0, "panoptica": 0.0}
    pairs = [*random_pairs(options.pairs), *odd_pairs()]
    found = [differences(pair, spent) for pair in pairs]
    worst = {name: max(each[name] for each in found) for name in found[0]}
    rows = [{"figure": name, "largest difference": f"{value:.3g}"} for name, value in worst.items()]
    text = tables.render(rows, ["figure", "largest difference"])
    times = ", ".join(f"{name} {1000 * each / len(pairs):.2f} ms" for name, each in spent.items())
    print(f"{text}\n{len(pairs)} pairs; a pair takes {times}")
    if options.out:
        options.out.write_text(text)
    return int(max(worst.values()) > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())

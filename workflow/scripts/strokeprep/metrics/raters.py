"""What a cohort's figures say: means with confidence intervals, and whether raters agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

DRAWS = 10_000
LEVEL = 0.95

Interval = tuple[float, float]


def bootstrapped(
    cases: Sequence[Sequence[float]] | np.ndarray,
    figure: Callable[[np.ndarray], float],
    seed: int,
    draws: int = DRAWS,
) -> Interval:
    """The percentile interval of a figure over cases that are drawn with replacement.

    >>> low, high = bootstrapped(np.arange(100.0), np.mean, seed=1)
    >>> round(low), round(high)
    (44, 55)
    """
    table = np.asarray(cases, float)
    random = np.random.default_rng(seed)
    values = [figure(table[random.integers(0, len(table), len(table))]) for _ in range(draws)]
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(values, (tail, 1 - tail))
    return float(low), float(high)


def kappa(counts: np.ndarray) -> float:
    """Cohen's kappa of two raters: agreement beyond that of chance (Cohen 1960).

    ``counts`` says how often the first gave the verdict of a row and the second that of a column.
    NaN where both gave one verdict to all.

    >>> kappa(np.array([[20, 5], [10, 15]])).__round__(2)
    0.4
    """
    shares = counts / counts.sum()
    by_chance = float(shares.sum(axis=1) @ shares.sum(axis=0))
    return (
        (float(np.trace(shares)) - by_chance) / (1 - by_chance) if by_chance < 1 else float("nan")
    )


def icc_a1(ratings: np.ndarray) -> float:
    """ICC(A,1): two-way model, absolute agreement, single rating (McGraw and Wong 1996).

    ``ratings`` has a row for each case and a column for each rater. NaN where no case differs from
    any other.

    >>> icc_a1(np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8],
    ...                  [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])).__round__(2)
    0.29
    """
    table = np.asarray(ratings, float)
    cases, raters = table.shape
    mean = table.mean()
    of_cases = raters * float(((table.mean(axis=1) - mean) ** 2).sum()) / (cases - 1)
    of_raters = cases * float(((table.mean(axis=0) - mean) ** 2).sum()) / (raters - 1)
    residual = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + mean
    error = float((residual**2).sum()) / ((cases - 1) * (raters - 1))
    whole = of_cases + (raters - 1) * error + raters / cases * (of_raters - error)
    return (of_cases - error) / whole if whole > 0 else float("nan")

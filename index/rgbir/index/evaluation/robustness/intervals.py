"""How sure a share is, when several pictures of one person tell less than as many people would."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rgbir.index.robustness import Estimate

LEAST_IDENTITIES = 10
"""Of fewer people no figure is given: an interval of resampled people is too narrow then."""
DRAWS, SEED = 2_000, 0
_OUTSIDE = 0.025


def estimate(values: NDArray[np.float64], identities: NDArray[np.int64], draws: int = DRAWS) -> Estimate:
    """The mean with its 95 % interval, from resampled identities.

    People are drawn with replacement, each with all of its values, and the mean of what was drawn is taken; the ends are the
    percentiles 2.5 and 97.5 of the draws. Where all values are 0, or all are 1, every draw would be alike. There the ends are
    Clopper and Pearson's of as many trials as there are people, which leave 2.5 % at the open side: 1 - 0.025^(1/k).

    Args:
        values: float64 (n,), 0 to 1.
        identities: int64 (n,), whose value each is.

    Source: the percentile interval: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; that whole
    clusters are drawn: Field & Welsh, "Bootstrapping clustered data", JRSS B 69, 2007; Clopper & Pearson, Biometrika 26, 1934.
    """
    _, people = np.unique(identities, return_inverse=True)
    sums, counts = np.bincount(people, values), np.bincount(people)
    k, value = len(counts), float(sums.sum() / counts.sum())
    if values.max() == values.min() and value in (0.0, 1.0):
        end = _OUTSIDE ** (1 / k)
        return Estimate(value=value, low=end if value else 0.0, high=1.0 if value else 1 - end)
    drawn = np.random.default_rng(SEED).multinomial(k, np.full(k, 1 / k), size=draws)
    low, high = np.quantile((drawn @ sums) / (drawn @ counts), [_OUTSIDE, 1 - _OUTSIDE])
    return Estimate(value=value, low=float(low), high=float(high))


def too_few(identities: int) -> str:
    """Why there is no figure of so few people; nothing where there is one."""
    return "" if identities >= LEAST_IDENTITIES else f"too few identities: {identities} of at least {LEAST_IDENTITIES}"

"""Two rows from the same seeds: the differences, and how far chance alone could have moved their mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.stats import t

CONFIDENCE = 0.95
LEAST = 3
"""Seeds that two rows must share: with fewer there is no interval and no claim."""
UNDECIDED = "not decided here"


@dataclass(frozen=True, slots=True)
class Paired:
    """Differences of two rows by seed.

    Attributes:
        seeds: how many both have.
        mean: of the differences, in points; None without a seed.
        half: half of the interval's width; None with fewer seeds than `LEAST`.
    """

    seeds: int
    mean: float | None
    half: float | None

    @property
    def verdict(self) -> str:
        """`higher` or `lower` where the interval excludes zero, else that it isn't decided."""
        if self.mean is None or self.half is None or abs(self.mean) <= self.half:
            return UNDECIDED
        return "higher" if self.mean > 0 else "lower"


def paired(row: Mapping[int, float], against: Mapping[int, float]) -> Paired:
    """The row less the one it is compared with, seed by seed.

    The interval is Student's: mean ± t(0.975, n - 1) · s / √n, with the standard deviation s of the n differences (n - 1).

    Args:
        row: a figure by seed.
        against: likewise.
    """
    differences = [row[seed] - against[seed] for seed in sorted(row.keys() & against.keys())]
    n = len(differences)
    if n < LEAST:
        return Paired(n, fmean(differences) if n else None, None)
    factor = float(t.ppf((1 + CONFIDENCE) / 2, n - 1))
    return Paired(n, fmean(differences), factor * stdev(differences) / math.sqrt(n))

"""Two modalities' vectors with their people, and the scatter of the differences between them over all pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sides:
    """What a metric is fitted to.

    Attributes:
        x: float64 (n, d), of colour images.
        z: float64 (m, d), of infrared images.
        x_people: int64 (n,), who is on each, from 0 on.
        z_people: int64 (m,), the same numbers.
    """

    x: Floats
    z: Floats
    x_people: NDArray[np.int64]
    z_people: NDArray[np.int64]

    @cached_property
    def people(self) -> int:
        """How many there are."""
        return int(max(self.x_people.max(), self.z_people.max())) + 1

    @cached_property
    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Images of each person, (p,), in colour and in infrared."""
        return np.bincount(self.x_people, minlength=self.people), np.bincount(self.z_people, minlength=self.people)

    @cached_property
    def sums(self) -> tuple[Floats, Floats]:
        """Of each person's vectors, (p, d), in colour and in infrared."""
        return _sums(self.x, self.x_people, self.people), _sums(self.z, self.z_people, self.people)

    def means(self) -> tuple[Floats, Floats]:
        """Of each person's vectors, (p, d), of those who are in both modalities."""
        both = (self.counts[0] > 0) & (self.counts[1] > 0)
        in_colour, in_infrared = (
            sums[both] / counts[both, None] for sums, counts in zip(self.sums, self.counts, strict=True)
        )
        return in_colour, in_infrared


def covariances(sides: Sides) -> tuple[Floats, Floats]:
    """Means of the outer products of x - z over all pairs of one person, and over all pairs of two people, (d, d) each.

    By sums over people, so that no pair is looked at by itself.
    """
    (in_colour, in_infrared), (sums_x, sums_z) = sides.counts, sides.sums
    within = (sides.x * in_infrared[sides.x_people, None]).T @ sides.x
    within += (sides.z * in_colour[sides.z_people, None]).T @ sides.z
    crossed = sums_x.T @ sums_z
    within -= crossed + crossed.T
    everything = len(sides.z) * (sides.x.T @ sides.x) + len(sides.x) * (sides.z.T @ sides.z)
    crossed = np.outer(sides.x.sum(axis=0), sides.z.sum(axis=0))
    everything -= crossed + crossed.T
    same = int(in_colour @ in_infrared)
    return within / same, (everything - within) / (len(sides.x) * len(sides.z) - same)


def paired_moments(sides: Sides) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Over all pairs of one person's images: means of x and z, (d,), and covariances xx, xz and zz, (d, d)."""
    (in_colour, in_infrared), (sums_x, sums_z) = sides.counts, sides.sums
    of_x, of_z = in_infrared[sides.x_people], in_colour[sides.z_people]
    pairs = in_colour @ in_infrared
    mean_x, mean_z = of_x @ sides.x / pairs, of_z @ sides.z / pairs
    x, z = sides.x - mean_x, sides.z - mean_z
    centred_x = sums_x - in_colour[:, None] * mean_x
    centred_z = sums_z - in_infrared[:, None] * mean_z
    xx, zz = (x * of_x[:, None]).T @ x / pairs, (z * of_z[:, None]).T @ z / pairs
    return mean_x, mean_z, xx, centred_x.T @ centred_z / pairs, zz


def different_pairs(sides: Sides, count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of x and of z, (count,) each, of pairs of two people, drawn by that seed; a pair may come twice."""
    rng = np.random.default_rng(seed)
    rows = np.empty((2, 0), np.int64)
    while rows.shape[1] < count:
        drawn = np.stack([rng.integers(0, len(side), count) for side in (sides.x, sides.z)])
        different = sides.x_people[drawn[0]] != sides.z_people[drawn[1]]
        rows = np.concatenate([rows, drawn[:, different]], axis=1)
    return rows[0, :count], rows[1, :count]


def outer_mean(differences: Floats) -> Floats:
    """The mean of the outer products of rows (n, d), without taking their mean away: (d, d)."""
    return differences.T @ differences / len(differences)


def _sums(values: Floats, people: NDArray[np.int64], count: int) -> Floats:
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, people, values)
    return sums

"""What a distance means between two cameras where nobody labelled: pairs that people judge, drawn by chance.

A judged hit of a search says nothing of distances, since it was among the nearest. Here chance decides who is shown: a sighting of
one camera, and a place in its ranking of the other's. Near places are few and matter most, so octaves of ranks (1, 2 to 3, 4 to 7,
…) are drawn from, the first three most often, and a pair counts for as many as it stands for: the inverse of its chance (Horvitz and
Thompson, "A generalization of sampling without replacement from a finite universe", 1952).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Camera
from rgbir.index.errors import UsageError
from rgbir.index.gallery.calibration import Judged, Pair, Spread, ever_apart, logistic, together
from rgbir.index.nearest.slabs import Filter
from rgbir.index.nearest.view import View

LEAST_SAME, LEAST_DIFFERENT = 5, 10
"""Pairs of one person, and of two, without which nothing is measured."""
_RESAMPLES, _POINTS, _NEAR = 2_000, 11, 3


class Drawn(NamedTuple):
    """A pair to be judged.

    Attributes:
        query, other: of the two cameras, as rows.
        weight: how many places of the query's ranking it stands for.
    """

    query: int
    other: int
    weight: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What people say of a pair.

    Attributes:
        query, other: ids of its sightings.
        weight: see `Drawn`.
        distance: between them, by the model that is asked.
        same: whether they show one person; None if that can't be told.
    """

    query: str
    other: str
    weight: float
    distance: float
    same: bool | None


def draw(view: View, query: Camera, other: Camera, pictured: NDArray[np.int64], count: int, seed: int) -> list[Drawn]:
    """Pairs of a query's camera and another, in an order that says nothing of them.

    Each sighting of the query's camera comes as often as any other, give or take one. A pair that is drawn twice comes once, with
    its weight twice.

    Args:
        pictured: rows that can be looked at, int64 (n,), ascending; no other is drawn.

    Raises:
        UsageError: the cameras look at one place, or have no pictures that aren't of one.
    """
    if not ever_apart(query, other):
        raise UsageError(
            f"cameras {query.shown} and {other.shown} look at one place, where a match tells nothing; choose two places"
        )
    rng = np.random.default_rng(seed)
    asked = _Side.of(view, query.id, pictured)
    against = _Side.of(view, other.id, pictured)
    for side, camera in ((asked, query), (against, other)):
        if not len(side.rows):
            raise UsageError(f"camera {camera.shown} has no sighting with a picture to look at; enrol some with crops")
    depths = (rng.permutation(count) + rng.random(count)) / count  # each uniform in 0..1, and together evenly spread
    pairs: dict[tuple[int, int], float] = {}
    drawn, before = 0, -1
    while before < drawn < count:
        before = drawn
        for place in rng.permutation(len(asked.rows)).tolist():
            times = asked.times[place : place + 1]
            apart = np.flatnonzero(~together(query, times, other, against.times)[0])
            if drawn == count or not len(apart):
                continue
            edges = strata(len(apart))
            chances = chances_of(len(edges) - 1)
            octave = int(np.searchsorted(np.cumsum(chances)[:-1], depths[drawn], side="right"))
            rank = int(rng.integers(edges[octave], edges[octave + 1]))
            keys = view.keys(asked.vector(view, place), [other.id], Filter())[1][against.at][apart]
            at = apart[np.argpartition(keys, rank)[rank]]
            pair = int(asked.rows[place]), int(against.rows[at])
            pairs[pair] = pairs.get(pair, 0.0) + float((edges[octave + 1] - edges[octave]) / chances[octave])
            drawn += 1
    if not drawn:
        raise UsageError(f"every sighting of {query.shown} may be of the place that {other.shown} looked at then")
    made = [Drawn(first, second, weight) for (first, second), weight in pairs.items()]
    return [made[place] for place in rng.permutation(len(made)).tolist()]


def strata(count: int) -> NDArray[np.int64]:
    """Where the octaves of a ranking of so many begin, from 0, and where the last one ends: int64 (octaves + 1,)."""
    octaves = int(np.ceil(np.log2(count + 1)))
    edges = np.unique(np.round(np.geomspace(1, count + 1, octaves + 1)).astype(np.int64)) - 1
    return np.asarray(edges, np.int64)


def chances_of(octaves: int) -> NDArray[np.float64]:
    """How likely each octave is drawn from, (octaves,): half of all pairs are of the first seven ranks, however many follow, so that
    some are of one person."""
    if octaves <= 2 * _NEAR:
        return np.full(octaves, 1 / octaves)
    return np.repeat([0.5 / _NEAR, 0.5 / (octaves - _NEAR)], [_NEAR, octaves - _NEAR])


@dataclass(frozen=True, slots=True)
class _Side:
    """A camera's sightings that can be looked at. at: their places among all of its rows, ascending."""

    at: NDArray[np.int64]
    rows: NDArray[np.int64]
    times: NDArray[np.int64]

    @classmethod
    def of(cls, view: View, camera: str, pictured: NDArray[np.int64]) -> _Side:
        slabs = view.cameras.get(camera, ())
        rows = np.concatenate([np.empty(0, np.int64), *(slab.rows for slab in slabs)])
        times = np.concatenate([np.empty(0, np.int64), *(slab.times for slab in slabs)])
        order = np.argsort(rows)
        rows, times = rows[order], times[order]
        at = np.flatnonzero(np.isin(rows, pictured))
        return cls(at, rows[at], times[at])

    def vector(self, view: View, place: int) -> NDArray[np.float32]:
        """The embedding (d,) of one of them."""
        row = self.rows[place]
        for slab in (slab for slabs in view.cameras.values() for slab in slabs):
            position = np.flatnonzero(slab.rows == row)
            if len(position):
                return np.asarray(slab.some(position)[0], np.float32)
        raise AssertionError(f"row {row} is in no slab")


def measured(answers: Sequence[Answer], task: str, judges: Sequence[str], seed: int = 0) -> Pair:
    """What distances mean, by judged pairs. The spread is of 2,000 resamplings of the queries, since pairs of one query depend
    on each other. Unsure pairs are left out of the value, and counted as one kind and as the other for the ends of the spread.

    It can't know what the judges got wrong, nor much of one person's pairs that the model ranks late: they are hardly ever drawn.

    Raises:
        UsageError: too few pairs of one person or of two.
    """
    same = np.array([answer.same is True for answer in answers])
    different = np.array([answer.same is False for answer in answers])
    if same.sum() < LEAST_SAME or different.sum() < LEAST_DIFFERENT:
        raise UsageError(
            f"{same.sum()} pairs are of one person and {different.sum()} of two; nothing is measured on fewer than {LEAST_SAME} and"
            f" {LEAST_DIFFERENT}: judge more pairs of these cameras"
        )
    distances = np.array([answer.distance for answer in answers])
    weights = np.array([answer.weight for answer in answers])
    slope, offset = logistic(distances[same], distances[different], (weights[same], weights[different]))
    order = np.flatnonzero(different)[np.argsort(distances[different], kind="stable")]
    shares = np.cumsum(weights[order]) / weights[order].sum()
    least = weights.min() / (weights[order].sum() + weights.min())
    clusters = np.unique([answer.query for answer in answers], return_inverse=True)[1]
    points = np.unique(np.quantile(distances, np.linspace(0, 1, _POINTS)))
    far = _spread_of(points, distances, weights, different, ~(same | different), clusters, seed)
    near = _spread_of(points, distances, weights, same, ~(same | different), clusters, seed)
    return Pair(
        slope=slope,
        offset=offset,
        strangers=tuple(distances[order].tolist()),
        shares=tuple(shares.tolist()),
        genuine=int(same.sum()),
        impostors=int(different.sum()),
        judged=Judged(
            task=task,
            judges=tuple(judges),
            pairs=len(answers),
            unsure=int((~same & ~different).sum()),
            least=float(least),
            spread=tuple(
                Spread(distance=float(point), strangers=tuple(far[place]), same=tuple(near[place]))
                for place, point in enumerate(points)
            ),
            sightings=tuple(sorted({name for answer in answers for name in (answer.query, answer.other)})),
        ),
    )


def _spread_of(
    points: NDArray[np.float64],
    distances: NDArray[np.float64],
    weights: NDArray[np.float64],
    kind: NDArray[np.bool_],
    unsure: NDArray[np.bool_],
    clusters: NDArray[np.int64],
    seed: int,
) -> NDArray[np.float64]:
    """Of the pairs of a kind, (n,), the share within each distance, and the ends of its spread: (points, 3)."""
    rng = np.random.default_rng(seed)
    count = int(clusters.max()) + 1
    times = rng.multinomial(count, np.full(count, 1 / count), _RESAMPLES).astype(np.float64)
    near = distances[:, None] <= points[None, :]
    value = weights[kind] @ near[kind] / weights[kind].sum()
    lows, highs = [value], [value]
    for counted in (kind, kind | unsure):
        of_kind = np.zeros((count, 1 + len(points)))
        np.add.at(
            of_kind,
            clusters[counted],
            weights[counted, None] * np.column_stack((near[counted, :1] | True, near[counted])),
        )
        totals = times @ of_kind
        totals = totals[totals[:, 0] > 0]
        ends = np.quantile(totals[:, 1:] / totals[:, :1], [0.025, 0.975], axis=0)
        lows.append(ends[0])
        highs.append(ends[1])
    # None of n seen is at most 3 / n, 19 times of 20: three pairs more of the nearest ranks, or of the last ones, may be there.
    total, lightest, heaviest = weights[kind].sum(), weights.min(), weights.max()
    highs.append(np.minimum(1.0, value + 3 * lightest / total))
    lows.append(np.full(len(points), total / (total + 3 * heaviest)))
    return np.column_stack((value, np.min(lows, axis=0), np.max(highs, axis=0)))


def kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Cohen's kappa of two people's answers to the same pairs: 1 is full agreement, 0 what chance alone gives. None if both gave one
    and the same answer throughout, of which it says nothing.

    Source: Cohen, "A coefficient of agreement for nominal scales", 1960.
    """
    n = len(first)
    alike = sum(a == b for a, b in zip(first, second, strict=True)) / n
    chance = sum(list(first).count(answer) * list(second).count(answer) for answer in set(first)) / n**2
    return None if chance == 1 else (alike - chance) / (1 - chance)

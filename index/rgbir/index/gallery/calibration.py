"""What a distance means between two cameras: how likely it is one person, and how often a stranger is as near.

Measured on a gallery's own labelled sightings, camera pair by camera pair, and only as true as its labels. A probability counts
pairs of one person and of two as equally likely beforehand; how many strangers are expected as near as a hit says more, since
it knows how many sightings were searched.

Pairs that people judged can stand in for labels; see `judging`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from rgbir.index.cameras import Camera, CameraNetwork
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison
from rgbir.index.nearest.slabs import Moments
from rgbir.index.nearest.view import View
from rgbir.index.progress import Progress, silent

LEAST_GENUINE, LEAST_STRANGERS = 30, 300
ASKED, AGAINST, _STEPS = 400, 4_000, 201


class Spread(BaseModel, frozen=True, extra="forbid"):
    """How sure a measurement is at one distance.

    Attributes:
        strangers: share of stranger pairs that are as near, and within what it lies 19 times of 20.
        same: share of one person's pairs that are as near, likewise.
    """

    distance: float
    strangers: tuple[float, float, float]
    same: tuple[float, float, float]


class Judged(BaseModel, frozen=True, extra="forbid"):
    """What says that a pair of cameras was measured on pairs that people judged, and how far to trust it.

    Attributes:
        task: its id, where it was judged.
        judges: names of those whose answers count.
        pairs: how many were judged; `unsure` of them count for neither kind.
        least: the smallest share of strangers that so few pairs can tell.
        sightings: ids of all that were looked at: an erasure of one of them ends the measurement.
    """

    task: str
    judges: tuple[str, ...]
    pairs: int
    unsure: int
    least: float
    spread: tuple[Spread, ...]
    sightings: tuple[str, ...]


class Pair(BaseModel, frozen=True, extra="forbid"):
    """One pair of cameras, either way. strangers: distances that a share of 0, 1/200 … 1 of stranger pairs reach.

    slope, offset: of the logistic curve in the distance. genuine, impostors: pairs it was measured on. shares: of stranger pairs
    that reach each distance of `strangers`, if they aren't those. judged: None where it was measured on labels.
    """

    slope: float
    offset: float
    strangers: tuple[float, ...]
    genuine: int
    impostors: int
    shares: tuple[float, ...] | None = None
    judged: Judged | None = None

    def probability(self, distance: float) -> float:
        """That a pair at that distance shows one person, if one and two were equally likely beforehand."""
        return float(1 / (1 + np.exp(np.clip(self.slope * distance + self.offset, -500, 500))))

    def false_accept_rate(self, distance: float) -> float:
        """The share of stranger pairs that are as near; at least one pair more than were seen."""
        return float(self.false_accept_rates(np.array([distance]))[0])

    def false_accept_rates(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same of several, (n,)."""
        least = 1 / (self.impostors + 1) if self.judged is None else self.judged.least
        return np.maximum(np.interp(distances, self.strangers, self._levels(), left=0.0, right=1.0), least)

    def distance_at(self, share: float) -> float:
        """The distance that so large a share of stranger pairs reaches, 0 to 1."""
        return float(np.interp(share, self._levels(), self.strangers))

    def _levels(self) -> NDArray[np.float64]:
        return np.linspace(0, 1, len(self.strangers)) if self.shares is None else np.array(self.shares)


class Calibration(BaseModel, frozen=True, extra="forbid"):
    """Of one gallery. pairs: by the cameras' ids in order, as `a|b`. generation: of the gallery that it was measured on."""

    generation: int
    pairs: Mapping[str, Pair]

    def of(self, a: str, b: str) -> Pair | None:
        return self.pairs.get(key(a, b))

    def by_cameras(self) -> Iterator[tuple[tuple[str, str], Pair]]:
        """Every pair with the ids of its two cameras."""
        for name, pair in self.pairs.items():
            first, _, second = name.partition("|")
            yield (first, second), pair

    def judged(self) -> Calibration:
        """What was measured on pairs that people judged."""
        return self.model_copy(update={"pairs": {name: pair for name, pair in self.pairs.items() if pair.judged}})

    def without(self, cameras: Collection[str]) -> Calibration:
        """What isn't measured on any of these cameras."""
        return self._left(lambda ids, pair: not set(ids) & set(cameras))

    def without_labelled(self, cameras: Collection[str], sightings: Collection[str]) -> Calibration:
        """What isn't measured on labels of these cameras, nor on a judgement of one of these sightings."""
        return self._left(
            lambda ids, pair: (
                not set(ids) & set(cameras) if pair.judged is None else not set(pair.judged.sightings) & set(sightings)
            )
        )

    def _left(self, stays: Callable[[tuple[str, str], Pair], bool]) -> Calibration:
        left = {key(*ids): pair for ids, pair in self.by_cameras() if stays(ids, pair)}
        return self.model_copy(update={"pairs": left})


def key(a: str, b: str) -> str:
    """Two cameras' name in a calibration."""
    return "|".join(sorted((a, b)))


def calibrate(
    view: View,
    network: CameraNetwork,
    progress: Progress = silent,
    known: Calibration | None = None,
    cameras: Collection[str] | None = None,
) -> Calibration:
    """Compares labelled sightings of every two cameras that were taken in different places.

    A pair of cameras with fewer than 30 pairs of one person, or 300 of strangers, stays uncalibrated.

    Args:
        known: what stays as it is, but for the pairs of these `cameras` that were measured on labels.
    """
    labelled = {camera: _labelled(view, camera) for camera in view.cameras}
    pairs = {} if known is None else dict(known.pairs)
    judged = set() if known is None or cameras is None else set(known.judged().pairs)
    for a in labelled:
        for b in labelled:
            asked = cameras is None or a in cameras or b in cameras
            if a < b and asked and ever_apart(network[a], network[b]) and key(a, b) not in judged:
                pair = _compared(view.metric, labelled[a], labelled[b], (network[a], network[b]))
                if pair is not None:
                    pairs[key(a, b)] = pair
                progress(1)
    return Calibration(generation=view.mark.generation, pairs=pairs)


class _Labelled(NamedTuple):
    """vectors: (n, d). identities, times: (n,)."""

    vectors: NDArray[np.float32]
    identities: NDArray[np.int64]
    times: NDArray[np.int64]

    def some(self, rows: NDArray[np.int64]) -> _Labelled:
        return _Labelled(self.vectors[rows], self.identities[rows], self.times[rows])


def _labelled(view: View, camera: str) -> _Labelled:
    """At most `AGAINST` with an identity, spread over the whole camera."""
    parts = []
    for slab in view.cameras[camera]:
        known = np.flatnonzero(slab.identities >= 0)
        parts.append(_Labelled(np.asarray(slab.vectors[known], np.float32), slab.identities[known], slab.times[known]))
    whole = _Labelled(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    return whole.some(evenly(len(whole.identities), AGAINST))


def ever_apart(a: Camera, b: Camera) -> bool:
    """Whether two cameras weren't at one place at all times."""
    return len(a.places(None) | b.places(None)) > 1


def together(a: Camera, a_times: NDArray[np.int64], b: Camera, b_times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of what two cameras took may be of one place, (n, m)."""
    shared = np.zeros((len(a_times), len(b_times)), np.bool_)
    for place in a.places(None) & b.places(None):
        shared |= _moments_at(a, place).of(a_times)[:, None] & _moments_at(b, place).of(b_times)[None, :]
    return shared


def _moments_at(camera: Camera, place: str) -> Moments:
    windows = [(span.since, span.until) for span in camera.spans() if span.place == place]
    return Moments(np.array(windows, np.int64).reshape(-1, 2), untimed=True)


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """At most so many of `count` places, evenly: int64 (m,), ascending."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64)) if count else np.empty(0, np.int64)


def _compared(metric: Metric, a: _Labelled, b: _Labelled, cameras: tuple[Camera, Camera]) -> Pair | None:
    probes = a.some(evenly(len(a.identities), ASKED))
    if not len(probes.identities) or not len(b.identities):
        return None
    distances = metric.distance(np.maximum(Comparison(metric, b.vectors).keys(probes.vectors), 0))
    same = probes.identities[:, None] == b.identities[None, :]
    apart = ~together(cameras[0], probes.times, cameras[1], b.times)
    return pair_of(distances[same & apart], distances[~same & apart])


def pair_of(genuine: NDArray[np.float64], strangers: NDArray[np.float64]) -> Pair | None:
    """What distances of pairs of one person (n,) and of two (m,) tell; None of fewer than 30, or 300."""
    if len(genuine) < LEAST_GENUINE or len(strangers) < LEAST_STRANGERS:
        return None
    slope, offset = logistic(genuine, strangers)
    levels = np.quantile(strangers, np.linspace(0, 1, _STEPS))
    return Pair(
        slope=slope, offset=offset, strangers=tuple(levels.tolist()), genuine=len(genuine), impostors=len(strangers)
    )


def logistic(
    genuine: NDArray[np.float64],
    strangers: NDArray[np.float64],
    weights: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    steps: int = 100,
) -> tuple[float, float]:
    """slope and offset of 1 / (1 + exp(slope d + offset)), fitted to distances (n,) and (m,), both kinds with equal weight.

    Args:
        weights: of each pair within its kind, (n,) and (m,); all alike if None. So many pairs count as have the same spread unweighted.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999; his targets, so that separable data stay finite.
    """
    distances = np.concatenate((genuine, strangers))
    middle, width = float(distances.mean()), float(distances.std()) or 1.0
    x = (distances - middle) / width
    first, second = weights if weights is not None else (np.ones(len(genuine)), np.ones(len(strangers)))
    n, m = (float(w.sum() ** 2 / (w * w).sum()) for w in (first, second))
    target = np.repeat([(n + 1) / (n + 2), 1 / (m + 2)], [len(first), len(second)])
    weight = np.concatenate((0.5 * first / first.sum(), 0.5 * second / second.sum()))
    a, b = 1.0, 0.0
    for _ in range(steps):
        p = 1 / (1 + np.exp(np.clip(a * x + b, -500, 500)))
        slack, curve = weight * (target - p), weight * p * (1 - p)
        gradient = np.array([(slack * x).sum(), slack.sum()])
        mixed = (curve * x).sum()
        hessian = np.array([[(curve * x * x).sum(), mixed], [mixed, curve.sum()]]) + 1e-9 * np.eye(2)
        step = np.clip(np.linalg.solve(hessian, gradient), -2, 2)
        a, b = a - float(step[0]), b - float(step[1])
        if np.abs(step).max() < 1e-9:
            break
    return a / width, b - a * middle / width


def summary(calibration: Calibration) -> Sequence[tuple[str, int, int, float, float]]:
    """By pair: cameras, pairs of one person, of strangers, and the distances that 1 % and 0.1 % of strangers reach."""
    rows = []
    for name, pair in calibration.pairs.items():
        levels = pair.distance_at(0.01), pair.distance_at(0.001)
        rows.append((name.replace("|", " – "), pair.genuine, pair.impostors, *levels))
    return rows

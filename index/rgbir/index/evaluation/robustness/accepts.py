"""What an answer's verdict is worth: how often it calls people a lead who aren't in the gallery, and how often those who are.

A verdict calls hits a lead while fewer than one stranger is expected to be as near as the nearest hit, by the gallery's calibration
(see `rgbir.index.search.explained`). Here each probe is searched twice: in the gallery as it is, and in the gallery without
its person. Distances are calibrated on one half of the people and judged on the other, both ways, so that nobody is judged by a
measurement that he or she was part of. Cameras at the probe's place are left out, as every search of a gallery does.

Source: an open-set identification's false alarm rate, and its detection and identification rate at rank 1, at one threshold:
Phillips, Grother & Micheals, "Evaluation Methods in Face Recognition", in Handbook of Face Recognition, 2nd edition, 2011.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.task import Task
from rgbir.index.evaluation.features import Features
from rgbir.index.evaluation.robustness.intervals import SEED, estimate, too_few
from rgbir.index.gallery.calibration import AGAINST, ASKED, LEAST_GENUINE, LEAST_STRANGERS, Pair, evenly, pair_of
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison
from rgbir.index.robustness import Accepts, Estimate

EVERY = "all"
Halves = NDArray[np.int64]
"""0 or 1 of each row."""


class Nearest(NamedTuple):
    """Of one camera's rows in one trial, to each probe of one camera.

    Attributes:
        person, stranger: float64 (q,), the distance of the nearest row of the probe's person, and of anybody else; infinite
            without one.
        rows, strangers: int64 (q,), how many rows there are, and how many of them show anybody else.
    """

    person: NDArray[np.float64]
    stranger: NDArray[np.float64]
    rows: NDArray[np.int64]
    strangers: NDArray[np.int64]


class Searched(NamedTuple):
    """A camera that is searched, from one camera's probes.

    Attributes:
        pairs: what distances mean for people of each half, measured on the other one; None where too few pairs are there.
        trials: what each trial shows.
    """

    pairs: tuple[Pair | None, Pair | None]
    trials: list[Nearest]

    def rates(self, distances: NDArray[np.float64], halves: Halves) -> NDArray[np.float64]:
        """The share of strangers that is as near, (q,)."""
        by_half = [pair.false_accept_rates(distances) for pair in self.pairs if pair is not None]
        return np.where(halves == 0, *by_half)


def accepts(
    task: Task, queries: Features, gallery: Features, metric: Metric, asked: NDArray[np.bool_], shown: NDArray[np.bool_]
) -> tuple[Accepts, ...]:
    """By the probes' cameras: of searches of each camera alone, and of all at once.

    Args:
        queries, gallery: of the task's rows, in their order.
        asked: bool (q,), which queries are looked at.
        shown: bool (n,), which rows they may find by the protocol's rule, but for that of places.
    """
    network = task.network
    cameras, others = np.array([r.camera for r in task.queries]), np.array([r.camera for r in task.gallery])
    taken = asked & (queries.identities >= 0)
    half_of = _halves(np.concatenate([queries.identities[taken], gallery.identities[gallery.identities >= 0]]))
    lines: list[Accepts] = []
    for camera in sorted(set(cameras[taken])):
        probes = np.flatnonzero(taken & (cameras == camera))
        people, halves = queries.identities[probes], half_of(queries.identities[probes])
        searched: dict[str, Searched] = {}
        for other in sorted(set(others[shown])):
            if network[other].place == network[camera].place:
                continue
            rows = np.flatnonzero(shown & (others == other))
            distances = metric.distance(
                np.maximum(Comparison(metric, gallery.embeddings[rows]).keys(queries.embeddings[probes]), 0)
            )
            names = gallery.identities[rows]
            pairs = _pairs(distances, people, names, halves, half_of(names))
            trials = [_nearest(distances, people, names, np.isin(rows, draw.gallery)) for draw in task.draws]
            searched[other] = Searched(pairs, trials)
        asked_in = [np.isin(probes, draw.queries) for draw in task.draws]
        for name, part in [*((name, [alone]) for name, alone in searched.items()), (EVERY, list(searched.values()))]:
            title = name if name == EVERY else network.shown(name)
            lines.append(_judged(network.shown(camera), title, part, people, halves, asked_in))
    return tuple(lines)


def _halves(identities: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], Halves]:
    """Drawn by people: half of them 0, the others 1."""
    people = np.unique(identities)
    half = np.random.default_rng(SEED).permutation(np.arange(len(people)) % 2)
    return lambda names: half[np.minimum(np.searchsorted(people, names), len(people) - 1)]


def _pairs(
    distances: NDArray[np.float64],
    people: NDArray[np.int64],
    names: NDArray[np.int64],
    halves: Halves,
    halves_of_rows: Halves,
) -> tuple[Pair | None, Pair | None]:
    """For people of half 0 and of half 1 what the other half's distances tell, sampled as a gallery's calibration does."""
    pairs = []
    for half in (0, 1):
        asked = np.flatnonzero(halves != half)
        rows = np.flatnonzero((halves_of_rows != half) & (names >= 0))
        asked, rows = asked[evenly(len(asked), ASKED)], rows[evenly(len(rows), AGAINST)]
        same = people[asked][:, None] == names[rows][None, :]
        part = distances[np.ix_(asked, rows)]
        pairs.append(pair_of(part[same], part[~same]))
    return pairs[0], pairs[1]


def _nearest(
    distances: NDArray[np.float64], people: NDArray[np.int64], names: NDArray[np.int64], shown: NDArray[np.bool_]
) -> Nearest:
    part, same = distances[:, shown], people[:, None] == names[shown][None, :]
    person = np.where(same, part, np.inf).min(axis=1, initial=np.inf)
    stranger = np.where(same, np.inf, part).min(axis=1, initial=np.inf)
    rows = np.full(len(people), int(shown.sum()))
    return Nearest(person, stranger, rows, rows - same.sum(axis=1))


def _judged(
    camera: str,
    title: str,
    searched: Sequence[Searched],
    people: NDArray[np.int64],
    halves: Halves,
    asked_in: Sequence[NDArray[np.bool_]],
) -> Accepts:
    identities = len(np.unique(people))
    counts = {"camera": camera, "searched": title, "probes": len(people), "identities": identities}
    if not searched:
        return Accepts(**counts, why="no camera at another place is searched")
    if any(pair is None for each in searched for pair in each.pairs):
        least = f"{LEAST_GENUINE} pairs of one person and {LEAST_STRANGERS} of two"
        return Accepts(
            **counts, why=f"too few labelled pairs for a verdict: {least} are needed in each half of the people"
        )
    if reason := too_few(identities):
        return Accepts(**counts, why=reason)
    false, right_leads, passing = [], [], []
    for trial, asked in enumerate(asked_in):
        nearest = [each.trials[trial] for each in searched]
        person, stranger = (np.min([getattr(n, side) for n in nearest], axis=0) for side in ("person", "stranger"))
        best = np.minimum(person, stranger)
        with_person = _lead(searched, best, [n.rows for n in nearest], halves)
        without = _lead(searched, stranger, [n.strangers for n in nearest], halves)
        there, right, others = asked & np.isfinite(person), person < stranger, asked & np.isfinite(stranger)
        false.append((without[others], people[others]))
        right_leads.append(((right & with_person)[there], people[there]))
        passing.append((with_person[there & right], people[there & right]))
    return Accepts(
        **counts, false_accepts=_estimate(false), right_leads=_estimate(right_leads), passing=_estimate(passing)
    )


def _lead(
    searched: Sequence[Searched], distances: NDArray[np.float64], rows: Sequence[NDArray[np.int64]], halves: Halves
) -> NDArray[np.bool_]:
    """Whether fewer than one stranger is expected to be as near, (q,)."""
    expected = np.sum([each.rates(distances, halves) * n for each, n in zip(searched, rows, strict=True)], axis=0)
    return np.asarray(expected < 1, np.bool_)


def _estimate(parts: Sequence[tuple[NDArray[np.bool_], NDArray[np.int64]]]) -> Estimate | None:
    values, people = (np.concatenate(column) for column in zip(*parts, strict=True))
    return None if too_few(len(np.unique(people))) else estimate(values.astype(np.float64), people)

"""What an answer's verdict is worth: how often it calls people a lead who aren't in the gallery, and how often those who are.

A verdict calls hits a lead while fewer than one stranger is expected to be as near as the nearest hit, by the gallery's calibration
(see `rgbir.index.search.explained`). Here each probe is searched twice: in the gallery as it is, and in the gallery without
its person. Distances are calibrated on one half of the people and judged on the other, both ways, so that nobody is judged by a
measurement that he or she was part of. Cameras at the probe's place are left out, as every search of a gallery does.

Source: an open-set identification's false alarm rate, and its detection and identification rate at rank 1, at one threshold:
Phillips, Grother & Micheals, "Evaluation Methods in Face Recognition", in Handbook of Face Recognition, 2nd edition, 2011.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.evaluation.robustness.intervals import SEED, estimate, too_few
from rgbir.index.evaluation.robustness.part import Part, distinct
from rgbir.index.gallery.calibration import AGAINST, ASKED, LEAST_GENUINE, LEAST_STRANGERS, Pair, evenly, pair_of
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison
from rgbir.index.robustness import Accepts, Estimate

EVERY = "all"
Halves = NDArray[np.int64]
"""0 or 1 of each row."""
Counted = tuple[NDArray[np.bool_], NDArray[np.int64]]
"""Of some searches: what was counted, and the person of each."""


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


class Judged(NamedTuple):
    """What the searches of a camera, or of all, showed for the probes of one camera.

    Attributes:
        people: int64 (q,), of the probes, in one data set or several.
        false: of each search without its person in the gallery, whether it was called a lead; and the probe's person.
        right_leads: of each search with its person, whether the first hit was right and called a lead.
        passing: of each right first hit, whether it was called a lead.
        why: there is nothing of this.
    """

    people: NDArray[np.int64]
    false: Counted | None = None
    right_leads: Counted | None = None
    passing: Counted | None = None
    why: str = ""


def accepts(
    parts: Sequence[Part], metric: Metric, asked: Sequence[NDArray[np.bool_]], shown: Sequence[NDArray[np.bool_]]
) -> tuple[Accepts, ...]:
    """By the probes' cameras: of searches of each camera alone, and of all at once.

    Args:
        parts: of one data set each; the verdict is calibrated in each by itself.
        asked: bool (q,) of each part, which queries are looked at.
        shown: bool (n,) of each part, which rows they may find by the protocol's rule, but for that of places.
    """
    judged: dict[tuple[str, str], list[Judged]] = {}
    for part, of_side, rows in zip(parts, asked, shown, strict=True):
        for key, line in _of(part, metric, of_side, rows):
            judged.setdefault(key, []).append(line)
    return tuple(_line(camera, title, lines) for (camera, title), lines in judged.items())


def _of(
    part: Part, metric: Metric, asked: NDArray[np.bool_], shown: NDArray[np.bool_]
) -> Iterator[tuple[tuple[str, str], Judged]]:
    """By the shown names of the probes' camera and of the one that is searched, in one data set."""
    task, queries, gallery = part.task, part.queries, part.gallery
    network = task.network
    cameras, others = np.array([r.camera for r in task.queries]), np.array([r.camera for r in task.gallery])
    taken = asked & (queries.identities >= 0)
    half_of = _halves(np.concatenate([queries.identities[taken], gallery.identities[gallery.identities >= 0]]))
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
        for name, of_cameras in [
            *((name, [alone]) for name, alone in searched.items()), (EVERY, list(searched.values())),
        ]:  # fmt: skip
            title = name if name == EVERY else network.shown(name)
            yield (network.shown(camera), title), _judged(of_cameras, people, halves, asked_in)


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
    searched: Sequence[Searched], people: NDArray[np.int64], halves: Halves, asked_in: Sequence[NDArray[np.bool_]]
) -> Judged:
    if not searched:
        return Judged(people, why="no camera at another place is searched")
    if any(pair is None for each in searched for pair in each.pairs):
        least = f"{LEAST_GENUINE} pairs of one person and {LEAST_STRANGERS} of two"
        return Judged(
            people, why=f"too few labelled pairs for a verdict: {least} are needed in each half of the people"
        )
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
    return Judged(people, _together(false), _together(right_leads), _together(passing))


def _line(camera: str, title: str, parts: Sequence[Judged]) -> Accepts:
    """Of all data sets; the reason of one that can't be measured is that of all."""
    people = distinct([part.people for part in parts])
    identities = len(np.unique(people))
    counts = {"camera": camera, "searched": title, "probes": len(people), "identities": identities}
    if reason := next((part.why for part in parts if part.why), too_few(identities)):
        return Accepts(**counts, why=reason)
    shares = {}
    for name, field in (("false_accepts", "false"), ("right_leads", "right_leads"), ("passing", "passing")):
        shares[name] = _estimate([getattr(part, field) for part in parts])
    return Accepts(**counts, **shares)


def _lead(
    searched: Sequence[Searched], distances: NDArray[np.float64], rows: Sequence[NDArray[np.int64]], halves: Halves
) -> NDArray[np.bool_]:
    """Whether fewer than one stranger is expected to be as near, (q,)."""
    expected = np.sum([each.rates(distances, halves) * n for each, n in zip(searched, rows, strict=True)], axis=0)
    return np.asarray(expected < 1, np.bool_)


def _together(trials: Sequence[Counted]) -> Counted:
    calls, people = (np.concatenate(column) for column in zip(*trials, strict=True))
    return calls, people


def _estimate(parts: Sequence[Counted]) -> Estimate | None:
    calls, people = np.concatenate([calls for calls, _ in parts]), distinct([people for _, people in parts])
    return None if too_few(len(np.unique(people))) else estimate(calls.astype(np.float64), people)

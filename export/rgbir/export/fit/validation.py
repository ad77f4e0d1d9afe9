"""What a fit brings on people and cameras that it hasn't seen: a cross-validation within a cross-validation.

In each outer fold a fifth of the people and half of the cameras are held back. The map is fitted to the other people,
seen by the other cameras. Its shrinkage and its dimension are chosen by inner folds over those people alone. Then the
held-back people's infrared sightings search their colour sightings, by the held-back cameras, and no query sees its own
place. The bundle as it is, centring alone and the whole map are measured on the same folds.

A spread is the standard deviation over the folds times √(1/folds + tested people/fitted people). The folds share most
of the people that they are fitted to, and without the second term a spread would be too small.

Source: Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 2003, for the spread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.export.errors import ExportFailure
from rgbir.export.fit.closed_form import ClosedForm
from rgbir.export.fit.halves import halves
from rgbir.export.fit.labelled import Labelled
from rgbir.index import Figure, FittedMap, Metric, Modality
from rgbir.index.errors import EvaluationError
from rgbir.index.evaluation import Features, Protocol, evaluate_trial
from rgbir.index.progress import Progress, silent

OUTER, INNER = 5, 3
"""Parts of the people."""
SHRINKAGES = (0.03, 0.1, 0.3, 0.6)
DIMENSIONS = (16, 32, 64, 128)
FEWEST_FITTED = 6
"""People in a fold's fit, at least."""
FEWEST_FOLDS = OUTER
PROTOCOL = Protocol("fit", data="", selection="everything", hiding="place", trials=1)


class Candidate(NamedTuple):
    """What is chosen of a map.

    Attributes:
        shrinkage: share of the identity in the within-class covariance.
        dimension: values of a mapped embedding, at most.
    """

    shrinkage: float
    dimension: int


CANDIDATES = tuple(Candidate(*pair) for pair in product(SHRINKAGES, DIMENSIONS))
Scores = NDArray[np.float64]
"""(2,): rank-1 and mAP, in 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """What one outer fold is made of.

    Attributes:
        fitted: sightings that the map is fitted to.
        tested: sightings that it is measured on: other people, by other cameras.
    """

    fitted: Labelled
    tested: Labelled


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """The measures of all outer folds.

    Attributes:
        plain, centred, fitted: float64 (folds, 2), rank-1 and mAP in 0..1.
        best: the candidate for the map of all people.
    """

    plain: NDArray[np.float64]
    centred: NDArray[np.float64]
    fitted: NDArray[np.float64]
    best: Candidate

    @property
    def folds(self) -> int:
        """How many there are."""
        return len(self.plain)

    def gain(self, only_centred: bool = False) -> Figure:
        """Of the map over the better one of plain and centred, by mAP; of centring alone over plain."""
        if only_centred:
            return figure(self.centred - self.plain)
        other = max(self.plain, self.centred, key=lambda scores: scores[:, 1].mean())
        return figure(self.fitted - other)


def figure(scores: NDArray[np.float64]) -> Figure:
    """Means and spreads of float64 (folds, 2)."""
    spreads = scores.std(axis=0, ddof=1) * np.sqrt(1 / len(scores) + 1 / (OUTER - 1))
    (rank_1, mean_ap), (rank_1_spread, mean_ap_spread) = scores.mean(axis=0).tolist(), spreads.tolist()
    return Figure(rank_1=rank_1, rank_1_spread=rank_1_spread, mean_ap=mean_ap, mean_ap_spread=mean_ap_spread)


def clear(gain: Figure) -> bool:
    """Whether mAP gains more than twice its spread, and rank-1 doesn't lose more than twice its own."""
    return gain.mean_ap > 2 * gain.mean_ap_spread and gain.rank_1 > -2 * gain.rank_1_spread


def cross_validated(
    labelled: Labelled,
    metric: Metric,
    seed: int = 0,
    progress: Progress = silent,
    form: Callable[[Labelled], ClosedForm] = ClosedForm,
) -> Validation:
    """Measures plain, centred and fitted on every outer fold.

    Args:
        labelled: people who were each seen in both modalities.
        metric: the bundle's own, for the plain measure; maps are compared by cosine.
        seed: draws the parts of the people.
        progress: told of folds that were done, of `OUTER` times two.
        form: makes the maps of a fold's sightings.

    Raises:
        ExportFailure: the cameras can't be divided, or too few folds have anything to measure.
    """
    rows = []
    for fold in folds(labelled, seed):
        measured = _measured(fold, metric, seed, form)
        if measured is not None:
            rows.append(measured)
        progress(1)
    if len(rows) < FEWEST_FOLDS:
        raise ExportFailure(
            f"only {len(rows)} of {2 * OUTER} folds have {FEWEST_FITTED} people to fit and somebody to find, {FEWEST_FOLDS} are"
            " needed: too few people were seen by an infrared and a colour camera of each half of the cameras. Label more"
        )
    plain, centred, fitted, candidates = (np.stack(column) for column in zip(*rows, strict=True))
    best = CANDIDATES[int(candidates[:, :, 1].mean(axis=0).argmax())]
    return Validation(plain, centred, fitted, best)


def folds(labelled: Labelled, seed: int) -> Iterator[Fold]:
    """Each part of the people, with each half of the cameras.

    Args:
        labelled: people who were each seen in both modalities.
        seed: draws the parts.

    Raises:
        ExportFailure: the cameras can't be divided.
    """
    sides = halves(labelled)
    for part in _parts(labelled.people, OUTER, seed):
        tested = np.isin(labelled.identities, part)
        for shown, hidden in (sides, sides[::-1]):
            there, elsewhere = (np.isin(labelled.cameras, sorted(side)) for side in (hidden, shown))
            yield Fold(labelled.take(~tested & elsewhere).seen_in_both(), labelled.take(tested & there))


def _measured(
    fold: Fold, metric: Metric, seed: int, form: Callable[[Labelled], ClosedForm]
) -> tuple[Scores, Scores, Scores, NDArray[np.float64]] | None:
    """Plain, centred, fitted, and every candidate (candidates, 2); None where there is nothing to fit or to find."""
    if len(fold.fitted.people) < FEWEST_FITTED or (plain := scores(fold.tested, None, metric)) is None:
        return None
    choice = _chosen(fold.fitted, seed, form)
    made = form(fold.fitted)
    centred = scores(fold.tested, made.centred(), Metric.COSINE)
    candidates = [scores(fold.tested, made.fitted(*candidate), Metric.COSINE) for candidate in CANDIDATES]
    assert centred is not None
    every = np.stack([row for row in candidates if row is not None])
    return plain, centred, every[CANDIDATES.index(choice)], every


def _chosen(labelled: Labelled, seed: int, form: Callable[[Labelled], ClosedForm]) -> Candidate:
    """The candidate with the best mAP over inner folds, which hold people back; the first where several are."""
    total = np.zeros(len(CANDIDATES))
    for part in _parts(labelled.people, INNER, seed + 1):
        tested = np.isin(labelled.identities, part)
        made, held_back = form(labelled.take(~tested)), labelled.take(tested)
        for number, candidate in enumerate(CANDIDATES):
            measured = scores(held_back, made.fitted(*candidate), Metric.COSINE)
            total[number] += 0 if measured is None else measured[1]
    return CANDIDATES[int(total.argmax())]


def _parts(people: NDArray[np.int64], count: int, seed: int) -> list[NDArray[np.int64]]:
    return np.array_split(np.random.default_rng(seed).permutation(people), count)


def scores(labelled: Labelled, fitted: FittedMap | None, metric: Metric) -> Scores | None:
    """Rank-1 and mAP of infrared queries among colour sightings in other places; None where nobody can be found.

    Args:
        labelled: the sightings.
        fitted: applied to the embeddings first; None leaves them as they are.
        metric: by which they are compared.
    """
    queries, gallery = (_features(labelled.take(labelled.of(m)), fitted, m) for m in (Modality.IR, Modality.RGB))
    try:
        report = evaluate_trial(queries, gallery, labelled.network, PROTOCOL, metric)
    except EvaluationError:
        return None
    return np.array([report.rank(1), report.mean_ap])


def _features(side: Labelled, fitted: FittedMap | None, modality: Modality) -> Features:
    embeddings = side.embeddings if fitted is None else fitted(side.embeddings, modality)
    return Features(embeddings, side.identities, side.cameras, np.full(len(side), "", np.str_))

"""From features to a report: rank every query once, measure every trial on it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import CameraNetwork, Modality
from rgbir.index.datasets.protocol import Hiding, Protocol, Way
from rgbir.index.datasets.task import Draw, Task
from rgbir.index.errors import EvaluationError, UsageError
from rgbir.index.evaluation.features import Features, numbers_of
from rgbir.index.evaluation.metrics import Measures, coded, measure, numbered
from rgbir.index.evaluation.ranking import Outcomes, Rank, outcomes
from rgbir.index.evaluation.report import Report
from rgbir.index.evaluation.tracklets import by_nearest_frames, pooled
from rgbir.index.machine import cores
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison, Ranked
from rgbir.index.nearest.rerank import Reranker

Codes = NDArray[np.signedinteger[Any]]
PLACES = ("place", "place and modality")
"""The rules that hide what is at a query's own place."""
_BLOCK_CELLS = 4_000_000


def evaluate(
    task: Task,
    queries: Features,
    gallery: Features,
    protocol: Protocol,
    metric: Metric,
    about: dict[str, str] | None = None,
) -> Report:
    """Measures features of a task's images, which are known by their sources; others are left aside.

    Of tracklets they are their frames' (see `pooled`), or already one a tracklet.

    Args:
        metric: the distance that the model's method prescribes.

    Raises:
        EvaluationError: an image has no feature, or no number can be given.
    """
    if task.pool == "best":
        return evaluate_ranked(task, by_nearest_frames(task, queries, gallery, metric), protocol, metric, about)
    queries, gallery = pooled(task, queries, gallery, metric)
    compared = Comparison(metric, gallery.embeddings)
    return evaluate_ranked(task, lambda rows: compared.ranked(queries.embeddings[rows]), protocol, metric, about)


def evaluate_ranked(
    task: Task, rank: Rank, protocol: Protocol, metric: Metric, about: dict[str, str] | None = None
) -> Report:
    """The same from rankings that come in blocks; memory doesn't grow with the number of queries.

    Raises:
        EvaluationError: a key is NaN, or no query is valid.
    """
    return _ranked(task, rank, protocol).report(metric, about)


def outcomes_by_trial(
    task: Task, queries: Features, gallery: Features, protocol: Protocol, metric: Metric
) -> list[Outcomes]:
    """What each trial gives each of its queries, in their order; nobody has to be valid.

    Args:
        queries, gallery: of the task's rows, in their order.

    Raises:
        EvaluationError: a key is NaN.
    """
    compared = Comparison(metric, gallery.embeddings)
    trials = _ranked(task, lambda rows: compared.ranked(queries.embeddings[rows]), protocol)
    return [trials.drawn(number) for number in range(len(task.draws))]


def _ranked(task: Task, rank: Rank, protocol: Protocol) -> _Trials:
    """Every query ranked once, and what each trial makes of it."""
    trials = _Trials(task, protocol)
    step = max(1, _BLOCK_CELLS // len(task.gallery))
    blocks = [np.arange(start, min(start + step, len(task.queries))) for start in range(0, len(task.queries), step)]
    with ThreadPoolExecutor(cores()) as pool:
        for block in pool.map(lambda rows: (rows, trials.measured(rows, rank(rows))), blocks):
            trials.keep(*block)
    return trials


def evaluate_reranked(
    task: Task,
    queries: Features,
    gallery: Features,
    protocol: Protocol,
    metric: Metric,
    reranker: Reranker,
    about: dict[str, str] | None = None,
) -> Report:
    """The same after re-ranking each trial by its rows' neighbours, under a name of its own; `rerank` says how.

    Queries that see the same rows are re-ranked together, and only with the rows that they may see.

    Raises:
        EvaluationError: an image has no feature, or no query is valid.
    """
    queries, gallery = pooled(task, queries, gallery, metric)
    ranked = _Trials(task, replace(protocol, name=f"{protocol.name}+{reranker.name}"))
    for number, draw in enumerate(ranked.draws):
        for group in ranked.groups(draw.queries, np.ones(len(draw.queries), bool)):
            rows = draw.queries[group]
            visible = ranked.visible(draw, int(rows[0]))
            keys = reranker.keys(queries.embeddings[rows], gallery.embeddings[visible], metric)
            order = visible[np.argsort(keys, axis=1, kind="stable")]
            ranked.keep(rows, [(number, rows, ranked.outcomes(rows, order))])
    return replace(ranked.report(metric, about), rerank=reranker.about)


def evaluate_trial(
    queries: Features,
    gallery: Features,
    network: CameraNetwork,
    protocol: Protocol,
    metric: Metric,
    about: dict[str, str] | None = None,
) -> Report:
    """One trial on anybody's saved features: every query against the gallery as it is, in its row order.

    By Market-1501's protocols, junk (identity -1) is in nobody's gallery.

    Raises:
        EvaluationError: nothing on one side, or embeddings of two lengths.
    """
    if not len(queries) or not len(gallery):
        raise EvaluationError(f"{len(queries):,} queries and {len(gallery):,} gallery rows; both are needed")
    if (asked := queries.embeddings.shape[1]) != (shown := gallery.embeddings.shape[1]):
        raise EvaluationError(
            f"the queries' embeddings have {asked:,} values and the gallery's {shown:,}; both must be of one model"
        )
    if protocol.data == "Market-1501" and (junk := int((gallery.identities < 0).sum())):
        gallery = gallery.take(gallery.identities >= 0)
        about = {**(about or {}), "junk left out": str(junk)}
    if not (queries.identities >= 0).any():
        raise EvaluationError(
            "nobody says whom the queries show (their identities are all -1), so nothing can be right or wrong; embed them with"
            " --identity, or a table with a column identity and --network"
        )
    if unknown := sum(int((side.cameras == "").sum()) for side in (queries, gallery)):
        about = {**(about or {}), "rows of unknown cameras, of which nothing is hidden": str(unknown)}
    keys = Comparison(metric, gallery.embeddings).keys(queries.embeddings)
    hidden = hidden_rows(protocol.hiding, network, queries, gallery)
    result = measure(
        keys,
        queries.identities,
        gallery.identities,
        hidden,
        cmc=protocol.cmc,
        ap=protocol.ap,
        denominator=protocol.denominator,
    )
    return Report(protocol, {"mode": "as saved", "shots": "as saved"}, metric, (result,), about or {})


def hidden_rows(
    hiding: Hiding, network: CameraNetwork, queries: Features, gallery: Features
) -> NDArray[np.bool_] | None:
    """True (queries, gallery) where the protocol's rule hides the row from the query.

    What an unknown camera saw is at no known place: nothing is hidden from it, and it is hidden from nobody.

    Raises:
        UnknownCamera: a camera that the network doesn't have.
        UsageError: the rule is of places, and a camera moved.
    """
    if hiding == "nothing":
        return None
    if hiding in PLACES:
        network.expect_unmoved({str(c) for f in (queries, gallery) for c in f.cameras if c}, "a benchmark")
        asked, shown = (np.array([network[str(c)].place if c else "" for c in f.cameras]) for f in (queries, gallery))
        hidden = np.asarray((asked[:, None] == shown[None, :]) & (asked != "")[:, None], np.bool_)
        if hiding == "place":
            return hidden
        asked, shown = (np.array([_modality(network, str(c)) for c in f.cameras], np.str_) for f in (queries, gallery))
        return np.asarray(hidden | (asked[:, None] == shown[None, :]), np.bool_)
    asked, shown = (np.array([network[str(c)].id if c else "" for c in f.cameras]) for f in (queries, gallery))
    same_person = (queries.identities[:, None] == gallery.identities[None, :]) & (queries.identities[:, None] >= 0)
    return np.asarray((asked[:, None] == shown[None, :]) & (asked != "")[:, None] & same_person, np.bool_)


def _modality(network: CameraNetwork, camera: str) -> Modality:
    """
    Raises:
        UsageError: the camera has both, or isn't known.
    """
    if not camera:
        raise UsageError(
            "the modality of an unknown camera's features isn't known; name their cameras (`rgbir embed --camera`)"
        )
    modalities = network[camera].modalities
    if len(modalities) > 1:
        raise UsageError(
            f"camera {camera} is a day/night camera, and the features don't say which of its rows are infrared; declare two"
            " cameras at one place, and name them in the features"
        )
    return next(iter(modalities))


class _Trials:
    """A task's labels in small numbers, and what each trial found."""

    def __init__(self, task: Task, protocol: Protocol) -> None:
        self.task, self.protocol = task, protocol
        self.draws = [*task.draws, *task.ways.values()]
        names, codes, self.people = numbered(numbers_of(record.identity for record in task.gallery))
        small: type[np.signedinteger[Any]] = np.int16 if self.people < 32_000 else np.int32
        self.codes: Codes = codes.astype(small)
        self.query_codes: Codes = coded(numbers_of(record.identity for record in task.queries), names).astype(small)
        self.by_camera = protocol.hiding == "identity and camera"
        self.by_place = place = protocol.hiding in PLACES
        self.by_modality = protocol.hiding == "place and modality"
        if place:
            task.network.expect_unmoved((r.camera for r in (*task.queries, *task.gallery)), "a benchmark")
        seen_by = [[task.network[r.camera].place if place else task.network[r.camera].id for r in records]
                   for records in (task.queries, task.gallery)]  # fmt: skip
        numbers = {name: number for number, name in enumerate(sorted({*seen_by[0], *seen_by[1]}))}
        self.query_cameras, self.cameras = (np.array([numbers[n] for n in names], np.int16) for names in seen_by)
        self.query_infrared, self.infrared = (
            np.array([record.modality is Modality.IR for record in records], bool)
            for records in (task.queries, task.gallery)
        )
        rows = len(task.queries)
        self.by_trial = [Outcomes(np.full(rows, -1, np.int64), np.zeros(rows), np.zeros(rows)) for _ in self.draws]
        self.asked = [np.isin(np.arange(rows), draw.queries) for draw in self.draws]

    def measured(self, rows: NDArray[np.int64], ranked: Ranked) -> list[tuple[int, NDArray[np.int64], Outcomes]]:
        """(trial, query rows, their outcomes) of every trial on a block of queries."""
        keys, order, tied = ranked
        if np.isnan(keys.min()):
            query, row = np.argwhere(np.isnan(keys))[0]
            asked, shown = self.task.queries[rows[query]].source, self.task.gallery[row].source
            raise EvaluationError(f"the distance of {asked} to {shown} is NaN")
        names = self.codes[order]
        results = []
        for number, draw in enumerate(self.draws):
            taking_part = self.asked[number][rows]
            for group in self.groups(rows, taking_part & ~tied):
                results.append((number, rows[group], self._together(draw, rows[group], order[group], names[group])))
            for query in np.flatnonzero(taking_part & tied):
                alone = rows[query : query + 1]
                results.append((number, alone, self._alone(draw, alone, keys[query])))
        return results

    def _together(self, draw: Draw, rows: NDArray[np.int64], order: NDArray[np.int32], names: Codes) -> Outcomes:
        """Queries that see the same rows: what the trial shows of their orders."""
        shown = np.zeros(len(self.codes), bool)
        shown[self.visible(draw, int(rows[0]))] = True
        kept, shape = shown[order], (len(rows), int(shown.sum()))
        cameras = self.cameras[order[kept]].reshape(shape) if self.by_camera else None
        return self._measured(rows, names[kept].reshape(shape), cameras)

    def _alone(self, draw: Draw, row: NDArray[np.int64], keys: NDArray[np.float64]) -> Outcomes:
        """A query with equal keys, which keep the trial's own order."""
        visible = self.visible(draw, int(row[0]))
        return self.outcomes(row, visible[np.argsort(keys[visible], kind="stable")][None, :])

    def groups(self, rows: NDArray[np.int64], asked: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
        """Queries of the block that see the same rows."""
        kinds = np.zeros(len(rows), np.int32)
        if self.by_place:
            kinds += 2 * self.query_cameras[rows]
        if self.by_modality:
            kinds += self.query_infrared[rows]
        groups = [np.flatnonzero(asked & (kinds == kind)) for kind in np.unique(kinds)]
        return [group for group in groups if len(group)]

    def visible(self, draw: Draw, query: int) -> NDArray[np.int64]:
        """The trial's rows that the rules of place and modality leave to this query, in the trial's order."""
        if not self.by_place:
            return draw.gallery
        seen = self.cameras[draw.gallery] != self.query_cameras[query]
        if self.by_modality:
            seen &= self.infrared[draw.gallery] != self.query_infrared[query]
        return np.asarray(draw.gallery[seen], np.int64)

    def outcomes(self, rows: NDArray[np.int64], order: NDArray[np.signedinteger[Any]]) -> Outcomes:
        """Of these queries' galleries in their order, (q, n) row numbers."""
        return self._measured(rows, self.codes[order], self.cameras[order] if self.by_camera else None)

    def _measured(self, rows: NDArray[np.int64], names: Codes, cameras: NDArray[np.int16] | None) -> Outcomes:
        wanted, hidden = self.query_codes[rows], None
        if cameras is not None:
            hidden = (names == wanted[:, None]) & (cameras == self.query_cameras[rows][:, None])
        return outcomes(names, wanted, self.people, hidden, cmc=self.protocol.cmc, ap=self.protocol.ap)

    def keep(self, rows: NDArray[np.int64], results: Sequence[tuple[int, NDArray[np.int64], Outcomes]]) -> None:
        for number, asked, part_outcomes in results:
            for whole, part in zip(self.by_trial[number], part_outcomes, strict=True):
                whole[asked] = part

    def drawn(self, trial: int) -> Outcomes:
        """What that trial's queries contributed, in its order."""
        return self.by_trial[trial].some(self.draws[trial].queries)

    def report(self, metric: Metric, about: dict[str, str] | None) -> Report:
        trials = len(self.task.draws)
        measures = self._measures(self.draws)
        whole = Report(self.protocol, self.task.setting, metric, measures[:trials], about or {})
        if self.task.ways:
            alone = dict(zip(self.task.ways, measures[trials:], strict=True))
            return replace(whole, directions={way: (part,) for way, part in alone.items()})
        if not self.by_modality or len(np.unique(self.query_infrared)) < 2:
            return whole
        ways: dict[Way, bool] = {"infrared->visible": True, "visible->infrared": False}
        parts = {name: self._measures(self._of_way(infrared)) for name, infrared in ways.items()}
        return replace(whole, directions=parts)

    def _of_way(self, infrared: bool) -> list[Draw]:
        """The trials with the queries of one modality, and the rows of the other."""
        return [
            Draw(
                draw.queries[self.query_infrared[draw.queries] == infrared],
                draw.gallery[self.infrared[draw.gallery] != infrared],
            )
            for draw in self.task.draws
        ]

    def _measures(self, draws: Sequence[Draw]) -> tuple[Measures, ...]:
        trials = []
        for draw, by_query in zip(draws, self.by_trial, strict=True):
            identities = len(np.unique(self.codes[draw.gallery]))
            drawn = by_query.some(draw.queries)
            rules = self.protocol.cmc, self.protocol.denominator
            trials.append(Measures.of(drawn, len(draw.gallery), identities, *rules))
        return tuple(trials)

"""The speed: each camera's embeddings in FAISS, derived from the store and never changed once built.

A camera is a row of slabs. New sightings extend the last one by building it anew; a removed sighting's slab is built
without it. Whoever searches keeps the slabs it began with.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric
from rgbir.index.store import Changes, Mark, Vector

ROWS = 16_384
WORTH_A_THREAD = 8_192
"""Rows below which handing slabs to threads costs more than it saves."""
WORTH_CODES, ASKED_BEFORE_CODES = 1_024, 8
"""A slab of so many rows gets codes once it was searched so often; they add a quarter to its memory."""
NO_TIME = np.iinfo(np.int64).min
_UNIT = 2.0**-24  # float32 rounding


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows may answer. since ≤ taken_at < until, in microseconds; rows without a time answer only if neither is set.

    only: these row numbers alone.
    """

    since: int | None = None
    until: int | None = None
    identity: int | None = None
    only: NDArray[np.int64] | None = None

    @property
    def empty(self) -> bool:
        return self.since is None and self.until is None and self.identity is None and self.only is None


class Candidates(NamedTuple):
    """What a scan proposes of a slab.

    places: int64 (n,). lower: float64 (n,), no candidate's key is below its own. rest: no other row's key is below it; -inf
    where nothing can be promised.
    """

    places: NDArray[np.int64]
    lower: NDArray[np.float64]
    rest: float

    @classmethod
    def of(cls, places: NDArray[np.int64], lower: NDArray[np.floating[Any]]) -> Candidates:
        """From a scan's result, which ascends: what wasn't found is no nearer than the last that was."""
        wide = lower.astype(np.float64)
        usable = bool((places >= 0).all()) and bool(np.isfinite(wide).all())
        there = places >= 0
        return cls(places[there], wide[there], float(wide[-1]) if usable else -np.inf)


class Codes:
    """A slab in eight bits a value: c = round(x / s), with one scale s, and the largest error e = |x - s c| of its rows.

    As | |q - x| - |q - s c| | ≤ e and |q·x - q·(s c)| ≤ |q| e, a scan of the codes bounds every key from below at a quarter
    of the memory's traffic. FAISS decodes and sums in float32; what that loses is part of the bound.
    """

    def __init__(self, metric: Metric, vectors: NDArray[np.float32]) -> None:
        self.metric = metric
        largest = float(np.abs(vectors).max(initial=0.0))
        self.scale = max(largest / 127, float(np.finfo(np.float32).tiny))
        codes = np.rint(vectors / np.float32(self.scale))
        kind = faiss.METRIC_L2 if metric is Metric.EUCLIDEAN else faiss.METRIC_INNER_PRODUCT
        signed = faiss.ScalarQuantizer.QT_8bit_direct_signed
        self._index: Any = faiss.IndexScalarQuantizer(vectors.shape[1], signed, kind)
        self._index.train(codes)
        self._index.add(codes)
        off = vectors.astype(np.float64) - codes.astype(np.float64) * self.scale
        self.error = float(np.sqrt((off**2).sum(axis=1).max(initial=0.0))) * (1 + 1e-9)
        self._longest = float(np.sqrt((codes.astype(np.float64) ** 2).sum(axis=1).max(initial=0.0)))

    def scan(self, query: NDArray[np.float32], width: int) -> Candidates:
        lost = 2 * (len(query) + 8) * _UNIT
        if self.metric is Metric.EUCLIDEAN:
            turned = (query / np.float32(self.scale)).astype(np.float32)
            length = float(np.sqrt((turned.astype(np.float64) ** 2).sum()))
            values, places = self._index.search(turned[None], width)
            least = np.maximum(values[0].astype(np.float64) - lost * (length + self._longest) ** 2, 0)
            nearest = np.maximum(np.sqrt(least) * self.scale * (1 - 1e-9) - self.error, 0)
            return Candidates.of(places[0], nearest**2)
        length = float(np.sqrt((query.astype(np.float64) ** 2).sum()))
        values, places = self._index.search(query[None], width)
        most = values[0].astype(np.float64) + lost * max(length * self._longest, 1.0)
        return Candidates.of(places[0], 1.0 - most * self.scale - length * self.error - 1e-12)


class Slab:
    """Up to ROWS embeddings of one camera, in enrolment order.

    rows: int64 (n,), ascending. times: int64 (n,), microseconds or NO_TIME. identities: int64 (n,), -1 unknown.
    """

    def __init__(
        self,
        metric: Metric,
        vectors: NDArray[np.float32],
        rows: NDArray[np.int64],
        times: NDArray[np.int64],
        identities: NDArray[np.int64],
    ) -> None:
        self.metric, self.rows, self.times, self.identities = metric, rows, times, identities
        dimension = vectors.shape[1]
        self._index: Any = faiss.IndexFlatL2(dimension) if metric is Metric.EUCLIDEAN else faiss.IndexFlatIP(dimension)
        self._index.add(np.ascontiguousarray(vectors))
        squares = (vectors.astype(np.float64) ** 2).sum(axis=1)
        self._longest = float(np.sqrt(squares.max(initial=0.0)))
        self._codes: Codes | None = None
        self._asked, self._coding = 0, False
        self._coded_scans = self._recent = self.widenings = 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """float32 (n, d): FAISS's own memory, not a copy."""
        flat: NDArray[np.float32] = faiss.rev_swig_ptr(self._index.get_xb(), self._index.ntotal * self._index.d)
        return flat.reshape(self._index.ntotal, self._index.d)

    def allowed(self, rows: Filter) -> NDArray[np.int64] | None:
        """Positions that pass the filter; None where all do."""
        if rows.empty:
            return None
        passing = np.ones(len(self), bool)
        if rows.since is not None or rows.until is not None:
            passing &= self.times != NO_TIME
        if rows.since is not None:
            passing &= self.times >= rows.since
        if rows.until is not None:
            passing &= self.times < rows.until
        if rows.identity is not None:
            passing &= self.identities == rows.identity
        if rows.only is not None:
            passing &= np.isin(self.rows, rows.only)
        return np.flatnonzero(passing)

    def scan(self, query: NDArray[np.float32], width: int, positions: NDArray[np.int64] | None) -> Candidates:
        """The `width` most alike rows as a fast scan sees them, and what can be promised of the others."""
        candidates = len(self) if positions is None else len(positions)
        if width >= candidates:
            everything = np.arange(len(self)) if positions is None else positions
            return Candidates(everything, np.full(len(everything), -np.inf), np.inf)
        if positions is None and (codes := self._ready_codes()) is not None:
            self._coded_scans += 1
            return codes.scan(query, width)
        parameters: Any = None
        if positions is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(positions))  # type: ignore[call-arg]
        values, found = self._index.search(query[None], width, params=parameters)
        length = float(np.sqrt((query.astype(np.float64) ** 2).sum()))
        lost = 2 * (len(query) + 8) * _UNIT
        if self.metric is Metric.EUCLIDEAN:
            lower = values[0] - lost * (length + self._longest) ** 2 - len(query) * 1e-37
        else:
            lower = 1.0 - values[0] - lost * max(length * self._longest, 1.0) - len(query) * 1e-37
        return Candidates.of(found[0], lower)

    def _ready_codes(self) -> Codes | None:
        """Codes, once the slab was searched often enough to be worth them; they are made beside the searches."""
        if self._codes is None and not self._coding and len(self) >= WORTH_CODES:
            self._asked += 1
            if self._asked >= ASKED_BEFORE_CODES:
                self._coding = True
                _threads().submit(self.code)
        return self._codes

    def had_to_widen(self) -> None:
        """A search found the bound of the others too low. Codes for which every third search does are given up."""
        self.widenings += 1
        self._recent += 1
        if self._codes is not None and self._recent > ASKED_BEFORE_CODES and 4 * self._recent > self._coded_scans:
            self._codes = None

    @property
    def coded(self) -> bool:
        """Whether scans read codes."""
        return self._codes is not None

    def code(self) -> None:
        """Makes the codes."""
        self._coding = True
        self._codes = Codes(self.metric, self.vectors)

    def without(self, removed: set[int]) -> Slab | None:
        keep = np.array([int(row) not in removed for row in self.rows], bool)
        return self._part(keep) if keep.any() else None

    def _part(self, keep: NDArray[np.bool_]) -> Slab:
        return Slab(self.metric, self.vectors[keep], self.rows[keep], self.times[keep], self.identities[keep])

    @classmethod
    def of(cls, metric: Metric, new: Sequence[Vector], before: Slab | None = None) -> Slab:
        vectors = np.stack([vector.embedding for vector in new])
        rows = np.array([vector.row for vector in new], np.int64)
        times = np.array([NO_TIME if v.taken_at is None else v.taken_at for v in new], np.int64)
        identities = np.array([-1 if v.identity is None else v.identity for v in new], np.int64)
        if before is None:
            return cls(metric, vectors, rows, times, identities)
        return cls(
            metric,
            np.concatenate((before.vectors, vectors)),
            np.concatenate((before.rows, rows)),
            np.concatenate((before.times, times)),
            np.concatenate((before.identities, identities)),
        )


@dataclass(frozen=True, slots=True)
class View:
    """One consistent state of the gallery, as a search sees it. Never changes."""

    metric: Metric
    mark: Mark
    cameras: Mapping[str, tuple[Slab, ...]]

    @property
    def sightings(self) -> int:
        return sum(len(slab) for slabs in self.cameras.values() for slab in slabs)

    @property
    def widenings(self) -> int:
        """How often a search had to ask a slab for more than it did at first."""
        return sum(slab.widenings for slabs in self.cameras.values() for slab in slabs)

    @property
    def coded(self) -> int:
        """Sightings whose scans read codes."""
        return sum(len(slab) for slabs in self.cameras.values() for slab in slabs if slab.coded)

    def after(self, changes: Changes) -> View:
        """The state after the changes; untouched slabs are shared with this one."""
        cameras = dict(self.cameras)
        removed = defaultdict(set)
        for row, camera in changes.removed:
            removed[camera].add(row)
        for camera, rows in removed.items():
            kept = [_without(slab, rows) for slab in cameras.get(camera, ())]
            cameras[camera] = tuple(slab for slab in kept if slab is not None)
        waiting: dict[str, list[Vector]] = defaultdict(list)
        for vector in changes.added:
            waiting[vector.camera].append(vector)
            if len(waiting[vector.camera]) == ROWS:
                cameras[vector.camera] = _extended(
                    self.metric, cameras.get(vector.camera, ()), waiting.pop(vector.camera)
                )
        for camera, new in waiting.items():
            cameras[camera] = _extended(self.metric, cameras.get(camera, ()), new)
        return View(self.metric, changes.mark, {camera: slabs for camera, slabs in sorted(cameras.items()) if slabs})

    def nearest(
        self, query: NDArray[np.float32], cameras: Iterable[str], rows: Filter, top_k: int
    ) -> list[tuple[float, int]]:
        """The (key, row) of the `top_k` most alike sightings: brute force's answer, in its order, with a proof.

        A scan proposes candidates of each slab and bounds their keys from below, and those of all other rows. Keys are
        computed in float64 from the lowest bound on, until no bound is left that reaches the last place; slabs whose other
        rows may reach it are asked for more.
        """
        slabs = [slab for camera in cameras for slab in self.cameras.get(camera, ())]
        searches = [_SlabSearch(slab, query, slab.allowed(rows)) for slab in slabs]
        width = top_k + 16
        pending = searches
        while pending:
            _widen(pending, width)
            best = _best(searches, top_k)
            worst = best[-1][0] if len(best) == top_k else np.inf
            pending = [search for search in searches if not search.rest > worst and search.rest < np.inf]
            for search in pending:
                search.slab.had_to_widen()
            width *= 4
        return best if searches else []

    def keys(self, query: NDArray[np.float32], cameras: Iterable[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Every row of these cameras in enrolment order, and its key."""
        slabs = [slab for camera in cameras for slab in self.cameras.get(camera, ())]
        if not slabs:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        rows = np.concatenate([slab.rows for slab in slabs])
        keys = np.concatenate([self.metric.keys(query, slab.vectors) for slab in slabs])
        order = np.argsort(rows)
        return rows[order], keys[order]


def _without(slab: Slab, rows: set[int]) -> Slab | None:
    touched = any(int(row) in rows for row in slab.rows)
    return slab.without(rows) if touched else slab


def _extended(metric: Metric, slabs: tuple[Slab, ...], new: list[Vector]) -> tuple[Slab, ...]:
    if slabs and len(slabs[-1]) + len(new) <= ROWS:
        return (*slabs[:-1], Slab.of(metric, new, slabs[-1]))
    return (*slabs, Slab.of(metric, new))


def _widen(searches: Sequence[_SlabSearch], width: int) -> None:
    """Slabs beside each other, a thread a core: for one query FAISS itself uses one thread, which a memory bus outruns."""
    if sum(len(search.slab) for search in searches) < WORTH_A_THREAD or len(searches) < 2:
        for search in searches:
            search.widen(width)
        return
    list(_threads().map(lambda search: search.widen(width), searches))


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(len(os.sched_getaffinity(0)), "scan", lambda: faiss.omp_set_num_threads(1))


class _SlabSearch:
    """One query in one slab: candidates with bounds of their keys, and which keys are known."""

    def __init__(self, slab: Slab, query: NDArray[np.float32], positions: NDArray[np.int64] | None) -> None:
        self.slab, self.query, self.positions = slab, query, positions
        self.lower: NDArray[np.float64] = np.empty(0)
        self.places: NDArray[np.int64] = np.empty(0, np.int64)
        self.rest = -np.inf
        self.known: dict[int, tuple[float, int]] = {}

    def widen(self, width: int) -> None:
        self.places, self.lower, self.rest = self.slab.scan(self.query, width, self.positions)

    def settle(self, most: float) -> None:
        """Computes the keys of all candidates whose bound is not above `most`."""
        wanted = self.places[~(self.lower > most)]
        new = np.array([place for place in wanted.tolist() if place not in self.known], np.int64)
        if len(new):
            keys = self.slab.metric.keys(self.query, self.slab.vectors[new]).tolist()
            rows = self.slab.rows[new].tolist()
            self.known |= dict(zip(new.tolist(), zip(keys, rows, strict=True), strict=True))


def _best(searches: Sequence[_SlabSearch], top_k: int) -> list[tuple[float, int]]:
    """The (key, row) of the `top_k` nearest candidates: keys of those with the lowest bounds, then of all that may be nearer."""
    bounds = np.concatenate([search.lower for search in searches]) if searches else np.empty(0)
    most = np.inf if len(bounds) <= top_k else float(np.partition(bounds, top_k - 1)[top_k - 1])
    while True:
        for search in searches:
            search.settle(most)
        best = sorted(pair for search in searches for pair in search.known.values())[:top_k]
        worst = best[-1][0] if len(best) == top_k else np.inf
        if worst <= most:
            return best
        most = worst

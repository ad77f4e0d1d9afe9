"""The speed: each camera's embeddings in FAISS, derived from the store and never changed once built.

A camera is a row of slabs. New sightings extend the last one by building it anew; a removed sighting's slab is built
without it. Whoever searches keeps the slabs it began with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric
from rgbir.index.store import Changes, Mark, Vector

ROWS = 16_384
NO_TIME = np.iinfo(np.int64).min
_UNIT = 2.0**-24  # float32 rounding


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows may answer. since ≤ taken_at < until, in microseconds; rows without a time answer only if neither is set."""

    since: int | None = None
    until: int | None = None
    identity: int | None = None

    @property
    def empty(self) -> bool:
        return self.since is None and self.until is None and self.identity is None


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
        return np.flatnonzero(passing)

    def scan(
        self, query: NDArray[np.float32], width: int, positions: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], float]:
        """The `width` most alike rows by FAISS, roughly ordered, and a bound: no other row's key is below it.

        The bound is FAISS's last value less what float32 can have lost on the way; -inf where nothing can be promised.
        """
        candidates = len(self) if positions is None else len(positions)
        if width >= candidates:
            everything = np.arange(len(self)) if positions is None else positions
            return everything, np.inf
        parameters: Any = None
        if positions is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(positions))  # type: ignore[call-arg]
        values, found = self._index.search(query[None], width, params=parameters)
        last = float(values[0, -1])
        length = float(np.sqrt((query.astype(np.float64) ** 2).sum()))
        lost = 2 * (len(query) + 8) * _UNIT
        if self.metric is Metric.EUCLIDEAN:
            bound = last - lost * (length + self._longest) ** 2 - len(query) * 1e-37
        else:
            bound = 1.0 - last - lost * max(length * self._longest, 1.0) - len(query) * 1e-37
        usable = bool((found[0] >= 0).all()) and np.isfinite(bound)
        return found[0][found[0] >= 0], bound if usable else -np.inf

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

        FAISS proposes candidates of each slab; their keys are computed in float64. The answer stands once no row that
        wasn't proposed can reach the last place; until then, the slabs that may hold one are asked for more.
        """
        slabs = [slab for camera in cameras for slab in self.cameras.get(camera, ())]
        searches = [_SlabSearch(slab, query, slab.allowed(rows)) for slab in slabs]
        width = top_k + 16
        pending = searches
        while pending:
            for search in pending:
                search.widen(width)
            best = sorted(pair for search in searches for pair in search.found)[:top_k]
            worst = best[-1][0] if len(best) == top_k else np.inf
            pending = [search for search in searches if not search.bound > worst and search.bound < np.inf]
            width *= 4
        return sorted(pair for search in searches for pair in search.found)[:top_k]

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


class _SlabSearch:
    """One query in one slab: what was found so far, and a bound below which nothing else is."""

    def __init__(self, slab: Slab, query: NDArray[np.float32], positions: NDArray[np.int64] | None) -> None:
        self.slab, self.query, self.positions = slab, query, positions
        self.found: list[tuple[float, int]] = []
        self.bound = -np.inf

    def widen(self, width: int) -> None:
        places, self.bound = self.slab.scan(self.query, width, self.positions)
        keys = self.slab.metric.keys(self.query, self.slab.vectors[places])
        self.found = list(zip(keys.tolist(), self.slab.rows[places].tolist(), strict=True))

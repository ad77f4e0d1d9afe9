"""The speed: a camera's embeddings in slabs, derived from the store and never changed once built, but for their `Coding`.

A removed sighting's slab is built anew without it. Whoever searches keeps the slabs it began with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.machine import cores
from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import Codes, lost, squared_lengths
from rgbir.index.nearest.coding import Coding
from rgbir.index.nearest.kept import KeptRows
from rgbir.index.nearest.products import LONGEST, are_exact
from rgbir.index.nearest.rows import Vector
from rgbir.index.times import inside, span_inside

NO_TIME, _END = np.iinfo(np.int64).min, np.iinfo(np.int64).max
_CHUNK = 1_024  # rows of a matrix product whose result stays in the cache
_PAIRED = 1_024  # rows whose keys are computed together, each with its query
_SMALL_PRODUCT = 1_000_000
WORTH_BYTES = 4_000_000  # values of a slab; products of fewer take no longer with floats, whose bounds are tighter
_HUGE = 1e37  # below it, no float32 sum overflows
Rows = NDArray[np.int64]
Embeddings = NDArray[np.floating[Any]]
"""float32 or float16."""


class Moments(NamedTuple):
    """Which of a camera's sightings may answer, by when they were taken.

    Attributes:
        windows: int64 (n, 2), in order and apart: since ≤ taken_at < until in one of them, microseconds.
        untimed: whether those without a time may.
    """

    windows: NDArray[np.int64]
    untimed: bool

    def of(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the rows taken at these times, int64 (n,), may answer: bool (n,)."""
        return np.where(times == NO_TIME, self.untimed, inside(times, self.windows))


@dataclass(slots=True)
class Tally:
    """How many rows a filter let pass, and what kept the others back: each counts once, under what came first.

    Attributes:
        place: they may be of the query's place.
        untimed: they have no time, and one is wanted.
        time: theirs isn't wanted.
        passages: nobody could have walked there in time.
        labels: another identity, or not among the rows wanted.
        searched: they passed.
        looked_at: rows that were compared with the filter, one by one. A slab's first and last moment decide for all others.
    """

    place: int = 0
    untimed: int = 0
    time: int = 0
    passages: int = 0
    labels: int = 0
    searched: int = 0
    looked_at: int = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows may answer. Rows without a time answer only if neither `since` nor `until` is set.

    Attributes:
        since: taken_at is this or later, microseconds.
        until: taken_at is before it, microseconds.
        identity: only rows labelled with it.
        only: these row numbers alone.
        windows: int64 (n, 2), in one of which taken_at must lie.
        cameras: by camera, of those whose rows don't all have the right place and time.
        camera: that of the camera which is looked at.
        places: as `cameras`, by place alone; for the tally.
        place: that of the camera which is looked at.
        tally: where what it does is counted, if anybody asks.
    """

    since: int | None = None
    until: int | None = None
    identity: int | None = None
    only: Rows | None = None
    windows: NDArray[np.int64] | None = None
    cameras: Mapping[str, Moments] = field(default_factory=dict)
    camera: Moments | None = None
    places: Mapping[str, Moments] = field(default_factory=dict)
    place: Moments | None = None
    tally: Tally | None = None

    @property
    def empty(self) -> bool:
        return not self.cameras and all(
            bound is None for bound in (self.since, self.until, self.identity, self.only, self.windows, self.camera)
        )

    def of(self, camera: str) -> Filter:
        """For one camera's rows."""
        if not self.cameras:
            return self
        return replace(self, camera=self.cameras.get(camera), cameras={}, place=self.places.get(camera), places={})


class Estimates(NamedTuple):
    """Keys as float32 sees them: that of row r and query i lies within near[r, i] + shift[i] ± error[i].

    Attributes:
        near: float32 (n, m).
        shift: float64 (m,).
        error: float64 (m,).
        finite: whether float32 can hold all of it.
    """

    near: NDArray[np.float32]
    shift: NDArray[np.float64]
    error: NDArray[np.float64]
    finite: bool


class Slab:
    """Some embeddings of one camera, in enrolment order. Never changed once built; what searches change is its `coding`.

    Attributes:
        stored: float32 or float16 (n, d), in memory or in a file.
        rows: int64 (n,), ascending.
        times: int64 (n,), microseconds or NO_TIME.
        identities: int64 (n,), -1 unknown.
        squares: float64 (n,), their squared lengths.
        reach: the longest one's length.

    Raises (when searched):
        CacheDamaged: a row in a file is not what was written.
    """

    def __init__(
        self,
        metric: Metric,
        vectors: Embeddings | KeptRows,
        rows: Rows,
        times: NDArray[np.int64],
        identities: NDArray[np.int64],
        codes: Codes | None = None,
        squares: NDArray[np.float64] | None = None,
    ) -> None:
        self.metric, self.rows, self.times, self.identities = metric, rows, times, identities
        self.stored, self.coding = vectors, Coding(len(rows), codes)
        self.squares = squared_lengths(self.vectors) if squares is None else squares
        self.reach = float(np.sqrt(self.squares.max(initial=0.0)))

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def span(self) -> tuple[int, int] | None:
        """The first and the last moment; None if no row has a time."""
        known = self.times[self.times != NO_TIME]
        return (int(known.min()), int(known.max())) if len(known) else None

    @cached_property
    def untimed(self) -> int:
        """Rows without a time."""
        return int((self.times == NO_TIME).sum())

    @property
    def vectors(self) -> Embeddings:
        """(n, d)."""
        return self.stored.whole() if isinstance(self.stored, KeptRows) else self.stored

    @property
    def bytes(self) -> int:
        """Of vectors and codes, in memory or in files."""
        return int(self.stored.nbytes) + self.coded * self.stored.size

    def allowed(self, rows: Filter) -> Rows | None:
        """Positions that pass the filter; None where all do. Each call adds to the filter's tally."""
        tally = rows.tally or Tally()
        undecided = self._by_span(rows, tally)
        if undecided is None:
            return np.empty(0, np.int64)
        rows = undecided
        if rows.empty:
            tally.searched += len(self)
            return None
        tally.looked_at += len(self)
        passing, left = np.ones(len(self), bool), len(self)

        def gone() -> int:
            """How many don't pass since this was asked last."""
            nonlocal left
            before, left = left, int(np.count_nonzero(passing))
            return before - left

        if rows.place is not None:
            passing &= rows.place.of(self.times)
            tally.place += gone()
        if rows.since is not None or rows.until is not None or rows.windows is not None:
            passing &= self.times != NO_TIME
            tally.untimed += gone()
            if rows.since is not None:
                passing &= self.times >= rows.since
            if rows.until is not None:
                passing &= self.times < rows.until
            if rows.windows is not None:
                passing &= inside(self.times, rows.windows)
            tally.time += gone()
        if rows.camera is not None and rows.camera is not rows.place:
            passing &= rows.camera.of(self.times)
            tally.passages += gone()
        if rows.identity is not None:
            passing &= self.identities == rows.identity
        if rows.only is not None:
            passing &= np.isin(self.rows, rows.only)
        tally.labels += gone()
        tally.searched += left
        return np.flatnonzero(passing)

    def _by_span(self, rows: Filter, tally: Tally) -> Filter | None:
        """The filter without the times that all rows meet; None, and counted, where no row meets them."""
        if self.span is None or rows.place is not None:
            return rows
        bounds = None
        if rows.since is not None or rows.until is not None:
            bounds = np.array(
                [[NO_TIME if rows.since is None else rows.since, _END if rows.until is None else rows.until]]
            )
        asked = [span_inside(*self.span, windows) for windows in (bounds, rows.windows) if windows is not None]
        if False in asked:
            tally.untimed += self.untimed
            tally.time += len(self) - self.untimed
            return None
        if asked and (self.untimed or None in asked):
            return rows
        rows = replace(rows, since=None, until=None, windows=None) if asked else rows
        if rows.camera is None:
            return rows
        walked, untimed = span_inside(*self.span, rows.camera.windows), self.untimed > 0
        if walked is False and not (untimed and rows.camera.untimed):
            tally.passages += len(self)
            return None
        return replace(rows, camera=None) if walked and (rows.camera.untimed or not untimed) else rows

    def keys(self, query: NDArray[np.float32], places: Rows) -> NDArray[np.float64]:
        """What decides the order of the rows at some places, float64 (n,), for a query (d,): see `Metric.keys`."""
        return self.metric.keys(query, self.some(places))

    def pair_keys(self, queries: NDArray[np.float32], owners: Rows, places: Rows) -> NDArray[np.float64]:
        """As `keys`, of pairs: the row at `places[i]` and the query `owners[i]`, both int64 (n,)."""
        keys = np.empty(len(places))
        for start in range(0, len(places), _PAIRED):
            part = slice(start, start + _PAIRED)
            keys[part] = self.metric.keys(queries[owners[part]], self.some(places[part]))
        return keys

    def some(self, places: Rows) -> Embeddings:
        """The rows at some places (n,), as (n, d)."""
        return self.stored.some(places) if isinstance(self.stored, KeptRows) else self.stored[places]

    def estimates(self, queries: NDArray[np.float32], positions: Rows | None) -> Estimates:
        """Keys of many queries (m, d), float32, in one matrix product: of codes where they save something, else of the floats."""
        lengths = np.sqrt(squared_lengths(queries))
        finite = bool((lengths.max() + self.reach) ** 2 < _HUGE)
        slack, tiny = lost(queries.shape[1]), queries.shape[1] * 1e-37
        worth = self.stored.size >= WORTH_BYTES and not self.coding.loose and finite and queries.shape[1] < LONGEST
        worth = worth and are_exact()
        if worth and self.coding.lacking and self.coding.scanned():
            threads().submit(self.code)
        codes = self.coding.codes if worth else None
        with np.errstate(over="ignore", invalid="ignore"):
            if codes is not None:
                alike, doubt = codes.products(queries, positions)
            else:
                alike, doubt = self._products(queries, positions), np.zeros(len(queries))
            if self.metric is Metric.EUCLIDEAN:
                squares = self.squares if positions is None else self.squares[positions]
                alike *= np.float32(-2)
                alike += squares.astype(np.float32)[:, None]
                error = 2 * slack * (lengths + self.reach) ** 2 + tiny + 2 * doubt
                return Estimates(alike, lengths**2, error, finite)
            np.negative(alike, out=alike)
        error = 2 * slack * np.maximum(lengths * self.reach, 1.0) + tiny + doubt
        return Estimates(alike, np.ones(len(queries)), error, finite)

    def _products(self, queries: NDArray[np.float32], positions: Rows | None) -> NDArray[np.float32]:
        """The rows' inner products with the queries (m, d): float32 (n, m)."""
        vectors = self.vectors if positions is None else self.vectors[positions]
        turned = np.ascontiguousarray(queries.T)
        alike = np.empty((len(vectors), len(queries)), np.float32)
        for start in range(0, len(vectors), _CHUNK):
            piece = vectors[start : start + _CHUNK].astype(np.float32, copy=False)
            _multiply(piece, turned, alike[start : start + _CHUNK])
        return alike

    @property
    def coded(self) -> bool:
        """Whether scans read codes."""
        return self.coding.codes is not None

    def code(self) -> None:
        """Makes the codes."""
        self.coding.make(self.metric, self.vectors)

    def without(self, removed: set[int]) -> Slab | None:
        """The slab without these row numbers; itself if it has none of them, None if nothing is left."""
        keep = ~np.isin(self.rows, np.fromiter(removed, np.int64))
        if keep.all():
            return self
        if not keep.any():
            return None
        codes = self.coding.codes
        return Slab(
            self.metric,
            self.vectors[keep],
            self.rows[keep],
            self.times[keep],
            self.identities[keep],
            None if codes is None else codes.part(keep),
            self.squares[keep],
        )

    def joined(self, other: Slab) -> Slab:
        """This one's rows, then the other's."""
        return Slab(
            self.metric,
            np.concatenate((self.vectors, other.vectors)),
            np.concatenate((self.rows, other.rows)),
            np.concatenate((self.times, other.times)),
            np.concatenate((self.identities, other.identities)),
            squares=np.concatenate((self.squares, other.squares)),
        )

    @classmethod
    def of(cls, metric: Metric, vectors: Sequence[Vector]) -> Slab:
        joined: Embeddings = np.frombuffer(b"".join(vector.blob for vector in vectors), vectors[0].dtype)
        return cls(
            metric,
            joined.reshape(len(vectors), -1),
            np.array([vector.row for vector in vectors], np.int64),
            np.array([NO_TIME if v.taken_at is None else v.taken_at for v in vectors], np.int64),
            np.array([-1 if v.identity is None else v.identity for v in vectors], np.int64),
        )


def _multiply(rows: NDArray[np.float32], queries: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """rows @ queries, a few rows at a time: OpenBLAS multiplies small matrices without copying them first, which for a few
    queries takes as long as the product (docs/benchmarks.md)."""
    few = 1
    while 2 * few * queries.size <= _SMALL_PRODUCT and len(rows) % (2 * few) == 0:
        few *= 2
    if few < 4:
        np.matmul(rows, queries, out=out)
    else:
        np.matmul(rows.reshape(-1, few, rows.shape[1]), queries, out=out.reshape(-1, few, queries.shape[1]))


@lru_cache(maxsize=1)
def threads() -> ThreadPoolExecutor:
    """As many as cores, each with one FAISS thread."""
    import faiss

    return ThreadPoolExecutor(beside(), "scan", lambda: faiss.omp_set_num_threads(1))


@lru_cache(maxsize=1)
def beside() -> int:
    """How many slabs are scanned beside each other. Asked once: the limits of a container are files, and take as long as a scan."""
    return cores()

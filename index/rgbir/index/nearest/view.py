"""One consistent state of a gallery, and the exact search in it.

A camera is a row of slabs. New sightings come as new slabs; small neighbours are joined, so that each row is copied a few
times only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric
from rgbir.index.nearest.devices import MOST_ON_A_GPU, OnDevice
from rgbir.index.nearest.fused import FusedTrack, nearest_means
from rgbir.index.nearest.joined import Proposal, nearest_of_many
from rgbir.index.nearest.proof import Proof, cut, settled, widen
from rgbir.index.nearest.rows import Changes, Mark, Nearest, Vector
from rgbir.index.nearest.scans import SlabScan
from rgbir.index.nearest.sketches import Sketch
from rgbir.index.nearest.slabs import NO_TIME, Embeddings, Filter, Slab, threads

ROWS = 16_384
"""Most rows of a slab."""


@dataclass(frozen=True, slots=True)
class View:
    """One consistent state of the gallery, as a search sees it. Never changes.

    Attributes:
        metric: of its embeddings.
        mark: the state of the store.
        cameras: each camera's slabs, in enrolment order.
    """

    metric: Metric
    mark: Mark
    cameras: Mapping[str, tuple[Slab, ...]]

    @property
    def sightings(self) -> int:
        return sum(map(len, self.slabs(self.cameras)))

    @property
    def widenings(self) -> int:
        """How often a search had to ask a slab for more than it did at first."""
        return sum(slab.coding.widenings for slab in self.slabs(self.cameras))

    @property
    def coded(self) -> int:
        """Sightings whose scans read codes."""
        return sum(len(slab) for slab in self.slabs(self.cameras) if slab.coded)

    @property
    def times(self) -> tuple[int, int] | None:
        """The first and the last moment of a sighting, microseconds; None if none has a time."""
        known = [slab.span for slab in self.slabs(self.cameras) if slab.span is not None]
        return (min(first for first, _ in known), max(last for _, last in known)) if known else None

    @property
    def bytes(self) -> int:
        """Of embeddings and codes, in memory or mapped."""
        return sum(slab.bytes for slab in self.slabs(self.cameras))

    def slabs(self, cameras: Iterable[str]) -> list[Slab]:
        return [slab for camera in cameras for slab in self.cameras.get(camera, ())]

    def size(self, camera: str) -> int:
        """How many sightings a camera has."""
        return sum(map(len, self.cameras.get(camera, ())))

    def moments(self, camera: str) -> NDArray[np.int64]:
        """When a camera's sightings were taken, of those with a time: int64 (n,), microseconds."""
        return _joined(slab.times[slab.times != NO_TIME] for slab in self.cameras.get(camera, ()))

    def worth_joining(self, cameras: Iterable[str]) -> int:
        """From how many queries on `nearest_of_many` is quicker than one after another."""
        slabs = self.slabs(cameras)
        return 3 if 2 * sum(len(slab) for slab in slabs if slab.coded) > sum(map(len, slabs)) else 2

    def compacted(self) -> View:
        """The same state in as few slabs as can be."""
        cameras = {}
        for camera, slabs in self.cameras.items():
            joined = [slabs[0]]
            for slab in slabs[1:]:
                if len(joined[-1]) + len(slab) <= ROWS:
                    joined[-1] = joined[-1].joined(slab)
                else:
                    joined.append(slab)
            cameras[camera] = tuple(joined)
        return View(self.metric, self.mark, cameras)

    def after(self, changes: Changes) -> View:
        """The state after the changes; untouched slabs are shared with this one."""
        cameras = dict(self.cameras)
        removed: dict[str, set[int]] = defaultdict(set)
        for row, camera in changes.removed:
            removed[camera].add(row)
        for camera, rows in removed.items():
            kept = [slab.without(rows) for slab in cameras.get(camera, ())]
            cameras[camera] = tuple(slab for slab in kept if slab is not None)
        for camera, vectors in _by_camera(changes.added):
            cameras[camera] = _extended(cameras.get(camera, ()), Slab.of(self.metric, vectors))
        return View(self.metric, changes.mark, {camera: slabs for camera, slabs in sorted(cameras.items()) if slabs})

    def nearest(
        self,
        query: NDArray[np.float32],
        cameras: Iterable[str],
        rows: Filter,
        top_k: int,
        sketches: Mapping[str, Sketch] | None = None,
        width: int = 0,
    ) -> Nearest:
        """The `top_k` most alike sightings: brute force's answer, in its order, with a proof.

        A scan proposes candidates of each slab and bounds their keys from below, and those of all other rows. Keys are
        computed in float64 from the lowest bound on, until no bound is left that reaches the last place; slabs whose other
        rows may reach it are asked for more.

        Args:
            query: (d,), as `Metric.prepare` gives it.
            sketches: of cameras; searched in place of the slabs they cover, unless the rows are filtered. The answer is as
                exact as they are.
            width: rows that those which may miss propose together, at least `top_k`.
        """
        width = max(width, top_k)
        proofs = list(self._proofs(query, cameras, rows, sketches if sketches and rows.empty else {}, width))
        rough = [proof for proof in proofs if not proof.proposer.exact]
        widen(rough, width)
        cut(rough, width)
        pending, width = [proof for proof in proofs if proof.proposer.exact], top_k + 16
        while True:
            widen(pending, width)
            best, worst = settled(proofs, top_k)
            pending = [
                proof for proof in proofs if not proof.candidates.rest > worst and proof.candidates.rest < np.inf
            ]
            if not pending:
                return best
            width *= 4

    def _proofs(
        self,
        query: NDArray[np.float32],
        cameras: Iterable[str],
        rows: Filter,
        sketches: Mapping[str, Sketch],
        width: int,
    ) -> Iterator[Proof]:
        """One for each slab; in place of the slabs that a sketch covers, one for it."""
        for camera in cameras:
            slabs, sketch = self.cameras.get(camera, ()), sketches.get(camera)
            if sketch is not None:
                yield Proof(query, sketch, slabs, width)
            for slab in slabs:
                positions = slab.allowed(rows.of(camera)) if sketch is None else _after(slab, sketch.last)
                if positions is None or len(positions):
                    yield Proof(query, SlabScan(slab, positions), [slab])

    def nearest_of_many(
        self,
        queries: NDArray[np.float32],
        cameras: Iterable[str],
        rows: Filter,
        top_k: int,
        devices: Mapping[str, OnDevice] | None = None,
        width: int = 0,
    ) -> list[Nearest]:
        """`nearest` of each query (m, d), in matrix products that they share.

        Args:
            devices: of cameras, whose rows are all to be searched; each is asked for all queries together.
            width: rows that each of these proposes, at least 16 more than `top_k`.
        """
        cameras, width = list(cameras), max(width, top_k + 16)
        placed = devices if devices and width <= MOST_ON_A_GPU else {}
        slabs, proposed = list[tuple[Slab, NDArray[np.int64] | None]](), list[tuple[range, Proposal]]()
        for camera in cameras:
            device, first, of_camera = placed.get(camera), len(slabs), rows.of(camera)
            for slab in self.cameras.get(camera, ()):
                slabs.append((slab, slab.allowed(of_camera) if device is None else _after(slab, device.last)))
            if device is not None:
                proposed.append((range(first, len(slabs)), device.propose(queries, width)))
        lists = nearest_of_many(slabs, queries, top_k, proposed)
        worst = np.array([nearest[-1][0] if len(nearest) == top_k else np.inf for nearest in lists])
        rest = np.min([proposal.rest for _, proposal in proposed], axis=0, initial=np.inf)
        if (wider := ~(rest > worst) & (rest < np.inf)).any():
            again = self.nearest_of_many(queries[wider], cameras, rows, top_k, placed, 4 * width)
            for number, nearest in zip(np.flatnonzero(wider).tolist(), again, strict=True):
                lists[number] = nearest
        return lists

    def nearest_tracks(
        self,
        query: NDArray[np.float32],
        cameras: Iterable[str],
        rows: Filter,
        tracks: tuple[NDArray[np.int64], NDArray[np.int64]],
        top_k: int,
    ) -> list[FusedTrack]:
        """The `top_k` tracks whose mean is most like the query (d,), by `nearest_means`; `place` is a row.

        Args:
            tracks: rows that belong to one, int64 (n,), ascending, and what those of a track have in common, int64 (n,), which is
                the row of one of them. Every other row is a track of its own.
        """
        slabs, positions = list[Slab](), list[NDArray[np.int64]]()
        for camera in cameras:
            for slab in self.cameras.get(camera, ()):
                allowed = slab.allowed(rows.of(camera))
                slabs.append(slab)
                positions.append(np.arange(len(slab)) if allowed is None else allowed)
        passing = _joined(slab.rows[places] for slab, places in zip(slabs, positions, strict=True))
        order = np.argsort(passing)
        passing = passing[order]
        origin = np.repeat(np.arange(len(slabs)), [len(places) for places in positions])[order]
        position = _joined(positions)[order]

        def vectors(places: NDArray[np.int64]) -> Embeddings:
            origins = origin[places]
            first, *others = np.unique(origins).tolist()
            out: Embeddings
            if not others:
                out = slabs[first].some(position[places])
                return out
            out = np.empty((len(places), len(query)), slabs[first].stored.dtype)
            for number in (first, *others):
                here = origins == number
                out[here] = slabs[number].some(position[places[here]])
            return out

        known, firsts = tracks
        spot = np.minimum(np.searchsorted(known, passing), max(len(known) - 1, 0))
        numbers = np.where(known[spot] == passing, firsts[spot], passing) if len(known) else passing
        best = nearest_means(self.metric, query, numbers, vectors, top_k)
        return [track._replace(place=int(passing[track.place])) for track in best]

    def keys(
        self, query: NDArray[np.float32], cameras: Iterable[str], rows: Filter
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Every row of these cameras that passes, in enrolment order, int64 (n,), and its key for a query (d,), float64 (n,)."""
        passing = list(self._passing(cameras, rows))
        if not passing:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        numbers = np.concatenate([slab.rows if at is None else slab.rows[at] for slab, at in passing])

        def keys_of(part: tuple[Slab, NDArray[np.int64] | None]) -> NDArray[np.float64]:
            slab, at = part
            return self.metric.keys(query, slab.vectors) if at is None else slab.keys(query, at)

        keys = list(threads().map(keys_of, passing))
        order = np.argsort(numbers)
        return numbers[order], np.concatenate(keys)[order]

    def count(self, cameras: Iterable[str], rows: Filter) -> int:
        """How many rows of these cameras pass."""
        return sum(len(slab) if at is None else len(at) for slab, at in self._passing(cameras, rows))

    def _passing(self, cameras: Iterable[str], rows: Filter) -> Iterator[tuple[Slab, NDArray[np.int64] | None]]:
        """Slabs with a row that passes, and the positions of those that do; None where all do."""
        for camera in cameras:
            of_camera = rows.of(camera)
            for slab in self.cameras.get(camera, ()):
                at = slab.allowed(of_camera)
                if at is None or len(at):
                    yield slab, at


def _joined(rows: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *rows])


def _after(slab: Slab, last: int) -> NDArray[np.int64]:
    """Positions of the rows after that one."""
    return np.arange(np.searchsorted(slab.rows, last, side="right"), len(slab))


def _by_camera(vectors: Iterable[Vector]) -> Iterator[tuple[str, list[Vector]]]:
    """In groups of a camera that fill a slab at most, while they come."""
    waiting: dict[str, list[Vector]] = defaultdict(list)
    for vector in vectors:
        waiting[vector.camera].append(vector)
        if len(waiting[vector.camera]) == ROWS:
            yield vector.camera, waiting.pop(vector.camera)
    yield from waiting.items()


def _extended(slabs: tuple[Slab, ...], new: Slab) -> tuple[Slab, ...]:
    """With a slab more; neighbours at the end are joined while the last is at least half as long as the one before it."""
    while slabs and 2 * len(new) >= len(slabs[-1]) and len(slabs[-1]) + len(new) <= ROWS:
        new = slabs[-1].joined(new)
        slabs = slabs[:-1]
    return (*slabs, new)

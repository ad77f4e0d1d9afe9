"""The gallery: what was enrolled is never lost, what is asked is answered exactly.

SQLite is the truth (`store`); slabs in memory, or mapped from a cache, are the speed (`view`). Several processes may read while one writes.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Camera, CameraNetwork
from rgbir.index.errors import CacheDamaged, GalleryBusy, GalleryError, GalleryFull, UsageError
from rgbir.index.files import give_room_up, keep_room, locked
from rgbir.index.gallery.answers import answer, check_count, covered, distances_of, farthest, fused, ranked, span
from rgbir.index.gallery.browse import Order, Selection, Spot
from rgbir.index.gallery.calibration import Calibration, Pair, calibrate, key
from rgbir.index.gallery.changes import check_change, moved_cameras
from rgbir.index.gallery.coverage import Coverage
from rgbir.index.gallery.embeddings import asked, by_ids, enrolled
from rgbir.index.gallery.erasures import Condition, Erasure
from rgbir.index.gallery.folder import cache, notary
from rgbir.index.gallery.folder.file import create
from rgbir.index.gallery.folder.place import FILE, RESERVE, RESERVED, writable
from rgbir.index.gallery.folder.store import Store
from rgbir.index.gallery.folder.verify import disagreements, harm, out_of_calendar
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.judging import draw
from rgbir.index.gallery.model import CameraCount, Model, Storage
from rgbir.index.gallery.query import Answer, Distances, Query, Reranking, Scope, scope
from rgbir.index.gallery.retention import check_days
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.nearest.affine import FIRST, affine
from rgbir.index.nearest.affinity import Affinity
from rgbir.index.nearest.approximate import Approximate, Found
from rgbir.index.nearest.neighbours import MOST_KEPT, Neighbours, Stale
from rgbir.index.nearest.rows import Mark, Nearest
from rgbir.index.nearest.sketches import Choice, Device
from rgbir.index.nearest.slabs import Filter, Tally
from rgbir.index.nearest.view import View
from rgbir.index.progress import Progress, silent
from rgbir.index.times import from_microseconds, to_microseconds

LOCK = "writer.lock"
WORTH_CACHING = 10_000
"""Sightings that take about half a second to read from SQLite."""
_NONE = np.empty(0, np.int64)
_log = logging.getLogger(__name__)


class Gallery(AnyGallery):
    """An open gallery in a folder. Thread-safe; close it, or use it in a `with` block.

    Raises:
        GalleryMissing, GalleryCorrupt, GalleryError: see `Store`.
    """

    def __init__(self, folder: Path | str, device: Device | None = None) -> None:
        self.folder, self.address = Path(folder), str(folder)
        self._reader, self._writer = Store(self.folder), Store(self.folder)
        self._reading, self._writing = threading.RLock(), threading.RLock()
        self._write_depth = 0
        meta = self._reader.meta()
        self.model = Model.read(meta)
        self._network_text, self._network = meta["network"], CameraNetwork.from_dict(json.loads(meta["network"]))
        self._calibration: Calibration | None = None
        self._approximate = Approximate(self._exactly, device)
        self._neighbours = Neighbours(self.view)
        self.storage = Storage(meta.get("storage", Storage.FLOAT32))
        self._seen_version = -1
        self._named: tuple[Mark | None, dict[int, str]] = (None, {})
        self._tracked: tuple[Mark | None, tuple[NDArray[np.int64], NDArray[np.int64]]] = (None, (_NONE, _NONE))
        try:
            self.erased_since = notary.catch_up(self._writer)
        except BaseException:
            self.close()
            raise
        started = time.perf_counter()
        self._view, self.opening = cache.load(self.folder, self._reader, self.model.metric)
        _log.info("gallery %s, of %s, opened with %s", self.folder, self.model.name, self.opening)
        if writable(self.folder):  # a process that was killed while it erased may have left them
            cache.forget(self.folder, self._reader.removed_since(self._view.mark.last_removal))
            keep_room(self.folder / RESERVE, RESERVED)
        mapped = self._view.sightings
        self.opening.read += max(self.view().sightings - mapped, 0)
        self.opening.seconds = time.perf_counter() - started
        if self.erased_since:
            with suppress(GalleryBusy), self.writing():
                self._renew_calibration()

    @classmethod
    def create(
        cls, address: Path | str, model: Model, network: CameraNetwork, storage: Storage = Storage.FLOAT32
    ) -> Self:
        folder = Path(address)
        if (folder / FILE).exists():
            raise UsageError(f"{folder} is a gallery already; open it, or choose another folder")
        about = {**model.entries(), "network": json.dumps(network.to_dict()), "storage": str(storage)}
        create(folder, about, plain=network.plain)
        return cls(folder)

    def close(self) -> None:
        self._approximate.close()
        self._neighbours.close()
        self._reader.close()
        self._writer.close()

    @contextmanager
    def _read(self) -> Iterator[Store]:
        """The store, for what only reads, of the gallery that lies there.

        Raises:
            GalleryMoved: that isn't the one that was opened.
        """
        with self._reading:
            if self._reader.file.refresh():
                self._seen_version = -1
            yield self._reader
            self._reader.file.settled()

    # --- what is there

    @property
    def network(self) -> CameraNetwork:
        """As of the last `view`; what another process adds to it comes with the next."""
        return self._network

    def __len__(self) -> int:
        return self.view().sightings

    @property
    def generation(self) -> int:
        return self.view().mark.generation

    def view(self) -> View:
        """The newest state, with what other processes have written."""
        with self._read():
            version = self._reader.file.data_version()
            if version != self._seen_version:
                with self._reader.changes_since(self._view.mark) as changes:
                    self._approximate.forget({camera for _, camera in changes.removed})
                    self._neighbours.forget((row for row, _ in changes.removed), changes.mark)
                    if changes.mark != self._view.mark or not self._view.cameras:
                        self._view = self._view.after(changes)
                meta = self._reader.meta()
                if meta["network"] != self._network_text:
                    self._network = CameraNetwork.from_dict(json.loads(meta["network"]))
                    self._network_text = meta["network"]
                self._approximate.choose(Choice.from_json(meta.get("choice", "{}")), self.model.metric)
                kept = meta.get("calibration")
                self._calibration = None if kept is None else Calibration.model_validate_json(kept)
                self._seen_version = version
            return self._view

    def counts(self) -> list[CameraCount]:
        with self._read():
            return [
                CameraCount(c, n, i, from_microseconds(first), from_microseconds(last))
                for c, n, i, first, last in self._reader.counts()
            ]

    def untimed(self, cameras: Sequence[str]) -> tuple[int, int]:
        slabs = self.view().slabs(cameras)
        return sum(map(len, slabs)), sum(slab.untimed for slab in slabs)

    def get(self, sighting: str) -> Sighting | None:
        with self._read():
            return self._reader.get(sighting)

    def crop(self, sighting: str) -> Crop | None:
        with self._read():
            return self._reader.crop(sighting)

    def by_ids(self, ids: Sequence[str]) -> dict[str, Sighting]:
        with self._read():
            return self._reader.by_ids(ids)

    def known(self, ids: Sequence[str]) -> set[str]:
        with self._read():
            return self._reader.known(ids)

    def sightings(self) -> list[Sighting]:
        with self._read():
            return list(self._reader.all())

    def _timed(self, which: Selection, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
        total, chosen, _ = self._chosen(which)
        with self._read() as store:
            return store.timed(which, order, after, limit, few=20 * chosen < total)

    def _without_time(self, which: Selection, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
        total, _, untimed = self._chosen(which)
        if not untimed:
            return []
        with self._read() as store:
            return store.without_time(which, order, after, limit, few=20 * untimed < total)

    def _chosen(self, which: Selection) -> tuple[int, int, int]:
        """How many sightings there are, how many of the selection's cameras, and how many of those have no time."""
        view = self.view()
        slabs = view.slabs(view.cameras if which.cameras is None else which.cameras)
        return view.sightings, sum(map(len, slabs)), sum(slab.untimed for slab in slabs)

    def moments(self, cameras: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        view = self.view()
        return {camera: view.moments(camera) for camera in cameras}

    def some(self) -> Sighting | None:
        """The last that was enrolled."""
        with self._read():
            return self._reader.last()

    def embeddings(self, ids: Sequence[str]) -> NDArray[np.float32]:
        with self._read():
            return self._reader.embeddings(ids)

    # --- search

    def search_many(self, queries: Sequence[Query]) -> list[Answer]:
        """All answers are of one state of the gallery; queries with the same scope and filters share their work."""
        if not queries:
            return []
        started = time.perf_counter()
        prepared = np.stack([asked(query, self.model, self.address) for query in queries])
        while True:
            view = self.view()
            scopes = [scope(query, self.network, list(view.cameras)) for query in queries]
            groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
            for number, (query, seen) in enumerate(zip(queries, scopes, strict=True)):
                filters = (query.since, query.until, query.identity, query.track, query.hours)
                moment = (query.taken_at, query.walked)
                groups[query.camera, moment, seen.searched, filters].append(number)
            nearest: dict[int, Found] = {}
            coverages: dict[int, Coverage] = {}
            try:
                for group in groups.values():
                    tally, seen = Tally(), scopes[group[0]]
                    nearest |= self._nearest(view, [(n, queries[n]) for n in group], prepared, seen, tally)
                    coverages |= dict.fromkeys(group, covered(seen, tally, view.size))
            except CacheDamaged as error:
                self._mend(error)
                continue
            sightings = self._sightings({row for answered in nearest.values() for _, row in answered.rows})
            if sightings is not None:
                hits = [
                    ranked([(key, sightings[row]) for key, row in nearest[n].rows], self.model, query.least_score)
                    for n, query in enumerate(queries)
                ]
                generation, taken = view.mark.generation, (time.perf_counter() - started) * 1000
                return [
                    answer(seen, hits[n], self.model, generation, nearest[n].exact, taken, coverages[n])
                    for n, seen in enumerate(scopes)
                ]

    def _nearest(
        self,
        view: View,
        queries: Sequence[tuple[int, Query]],
        prepared: NDArray[np.float32],
        seen: Scope,
        tally: Tally,
    ) -> dict[int, Found]:
        """By the queries' numbers; they have the same scope and filters, and one tally."""
        cameras, rows = seen.searched, self._filter(queries[0][1], view, seen)
        if rows.empty:
            tally.searched = sum(map(view.size, cameras))
        counted = rows if rows.empty else replace(rows, tally=tally)
        sketches = self._approximate.at_hand(view, cameras) if rows.empty else {}
        if sketches:
            asked_for = [(prepared[n], query.top_k) for n, query in queries]
            answered = self._approximate.nearest_of_many(view, asked_for, cameras, sketches)
            return {n: found_rows for (n, _), found_rows in zip(queries, answered, strict=True)}
        if len(queries) < view.worth_joining(cameras):
            return {
                n: Found(view.nearest(prepared[n], cameras, rows if place else counted, query.top_k))
                for place, (n, query) in enumerate(queries)
            }
        together = prepared[[number for number, _ in queries]]
        lists = view.nearest_of_many(together, cameras, counted, max(query.top_k for _, query in queries))
        return {number: Found(nearest[: query.top_k]) for (number, query), nearest in zip(queries, lists, strict=True)}

    def _exactly(self, view: View, query: NDArray[np.float32], cameras: Sequence[str], top_k: int) -> Nearest:
        return view.nearest(query, cameras, Filter(), top_k)

    def _filter(self, query: Query, view: View, seen: Scope) -> Filter:
        track = None
        if query.track is not None:
            with self._read():
                track = self._reader.rows_of_track(query.track)
        return Filter(
            None if query.since is None else to_microseconds(query.since),
            None if query.until is None else to_microseconds(query.until),
            query.identity,
            track,
            None if query.hours is None else query.hours.windows(*span(query, view.times)),
            seen.moments,
            places=seen.places,
        )

    def _mend(self, error: CacheDamaged) -> None:
        """Drops a cache that was found damaged and reads the store instead."""
        with self._reading:
            _log.warning("%s: %s; it is dropped and the gallery read from SQLite", self.folder, error)
            cache.drop(self.folder)
            self._view, self._seen_version = View(self.model.metric, Mark(), {}), -1
            self._neighbours.drop()
            self.opening = cache.Opening(0, self.view().sightings, 0.0, (f"the cache was dropped: {error}",))

    def search_tracks(self, query: Query) -> Answer:
        started = time.perf_counter()
        prepared = asked(query, self.model, self.address)
        while True:
            view = self.view()
            seen = scope(query, self.network, list(view.cameras))
            tracks = self._tracks(view)
            if tracks is None:
                continue
            tally = Tally()
            rows = replace(self._filter(query, view, seen), tally=tally)
            try:
                nearest = view.nearest_tracks(prepared, seen.searched, rows, tracks, query.top_k)
            except CacheDamaged as error:
                self._mend(error)
                continue
            sightings = self._sightings({track.place for track in nearest})
            if sightings is not None:
                hits = fused([(track, sightings[track.place]) for track in nearest], self.model, query.least_score)
                taken = (time.perf_counter() - started) * 1000
                coverage = covered(seen, tally, view.size)
                return answer(seen, hits, self.model, view.mark.generation, True, taken, coverage)

    def _tracks(self, view: View) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """As `Store.tracks`, of that view; None if there is a newer one."""
        with self._read():
            mark, tracks = self._tracked
            if mark != view.mark:
                tracks = self._reader.tracks()
                if self.view().mark != view.mark:
                    return None
                self._tracked = (view.mark, tracks)
            return tracks

    def search_affine(self, query: Query, affinity: Affinity, candidates: int = 0) -> Answer:
        started = time.perf_counter()
        prepared = asked(query, self.model, self.address)
        while True:
            view = self.view()
            seen = scope(query, self.network, list(view.cameras))
            tally = Tally()
            rows = replace(self._filter(query, view, seen), tally=tally)
            try:
                order = affine(view, prepared, seen.searched, rows, affinity, self._neighbours, candidates)
            except CacheDamaged as error:
                self._mend(error)
                continue
            except Stale:
                continue
            first = np.flatnonzero(order.keys <= farthest(order.keys, self.model, query.least_score))[: query.top_k]
            chosen = [(float(order.keys[at]), int(order.rows[at]), int(order.ranks[at])) for at in first]
            sightings = self._sightings({row for _, row, _ in chosen})
            if sightings is not None:
                hits = ranked([(key, sightings[row]) for key, row, _ in chosen], self.model)
                hits = tuple(replace(hit, plain_rank=rank) for hit, (_, _, rank) in zip(hits, chosen, strict=True))
                taken = (time.perf_counter() - started) * 1000
                coverage = covered(seen, tally, view.size)
                made = answer(seen, hits, self.model, view.mark.generation, True, taken, coverage)
                lists = self._neighbours
                done = Reranking(
                    affinity.name,
                    len(order.rows),
                    order.seen,
                    candidates or FIRST,
                    order.made,
                    len(lists),
                    MOST_KEPT,
                    lists.bytes,
                )
                return replace(made, reranking=done)

    def finish_lists(self) -> bool:
        self._neighbours.wait()
        return True

    @property
    def neighbours(self) -> Neighbours:
        """The lists of neighbours that are kept."""
        return self._neighbours

    def distances(self, query: Query, most: int | None = None) -> Distances:
        prepared = asked(query, self.model, self.address)
        while True:
            view = self.view()
            seen = scope(replace(query, walked=False), self.network, list(view.cameras))
            places = Filter(cameras=seen.moments)
            check_count(view.count(seen.searched, places), most)
            try:
                rows, keys = view.keys(prepared, seen.searched, places)
            except CacheDamaged as error:
                self._mend(error)
                continue
            names = self._names(view)
            if names is not None:
                ids = (names[int(row)] for row in rows)
                return distances_of(seen, ids, keys, self.model, view.mark.generation)

    def _names(self, view: View) -> dict[int, str] | None:
        """Ids by row in that view; None if there is a newer one."""
        with self._read():
            if self._named[0] != view.mark:
                names = self._reader.ids()
                if self.view().mark != view.mark:
                    return None
                self._named = (view.mark, names)
            return self._named[1]

    def _sightings(self, rows: set[int]) -> dict[int, Sighting] | None:
        """By row. None if one was removed since the view: then the search must begin again."""
        with self._read() as store:
            sightings = store.by_rows(sorted(rows))
        return sightings if len(sightings) == len(rows) else None

    # --- change

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps other processes from writing while the block lasts. Each change takes it by itself; may be nested.

        Raises:
            GalleryBusy: another process is writing.
        """
        with self._writing, nullcontext() if self._write_depth else locked(self.folder / LOCK):
            self._write_depth += 1
            try:
                yield
            finally:
                self._write_depth -= 1

    def add(self, sightings: Sequence[NewSighting]) -> list[bool]:
        """Enrols them in one transaction; once this returns, kill -9 and power cuts lose nothing of it."""
        if not sightings:
            return []
        with self.writing():
            network = self._written()  # a camera may have gone since the last view
            sightings = by_ids(sightings, network)
            prepared = enrolled(sightings, self.model, network, self.storage)
            return self._writer.add(list(zip(sightings, prepared, strict=True)))

    def _written(self) -> CameraNetwork:
        """The network as the file has it now."""
        text = self._writer.meta()["network"]
        if text != self._network_text:
            self._network_text, self._network = text, CameraNetwork.from_dict(json.loads(text))
        return self._network

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        self.change_network(lambda network: network.extended(cameras))

    def change_network(self, change: Callable[[CameraNetwork], CameraNetwork]) -> CameraNetwork:
        """In one transaction, under the writer's lock. What was measured between places that changed is measured again."""
        with self.writing():
            before = self._written()
            after = change(before)
            if after == before:
                return after
            check_change(before, after, self.counts())
            self._writer.set_network(after.to_dict(), plain=after.plain, moved=moved_cameras(before, after))
            self.view()
            self._renew_calibration()
        return after

    def erase(self, which: Condition, by_rule: bool = False) -> int:
        """Embeddings and crops are overwritten on disk, and the cached slabs that held them deleted.

        The erasure is noted in the ledger before it is done: one that is killed in between is carried out by the next opening.
        """
        with self.writing():
            count = self._writer.count(which)
            if by_rule and not count:
                return 0
            removed = notary.erase(self._writer, which, by_rule)
            self._forget(removed)
            keep_room(self.folder / RESERVE, RESERVED)
        return count  # an opening elsewhere, which read the ledger, may have been quicker

    def discard(self, ids: Sequence[str]) -> int:
        with self.writing():
            removed = self._writer.remove(Condition(ids=tuple(ids)), None)
            self._forget(removed)
        return len(removed)

    def _forget(self, removed: Sequence[tuple[int, str]]) -> None:
        """What was derived from them."""
        cache.forget(self.folder, removed)
        self.view()  # nor in memory
        self._renew_calibration()

    def _renew_calibration(self) -> None:
        """Measures the pairs of cameras again that it lost with those who were erased."""
        if (lost := self._writer.uncalibrated()) and (kept := self._writer.meta().get("calibration")):
            known = Calibration.model_validate_json(kept)
            made = calibrate(self.view(), self.network, known=known, cameras=lost)
            self._writer.set_meta(calibration=made.model_dump_json(), uncalibrated="[]")

    def empty_journal(self) -> bool:
        with self._writing:
            return not self._writer.file.journal_kept or self._writer.file.empty_journal()

    def moment(self) -> int:
        with self._read() as store:
            return store.moment()

    def bound(self, sightings: Sequence[NewSighting]) -> set[str]:
        with self._read() as store:
            return store.bound(by_ids(sightings, self.network))

    def erasures(self, but: Collection[str] = (), since: int = 0) -> list[Erasure]:
        with self._read() as store:
            return store.erasures(but, since)

    def heed(self, erasures: Sequence[Erasure]) -> int:
        with self.writing():
            removed = notary.heed(self._writer, erasures)
            self._forget(removed)
        return len(removed)

    def save_cache(self) -> cache.Manifest:
        """Copies the slabs, with their codes, to files that the next opening uses instead of reading SQLite.

        They take as much disk again as the embeddings, and a quarter more.

        Raises:
            GalleryBusy: another process is writing.
            GalleryError: the disk refuses; nothing is lost.
        """
        with self.writing():
            try:
                return cache.save(self.folder, self.view(), self._writer)
            except CacheDamaged as error:
                self._mend(error)
                return cache.save(self.folder, self.view(), self._writer)
            except OSError as error:
                raise GalleryError(
                    f"{self.folder}: no cache was written: {error.strerror}; is the disk full?"
                ) from error

    def refresh_cache(self) -> bool:
        """Writes the cache if so much isn't in it that the next opening would be slow."""
        if not writable(self.folder) or len(self) - cache.sightings_in(self.folder) < WORTH_CACHING:
            return False
        self.save_cache()
        return True

    def compact(self) -> tuple[int, int]:
        """Gives the space of what was removed back, joins small slabs, and writes the cache again.

        Returns:
            Bytes of the gallery's file before and after.

        Raises:
            GalleryBusy, GalleryError: see `save_cache`.
        """
        file = self.folder / FILE
        with self.writing():
            before = file.stat().st_size
            self._writer.file.vacuum()
            with self._reading:
                self._view = self.view().compacted()
            self.save_cache()
            return before, file.stat().st_size

    def backups(self) -> list[dict[str, Any]]:
        """Copies that `back_up` made of this gallery, and of those it stands for (`inherit_backups`): path, made_at, generation.
        What was erased since is in them still.
        """
        with self._read():
            return self._reader.backups()

    def inherit_backups(self, copies: Sequence[dict[str, Any]]) -> None:
        """Erasures name these copies here from now on, too: `backups` of a gallery that is about to be deleted.

        Raises:
            GalleryBusy: another process is writing.
            GalleryError: the disk refuses; a full one, even with the room that is kept for erasures.
        """
        with self.writing():
            try:
                self._writer.note_backups(copies)
            except GalleryFull:
                give_room_up(self.folder / RESERVE)
                self._writer.note_backups(copies)
            keep_room(self.folder / RESERVE, RESERVED)

    @property
    def approximate(self) -> Approximate:
        """How searches that may miss do, if they were chosen."""
        return self._approximate

    def calibration(self) -> tuple[Calibration, Mapping[str, int]] | None:
        view = self.view()
        if self._calibration is None:
            return None
        return self._calibration, {camera: sum(map(len, slabs)) for camera, slabs in view.cameras.items()}

    def calibrate(self, progress: Progress = silent) -> Calibration:
        """Measures what distances mean, on the labelled sightings, and keeps it for every search from now on. What was measured
        on judged pairs stays where no labels say it.

        Raises:
            GalleryBusy: another process is writing.
        """
        with self.writing():
            kept = self._writer.meta().get("calibration")
            known = None if kept is None else Calibration.model_validate_json(kept).judged()
            made = calibrate(self.view(), self.network, progress, known)
            self._writer.set_meta(calibration=made.model_dump_json(), uncalibrated="[]")
        return made

    def draw_pairs(self, query: str, other: str, count: int, seed: int) -> list[tuple[str, str, float]]:
        cameras = self.network[query], self.network[other]
        while True:
            view = self.view()
            with self._read() as store:
                pictured = store.pictured()
            try:
                drawn = draw(view, *cameras, pictured, count, seed)
            except CacheDamaged as error:
                self._mend(error)
                continue
            sightings = self._sightings({row for pair in drawn for row in (pair.query, pair.other)})
            if sightings is not None:
                return [(sightings[pair.query].id, sightings[pair.other].id, pair.weight) for pair in drawn]

    def use_judged(self, a: str, b: str, pair: Pair, *, in_place_of_labels: bool = False) -> None:
        assert pair.judged is not None
        with self.writing():
            if gone := set(pair.judged.sightings) - self._writer.known(pair.judged.sightings):
                raise UsageError(f"{len(gone)} of the sightings that were judged have left the gallery; measure again")
            kept = self._writer.meta().get("calibration")
            known = Calibration(generation=0, pairs={}) if kept is None else Calibration.model_validate_json(kept)
            there = known.of(a, b)
            if there is not None and there.judged is None and not in_place_of_labels:
                raise UsageError(
                    f"cameras {a} and {b} are calibrated on {there.genuine:,} labelled pairs of one person, which says more than"
                    f" {pair.judged.pairs} judged pairs; ask for it in place of labels if the labels are wrong"
                )
            made = Calibration(generation=self.generation, pairs={**known.pairs, key(a, b): pair})
            self._writer.set_meta(calibration=made.model_dump_json())

    def drop_judged(self, task: str) -> bool:
        with self.writing():
            kept = self._writer.meta().get("calibration")
            known = Calibration(generation=0, pairs={}) if kept is None else Calibration.model_validate_json(kept)
            left = {name: pair for name, pair in known.pairs.items() if pair.judged is None or pair.judged.task != task}
            if len(left) == len(known.pairs):
                return False
            self._writer.set_meta(calibration=Calibration(generation=self.generation, pairs=left).model_dump_json())
        return True

    def choose(self, choice: Choice) -> None:
        """Sets how the gallery is searched, by every process that opens it; see `Kind`.

        Raises:
            GalleryBusy: another process is writing.
        """
        with self.writing():
            self._writer.set_meta(choice=choice.to_json())

    def set_keep_days(self, days: int | None) -> None:
        check_days(days)
        with self.writing():
            self._writer.set_meta(keep_days=json.dumps(days))

    def _count(self, which: Condition) -> int:
        with self._read() as store:
            return store.count(which)

    def _entry(self, name: str) -> str | None:
        with self._read() as store:
            return store.meta().get(name)

    def _remember(self, name: str, value: str) -> None:
        with self.writing():
            self._writer.remember(name, value)

    @classmethod
    def problems_in(cls, folder: Path | str) -> list[str]:
        """What is wrong with the gallery there, in words, even if it can't be opened; see `verify`."""
        with closing(Store(Path(folder))) as store:
            problems = list(harm(store))
        if problems:
            return problems
        with cls(folder) as gallery:
            return gallery.verify()

    def verify(self) -> list[str]:
        """What is wrong, in words; an empty list is a proof that SQLite and the search hold the same, unaltered vectors."""
        with self._read():
            problems = list(harm(self._reader))
            if problems:
                return problems
            try:
                return [*disagreements(self.view(), self._reader), *out_of_calendar(self._reader)]
            except CacheDamaged as error:
                self._mend(error)
                return [f"the cache was damaged and is dropped, SQLite is whole: {error}"]

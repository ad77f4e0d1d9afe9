"""A gallery in Milvus: for more sightings than one machine holds, or several servers beside each other.

Milvus proposes by brute force (FLAT, or GPU_BRUTE_FORCE), and keys are computed here, so answers are those of a gallery in a
folder.
"""

from __future__ import annotations

import base64
import heapq
import json
import secrets
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Camera, CameraNetwork
from rgbir.index.errors import GalleryError, UsageError
from rgbir.index.gallery.answers import answer, check_count, covered, distances_of, fused, ranked
from rgbir.index.gallery.browse import Order, Selection, Spot
from rgbir.index.gallery.changes import check_change
from rgbir.index.gallery.coverage import Coverage
from rgbir.index.gallery.embeddings import asked, by_ids, enrolled
from rgbir.index.gallery.erasures import Condition, Erasure, bound, picture
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.milvus.entities import (
    ANY,
    ERASURE,
    ERASURES,
    TIMED,
    cameras_are,
    entity_of,
    expression_of_condition,
    expression_of_selection,
    ids_are,
    places_are,
    row_of,
    sighting_of,
    stages_of,
    timed,
)
from rgbir.index.gallery.milvus.store import MOST, PIECE, Store
from rgbir.index.gallery.model import CameraCount, Model, Storage
from rgbir.index.gallery.query import Answer, Distances, Query, Scope, scope
from rgbir.index.gallery.retention import check_days
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import length, lost
from rgbir.index.nearest.fused import FusedTrack, nearest_means
from rgbir.index.nearest.slabs import Tally
from rgbir.index.times import from_microseconds

_NONE = np.empty(0, np.float32)


class MilvusGallery(AnyGallery):
    """An open gallery in Milvus. Several processes may write; each add and each removal is one request.

    The token, where the server wants one, is RGBIR_MILVUS_TOKEN in the environment.

    Raises:
        UsageError: no such address, or pymilvus isn't installed.
        GalleryMissing: no such gallery there.
        GalleryError: Milvus refuses, or the gallery's index may miss.
    """

    def __init__(self, address: str | Path) -> None:
        self.address, self.opening = str(address), "Milvus"
        self._store = Store(self.address)
        self._clock, self._last = threading.Lock(), 0
        self._network_text, self._network = "", CameraNetwork("", ())
        self._derived: tuple[int, dict[str, Any]] = (-1, {})
        self.model = Model.read(self._about())
        self._finish()

    @classmethod
    def create(
        cls, address: str | Path, model: Model, network: CameraNetwork, storage: Storage = Storage.FLOAT32
    ) -> Self:
        """It keeps float32, the one storage that Milvus offers."""
        network_text = json.dumps(network.to_dict())
        about = {**model.entries(), "network": network_text, "generation": "0", "keep_days": "null"}
        Store.create(str(address), model, about)
        return cls(address)

    def close(self) -> None:
        self._store.close()

    # --- what is there

    @property
    def network(self) -> CameraNetwork:
        """As of the last question to Milvus that told it: a search, a change, or `generation`."""
        return self._network

    def __len__(self) -> int:
        return self._store.count()

    @property
    def generation(self) -> int:
        """The moment of the last change, in nanoseconds."""
        return int(self._about()["generation"])

    def counts(self) -> list[CameraCount]:
        sightings: dict[str, int] = defaultdict(int)
        identities: dict[str, set[int]] = defaultdict(set)
        times: dict[str, list[int]] = defaultdict(list)
        for entity in self._store.all(ANY, ["camera", "identity", "taken_at"]):
            camera = entity["camera"]
            sightings[camera] += 1
            if entity["identity"] is not None:
                identities[camera].add(entity["identity"])
            if (moment := entity["taken_at"]) is not None:
                known = times[camera]
                times[camera] = [min([moment, *known[:1]]), max([moment, *known[1:]])]
        return [
            CameraCount(
                camera, count, len(identities[camera]), *map(from_microseconds, times.get(camera) or (None, None))
            )
            for camera, count in sorted(sightings.items())
        ]

    def untimed(self, cameras: Sequence[str]) -> tuple[int, int]:
        generation = self.generation

        def counted(camera: str) -> tuple[int, int]:
            expression = cameras_are([camera])
            return self._store.count(expression), self._store.count(timed(expression))

        counts = [self._once(f"timed {camera}", generation, partial(counted, camera)) for camera in cameras]
        total = sum(count for count, _ in counts)
        return total, total - sum(count for _, count in counts)

    def _once(self, what: str, generation: int, find: Callable[[], Any]) -> Any:
        """What was found in that generation, kept until there is another."""
        if self._derived[0] != generation:
            self._derived = (generation, {})
        known = self._derived[1]
        if what not in known:
            known[what] = find()
        return known[what]

    def get(self, sighting: str) -> Sighting | None:
        entities = self._store.by_ids([sighting], self._store.scalars)
        return sighting_of(entities[0]) if entities else None

    def crop(self, sighting: str) -> Crop | None:
        entities = self._store.by_ids([sighting], ["crop", "crop_type", "has_crop"])
        if not entities or not entities[0]["has_crop"]:
            return None
        return Crop(entities[0]["crop_type"], base64.b64decode(entities[0]["crop"]))

    def known(self, ids: Sequence[str]) -> set[str]:
        return {entity["id"] for entity in self._store.by_ids(ids, ["id"])}

    def sightings(self) -> list[Sighting]:
        return sorted(map(sighting_of, self._store.all(ANY, self._store.scalars)), key=lambda sighting: sighting.row)

    def _timed(self, which: Selection, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
        return self._page(expression_of_selection(which, timed=True), order, after, limit)

    def _without_time(self, which: Selection, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
        return self._page(expression_of_selection(which, timed=False), order, after, limit)

    def _page(self, expression: str, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
        """Milvus puts nothing in order, so times and ids of all that meet it are looked through."""
        sign = 1 if order == "oldest" else -1

        def place(spot: Spot) -> tuple[int, str]:
            return spot.taken_at or 0, spot.id

        spots = (Spot(entity["taken_at"], entity["id"]) for entity in self._store.all(expression, ["id", "taken_at"]))
        beyond = (
            spot
            for spot in spots
            if after is None or (place(spot) > place(after) if sign > 0 else place(spot) < place(after))
        )
        first = (heapq.nsmallest if sign > 0 else heapq.nlargest)(limit, beyond, key=place)
        ids = [spot.id for spot in first]
        shown = {entity["id"]: sighting_of(entity) for entity in self._store.by_ids(ids, self._store.scalars)}
        page = [shown[name] for name in ids if name in shown]
        if len(page) < len(ids) == limit:  # some were erased in between
            page += self._page(expression, order, first[-1], limit - len(page))
        return page

    def moments(self, cameras: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        times: dict[str, list[int]] = {camera: [] for camera in cameras}
        for entity in self._store.all(timed(cameras_are(cameras)), ["camera", "taken_at"]) if cameras else ():
            times[entity["camera"]].append(entity["taken_at"])
        return {camera: np.array(moments, np.int64) for camera, moments in times.items()}

    def some(self) -> Sighting | None:
        entities = self._store.any()
        return sighting_of(entities[0]) if entities else None

    def embeddings(self, ids: Sequence[str]) -> NDArray[np.float32]:
        rows = {entity["id"]: entity["embedding"] for entity in self._store.by_ids(ids, ["id", "embedding"])}
        missing = [wanted for wanted in ids if wanted not in rows]
        if missing:
            raise GalleryError(f"no sighting {missing[0]!r} in {self.address}")
        return np.array([rows[wanted] for wanted in ids], np.float32).reshape(len(ids), self.model.dimension)

    def verify(self) -> list[str]:
        problems, rows = [], set()
        for entity in self._store.all(ANY, ["row", "embedding", "checksum"]):
            row = entity["row"]
            if row in rows:
                problems.append(f"row {row} is there twice")
            rows.add(row)
            if zlib.crc32(row_of(entity).tobytes()) != entity["checksum"]:
                problems.append(f"row {row}: the embedding is not what was written")
        return problems

    # --- search

    def search_many(self, queries: Sequence[Query]) -> list[Answer]:
        return [self._search(query) for query in queries]

    def _search(self, query: Query) -> Answer:
        started = time.perf_counter()
        prepared = asked(query, self.model, self.address)
        seen, generation = self._scope(query)
        stages = stages_of(query, seen, self._times) if seen.searched else []
        nearest = self._nearest(prepared, stages[-1][1], query.top_k) if stages else []
        coverage = self._covered(seen, stages, generation)
        hits, taken = ranked(nearest, self.model, query.least_score), (time.perf_counter() - started) * 1000
        return answer(seen, hits, self.model, generation, True, taken, coverage)

    def _covered(self, seen: Scope, stages: Sequence[tuple[str, str]], generation: int) -> Coverage:
        """Counted stage by stage; none is asked for where nothing is left out."""
        sizes: dict[str, int] = self._once("sizes", generation, self._sizes)
        left, tally = sum(sizes[camera] for camera in seen.searched), Tally()
        for name, expression in stages[1:]:
            before, left = left, self._store.count(expression)
            setattr(tally, name, before - left)
        tally.searched = left
        return covered(seen, tally, lambda camera: sizes.get(camera, 0))

    def _sizes(self) -> dict[str, int]:
        """Sightings by camera, of those that have some."""
        counts = {camera.id: self._store.count(cameras_are([camera.id])) for camera in self.network}
        return {camera: count for camera, count in sorted(counts.items()) if count}

    def _times(self) -> tuple[int, int] | None:
        """The first and the last moment of a sighting, as of the last change."""

        def span() -> tuple[int, int] | None:
            times = [entity["taken_at"] for entity in self._store.all(TIMED, ["taken_at"])]
            return (min(times), max(times)) if times else None

        times: tuple[int, int] | None = self._once("span", self.generation, span)
        return times

    def _scope(self, query: Query) -> tuple[Scope, int]:
        about, network = self._about(), self.network
        generation = int(about["generation"])
        return scope(query, network, list(self._once("sizes", generation, self._sizes))), generation

    def _nearest(self, query: NDArray[np.float32], expression: str, top_k: int) -> list[tuple[float, Sighting]]:
        """Asks for more until no other sighting can be nearer than the last; past what Milvus gives, compares all of them."""
        limit = top_k + 16
        while limit <= MOST:
            entities, last = self._store.nearest(query, self.model.metric, expression, limit)
            best = self._sorted(query, entities)[:top_k]
            if len(entities) < limit or self._least(query, last) > best[-1][0]:
                return best
            limit *= 4
        return self._sorted(query, self._store.compared(expression))[:top_k]

    def _least(self, query: NDArray[np.float32], last: float) -> float:
        """No sighting that Milvus finds no nearer than `last` has a smaller key.

        It sums in float32; a row's length is at most the query's and their distance.
        """
        slack, long = 2 * lost(len(query)), length(query)
        if self.model.metric is Metric.EUCLIDEAN:
            return last - slack * (2 * long + float(np.sqrt(max(last, 0)))) ** 2
        return 1.0 - last - slack * max(long, 1.0)

    def _sorted(self, query: NDArray[np.float32], entities: list[dict[str, Any]]) -> list[tuple[float, Sighting]]:
        if not entities:
            return []
        keys = self.model.metric.keys(query, np.stack([row_of(entity) for entity in entities]))
        pairs = zip(keys.tolist(), map(sighting_of, entities), strict=True)
        return sorted(pairs, key=lambda pair: (pair[0], pair[1].row))

    def search_tracks(self, query: Query) -> Answer:
        """Asks for the labels of all sightings in the query's scope first, then for their embeddings, track by track."""
        started = time.perf_counter()
        prepared = asked(query, self.model, self.address)
        seen, generation = self._scope(query)
        nearest: list[tuple[FusedTrack, Sighting]] = []
        stages = stages_of(query, seen, self._times) if seen.searched else []
        if stages:
            while (tracks := self._nearest_tracks(prepared, stages[-1][1], query.top_k)) is None:
                generation = self.generation  # something was erased in between
            nearest = tracks
        coverage = self._covered(seen, stages, generation)
        hits, taken = fused(nearest, self.model, query.least_score), (time.perf_counter() - started) * 1000
        return answer(seen, hits, self.model, generation, True, taken, coverage)

    def _nearest_tracks(
        self, query: NDArray[np.float32], expression: str, top_k: int
    ) -> list[tuple[FusedTrack, Sighting]] | None:
        """None if a sighting that was to be read isn't there any more."""
        labels = sorted(
            (entity["row"], entity["id"], entity["track"])
            for entity in self._store.all(expression, ["row", "id", "track"])
        )
        firsts: dict[str, int] = {}
        tracks = np.array(
            [row if track is None else firsts.setdefault(track, row) for row, _, track in labels], np.int64
        )
        try:
            best = nearest_means(
                self.model.metric,
                query,
                tracks,
                lambda places: self.embeddings([labels[place][1] for place in places.tolist()]),
                top_k,
            )
        except GalleryError:
            if self.known([sighting for _, sighting, _ in labels]) == {sighting for _, sighting, _ in labels}:
                raise
            return None
        shown = {
            entity["id"]: sighting_of(entity)
            for entity in self._store.by_ids([labels[track.place][1] for track in best], self._store.scalars)
        }
        if len(shown) < len(best):
            return None
        return [(track, shown[labels[track.place][1]]) for track in best]

    def distances(self, query: Query, most: int | None = None) -> Distances:
        prepared = asked(query, self.model, self.address)
        seen, generation = self._scope(replace(query, walked=False))
        expression = places_are(seen.searched, seen.moments)
        if most is not None and seen.searched:
            check_count(self._store.count(expression), most)
        pairs = self._sorted(prepared, self._store.compared(expression)) if seen.searched else []
        pairs.sort(key=lambda pair: pair[1].row)
        keys = np.array([key for key, _ in pairs], np.float64)
        return distances_of(seen, (sighting.id for _, sighting in pairs), keys, self.model, generation)

    # --- change

    def writing(self) -> AbstractContextManager[None]:
        """Nothing: Milvus puts the writers' requests in order."""
        return nullcontext()

    def add(self, sightings: Sequence[NewSighting]) -> list[bool]:
        if not sightings:
            return []
        self._about()  # a camera may have come or gone since
        sightings = by_ids(sightings, self.network)
        prepared = enrolled(sightings, self.model, self.network, self.storage)
        if self._store.lacking and any(
            sighting.frame is not None or sighting.since is not None for sighting in sightings
        ):
            raise UsageError(
                f"{self.address} was made before galleries in Milvus kept frames, and since when a sighting is known, which would be"
                " lost; copy it to a new one with `rgbir index copy`, and use that"
            )
        known = self.known([sighting.id for sighting in sightings]) | self.bound(sightings)
        new, written = [], []
        for sighting, embedding, row in zip(sightings, prepared, self._rows(len(sightings)), strict=True):
            written.append(sighting.id not in known)
            if written[-1]:
                known.add(sighting.id)
                entity = entity_of(sighting, embedding, row)
                new.append({name: value for name, value in entity.items() if name not in self._store.lacking})
        if new:
            self._store.insert(new)
            self._changed()
        return written

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        self.change_network(lambda network: network.extended(cameras))

    def change_network(self, change: Callable[[CameraNetwork], CameraNetwork]) -> CameraNetwork:
        """In one request. Nothing keeps two processes from changing it at once: the later one wins."""
        self._about()
        before = self.network
        after = change(before)
        if after != before:
            check_change(before, after, self.counts())
            self._changed(network=json.dumps(after.to_dict()))
            self._about()
        return after

    def erase(self, which: Condition, by_rule: bool = False) -> int:
        expression = expression_of_condition(which)
        removed = self._store.count(expression)
        if by_rule and not removed:
            return 0
        entities = list(self._store.all(expression, ["id", "camera", "digest"])) if removed and not by_rule else []
        names = {name for entity in entities for name in (entity["id"], picture(entity["camera"], entity["digest"]))}
        erasure = Erasure.of(which, names, secrets.token_hex(16), self._rows(1)[0] // 1000 + 1)
        self._carry_out([erasure], lambda: self._delete(expression, removed))
        return removed

    def discard(self, ids: Sequence[str]) -> int:
        count = len(self.known(ids))
        self._delete_ids(ids)
        return count

    def _carry_out(self, erasures: Sequence[Erasure], delete: Callable[[], None]) -> None:
        """Noted first; one that is stopped in between is carried out by the next opening."""
        self._store.note(erasing="1")
        self._note(erasures)
        delete()
        self._store.note(erasing="")

    def _finish(self) -> None:
        """Carries out what was noted and perhaps not done."""
        if self._about().get("erasing"):
            self._delete_ids(self._meant(self.erasures()))
            self._store.note(erasing="")

    def _meant(self, erasures: Sequence[Erasure]) -> list[str]:
        """Ids of what was known before an erasure that means it."""
        there = [
            NewSighting(s.camera, _NONE, s.digest, s.source, s.taken_at, s.identity, s.track, since=s.since)
            for s in self.sightings()
        ]
        return sorted(bound(there, erasures))

    def _delete_ids(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), PIECE):
            group = ids[start : start + PIECE]
            self._delete(ids_are(group), len(group))

    def _delete(self, expression: str, count: int) -> None:
        if count:
            self._store.delete(expression)
            self._changed()

    def _note(self, erasures: Sequence[Erasure]) -> None:
        """In the collection of what the gallery says of itself, in pieces that fit."""
        for erasure in erasures:
            for place, start in enumerate(range(0, max(len(erasure.ids), 1), PIECE)):
                piece = erasure.model_copy(update={"ids": erasure.ids[start : start + PIECE]})
                self._store.note(**{f"{ERASURE}{erasure.uid}:{place}": piece.model_dump_json(exclude_none=True)})
        latest = max((erasure.at for erasure in erasures), default=0)
        if latest > self.moment():
            self._store.note(moment=str(latest))

    def erasures(self, but: Collection[str] = (), since: int = 0) -> list[Erasure]:
        whole: dict[str, Erasure] = {}
        lines = map(Erasure.model_validate_json, self._store.noted(ERASURES))
        for line in (line for line in lines if line.uid not in but and line.at > since):
            ids = whole[line.uid].ids if line.uid in whole else ()
            whole[line.uid] = line.model_copy(update={"ids": (*ids, *line.ids)})
        return sorted(whole.values(), key=lambda erasure: erasure.at)

    def moment(self) -> int:
        """Of the last change, or the last erasure, which may have found nothing."""
        about = self._about()
        return max(int(about["generation"]) // 1000, int(about.get("moment", "0")))

    def bound(self, sightings: Sequence[NewSighting]) -> set[str]:
        sightings = by_ids(sightings, self.network)
        return bound(sightings, self.erasures()) if any(sighting.since is not None for sighting in sightings) else set()

    def heed(self, erasures: Sequence[Erasure]) -> int:
        known = {erasure.uid for erasure in self.erasures()}
        new = [erasure for erasure in erasures if erasure.uid not in known]
        if not new:
            return 0
        gone = self._meant(new)
        self._carry_out(new, lambda: self._delete_ids(gone))
        return len(gone)

    def backups(self) -> list[dict[str, Any]]:
        """None that this knows of: `milvus-backup` keeps its own list."""
        return []

    def refresh_cache(self) -> bool:
        return False

    def set_keep_days(self, days: int | None) -> None:
        check_days(days)
        self._changed(keep_days=json.dumps(days))

    def _count(self, which: Condition) -> int:
        return self._store.count(expression_of_condition(which))

    def _entry(self, name: str) -> str | None:
        return self._about().get(name)

    def _remember(self, name: str, value: str) -> None:
        self._store.note(**{name: value})

    # --- what it says of itself

    def _about(self) -> dict[str, str]:
        about = self._store.about()
        if (network := about.get("network", "")) != self._network_text:
            self._network_text, self._network = network, CameraNetwork.from_dict(json.loads(network))
        return about

    def _changed(self, **entries: str) -> None:
        self._store.note(**entries, generation=str(self._rows(1)[0]))

    def _rows(self, count: int) -> range:
        """Numbers that grow with time, so that they tell the order of enrolment: nanoseconds, none twice in this process, and
        later than every moment that was noted, wherever the clock was set."""
        moment = self.moment()
        with self._clock:
            first = max(time.time_ns(), self._last + 1, 1000 * (moment + 1))
            self._last = first + count - 1
            return range(first, first + count)

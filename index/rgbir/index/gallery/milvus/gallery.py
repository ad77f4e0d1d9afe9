"""A gallery in Milvus: for more sightings than one machine holds, or several servers beside each other.

Milvus proposes by brute force (FLAT, or GPU_BRUTE_FORCE), and keys are computed here, so answers are those of a gallery in a
folder.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
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
from rgbir.index.gallery.erasures import Condition, Erasure
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.milvus.counts import Counts, People, moments_of
from rgbir.index.gallery.milvus.entities import (
    ANY,
    cameras_are,
    entity_of,
    expression_of_condition,
    expression_of_selection,
    places_are,
    row_of,
    sighting_of,
    stages_of,
    timed,
    values_between,
)
from rgbir.index.gallery.milvus.erasing import Erasing, Ledger
from rgbir.index.gallery.milvus.pages import by_id, by_time, in_enrolment_order
from rgbir.index.gallery.milvus.store import Store
from rgbir.index.gallery.model import CameraCount, Model, Storage
from rgbir.index.gallery.query import Answer, Distances, Query, Scope, scope
from rgbir.index.gallery.retention import check_days
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import length, lost
from rgbir.index.nearest.fused import FusedTrack, nearest_means
from rgbir.index.nearest.slabs import Tally
from rgbir.index.stays import EVER
from rgbir.index.times import from_microseconds


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
        self._counts, self._people, self._ledger = Counts(self._store), People(self._store), Ledger(self._store)
        about = self._about()
        self.model = Model.read(about)
        if not about.get("people"):
            self._people.note_all(self._store.all(ANY, ["camera", "identity"]))
            self._store.note({"people": "1"})
        if unfinished := self._ledger.unfinished():
            noted = [erasure for erasure in self.erasures() if erasure.uid in unfinished]
            Erasing(self._store, self._people, self._ledger).again(noted)
            self._people.check(self._people.listed(camera.id for camera in self.network))
            self._changed(self._about(), None)
            self._ledger.finished(unfinished)

    @classmethod
    def create(
        cls, address: str | Path, model: Model, network: CameraNetwork, storage: Storage = Storage.FLOAT32
    ) -> Self:
        """It keeps float32, the one storage that Milvus offers."""
        network_text = json.dumps(network.to_dict())
        about = {**model.entries(), "network": network_text, "generation": "0", "keep_days": "null", "people": "1"}
        about["uid"] = secrets.token_hex(8)
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
        generation, counts = self._about()["generation"], self._counts
        return [
            CameraCount(
                camera,
                count,
                counts.people(generation, camera),
                *map(from_microseconds, counts.span(generation, camera) or (None, None)),
            )
            for camera, count in self._sizes(generation).items()
        ]

    def untimed(self, cameras: Sequence[str]) -> tuple[int, int]:
        generation = self._about()["generation"]
        total = sum(self._counts.size(generation, camera) for camera in cameras)
        return total, total - sum(self._counts.timed(generation, camera) for camera in cameras)

    def _sizes(self, generation: str) -> dict[str, int]:
        """Sightings by camera, of those that have some."""
        return self._counts.sizes(generation, (camera.id for camera in self.network))

    def get(self, sighting: str) -> Sighting | None:
        entities = self._store.by_ids([sighting], self._store.scalars)
        return sighting_of(entities[0]) if entities else None

    def crop(self, sighting: str) -> Crop | None:
        entities = self._store.by_ids([sighting], ["crop", "crop_type", "has_crop"])
        if not entities or not entities[0]["has_crop"]:
            return None
        return Crop(entities[0]["crop_type"], base64.b64decode(entities[0]["crop"]))

    def crops(self, ids: Sequence[str]) -> dict[str, Crop]:
        entities = self._store.by_ids(ids, ["id", "crop", "crop_type", "has_crop"])
        return {
            entity["id"]: Crop(entity["crop_type"], base64.b64decode(entity["crop"]))
            for entity in entities
            if entity["has_crop"]
        }

    def by_ids(self, ids: Sequence[str]) -> dict[str, Sighting]:
        return {entity["id"]: sighting_of(entity) for entity in self._store.by_ids(ids, self._store.scalars)}

    def known(self, ids: Sequence[str]) -> set[str]:
        return {entity["id"] for entity in self._store.by_ids(ids, ["id"])}

    def sightings(self) -> list[Sighting]:
        return sorted(map(sighting_of, self._store.all(ANY, self._store.scalars)), key=lambda sighting: sighting.row)

    def pages(self) -> Iterator[list[Sighting]]:
        return in_enrolment_order(self._store)

    def _timed(self, which: Selection, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
        return by_time(self._store, expression_of_selection(which, timed=True), order, after, limit)

    def _without_time(self, which: Selection, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
        return by_id(self._store, expression_of_selection(which, timed=False), order, after, limit)

    def moments(self, cameras: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        times: dict[str, list[int]] = {camera: [] for camera in cameras}
        for entity in self._store.all(timed(cameras_are(cameras)), ["camera", "taken_at"]) if cameras else ():
            times[entity["camera"]].append(entity["taken_at"])
        return {camera: np.array(moments, np.int64) for camera, moments in times.items()}

    def some(self) -> Sighting | None:
        entities = self._store.some(ANY, self._store.scalars, 1)
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
        stages = self._stages(query, seen, generation)
        nearest = self._nearest(prepared, stages[-1][1], query.top_k) if stages else []
        coverage = self._covered(seen, stages, generation)
        hits, taken = ranked(nearest, self.model, query.least_score), (time.perf_counter() - started) * 1000
        return answer(seen, hits, self.model, int(generation), True, taken, coverage)

    def _scope(self, query: Query) -> tuple[Scope, str]:
        """With the generation of its counts."""
        generation = self._about()["generation"]
        return scope(query, self.network, list(self._sizes(generation))), generation

    def _stages(self, query: Query, seen: Scope, generation: str) -> list[tuple[str, str]]:
        return stages_of(query, seen, partial(self._counts.range, generation)) if seen.searched else []

    def _covered(self, seen: Scope, stages: Sequence[tuple[str, str]], generation: str) -> Coverage:
        """Counted stage by stage; none is asked for where nothing is left out."""
        sizes = self._sizes(generation)
        left, tally = sum(sizes[camera] for camera in seen.searched), Tally()
        for name, expression in stages[1:]:
            before, left = left, self._counts.number(generation, expression)
            setattr(tally, name, before - left)
        tally.searched = left
        return covered(seen, tally, lambda camera: sizes.get(camera, 0))

    def _nearest(self, query: NDArray[np.float32], expression: str, top_k: int) -> list[tuple[float, Sighting]]:
        """Asks for more until no other sighting can be nearer than the last; past what Milvus gives at once, for parts."""
        limit, most = top_k + 16, self._store.most
        while limit < most:
            entities, last = self._store.nearest(query, self.model.metric, expression, limit)
            best = self._sorted(query, entities)[:top_k]
            if len(entities) < limit or self._least(query, last) > best[-1][0]:
                return best
            limit *= 4
        return self._nearest_in(query, expression, top_k, 0, EVER, [])

    def _nearest_in(
        self,
        query: NDArray[np.float32],
        expression: str,
        top_k: int,
        low: int,
        high: int,
        best: list[tuple[float, Sighting]],
    ) -> list[tuple[float, Sighting]]:
        """The best of these and of the sightings with a row from `low` on, below `high`: where too many are as near as the last that
        Milvus gives, of the first half of them and of the second. So it reads what is near, and not what is far."""
        part = values_between(expression, "row", low, high)
        entities, last = self._store.nearest(query, self.model.metric, part, self._store.most)
        joined = {sighting.id: (key, sighting) for key, sighting in (*best, *self._sorted(query, entities))}
        merged = sorted(joined.values(), key=lambda pair: (pair[0], pair[1].row))[:top_k]
        if len(entities) < self._store.most:
            return merged
        if len(merged) == top_k and self._least(query, last) > merged[-1][0]:
            return merged
        middle = sorted(entity["row"] for entity in entities)[len(entities) // 2]
        if middle == low:
            raise GalleryError(f"{self.address}: too many sightings have the row {low}; see `rgbir index verify`")
        best = self._nearest_in(query, expression, top_k, low, middle, best)
        return self._nearest_in(query, expression, top_k, middle, high, best)

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
        stages = self._stages(query, seen, generation)
        if stages:
            while (tracks := self._nearest_tracks(prepared, stages[-1][1], query.top_k)) is None:
                generation = self._about()["generation"]  # something was erased in between
            nearest = tracks
        coverage = self._covered(seen, stages, generation)
        hits, taken = fused(nearest, self.model, query.least_score), (time.perf_counter() - started) * 1000
        return answer(seen, hits, self.model, int(generation), True, taken, coverage)

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
        return distances_of(seen, (sighting.id for _, sighting in pairs), keys, self.model, int(generation))

    # --- change

    def writing(self) -> AbstractContextManager[None]:
        """Nothing: Milvus puts the writers' requests in order."""
        return nullcontext()

    def add(self, sightings: Sequence[NewSighting]) -> list[bool]:
        if not sightings:
            return []
        about = self._about()  # a camera may have come or gone since
        sightings = by_ids(sightings, self.network)
        prepared = enrolled(sightings, self.model, self.network, self.storage)
        if any(sighting.frame is not None or sighting.since is not None for sighting in sightings):
            self.expect_copies()
        known = self.known([sighting.id for sighting in sightings]) | self._ledger.bound(sightings, about)
        new, written = [], []
        for sighting, embedding, row in zip(sightings, prepared, self._rows(len(sightings), about), strict=True):
            written.append(sighting.id not in known)
            if written[-1]:
                known.add(sighting.id)
                entity = entity_of(sighting, embedding, row)
                new.append({name: value for name, value in entity.items() if name not in self._store.lacking})
        if new:
            self._store.write(new)
            persons = {(entity["camera"], entity["identity"]) for entity in new}
            self._changed(about, {camera for camera, _ in persons}, self._people.entries(persons))
        return written

    def expect_copies(self) -> None:
        if self._store.lacking:
            raise UsageError(
                f"{self.address} was made before galleries in Milvus kept frames, and since when a sighting is known, which would be"
                " lost; copy it to a new one with `rgbir index copy`, and use that"
            )

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        self.change_network(lambda network: network.extended(cameras))

    def change_network(self, change: Callable[[CameraNetwork], CameraNetwork]) -> CameraNetwork:
        """In one request. Nothing keeps two processes from changing it at once: the later one wins."""
        about = self._about()
        before = self.network
        after = change(before)
        if after != before:
            sizes = self._sizes(about["generation"])
            check_change(before, after, [CameraCount(camera, size, 0, None, None) for camera, size in sizes.items()])
            self._changed(about, (), {"network": json.dumps(after.to_dict())})
            self._about()
        return after

    def erase(self, which: Condition, by_rule: bool = False) -> int:
        if by_rule and not self._count(which):
            return 0
        about = self._about()
        at = self._rows(1, about)[0] // 1000 + 1
        return self._carry_out(lambda erasing: erasing.by_condition(which, at, by_rule))

    def discard(self, ids: Sequence[str]) -> int:
        return self._carry_out(lambda erasing: erasing.by_ids(ids))

    def heed(self, erasures: Sequence[Erasure]) -> int:
        known = {erasure.uid for erasure in self.erasures()}
        new = [erasure for erasure in erasures if erasure.uid not in known]
        return self._carry_out(lambda erasing: erasing.heed(new)) if new else 0

    def _carry_out(self, erase: Callable[[Erasing], int]) -> int:
        """How many were removed."""
        erasing = Erasing(self._store, self._people, self._ledger)
        if removed := erase(erasing):
            self._changed(self._about(), None)
        erasing.end()
        return removed

    def erasures(self, but: Collection[str] = (), since: int = 0) -> list[Erasure]:
        noted = self._ledger.erasures(self._about())
        return [erasure for erasure in noted if erasure.uid not in but and erasure.at > since]

    def moment(self) -> int:
        """Of the last change, or the last erasure, which may have found nothing."""
        return _moment(self._about())

    def bound(self, sightings: Sequence[NewSighting]) -> set[str]:
        return self._ledger.bound(by_ids(sightings, self.network), self._about())

    def backups(self) -> list[dict[str, Any]]:
        """None that this knows of: `milvus-backup` keeps its own list."""
        return []

    def refresh_cache(self) -> bool:
        return False

    def set_keep_days(self, days: int | None) -> None:
        check_days(days)
        self._changed(self._about(), (), {"keep_days": json.dumps(days)})

    def _count(self, which: Condition) -> int:
        return self._store.count(expression_of_condition(which))

    def _entry(self, name: str) -> str | None:
        return self._store.entry(name)

    def _remember(self, name: str, value: str) -> None:
        self._store.note({name: value})

    # --- what it says of itself

    def _about(self) -> dict[str, str]:
        about = self._store.about()
        if (network := about.get("network", "")) != self._network_text:
            self._network_text, self._network = network, CameraNetwork.from_dict(json.loads(network))
        return about

    def _changed(
        self,
        about: Mapping[str, str],
        cameras: Collection[str] | None,
        entries: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Notes that sightings of these cameras changed, None of any, and what else changed, in one request.

        Args:
            about: what the gallery said of itself before.
        """
        moment = str(self._rows(1, about)[0])
        self._store.note({**entries, **moments_of(cameras, moment), "generation": moment})

    def _rows(self, count: int, about: Mapping[str, str]) -> range:
        """Numbers that grow with time, so that they tell the order of enrolment: nanoseconds, none twice in this process, and
        later than every moment that was noted, wherever the clock was set."""
        moment = _moment(about)
        with self._clock:
            first = max(time.time_ns(), self._last + 1, 1000 * (moment + 1))
            self._last = first + count - 1
            return range(first, first + count)


def _moment(about: Mapping[str, str]) -> int:
    return max(int(about["generation"]) // 1000, int(about.get("moment", "0")))

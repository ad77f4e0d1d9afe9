"""A gallery in Milvus: for more sightings than one machine holds, or several servers beside each other.

Two collections: NAME holds the sightings, with the camera as partition key; NAME_about what the gallery says of itself. Milvus
proposes by brute force (FLAT, or GPU_BRUTE_FORCE), and keys are computed here, so answers are those of a gallery in a folder.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rgbir.index.bundle import Card
from rgbir.index.cameras import Camera, CameraNetwork
from rgbir.index.errors import GalleryError, GalleryMissing, InvalidQuery, UsageError
from rgbir.index.gallery.answers import answer, ranked
from rgbir.index.gallery.embeddings import asked, enrolled
from rgbir.index.gallery.erasures import Condition, Erasure, Named, bound, hashed, picture
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.milvus.entities import (
    BRUTE_FORCE,
    LATER,
    SCALARS,
    Address,
    cameras_are,
    entity_of,
    entry,
    expression_of,
    expression_of_erasure,
    listed,
    make_collections,
    metric_type,
    row_of,
    sighting_of,
)
from rgbir.index.gallery.model import CameraCount, Model
from rgbir.index.gallery.query import Answer, Distances, Query, Scope, scope, walks
from rgbir.index.gallery.retention import Run, check, check_days
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import length, lost
from rgbir.index.times import from_microseconds

ERASURE = "erasure:"
_NONE = np.empty(0, np.float32)
MOST = 16_384  # hits that Milvus gives at once
_PIECE = 1_000


class MilvusGallery(AnyGallery):
    """An open gallery in Milvus. Several processes may write; each add and each removal is one request.

    The token, where the server wants one, is RGBIR_MILVUS_TOKEN in the environment.

    Raises:
        UsageError: no such address, or pymilvus isn't installed.
        GalleryMissing: no such gallery there.
        GalleryError: Milvus refuses, or the gallery's index may miss.
    """

    def __init__(self, address: str) -> None:
        self.address, self.opening = address, "Milvus"
        self._at = Address.parse(address)
        self._client = _connected(self._at)
        self._about_name = f"{self._at.name}_about"
        self._clock, self._last = threading.Lock(), 0
        self._network_told, self._network = "", CameraNetwork("", ())
        self._untimed: tuple[int, dict[str, tuple[int, int]]] = (-1, {})
        self._span: tuple[int, tuple[int, int] | None] = (-1, None)
        self._enrolled: tuple[int, list[str]] = (-1, [])
        with self._milvus():
            there = self._client.has_collection(self._about_name)
        if not there:
            self._client.close()
            raise GalleryMissing(
                f"no gallery {self._at.name!r} in {self._at.uri}; make one with `rgbir index add … --gallery {address}`"
            )
        with self._milvus():  # a server that was started anew has neither in memory
            for name in (self._about_name, self._at.name):
                self._client.load_collection(name)
        about = self._about()
        self.model = Model(about["model"], about["fingerprint"], Metric(about["metric"]), int(about["dimension"]))
        with self._milvus():
            found = self._client.describe_index(self._at.name, "embedding")["index_type"]
            fields = {field["name"] for field in self._client.describe_collection(self._at.name)["fields"]}
        self._lacking = {name for name in LATER if name not in fields}
        self._scalars = [*SCALARS, *(name for name in LATER if name in fields)]
        if found not in BRUTE_FORCE:
            self._client.close()
            raise GalleryError(
                f"{address} has an index of type {found}, which may miss; make it {' or '.join(BRUTE_FORCE)}"
            )
        self._finish()

    @classmethod
    def create(cls, address: str, model: Model, network: CameraNetwork) -> Self:
        """A new, empty gallery for that model's embeddings.

        Raises:
            UsageError: there is one already.
        """
        at = Address.parse(address)
        client = _connected(at)
        with _told(address):
            if client.has_collection(f"{at.name}_about"):
                raise UsageError(f"{address} is a gallery already; open it, or choose another name")
            make_collections(client, at, model)
            about = {
                "model": model.name,
                "fingerprint": model.fingerprint,
                "metric": str(model.metric),
                "dimension": str(model.dimension),
                "network": json.dumps(network.to_dict()),
                "generation": "0",
                "keep_days": "null",
            }
            client.insert(f"{at.name}_about", [entry(key, value) for key, value in about.items()])
        client.close()
        return cls(address)

    @classmethod
    def open_or_create(cls, address: str, card: Card, network: CameraNetwork) -> Self:
        """The gallery there, which must be of that model; a new one with that network if there is none.

        Raises:
            GalleryMismatch: it holds another model's embeddings.
        """
        try:
            gallery = cls(address)
        except GalleryMissing:
            return cls.create(address, Model.of(card), network)
        try:
            gallery.expect(card)
        except GalleryError:
            gallery.close()
            raise
        return gallery

    def close(self) -> None:
        self._client.close()

    # --- what is there

    @property
    def network(self) -> CameraNetwork:
        """As of the last question to Milvus that told it: a search, a change, or `generation`."""
        return self._network

    def __len__(self) -> int:
        return self._count("")

    @property
    def generation(self) -> int:
        """The moment of the last change, in nanoseconds."""
        return int(self._about()["generation"])

    def counts(self) -> list[CameraCount]:
        sightings: dict[str, int] = defaultdict(int)
        identities: dict[str, set[int]] = defaultdict(set)
        times: dict[str, list[int]] = defaultdict(list)
        for entity in self._all("", ["camera", "identity", "taken_at"]):
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
        if self._untimed[0] != generation:
            self._untimed = (generation, {})
        known = self._untimed[1]
        for camera in cameras:
            if camera not in known:
                of = cameras_are([camera])
                held = self._count(of)
                known[camera] = (held, held - self._count(f"({of}) and (taken_at >= 0 or taken_at < 0)"))
        return sum(known[c][0] for c in cameras), sum(known[c][1] for c in cameras)

    def get(self, sighting: str) -> Sighting | None:
        found = self._some("id", [sighting], self._scalars)
        return sighting_of(found[0]) if found else None

    def crop(self, sighting: str) -> Crop | None:
        found = self._some("id", [sighting], ["crop", "crop_type", "has_crop"])
        if not found or not found[0]["has_crop"]:
            return None
        return Crop(found[0]["crop_type"], base64.b64decode(found[0]["crop"]))

    def known(self, ids: Sequence[str]) -> set[str]:
        return {entity["id"] for entity in self._some("id", ids, ["id"])}

    def sightings(self) -> list[Sighting]:
        return sorted(map(sighting_of, self._all("", self._scalars)), key=lambda sighting: sighting.row)

    def some(self) -> Sighting | None:
        with self._milvus():
            found = self._client.query(self._at.name, filter="row >= 0", output_fields=self._scalars, limit=1)
        return sighting_of(found[0]) if found else None

    def embeddings(self, ids: Sequence[str]) -> NDArray[np.float32]:
        found = {entity["id"]: entity["embedding"] for entity in self._some("id", ids, ["id", "embedding"])}
        missing = [wanted for wanted in ids if wanted not in found]
        if missing:
            raise GalleryError(f"no sighting {missing[0]!r} in {self.address}")
        return np.array([found[wanted] for wanted in ids], np.float32).reshape(len(ids), self.model.dimension)

    def verify(self) -> list[str]:
        problems, rows = [], set()
        for entity in self._all("", ["row", "embedding", "checksum"]):
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
        nearest = []
        if seen.searched:
            expression = expression_of(query, seen.searched, self._times, walks(query, self.network, seen.searched))
            nearest = self._nearest(prepared, expression, query.top_k)
        hits, taken = ranked(nearest, self.model, query.least_score), (time.perf_counter() - started) * 1000
        return answer(seen, hits, self.model, generation, True, taken)

    def _times(self) -> tuple[int, int] | None:
        """The first and the last moment of a sighting, as of the last change."""
        generation = self.generation
        if self._span[0] != generation:
            times = [own["taken_at"] for own in self._all("taken_at >= 0 or taken_at < 0", ["taken_at"])]
            self._span = (generation, (min(times), max(times)) if times else None)
        return self._span[1]

    def _scope(self, query: Query) -> tuple[Scope, int]:
        about, network = self._about(), self.network
        generation = int(about["generation"])
        if self._enrolled[0] != generation:
            there = (camera.id for camera in network if self._count(cameras_are([camera.id])))
            self._enrolled = (generation, sorted(there))
        return scope(query, network, self._enrolled[1]), generation

    def _nearest(self, query: NDArray[np.float32], expression: str, top_k: int) -> list[tuple[float, Sighting]]:
        """Asks for more until no other sighting can be nearer than the last; past what Milvus gives, compares all of them."""
        limit = top_k + 16
        while limit <= MOST:
            with self._milvus():
                (found,) = self._client.search(
                    self._at.name,
                    [query],
                    anns_field="embedding",
                    filter=expression,
                    limit=limit,
                    output_fields=[*self._scalars, "embedding"],
                    search_params={"metric_type": metric_type(self.model.metric)},
                    consistency_level="Strong",
                )
            best = self._sorted(query, [hit["entity"] for hit in found])[:top_k]
            if len(found) < limit or self._least(query, float(found[-1]["distance"])) > best[-1][0]:
                return best
            limit *= 4
        return self._sorted(query, list(self._all(expression, [*self._scalars, "embedding"])))[:top_k]

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

    def distances(self, query: Query, most: int | None = None) -> Distances:
        prepared = asked(query, self.model, self.address)
        seen, generation = self._scope(query)
        expression = cameras_are(seen.searched)
        if most is not None and seen.searched and (held := self._count(expression)) > most:
            raise InvalidQuery(f"{held:,} sightings are to be compared, at most {most:,} are; name fewer cameras")
        pairs = (
            self._sorted(prepared, list(self._all(expression, [*self._scalars, "embedding"]))) if seen.searched else []
        )
        pairs.sort(key=lambda pair: pair[1].row)
        return Distances(
            tuple(sighting.id for _, sighting in pairs),
            np.array([key for key, _ in pairs], np.float64),
            seen.searched,
            seen.excluded,
            generation,
            self.model.name,
            self.model.fingerprint,
        )

    # --- change

    def writing(self) -> AbstractContextManager[None]:
        """Nothing: Milvus puts the writers' requests in order."""
        return nullcontext()

    def add(self, sightings: Sequence[NewSighting]) -> list[bool]:
        if not sightings:
            return []
        prepared = enrolled(sightings, self.model, self.network, self.storage)
        if self._lacking and any(own.frame is not None or own.since is not None for own in sightings):
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
                new.append({name: value for name, value in entity.items() if name not in self._lacking})
        if new:
            with self._milvus():
                self._client.insert(self._at.name, new)
            self._changed()
        return written

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        network = self.network
        extended = network.extended(cameras)
        if len(extended) > len(network):
            self._changed(network=json.dumps(extended.to_dict()))
            self._about()

    def erase(self, which: Condition, by_rule: bool = False) -> int:
        """Milvus marks them at once and drops them from its files when it compacts, which is asked for."""
        expression = expression_of_erasure(which)
        removed = self._count(expression)
        if by_rule and not removed:
            return 0
        found = list(self._all(expression, ["id", "camera", "digest"])) if removed and not by_rule else []
        ids = {own["id"] for own in found} | {picture(own["camera"], own["digest"]) for own in found}
        if which.ids is not None and which == Condition(which.ids):
            ids |= set(which.ids)
        salt = secrets.token_hex(16)
        erasure = Erasure(
            uid=secrets.token_hex(8),
            at=self._rows(1)[0] // 1000 + 1,
            condition=Named.of(which),
            salt=salt,
            ids=tuple(sorted(hashed(salt, sighting) for sighting in ids)),
        )
        self._carry_out([erasure], lambda: self._delete(expression, removed))
        return removed

    def discard(self, ids: Sequence[str]) -> int:
        found = len(self.known(ids))
        self._delete_ids(ids)
        return found

    def _carry_out(self, erasures: Sequence[Erasure], delete: Callable[[], None]) -> None:
        """Noted first; one that is stopped in between is carried out by the next opening."""
        self._remember("erasing", "1")
        self._note(erasures)
        delete()
        self._remember("erasing", "")

    def _finish(self) -> None:
        """Carries out what was noted and perhaps not done."""
        if self._remembered("erasing"):
            self._delete_ids(self._meant(self.erasures()))
            self._remember("erasing", "")

    def _meant(self, erasures: Sequence[Erasure]) -> list[str]:
        """Ids of what was known before an erasure that means it."""
        held = [
            NewSighting(s.camera, _NONE, s.digest, s.source, s.taken_at, s.identity, s.track, since=s.since)
            for s in self.sightings()
        ]
        return sorted(bound(held, erasures))

    def _delete_ids(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), _PIECE):
            group = ids[start : start + _PIECE]
            self._delete(f"id in {listed(group)}", len(group))

    def _remember(self, name: str, value: str) -> None:
        with self._milvus():
            self._client.upsert(self._about_name, [entry(name, value)])

    def _remembered(self, name: str) -> str | None:
        return self._about().get(name)

    def _delete(self, expression: str, count: int) -> None:
        if count:
            with self._milvus():
                self._client.delete(self._at.name, filter=expression)
                self._client.flush(self._at.name)
                self._client.compact(self._at.name)
            self._changed()

    def _note(self, erasures: Sequence[Erasure]) -> None:
        """In the collection of what the gallery says of itself, in pieces that fit."""
        for erasure in erasures:
            for place, start in enumerate(range(0, max(len(erasure.ids), 1), _PIECE)):
                piece = erasure.model_copy(update={"ids": erasure.ids[start : start + _PIECE]})
                line = entry(f"{ERASURE}{erasure.uid}:{place}", piece.model_dump_json(exclude_none=True))
                with self._milvus():
                    self._client.upsert(self._about_name, [line])
        latest = max((erasure.at for erasure in erasures), default=0)
        if latest > self.moment():
            self._remember("moment", str(latest))

    def erasures(self) -> list[Erasure]:
        with self._milvus():
            pieces = self._client.query_iterator(
                self._about_name,
                filter=f'key like "{ERASURE}%"',
                batch_size=100,
                output_fields=["value"],
                consistency_level="Strong",
            )
            lines = []
            while piece := pieces.next():
                lines += [Erasure.model_validate_json(own["value"]) for own in piece]
            pieces.close()
        whole: dict[str, Erasure] = {}
        for line in lines:
            ids = whole[line.uid].ids if line.uid in whole else ()
            whole[line.uid] = line.model_copy(update={"ids": (*ids, *line.ids)})
        return sorted(whole.values(), key=lambda erasure: erasure.at)

    def moment(self) -> int:
        """Of the last change, or the last erasure, which may have found nothing."""
        about = self._about()
        return max(int(about["generation"]) // 1000, int(about.get("moment", "0")))

    def bound(self, sightings: Sequence[NewSighting]) -> set[str]:
        return bound(sightings, self.erasures()) if any(own.since is not None for own in sightings) else set()

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

    @property
    def keep_days(self) -> int | None:
        days: int | None = json.loads(self._about()["keep_days"])
        return days

    def set_keep_days(self, days: int | None) -> None:
        check_days(days)
        self._changed(keep_days=json.dumps(days))

    def expire(self, now: datetime | None = None, sure: bool = False) -> int:
        if (days := self.keep_days) is None:
            return 0
        run = Run.now(now)
        due = run.due(days)
        known = sure or check(run, self._remembered("retention"), self._count(expression_of_erasure(due)), len(self))
        removed = self.erase(due, by_rule=True)
        if known:
            self._remember("retention", run.model_dump_json())
        return removed

    # --- Milvus

    def _milvus(self) -> AbstractContextManager[None]:
        return _told(self.address)

    def _about(self) -> dict[str, str]:
        with self._milvus():
            found = self._client.query(
                self._about_name,
                filter=f'not (key like "{ERASURE}%")',
                output_fields=["key", "value"],
                consistency_level="Strong",
            )
        about = {entry["key"]: entry["value"] for entry in found}
        if (told := about.get("network", "")) != self._network_told:
            self._network_told, self._network = told, CameraNetwork.from_dict(json.loads(told))
        return about

    def _changed(self, **entries: str) -> None:
        entries["generation"] = str(self._rows(1)[0])
        with self._milvus():
            self._client.upsert(self._about_name, [entry(key, value) for key, value in entries.items()])

    def _rows(self, count: int) -> range:
        """Numbers that grow with time, so that they tell the order of enrolment: nanoseconds, none twice in this process, and
        later than every moment that was noted, wherever the clock was set."""
        moment = self.moment()
        with self._clock:
            first = max(time.time_ns(), self._last + 1, 1000 * (moment + 1))
            self._last = first + count - 1
            return range(first, first + count)

    def _count(self, expression: str) -> int:
        with self._milvus():
            found = self._client.query(
                self._at.name, filter=expression, output_fields=["count(*)"], consistency_level="Strong"
            )
        return int(found[0]["count(*)"])

    def _all(self, expression: str, fields: list[str]) -> Iterator[dict[str, Any]]:
        """Every entity that meets it, a piece at a time."""
        with self._milvus():
            pieces = self._client.query_iterator(
                self._at.name,
                filter=expression or "row >= 0",
                batch_size=_PIECE,
                output_fields=fields,
                consistency_level="Strong",
            )
            while piece := pieces.next():
                yield from piece
            pieces.close()

    def _some(self, field: str, values: Sequence[str], fields: list[str]) -> list[dict[str, Any]]:
        """Those whose field is one of these."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(values), _PIECE):
            with self._milvus():
                found += self._client.query(
                    self._at.name,
                    filter=f"{field} in {listed(values[start : start + _PIECE])}",
                    output_fields=fields,
                    consistency_level="Strong",
                )
        return found


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Milvus's errors as a gallery's."""
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        raise GalleryError(f"{address}: Milvus says: {error.message}") from error


def _connected(at: Address) -> Any:
    try:
        from pymilvus import MilvusClient
        from pymilvus.exceptions import MilvusException
    except ImportError as error:
        raise UsageError("a gallery in Milvus needs pymilvus: pip install 'rgbir[milvus]'") from error
    try:
        return MilvusClient(at.uri, token=os.environ.get("RGBIR_MILVUS_TOKEN", ""))
    except MilvusException as error:
        raise GalleryError(f"{at.uri} can't be reached: {error.message}; is Milvus running there?") from error

"""The contract of every gallery, wherever it keeps its sightings."""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rgbir.index.bundle import Card
from rgbir.index.cameras import Camera, CameraNetwork
from rgbir.index.errors import GalleryMismatch, GalleryMissing, InvalidQuery, UsageError
from rgbir.index.gallery.browse import Order, Selection, Spot, check_limit
from rgbir.index.gallery.calibration import Calibration, Pair
from rgbir.index.gallery.changes import Touched, changed_spans, check_change
from rgbir.index.gallery.erasures import Condition, Erasure
from rgbir.index.gallery.model import CameraCount, Model, Storage
from rgbir.index.gallery.origins import MOST, Origin
from rgbir.index.gallery.query import Answer, Distances, Query
from rgbir.index.gallery.retention import Run, check
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.nearest.affinity import Affinity
from rgbir.index.stays import EVER
from rgbir.index.times import from_microseconds

PAGE = 1_000
"""Sightings that `pages` gives at once, at most."""


class AnyGallery(ABC):
    """An open gallery, in a folder (`Gallery`) or in Milvus (`MilvusGallery`). Thread-safe; close it, or use it in a `with` block.

    Attributes:
        address: where it is, as people write it.
        model: whose embeddings it holds.
        storage: how it keeps them.
    """

    address: str
    model: Model
    storage = Storage.FLOAT32

    @abstractmethod
    def __init__(self, address: str | Path) -> None: ...

    @classmethod
    @abstractmethod
    def create(
        cls, address: str | Path, model: Model, network: CameraNetwork, storage: Storage = Storage.FLOAT32
    ) -> Self:
        """A new, empty gallery for that model's embeddings.

        Raises:
            UsageError: there is one already.
        """

    @classmethod
    def open_or_create(
        cls, address: str | Path, card: Card, network: CameraNetwork, storage: Storage = Storage.FLOAT32
    ) -> Self:
        """The gallery there, which must be of that model; a new one with that network if there is none.

        Raises:
            GalleryMismatch: it holds another model's embeddings.
        """
        try:
            gallery = cls(address)
        except GalleryMissing:
            return cls.create(address, Model.of(card), network, storage)
        try:
            gallery.expect(card)
        except GalleryMismatch:
            gallery.close()
            raise
        return gallery

    # --- what is there

    @property
    @abstractmethod
    def network(self) -> CameraNetwork:
        """Its cameras and their places."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def generation(self) -> int:
        """Grows with every change; every answer tells the one it saw."""

    @abstractmethod
    def counts(self) -> list[CameraCount]:
        """Of the cameras that have sightings, by name."""

    @abstractmethod
    def untimed(self, cameras: Sequence[str]) -> tuple[int, int]:
        """How many sightings those cameras have, and how many of them have no time."""

    @abstractmethod
    def get(self, sighting: str) -> Sighting | None: ...

    @abstractmethod
    def crop(self, sighting: str) -> Crop | None: ...

    @abstractmethod
    def by_ids(self, ids: Sequence[str]) -> dict[str, Sighting]:
        """Those of the ids that are enrolled."""

    @abstractmethod
    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that are enrolled."""

    @abstractmethod
    def sightings(self) -> list[Sighting]:
        """All of them, in enrolment order."""

    def pages(self) -> Iterator[list[Sighting]]:
        """All of them, in enrolment order, some at once."""
        sightings = self.sightings()
        for start in range(0, len(sightings), PAGE):
            yield sightings[start : start + PAGE]

    def crops(self, ids: Sequence[str]) -> dict[str, Crop]:
        """Of those that are enrolled and have one."""
        crops = {sighting: self.crop(sighting) for sighting in ids}
        return {sighting: crop for sighting, crop in crops.items() if crop is not None}

    def browse(
        self, which: Selection, order: Order = "newest", after: Spot | None = None, limit: int = 100
    ) -> list[Sighting]:
        """Sightings by the time when they were taken, those without one at the end; equal times are in the order of their ids.

        Pages fit together while others write: each sighting that is there all the time comes once.

        Args:
            after: where the page before ended.
            limit: most of them.

        Raises:
            UsageError: a limit out of its range.
        """
        check_limit(limit)
        sightings: list[Sighting] = []
        if after is None or after.taken_at is not None:
            sightings = self._timed(which, order, after, limit)
            after = None
        if len(sightings) < limit and not which.needs_time:
            sightings += self._without_time(which, order, after, limit - len(sightings))
        return sightings

    @abstractmethod
    def _timed(self, which: Selection, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
        """Those with a time."""

    @abstractmethod
    def _without_time(self, which: Selection, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
        """Those without one, by id."""

    @abstractmethod
    def moments(self, cameras: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """When the sightings of each of these cameras were taken, of those with a time: int64 (n,), microseconds since 1970."""

    @abstractmethod
    def some(self) -> Sighting | None:
        """Any sighting; None if there are none."""

    @abstractmethod
    def embeddings(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """float32 (n, d), as the gallery keeps them, in the order asked for.

        Raises:
            GalleryError: one of the ids isn't enrolled.
        """

    @abstractmethod
    def verify(self) -> list[str]:
        """What is wrong, in words; an empty list is a proof that nothing is."""

    # --- search

    def search(self, query: Query) -> Answer:
        """The sightings most like the query, among those it may see: exactly brute force's, ties in enrolment order.

        Raises:
            UnknownCamera, InvalidQuery: the query doesn't fit this gallery.
        """
        return self.search_many([query])[0]

    @abstractmethod
    def search_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Every query's answer.

        Raises:
            UnknownCamera, InvalidQuery: a query doesn't fit this gallery.
        """

    @abstractmethod
    def search_tracks(self, query: Query) -> Answer:
        """The tracks whose mean is most like the query, each by its shots that the query may see; those without a track stand alone.

        Exactly brute force's order, see `nearest_means`: every sighting in the query's scope is read. Each track answers as its
        shot that is most like the query, with the distance of the mean, and `others` counts its other shots.

        Raises:
            UnknownCamera, InvalidQuery: the query doesn't fit this gallery.
        """

    def search_affine(self, query: Query, affinity: Affinity, candidates: int = 0) -> Answer:
        """Sightings in the order of `aim_scores`, whose gallery is what the query may see; `plain_rank` is that by distance.

        Args:
            candidates: how many of the nearest are scored; 0 is all, where lists of everybody's neighbours are kept.

        Raises:
            UnknownCamera, InvalidQuery: the query doesn't fit this gallery, or it keeps no lists of neighbours.
        """
        raise InvalidQuery(
            f"{self.address} can't be re-ranked by aim, which needs lists of neighbours that only galleries in folders keep; re-rank by"
            " k-reciprocal, or copy the gallery into a folder with `rgbir index copy`"
        )

    def finish_lists(self) -> bool:
        """Waits until the lists of neighbours that a search began to make are all there; False where none are kept."""
        return False

    @abstractmethod
    def distances(self, query: Query, most: int | None = None) -> Distances:
        """The keys of all sightings that the query may see; its `top_k`, times and identity play no part.

        Args:
            most: more sightings than that are refused.

        Raises:
            UnknownCamera, InvalidQuery: the query doesn't fit this gallery, or too many sightings.
        """

    def calibration(self) -> tuple[Calibration, Mapping[str, int]] | None:
        """What distances mean here, and the sightings of each camera; None if nobody measured it."""
        return None

    def draw_pairs(self, query: str, other: str, count: int, seed: int) -> list[tuple[str, str, float]]:
        """Pairs to be judged, at most so many: ids of a sighting of the first camera and of the second, and the pair's weight.

        Raises:
            UnknownCamera: no such camera.
            UsageError: the cameras look at one place, or have nothing to look at; or this gallery keeps no calibration.
        """
        raise UsageError(f"{self.address} keeps no calibration; galleries in folders do")

    def use_judged(self, a: str, b: str, pair: Pair, *, in_place_of_labels: bool = False) -> None:
        """Takes what was measured on judged pairs of two cameras, by their ids, into the calibration.

        Raises:
            UsageError: labels say it already; or something that was judged has left the gallery; or it keeps no calibration.
            GalleryBusy: another process is writing.
        """
        raise UsageError(f"{self.address} keeps no calibration; galleries in folders do")

    def drop_judged(self, task: str) -> bool:
        """Takes what was measured by a judgement out of the calibration; False if it isn't there.

        Raises:
            GalleryBusy: another process is writing.
        """
        return False

    def distances_of(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Between the two sightings of each pair, by this gallery's model. None where one of them isn't enrolled any more, or both
        may be of one place."""
        names = [name for pair in pairs for name in pair]
        there = {name: sighting for name in set(names) if (sighting := self.get(name)) is not None}
        places = {name: self.network[shown.camera].places(shown.taken_at) for name, shown in there.items()}
        known = [pair for pair in pairs if set(pair) <= there.keys() and not places[pair[0]] & places[pair[1]]]
        metric, distances = self.model.metric, {}
        if known:
            rows = metric.prepare(self.embeddings([name for pair in known for name in pair]))
            keys = np.concatenate([metric.keys(a, b[None]) for a, b in zip(rows[::2], rows[1::2], strict=True)])
            distances = dict(zip(known, metric.distance(keys).tolist(), strict=True))
        return [distances.get(pair) for pair in pairs]

    # --- change

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """Keeps others from writing while the block lasts, where one process writes at a time."""

    @abstractmethod
    def add(self, sightings: Sequence[NewSighting]) -> list[bool]:
        """Enrols them, all or none.

        Returns:
            True where the sighting was new, and not erased since it was known.

        Raises:
            UnknownCamera: a camera that isn't in the network.
            GalleryMismatch: an embedding of another length, or one that isn't finite, or not in the storage's range.
            GalleryBusy: another process is writing.
            UsageError: the gallery was made in Milvus before frames and `since` were kept there, and they would be lost.
        """

    @abstractmethod
    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        """Adds cameras that the network doesn't have; those it has stay as they are."""

    @abstractmethod
    def change_network(self, change: Callable[[CameraNetwork], CameraNetwork]) -> CameraNetwork:
        """Makes another network of the one that is there, as a whole or not at all. Whoever has the gallery open goes by it from the
        next search on.

        Args:
            change: what it raises leaves all as it is.

        Returns:
            The network from now on.

        Raises:
            UsageError: a camera with sightings would go, or change its modalities, or lose a name.
            GalleryBusy: another process is writing.
        """

    def touched(self, after: CameraNetwork) -> list[Touched]:
        """What another network means for the sightings that are there: the cameras that it adds, changes or lacks.

        Raises:
            UsageError: see `change_network`.
        """
        before, counted = self.network, self.counts()
        check_change(before, after, counted)
        counts = {count.camera: count.sightings for count in counted}
        new = {camera.id: camera for camera in after}
        old = {camera.id: camera for camera in before}
        touched = []
        for camera in {**old, **new}.values():
            was, count = old.get(camera.id), counts.get(camera.id, 0)
            if was == camera and camera.id in new:
                continue
            spans = changed_spans(was, camera) if was is not None and camera.id in new else []
            moved = sum(self._taken(camera.id, span.until) - self._taken(camera.id, span.since) for span in spans)
            untimed = self.untimed([camera.id])[1] if spans else 0
            since = spans[0].since if spans and spans[0].since != -EVER else None
            touched.append(Touched(camera.shown, count, moved, untimed, from_microseconds(since)))
        return touched

    def _taken(self, camera: str, until: int) -> int:
        """How many of a camera's sightings were taken before that moment, microseconds."""
        if until == -EVER:
            return 0
        if until == EVER:
            total, untimed = self.untimed([camera])
            return total - untimed
        return self._count(Condition(camera=camera, before=from_microseconds(until)))

    def remove(
        self,
        *,
        ids: Sequence[str] | None = None,
        camera: str | None = None,
        identity: int | None = None,
        track: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """Removes the sightings that meet every condition given.

        Returns:
            How many there were.

        Raises:
            UsageError: no condition at all, or a value out of its range.
            UnknownCamera: no such camera.
            GalleryBusy: another process is writing.
        """
        return self.erase(self._condition(ids, camera, identity, track, before))

    def count(
        self,
        *,
        ids: Sequence[str] | None = None,
        camera: str | None = None,
        identity: int | None = None,
        track: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """How many sightings `remove` would remove by these conditions, now.

        Raises:
            UsageError: no condition at all, or a value out of its range.
            UnknownCamera: no such camera.
        """
        return self._count(self._condition(ids, camera, identity, track, before))

    def _condition(
        self,
        ids: Sequence[str] | None,
        camera: str | None,
        identity: int | None,
        track: str | None,
        before: datetime | None,
    ) -> Condition:
        """With the camera by its id."""
        which = Condition(None if ids is None else tuple(ids), camera, identity, track, before)
        return which if camera is None else replace(which, camera=self.network[camera].id)

    @abstractmethod
    def erase(self, which: Condition, by_rule: bool = False) -> int:
        """Removes the sightings that meet the condition, and notes the erasure.

        Args:
            by_rule: a rule goes on to hold, so the erasure is noted without ids, and not at all where there is nothing to remove.

        Returns:
            How many there were.

        Raises:
            GalleryBusy: another process is writing.
            UsageError: the gallery was made in Milvus before frames and `since` were kept there, and they would be lost.
        """

    @abstractmethod
    def discard(self, ids: Sequence[str]) -> int:
        """Removes what isn't in the gallery that this one follows. Nobody was erased: nothing is noted, and it may come again.

        Returns:
            How many there were.
        """

    @abstractmethod
    def moment(self) -> int:
        """Microseconds since 1970: what is known since this moment is older than every erasure to come, and younger than every one before."""

    @abstractmethod
    def bound(self, sightings: Sequence[NewSighting]) -> set[str]:
        """Ids of those that `add` refuses: they were erased after they were known."""

    @abstractmethod
    def erasures(self, but: Collection[str] = (), since: int = 0) -> list[Erasure]:
        """What was erased here, in order, but for the erasures of these names.

        Args:
            since: after that moment alone, microseconds since 1970.
        """

    @abstractmethod
    def heed(self, erasures: Sequence[Erasure]) -> int:
        """Carries erasures out that were made elsewhere, on what was known before them, and keeps to them from now on.

        Returns:
            How many sightings were removed.
        """

    @abstractmethod
    def backups(self) -> list[dict[str, Any]]:
        """Copies that were made of it, or of one that it stands for, and may hold what was erased since: path, made_at, generation."""

    def empty_journal(self) -> bool:
        """Takes what was erased out of a journal that a reader needed then; False if one still does."""
        return True

    def origins(self) -> list[Origin]:
        """Files whose embeddings were imported into it, the latest ones, in order."""
        return [Origin.model_validate(entry) for entry in json.loads(self._entry("origins") or "[]")]

    def note_origin(self, origin: Origin) -> None:
        """Remembers a file whose embeddings were imported; once, however often it is."""
        others = [earlier for earlier in self.origins() if earlier.sha256 != origin.sha256]
        latest = [*others, origin][-MOST:]
        self._remember("origins", json.dumps([entry.model_dump(mode="json") for entry in latest], ensure_ascii=False))

    @abstractmethod
    def refresh_cache(self) -> bool:
        """Writes what makes the next opening quick, if it is worth it."""

    @property
    def keep_days(self) -> int | None:
        """How long sightings are kept after they were taken; None is for ever."""
        days: int | None = json.loads(self._entry("keep_days") or "null")
        return days

    @abstractmethod
    def set_keep_days(self, days: int | None) -> None:
        """Sets how long sightings are kept, without carrying it out.

        Raises:
            UsageError: less than a day, or more than a calendar has.
        """

    def keep(self, days: int | None, sure: bool = False) -> int:
        """Sets how long sightings are kept, and carries it out at once; None is for ever.

        Args:
            sure: see `expire`.

        Returns:
            How many were removed.

        Raises:
            UsageError: less than a day, or more than a calendar has.
            RetentionWaits: see `expire`; the rule is set.
        """
        self.set_keep_days(days)
        return self.expire(sure=sure)

    def expire(
        self,
        now: datetime | None = None,
        sure: bool = False,
        tell: Callable[[datetime, int], None] | None = None,
    ) -> int:
        """Removes what was taken longer ago than the gallery keeps it. Sightings without a time stay.

        Bulk enrolment ends with it, and a server carries it out every hour.

        Args:
            sure: somebody looked at the clock and the rule, and means it.
            tell: what is done before any goes: it takes the moment before which they were taken, and how many there are.

        Returns:
            How many were removed.

        Raises:
            RetentionWaits: the clock jumped since the last run, or over half of the gallery would be erased.
        """
        if (days := self.keep_days) is None:
            return 0
        run = Run.now(now)
        due = run.due(days)
        count = self._count(due)
        known = sure or check(run, self._entry("retention"), count, len(self))
        if tell is not None and due.before is not None and count:
            tell(due.before, count)
        removed = self.erase(due, by_rule=True)
        if known:
            self._remember("retention", run.model_dump_json())
        return removed

    def uid(self) -> str:
        """Which gallery this is, by whatever address it was opened: 16 hexadecimal digits, drawn when it is first asked.

        A copy of its files, such as a backup, has the same; `index copy` and `merge` make another. Two processes that ask a
        gallery first, at the same moment, may be told two: who relies on it lets one ask after the other.

        Raises:
            GalleryError: it was never asked, and nothing can be written.
        """
        if self._entry("uid") is None:
            self._remember("uid", secrets.token_hex(8))
        uid = self._entry("uid")
        assert uid is not None
        return uid

    @abstractmethod
    def _count(self, which: Condition) -> int:
        """Sightings that meet the condition."""

    @abstractmethod
    def _entry(self, name: str) -> str | None:
        """What the gallery says of itself under that name."""

    @abstractmethod
    def _remember(self, name: str, value: str) -> None:
        """Says it from now on; nothing that is searched changes."""

    # --- open and closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None: ...

    def expect(self, card: Card) -> None:
        """Refuses another model's bundle.

        Raises:
            GalleryMismatch: its embeddings and this gallery's can't be compared.
        """
        self.model.expect(card, self.address)

    def expect_copies(self) -> None:
        """
        Raises:
            UsageError: it can't keep since when a copied sighting is known.
        """
        return

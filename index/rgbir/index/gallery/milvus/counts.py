"""What Milvus counted, kept until a change is noted of what was counted. Nothing here looks through sightings.

Every change notes a moment in the gallery: an add one of each camera that it added to, any other change one of all cameras. So
another process's change is known from its moment on, which is noted before the change is acknowledged.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

from rgbir.index.gallery.milvus.entities import (
    CHANGED,
    TIMED,
    cameras_are,
    changed_key,
    keys_begin,
    people_of,
    person_key,
    persons_are,
    timed,
    values_between,
)
from rgbir.index.gallery.milvus.order import stretch
from rgbir.index.gallery.milvus.store import PIECE, Store, batched
from rgbir.index.stays import EVER

ALL = f"{CHANGED}all"
NONE = f"{CHANGED}none"
"""The keys of a moment at which every camera's sightings changed, or no camera's."""
_EXPRESSIONS = 1_000
_HOUR = 3_600_000_000
_AT_ONCE = 100


class Counts:
    """Of a gallery's sightings, by camera."""

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, threading.Lock()
        self._generation, self._moments = "", dict[str, str]()
        self._kept: dict[tuple[str, str], tuple[tuple[str | None, ...], Any]] = {}
        self._range: tuple[str, tuple[int, int] | None] = ("", None)
        self._ends: dict[tuple[str, int], int] = {}
        self._numbers: OrderedDict[tuple[str, str], int] = OrderedDict()

    def sizes(self, generation: str, cameras: Iterable[str]) -> dict[str, int]:
        """Sightings of each camera that has some, by name."""
        counts = {camera: self.size(generation, camera) for camera in sorted(cameras)}
        return {camera: count for camera, count in counts.items() if count}

    def size(self, generation: str, camera: str) -> int:
        return int(self._once(generation, camera, "size", lambda: self._store.count(cameras_are([camera]))))

    def timed(self, generation: str, camera: str) -> int:
        """Its sightings that have a time."""
        return int(self._once(generation, camera, "timed", lambda: self._store.count(timed(cameras_are([camera])))))

    def people(self, generation: str, camera: str) -> int:
        """Identities of its sightings."""
        return int(self._once(generation, camera, "people", lambda: self._store.count_entries(people_of(camera))))

    def span(self, generation: str, camera: str) -> tuple[int, int] | None:
        """The first and the last moment of its sightings, microseconds since 1970; None if none has a time."""
        span: tuple[int, int] | None = self._once(
            generation, camera, "span", lambda: self._span(camera, timed(cameras_are([camera])))
        )
        return span

    def range(self, generation: str) -> tuple[int, int] | None:
        """The first and the last moment of all sightings, microseconds since 1970; None if none has a time."""
        with self._lock:
            as_of, span = self._range
        if as_of != generation:
            span = self._span("", TIMED)
            with self._lock:
                self._range = generation, span
        return span

    def number(self, generation: str, expression: str) -> int:
        """Sightings that meet an expression."""
        key = generation, expression
        with self._lock:
            number = self._numbers.get(key)
        if number is None:
            number = self._store.count(expression)
            with self._lock:
                self._numbers[key] = number
                while len(self._numbers) > _EXPRESSIONS:
                    self._numbers.popitem(last=False)
        return number

    def _once(self, generation: str, camera: str, what: str, count: Callable[[], Any]) -> Any:
        self._look(generation)
        with self._lock:
            moment = self._moments.get(changed_key(camera)), self._moments.get(ALL)
            kept = self._kept.get((camera, what))
        if kept is None or kept[0] != moment:
            kept = moment, count()
            with self._lock:
                self._kept[camera, what] = kept
        return kept[1]

    def _look(self, generation: str) -> None:
        """At the moments, if there is another generation than the last time. One that no moment explains is of a writer that
        notes none, and changed all."""
        with self._lock:
            if generation == self._generation:
                return
        moments = self._store.entries(keys_begin(CHANGED))
        if generation not in moments.values():
            moments[ALL] = generation
        with self._lock:
            self._generation, self._moments = generation, moments

    def _span(self, whose: str, expression: str) -> tuple[int, int] | None:
        """Looked for near the ends that were there the last time; most changes leave one or both."""
        ends = []
        for sign in (1, -1):
            end = self._end(expression, sign, self._ends.get((whose, sign)))
            if end is None:
                return None
            self._ends[whose, sign] = end
            ends.append(end)
        return ends[0], ends[1]

    def _end(self, expression: str, sign: int, near: int | None) -> int | None:
        """The earliest time of those that meet it; with the sign -1, the latest."""

        def between(low: int, high: int) -> str:
            low, high = (low, high) if sign > 0 else (1 - high, 1 - low)
            return values_between(expression, "taken_at", low, high)

        if near is None:
            some = self._store.some(expression, ["taken_at"], 1)
            near = some[0]["taken_at"] if some else 0
        end, there = stretch(
            lambda low, high: self._store.count(between(low, high)), -EVER, EVER, 1, _AT_ONCE, sign * near + 1, _HOUR
        )
        if not there:
            return None if end == EVER else sign * end  # nothing has a time; or too many have this very one
        times = [entity["taken_at"] for entity in self._store.meeting(between(-EVER, end), ["taken_at"])]
        return (min if sign > 0 else max)(times) if times else None


def moments_of(cameras: Collection[str] | None, moment: str) -> dict[str, str]:
    """What a change notes: the cameras whose sightings changed; None is all of them, or perhaps."""
    if cameras is None:
        return {ALL: moment}
    return {changed_key(camera): moment for camera in cameras} or {NONE: moment}


class People:
    """Which identities each camera has sightings of, an entry for each, since Milvus counts entries and not values.

    An entry is noted after a sighting, and goes after the last one; whoever drops it looks once more, since somebody may have
    enrolled that person again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def entries(persons: Iterable[tuple[str, int | None]]) -> dict[str, str]:
        """Of persons, each a camera and an identity: what is noted."""
        return {person_key(camera, identity): "" for camera, identity in persons if identity is not None}

    def check(self, persons: Collection[tuple[str, int]]) -> None:
        """Drops the entries of those of whom no sighting is left."""
        if gone := self._absent(persons):
            self._store.forget([person_key(*person) for person in gone])
            self._store.note(self.entries(set(gone) - set(self._absent(gone))))

    def _absent(self, persons: Collection[tuple[str, int]]) -> list[tuple[str, int]]:
        """Those of whom there is no sighting: whoever is seen among some is there, until none is seen."""
        absent: list[tuple[str, int]] = []
        by_camera: dict[str, list[int]] = defaultdict(list)
        for camera, identity in sorted(persons):
            by_camera[camera].append(identity)
        for camera, identities in by_camera.items():
            for piece in batched(identities, PIECE):
                left = set(piece)
                while left:
                    most = min(4 * len(left), PIECE)
                    seen = self._store.some(persons_are(camera, left), ["identity"], most)
                    left -= {entity["identity"] for entity in seen}
                    if len(seen) < most:
                        absent += [(camera, identity) for identity in sorted(left)]
                        break
        return absent

    def listed(self, cameras: Iterable[str]) -> list[tuple[str, int]]:
        """Everybody whom these cameras have an entry of."""
        return [
            (camera, int(key.rpartition(":")[2]))
            for camera in cameras
            for key in self._store.entries(people_of(camera))
        ]

    def note_all(self, labels: Iterable[dict[str, Any]]) -> None:
        """Of a gallery whose people nobody noted: of every sighting's camera and identity."""
        self._store.note(self.entries({(entity["camera"], entity["identity"]) for entity in labels}))

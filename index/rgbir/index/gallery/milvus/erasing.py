"""Erasing from a gallery in Milvus, and the ledger of what was erased.

Milvus erases by an expression, however many meet it. What an erasure says of itself is noted first, then the names of what it finds,
a piece at a time; then it is carried out, and counted that nothing is left. One that was stopped is carried out again by the next
opening.
"""

from __future__ import annotations

import secrets
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from rgbir.index.errors import GalleryError
from rgbir.index.gallery.erasures import Condition, Erasure, Named, bound, hashed, picture
from rgbir.index.gallery.milvus.counts import People
from rgbir.index.gallery.milvus.entities import (
    ANY,
    ERASING,
    ERASURE,
    expression_of_condition,
    expression_of_named,
    ids_are,
    keys_are,
    keys_begin,
    known_before,
)
from rgbir.index.gallery.milvus.store import PIECE, Store, batched
from rgbir.index.gallery.sightings import NewSighting

_NONE = np.empty(0, np.float32)


class Ledger:
    """What was erased, in the collection of what the gallery says of itself, in pieces that fit. It is read when it changed."""

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, threading.Lock()
        self._as_of: tuple[str | None, ...] = ()
        self._erasures: list[Erasure] = []

    def note(self, erasure: Erasure, **more: str) -> None:
        """An erasure, or more of its ids, and what changes with it."""
        for ids in batched(erasure.ids, PIECE) if erasure.ids else ((),):
            piece = erasure.model_copy(update={"ids": tuple(ids)})
            key = f"{ERASURE}{erasure.uid}:{secrets.token_hex(6)}"
            mark = {"ledger": secrets.token_hex(8)}
            self._store.note({key: piece.model_dump_json(exclude_none=True), **mark, **more})

    def erasures(self, about: Mapping[str, str]) -> list[Erasure]:
        """All of them, in order, as of what the gallery says of itself."""
        as_of = about.get("ledger"), about.get("moment")
        with self._lock:
            if as_of == self._as_of:
                return self._erasures
        pieces: dict[str, list[Erasure]] = defaultdict(list)
        for line in map(Erasure.model_validate_json, self._store.noted(keys_begin(ERASURE))):
            pieces[line.uid].append(line)
        whole = [
            lines[0].model_copy(update={"ids": tuple(sorted({name for line in lines for name in line.ids}))})
            for lines in pieces.values()
        ]
        erasures = sorted(whole, key=lambda erasure: erasure.at)
        with self._lock:
            self._as_of, self._erasures = as_of, erasures
        return erasures

    def bound(self, sightings: Sequence[NewSighting], about: Mapping[str, str]) -> set[str]:
        if all(sighting.since is None for sighting in sightings):
            return set()
        return bound(sightings, self.erasures(about))

    def unfinished(self) -> set[str]:
        """Names of those that began and perhaps didn't end."""
        return set(self._store.entries(keys_begin(ERASING)).values())

    def finished(self, uids: Iterable[str]) -> None:
        self._store.forget([f"{ERASING}{uid}" for uid in uids])


class Erasing:
    """Carries erasures out.

    Raises:
        GalleryError: something that was to go is there still.
    """

    def __init__(self, store: Store, people: People, ledger: Ledger) -> None:
        self._store, self._people, self._ledger = store, people, ledger
        self._begun: list[str] = []

    def end(self) -> None:
        """Once the change is noted, the next opening has nothing to carry out."""
        self._ledger.finished(self._begun)

    def by_condition(self, which: Condition, at: int, by_rule: bool) -> int:
        """What meets it and is known since before that moment, microseconds since 1970.

        Args:
            by_rule: it is noted without the names of what it finds.

        Returns:
            How many there were.
        """
        salt = "" if by_rule else secrets.token_hex(16)
        named = which.ids if which.ids is not None and which == Condition(which.ids) else ()
        noted = Erasure(uid=secrets.token_hex(8), at=at, condition=Named.of(which), salt=salt)
        self._begin([noted.model_copy(update={"ids": _hashes(salt, named)})])
        groups = [which] if which.ids is None else [replace(which, ids=tuple(ids)) for ids in batched(which.ids, PIECE)]
        return sum(self._delete(self._known_before(expression_of_condition(group), at), noted) for group in groups)

    def heed(self, erasures: Sequence[Erasure]) -> int:
        """What erasures mean that were made elsewhere. Ids are noted as hashes, so where there are some, every sighting's id is
        looked at once."""
        self._begin(erasures)
        return self.again(erasures, named=True)

    def again(self, erasures: Sequence[Erasure], named: bool = False) -> int:
        """What noted erasures mean that perhaps were not carried out.

        Args:
            named: the names of what they found are noted, all of them.
        """
        removed = 0
        for erasure in erasures:
            if erasure.condition is not None:
                expression = expression_of_named(erasure.condition) or ANY
                removed += self._delete(self._known_before(expression, erasure.at), None if named else erasure)
        return removed + self.by_ids(self._meant([erasure.by_ids() for erasure in erasures if erasure.ids]))

    def by_ids(self, ids: Sequence[str]) -> int:
        """These, without a word in the ledger."""
        return sum(self._delete(ids_are(piece)) for piece in batched(ids, PIECE))

    def _begin(self, erasures: Sequence[Erasure]) -> None:
        self._begun += [erasure.uid for erasure in erasures]
        for erasure in erasures:
            self._ledger.note(erasure, **{f"{ERASING}{erasure.uid}": erasure.uid})
        latest = str(max(erasure.at for erasure in erasures))
        moment = self._store.entries(keys_are(["moment"])).get("moment", "0")
        self._store.note({"moment": max(latest, moment, key=int)})

    def _known_before(self, expression: str, at: int) -> str:
        return known_before(expression, at, self._store.lacking)

    def _delete(self, expression: str, noted: Erasure | None = None) -> int:
        """What meets it; its names go into the ledger first, if that erasure has a salt."""
        if not (count := self._store.count(expression)):
            return 0
        persons: set[tuple[str, int]] = set()
        for piece in _pieces(self._store.all(expression, ["id", "camera", "digest", "identity"])):
            persons |= {(entity["camera"], entity["identity"]) for entity in piece if entity["identity"] is not None}
            if noted is not None and noted.salt:
                names = {name for e in piece for name in (e["id"], picture(e["camera"], e["digest"]))}
                self._ledger.note(noted.model_copy(update={"ids": _hashes(noted.salt, names)}))
        self._store.delete(expression)
        if left := self._store.count(expression):
            raise GalleryError(
                f"{self._store.address}: {left:,} of {count:,} sightings are there still after Milvus erased them; ask again, or open"
                " the gallery again, which finishes what was begun"
            )
        self._people.check(persons)
        return count

    def _meant(self, erasures: Sequence[Erasure]) -> list[str]:
        """Ids of what was known before an erasure that names it."""
        meant: list[str] = []
        if not erasures:
            return meant
        latest = max(erasure.at for erasure in erasures)
        fields = ["id", "row", "camera", "digest", "source", *({"since"} - self._store.lacking)]
        for piece in _pieces(self._store.all(self._known_before(ANY, latest), fields)):
            meant += bound(list(map(_names, piece)), erasures)
        return sorted(meant)


def _names(entity: dict[str, Any]) -> NewSighting:
    """What an erasure may name."""
    since = entity["row"] // 1000 if entity.get("since") is None else entity["since"]
    return NewSighting(entity["camera"], _NONE, entity["digest"], entity["source"], since=since)


def _hashes(salt: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(hashed(salt, name) for name in names))


def _pieces(entities: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    entities = iter(entities)
    while piece := list(islice(entities, PIECE // 2)):
        yield piece

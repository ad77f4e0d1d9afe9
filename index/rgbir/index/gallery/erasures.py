"""What was erased, and when: an erasure binds whatever was known before it, wherever that comes from later.

A backup, a copy, an archive that waits: each may hold somebody who was erased since. So an erasure is noted without the person:
its conditions, and salted hashes of the ids that it found.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pydantic import BaseModel

from rgbir.index.errors import UsageError
from rgbir.index.gallery.sightings import NewSighting, check_identity
from rgbir.index.times import check_moment, to_microseconds


@dataclass(frozen=True, slots=True)
class Condition:
    """Sightings that meet all that isn't None.

    Attributes:
        ids: theirs is among these.
        camera, identity, track: theirs are these.
        before: they were taken before that moment.

    Raises:
        UsageError: no condition at all, or a value out of its range.
    """

    ids: tuple[str, ...] | None = None
    camera: str | None = None
    identity: int | None = None
    track: str | None = None
    before: datetime | None = None

    def __post_init__(self) -> None:
        check_identity(self.identity)
        check_moment(self.before, "before")
        if (self.ids, self.camera, self.identity, self.track, self.before) == (None,) * 5:
            raise UsageError(
                "remove needs a condition: ids, camera, identity, track or before; to remove all, delete the gallery"
            )


class Named(BaseModel, frozen=True, extra="forbid"):
    """A condition as it is noted: without ids. before: microseconds since 1970."""

    camera: str | None = None
    identity: int | None = None
    track: str | None = None
    before: int | None = None

    @classmethod
    def of(cls, which: Condition) -> Self | None:
        """None where ids were named: then these say everything."""
        return None if which.ids is not None else cls.but_ids(which)

    @classmethod
    def but_ids(cls, which: Condition) -> Self:
        before = None if which.before is None else to_microseconds(which.before)
        return cls(camera=which.camera, identity=which.identity, track=which.track, before=before)

    def meets(self, sighting: NewSighting) -> bool:
        taken_at = None if sighting.taken_at is None else to_microseconds(sighting.taken_at)
        return (
            self.camera in (None, sighting.camera)
            and self.identity in (None, sighting.identity)
            and self.track in (None, sighting.track)
            and (self.before is None or (taken_at is not None and taken_at < self.before))
        )


class Erasure(BaseModel, frozen=True, extra="forbid"):
    """It binds a sighting that was known before it and meets the condition, or whose id is among the ids. One without either says
    how late it was.

    Attributes:
        at: its moment, microseconds since 1970.
        ids: `hashed` with the salt.
    """

    uid: str
    at: int
    condition: Named | None = None
    salt: str = ""
    ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, which: Condition, names: set[str], salt: str, at: int) -> Self:
        """An erasure of what meets a condition and is called by these names, and of what was named without being there."""
        if which.ids is not None and which == Condition(which.ids):
            names = names | set(which.ids)
        hashes = sorted(hashed(salt, name) for name in names)
        return cls(uid=secrets.token_hex(8), at=at, condition=Named.of(which), salt=salt, ids=tuple(hashes))

    def by_ids(self) -> Self:
        """What it says of these very sightings, for a gallery that isn't the one it was meant for."""
        if self.condition is None:
            return self
        return self.model_copy(update={"uid": f"{self.uid}.ids", "condition": None})


def picture(camera: str, digest: str) -> str:
    """What names a picture of a camera, whatever it was enrolled as."""
    return f"{camera}\0{digest}"


def hashed(salt: str, sighting: str) -> str:
    """An id as an erasure notes it."""
    return hashlib.sha256(f"{salt}\0{sighting}".encode()).hexdigest()[:24]


def called_by(sighting: NewSighting) -> tuple[str, ...]:
    """What an erasure may name a sighting by. What comes without a source, as from an archive, is the same picture again."""
    if sighting.source:
        return (sighting.id,)
    return sighting.id, picture(sighting.camera, sighting.digest)


def bound(sightings: Sequence[NewSighting], erasures: Sequence[Erasure]) -> set[str]:
    """Ids of those that were known before an erasure that means them. A sighting that says nothing of `since` is new."""
    old = {sighting.id: sighting for sighting in sightings if sighting.since is not None}
    by_name = {
        (salt, hashed(salt, called)): name
        for salt in {erasure.salt for erasure in erasures if erasure.ids}
        for name, sighting in old.items()
        for called in called_by(sighting)
    }
    caught = set()
    for erasure in erasures:
        meant = {by_name.get((erasure.salt, name)) for name in erasure.ids}
        if erasure.condition is not None:
            meant |= {name for name, sighting in old.items() if erasure.condition.meets(sighting)}
        caught |= {name for name in meant if name is not None and (old[name].since or 0) < erasure.at}
    return caught

"""What a case holds, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

Mark = Literal["same", "different", "unsure"]
MARKS: tuple[Mark, ...] = ("same", "different", "unsure")


class Part(StrEnum):
    """What somebody who was let into a case may do: READER looks at it, WORKER searches, marks and notes, too."""

    READER = "reader"
    WORKER = "worker"


class State(StrEnum):
    """WAITING for a second person's approval, OPEN, or CLOSED, which nothing is added to."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: nothing of the case is deleted while it lasts.

    Attributes:
        at: since when.
        who: the key that put it there.
        why: its reason, which reports name.
    """

    at: datetime
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Approval:
    """A second person's word before the first search.

    Attributes:
        asked_at: since when it is waited for.
        approver: the only one who may give it; None is any administrator but the owner.
        who, at: who gave it, and when; None while it is waited for.
        refused_at: it was refused then, which closed the case.
    """

    asked_at: datetime
    approver: str | None
    who: str | None = None
    at: datetime | None = None
    refused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who was let into a case.

    Attributes:
        name: of their key.
        part: what they may do.
        looked: the last search of the case that this person has seen; 0 is none.
    """

    name: str
    part: Part
    looked: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """A case's head.

    Attributes:
        id: drawn by chance; it stays.
        number: what people call it; no two cases share one.
        title: what it is about.
        purpose: why somebody is looked for.
        basis: the legal basis; empty where none was named.
        owner: the name of the key that made it, or took it over.
        people: who else was let in.
        made_at, changed_at: when it was made, and when anything of it changed last.
        keep_until: it is deleted then, unless it is held.
        closed_at: since when nothing is added to it.
        hold: where there is one.
        approval: where one is needed.
    """

    id: str
    number: str
    title: str
    purpose: str
    basis: str
    owner: str
    people: tuple[Person, ...]
    made_at: datetime
    changed_at: datetime
    keep_until: datetime
    closed_at: datetime | None = None
    hold: Hold | None = None
    approval: Approval | None = None

    @property
    def state(self) -> State:
        if self.closed_at is not None:
            return State.CLOSED
        waits = self.approval is not None and self.approval.at is None
        return State.WAITING if waits else State.OPEN

    def part_of(self, name: str) -> Part | None:
        """What somebody was let in for; None if they weren't."""
        return next((person.part for person in self.people if person.name == name), None)


@dataclass(frozen=True, slots=True)
class Picture:
    """A query's image, or a hit's crop, as the case keeps it. What was erased has lost all but its id, its kind and when.

    Attributes:
        id: drawn by chance; it stays.
        case_id: whose it is.
        kind: query or hit.
        name: of the file that was uploaded, or where the sighting came from.
        sighting: a hit's id in the gallery.
        camera: its id; None where the query's isn't known.
        modality: of a query.
        taken_at: when; None if unknown.
        identity, track: a hit's labels in the gallery.
        frame: where in which recording, as JSON.
        box: left, top, right, bottom in pixels, of a query.
        digest: of the image and its box, as the gallery names images.
        since: the gallery's moment when it was copied, microseconds since 1970; later erasures bind it.
        media_type: of the bytes that are kept.
        sha256: of the bytes that are kept; None where the gallery had no crop.
        fingerprint: of the model whose embedding is kept with it.
        added_at, added_by: when it was copied, and by whom.
        erased_at: when it was erased.
        due_at: it was erased elsewhere then, and a hold keeps it: nobody is shown it.
    """

    id: str
    case_id: str
    kind: Literal["query", "hit"]
    name: str
    sighting: str | None
    camera: str | None
    modality: str | None
    taken_at: datetime | None
    identity: int | None
    track: str | None
    frame: str | None
    box: tuple[int, int, int, int] | None
    digest: str | None
    since: int
    media_type: str | None
    sha256: str | None
    fingerprint: str | None
    added_at: datetime
    added_by: str
    due_at: datetime | None = None
    erased_at: datetime | None = None

    @property
    def gone(self) -> datetime | None:
        """When it was erased, for whoever looks; None if it can be seen."""
        return self.erased_at or self.due_at


@dataclass(frozen=True, slots=True)
class Marked:
    """What somebody decided about a hit. It stays when it is withdrawn.

    Attributes:
        n: counts all marks, in order.
        picture: the hit's, in the case.
        mark: same, different or unsure.
        note: what was seen; empty if nothing was written.
        who, at: who decided, and when.
        withdrawn_at, withdrawn_by: when it was taken back, and by whom.
        search, rank, strangers: in whose answer it stood, where, and how many strangers were expected to be as near.
    """

    n: int
    picture: str
    mark: Mark
    note: str
    who: str
    at: datetime
    search: int | None
    rank: int | None
    strangers: float | None
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a case.

    Attributes:
        n: counts all notes, in order.
        text: what it says.
        who, at: who wrote it, and when.
    """

    n: int
    text: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Searched:
    """A search of a case.

    Attributes:
        n: counts all searches, in order.
        who, at: who searched, and when.
        content: shots, options and answer, as JSON holds them.
    """

    n: int
    who: str
    at: datetime
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Near:
    """A picture of a case that looks like somebody who was erased; a person decides whether it goes, too.

    Attributes:
        picture, case_id: ids of both.
        erased_at: when that one was erased.
        distance: to the nearest of those that were erased, in the model's metric.
    """

    picture: str
    case_id: str
    erased_at: datetime
    distance: float


@dataclass(frozen=True, slots=True)
class AskedErasure:
    """An erasure that a hold is in the way of: one administrator asked for it, another decides.

    Attributes:
        id: drawn by chance.
        conditions: whom it means, as `AnyGallery.remove` takes them, with moments as text.
        reason: why, in words.
        who, at: who asked, and when.
        decided_by, decided_at: who decided, and when; None while it waits.
        approved: what was decided.
        removed: how many sightings left the gallery.
    """

    id: str
    conditions: Mapping[str, Any]
    reason: str
    who: str
    at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    approved: bool | None = None
    removed: int | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """All that a case holds beside its head.

    Attributes:
        pictures, searches, marks, notes: in the order in which they came.
        near: the nearest first.
    """

    pictures: tuple[Picture, ...]
    searches: tuple[Searched, ...]
    marks: tuple[Marked, ...]
    notes: tuple[Note, ...]
    near: tuple[Near, ...] = ()

    def picture(self, name: str) -> Picture | None:
        return next((picture for picture in self.pictures if picture.id == name), None)

    def standing(self) -> dict[str, Marked]:
        """The mark that holds of each picture: the last one that wasn't withdrawn."""
        return {mark.picture: mark for mark in self.marks if mark.withdrawn_at is None}

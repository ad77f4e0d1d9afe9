"""An erasure's other half: what cases hold of the person who is erased from the gallery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rgbir.client import wire
from rgbir.index import MOST_SHOWN, AnyGallery, Selection, Sighting, Spot
from rgbir.server.access.keys import Key
from rgbir.server.cases.casebook import Access, Casebook
from rgbir.server.cases.records import Case, Near, Picture
from rgbir.server.errors import Held

MOST_LOOKED_AT = 5_000
"""Sightings of an erasure that cases are compared with, the newest ones."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What cases hold of whom an erasure means.

    Attributes:
        pictures: that show them, with their cases.
        near: that look like them; a person decides.
    """

    pictures: list[tuple[Case, Picture]] = field(default_factory=list)
    near: list[Near] = field(default_factory=list)

    def told(self, book: Casebook | None, caller: Key) -> list[wire.CaseTouched]:
        """By case; those that the caller doesn't see have no number."""
        counts: dict[str, int] = {}
        near: dict[str, int] = {}
        cases = {} if book is None else {case.id: case for case in book.store.cases()}
        for case, _ in self.pictures:
            counts[case.id] = counts.get(case.id, 0) + 1
        for each in self.near:
            near[each.case_id] = near.get(each.case_id, 0) + 1
        return [
            wire.CaseTouched(
                number=cases[name].number if book is not None and book.access(cases[name], caller) else None,
                pictures=counts.get(name, 0),
                near=near.get(name, 0),
                held=cases[name].hold is not None,
            )
            for name in dict.fromkeys([*counts, *near])
        ]


def touched(book: Casebook | None, gallery: AnyGallery, conditions: Mapping[str, Any]) -> Touched:
    """Looks before anything is erased: embeddings are there to compare with until then."""
    if book is None:
        return Touched()
    meant = _meant(gallery, conditions)
    cases = {case.id: case for case in book.store.cases()}
    ids, digests = {sighting.id for sighting in meant}, {(sighting.camera, sighting.digest) for sighting in meant}
    anywhere = {digest for _, digest in digests}
    pictures = [
        (case, picture)
        for case in cases.values()
        for picture in book.store.course(case.id).pictures
        if picture.gone is None
        and (
            picture.sighting in ids
            or (picture.camera, picture.digest) in digests
            or (picture.camera is None and picture.digest in anywhere)
        )
    ]
    near = book.near(gallery, [sighting.id for sighting in meant], [picture.id for _, picture in pictures])
    return Touched(pictures, near)


def expect_not_held(book: Casebook | None, affected: Touched, caller: Key) -> None:
    """
    Raises:
        Held: a legal hold keeps a picture of whom the erasure means.
    """
    on_hold = {case.id: case for case, _ in affected.pictures if case.hold is not None}
    if book is None or not on_hold:
        return
    seen = [case for case in on_hold.values() if book.access(case, caller) is not Access.NONE]
    names = (
        "; ".join(f"case {case.number!r}, by {case.hold.who!r}" for case in seen if case.hold)
        or "a case that you don't see"
    )
    raise Held(
        f"a legal hold keeps pictures of whom this would erase: {names}; an administrator of all cameras may lift it"
    )


def carried_out(book: Casebook | None, gallery: AnyGallery, affected: Touched, *, despite_holds: bool = False) -> None:
    """After the gallery's own erasure: pictures go, and who looks like the erased is listed."""
    if book is not None:
        book.heed(gallery, again=True, despite_holds=despite_holds)
        book.list_near(affected.near)


def _meets(gallery: AnyGallery, sighting: Sighting, conditions: Mapping[str, Any]) -> bool:
    """Whether a sighting meets all conditions but the ids."""
    camera, before = conditions.get("camera"), conditions.get("before")
    return (
        (camera is None or sighting.camera == gallery.network[camera].id)
        and conditions.get("identity") in (None, sighting.identity)
        and conditions.get("track") in (None, sighting.track)
        and (before is None or (sighting.taken_at is not None and sighting.taken_at < before))
    )


def _meant(gallery: AnyGallery, conditions: Mapping[str, Any]) -> list[Sighting]:
    """The sightings that an erasure means."""
    camera = conditions.get("camera")
    if (ids := conditions.get("ids")) is not None:
        enrolled = filter(None, map(gallery.get, ids[:MOST_LOOKED_AT]))
        return [sighting for sighting in enrolled if _meets(gallery, sighting, conditions)]
    which = Selection(
        cameras=None if camera is None else [gallery.network[camera].id],
        identity=conditions.get("identity"),
        track=conditions.get("track"),
        until=conditions.get("before"),
    )
    sightings: list[Sighting] = []
    after: Spot | None = None
    while len(sightings) < MOST_LOOKED_AT:
        page = gallery.browse(which, "newest", after, MOST_SHOWN)
        sightings += page
        if len(page) < MOST_SHOWN:
            break
        after = Spot.of(page[-1])
    return sightings

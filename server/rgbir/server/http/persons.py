"""An erasure's other half: what cases hold of the person who is erased from the gallery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from rgbir.client import wire
from rgbir.index import MOST_SHOWN, AnyGallery, Selection, Sighting, Spot
from rgbir.server.access.keys import Key
from rgbir.server.cases.casebook import Access, Casebook
from rgbir.server.cases.records import Case, Near, Picture
from rgbir.server.errors import Held

MOST_LOOKED_AT = 5_000
"""Sightings of an erasure that look-alikes are looked for of, the newest ones."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What cases hold of whom an erasure means.

    Attributes:
        pictures: that show them, with their cases.
        near: that look like them; a person decides.
        answered: cases on hold with stored answers that have them.
    """

    pictures: list[tuple[Case, Picture]] = field(default_factory=list)
    near: list[Near] = field(default_factory=list)
    answered: list[Case] = field(default_factory=list)

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
            for name in dict.fromkeys([*counts, *near, *(case.id for case in self.answered)])
        ]


def touched(book: Casebook | None, gallery: AnyGallery, conditions: Mapping[str, Any]) -> Touched:
    """Looks before anything is erased: embeddings are there to compare with until then.

    Every picture is asked whether the erasure means it, also one whose sighting has left the gallery. What looks like the erased is
    looked for among the newest `MOST_LOOKED_AT` of them.
    """
    if book is None:
        return Touched()
    cases = {case.id: case for case in book.store.cases()}
    shown = [picture for picture in book.store.pictures() if picture.gone is None and picture.case_id in cases]
    images = [picture.digest for picture in shown if picture.digest is not None]
    digests = {(sighting.camera, sighting.digest) for sighting in _meant(gallery, conditions, images)}
    anywhere = {digest for _, digest in digests}
    pictures = [
        (cases[picture.case_id], picture)
        for picture in shown
        if (picture.kind == "hit" and _meets(gallery, picture, picture.sighting, conditions))
        or (picture.camera, picture.digest) in digests
        or (picture.camera is None and picture.digest in anywhere)
    ]
    on_hold = {case.id for case in cases.values() if case.hold is not None}
    answered = {
        case
        for _, case, _, hits in book.store.answered()
        if case in on_hold and any(_is_meant(gallery, name, conditions) for name, *_ in hits)
    }
    newest = [sighting.id for sighting in islice(_meant(gallery, conditions), MOST_LOOKED_AT)]
    near = book.near(gallery, newest, [picture.id for _, picture in pictures])
    return Touched(pictures, near, [cases[name] for name in sorted(answered)])


def knows(book: Casebook | None, sighting: str) -> bool:
    """Whether a case keeps a picture of a sighting, which may have left the gallery."""
    return book is not None and any(picture.sighting == sighting for picture in book.store.pictures())


def expect_not_held(book: Casebook | None, affected: Touched, caller: Key) -> None:
    """
    Raises:
        Held: a legal hold keeps a picture of whom the erasure means.
    """
    concerned = [*(case for case, _ in affected.pictures), *affected.answered]
    on_hold = {case.id: case for case in concerned if case.hold is not None}
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


def _is_meant(gallery: AnyGallery, name: str, conditions: Mapping[str, Any]) -> bool:
    """Whether an erasure means a sighting that is enrolled."""
    enrolled = gallery.get(name)
    return enrolled is not None and _meets(gallery, enrolled, enrolled.id, conditions)


def _meets(gallery: AnyGallery, shown: Sighting | Picture, sighting: str | None, conditions: Mapping[str, Any]) -> bool:
    """Whether an erasure means a sighting, or a picture that was copied of one. By age alone no picture is meant, but for its id."""
    ids, camera, before = conditions.get("ids"), conditions.get("camera"), conditions.get("before")
    if isinstance(shown, Picture) and conditions.keys() == {"before"}:
        return sighting is not None and _is_meant(gallery, sighting, conditions)
    return (
        (ids is None or sighting in ids)
        and (camera is None or shown.camera == gallery.network[camera].id)
        and conditions.get("identity") in (None, shown.identity)
        and conditions.get("track") in (None, shown.track)
        and (before is None or (shown.taken_at is not None and shown.taken_at < before))
    )


def _meant(
    gallery: AnyGallery, conditions: Mapping[str, Any], images: Sequence[str] | None = None
) -> Iterator[Sighting]:
    """The sightings that an erasure means; where digests of images are given, others may be left out."""
    camera = conditions.get("camera")
    if (ids := conditions.get("ids")) is not None:
        enrolled = filter(None, map(gallery.get, ids))
        yield from (sighting for sighting in enrolled if _meets(gallery, sighting, sighting.id, conditions))
        return
    which = Selection(
        cameras=None if camera is None else [gallery.network[camera].id],
        identity=conditions.get("identity"),
        track=conditions.get("track"),
        until=conditions.get("before"),
        digests=images,
    )
    after: Spot | None = None
    while page := gallery.browse(which, "newest", after, MOST_SHOWN):
        yield from page
        after = Spot.of(page[-1])

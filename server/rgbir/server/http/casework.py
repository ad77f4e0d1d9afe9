"""Cases as they travel, and searches that belong to one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, Request
from numpy.typing import NDArray

from rgbir.client import casework, wire
from rgbir.index import Answer, Box, CameraNetwork, Hours, Marks, SearchOptions, UsageError, digest_of
from rgbir.server.access.keys import Key
from rgbir.server.cases.casebook import Access, Casebook, digest
from rgbir.server.cases.records import Case, Course, Picture
from rgbir.server.cases.store import Embedded, new_id, now
from rgbir.server.engine.clips import moment_of
from rgbir.server.engine.engine import Engine, Named
from rgbir.server.errors import NotThere
from rgbir.server.http.guard import Purpose
from rgbir.server.http.recordings import recording
from rgbir.server.http.sight import new_of, sees, told_mark, told_search

MEDIA_TYPES = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"BM": "image/bmp", b"RI": "image/webp"}
"""By a file's first two bytes; anything else that was decoded is TIFF."""


async def casebook(request: Request) -> Casebook | None:
    book: Casebook | None = request.app.state.casebook
    return book


async def _kept(request: Request) -> Casebook:
    """
    Raises:
        NotThere: this server keeps no cases.
    """
    book = await casebook(request)
    if book is None:
        raise NotThere("this server keeps no cases; start it with --cases FOLDER")
    return book


Book = Annotated[Casebook, Depends(_kept)]
PerhapsBook = Annotated[Casebook | None, Depends(casebook)]


# --- searches


@dataclass(frozen=True, slots=True)
class Work:
    """A search of a case: what it is made with.

    Attributes:
        book, case: whose it is.
        course: what the case held before.
        pictures: the case's own that are searched with, their bytes beside them.
        marks: what is heeded.
        since: the gallery's moment before the search.
    """

    book: Casebook
    case: Case
    course: Course
    since: int
    pictures: list[tuple[Picture, bytes]] = field(default_factory=list)
    marks: Marks = field(default_factory=Marks)

    @property
    def noted(self) -> dict[str, Any]:
        """For the audit log."""
        marks = {"same": list(self.marks.same), "different": list(self.marks.different)}
        return {"marks": marks} if self.marks.same or self.marks.different else {}


async def work_of(
    engine: Engine, book: Casebook | None, caller: Key, why: Purpose, queries: Sequence[str], refine: bool
) -> Work | None:
    """What a search is made with that names a case; None for one that belongs to none.

    Raises:
        NotThere: no such case or picture.
        NotAllowed, NotNow: the caller may not search for it, or not yet.
        UsageError: pictures or marks of no case; or none is named where the server wants one.
    """
    if book is None:
        if queries or refine:
            raise UsageError(
                f"{'query' if queries else 'refine'} is of a case, and this server keeps none; leave it out"
            )
        return None
    if why.case is None:
        if queries or refine:
            raise UsageError(f"{'query' if queries else 'refine'} is of a case; name it with case")
        if book.rules.need_approval:
            raise UsageError("this server searches for approved cases only: name one with case")
        return None
    name = why.case

    def prepare() -> Work:
        case = book.searching(caller, name)
        book.heed(engine.gallery)
        course, since = book.course(case), engine.gallery.moment()
        work = Work(book, case, course, since, marks=_marks(course, caller) if refine else Marks())
        work.pictures.extend(_query(book, case, course, caller, each) for each in queries)
        return work

    return await engine.look(prepare)


def _marks(course: Course, caller: Key) -> Marks:
    """What holds of the case's hits, as far as the caller sees them."""
    same: list[str] = []
    different: list[str] = []
    for picture, mark in course.standing().items():
        shown = course.picture(picture)
        if shown is None or shown.gone or shown.sighting is None or not sees(caller, shown):
            continue
        if mark.mark != "unsure":
            (same if mark.mark == "same" else different).append(shown.sighting)
    return Marks(tuple(same), tuple(different))


def _query(book: Casebook, case: Case, course: Course, caller: Key, name: str) -> tuple[Picture, bytes]:
    """
    Raises:
        NotThere: the case has no such query, or not any more.
    """
    picture = course.picture(name)
    if picture is None or picture.kind != "query" or not sees(caller, picture):
        raise NotThere(f"case {case.number!r} has no query {name[:80]!r}; `GET /cases/{case.id}` has its pictures")
    crop = None if picture.gone else book.store.crop(name)
    if crop is None:
        raise NotThere(f"query {name!r} of case {case.number!r} was erased")
    return picture, crop.data


def described(work: Work, options: SearchOptions) -> SearchOptions:
    """The options, with what the case's own pictures say where nothing else is given: their camera, light and time.

    Raises:
        UsageError: they disagree, and nothing says which holds.
    """
    for name in ("camera", "modality", "taken_at"):
        given = {getattr(picture, name) for picture, _ in work.pictures} - {None}
        if getattr(options, name) is None and given and (name != "modality" or options.camera is None):
            if len(given) > 1 and name != "taken_at":
                raise UsageError(f"the case's pictures differ in their {name}; say which holds for this search")
            value = min(given) if name == "taken_at" else given.pop()
            options = replace(options, **{name: value})
    return options


def recorded(
    engine: Engine,
    work: Work,
    caller: Key,
    why: Purpose,
    options: SearchOptions,
    answer: Answer,
    response: wire.SearchResponse,
    images: Sequence[Named] = (),
    boxes: Sequence[Box | None] = (),
    embeddings: NDArray[np.float32] | None = None,
    like: str | None = None,
) -> wire.SearchResponse:
    """Keeps a search with its queries' images in its case; the answer as it travels, with what the case makes of it.

    Args:
        images, boxes: those that were uploaded.
        embeddings: float32 (pictures + images, d), the case's own before those that were uploaded; None of a search by `like`.
    """
    book, case = work.book, work.case
    network = engine.gallery.network
    camera = None if options.camera is None else network[options.camera].id
    queries = [picture.id for picture, _ in work.pictures]
    for place, ((name, data), box) in enumerate(zip(images, boxes or [None] * len(images), strict=True)):
        embedded = None
        if embeddings is not None:
            embedded = Embedded(embeddings[len(work.pictures) + place], answer.fingerprint)
        at = now()
        query = Picture(
            id=new_id(),
            case_id=case.id,
            kind="query",
            name=name,
            sighting=None,
            camera=camera,
            modality=None if answer.modality is None else answer.modality.value,
            taken_at=options.taken_at,
            identity=None,
            track=None,
            frame=None,
            box=box,
            digest=digest_of(data, box),
            since=work.since,
            media_type=media_type(data),
            sha256=digest(data),
            fingerprint=answer.fingerprint,
            added_at=at,
            added_by=caller.name,
        )
        queries.append(book.keep_query(query, data, embedded).id)
    seen = {hit["id"] for search in work.course.searches for hit in search.content["answer"]["hits"] if hit is not None}
    first = not work.course.searches
    hits = [hit.model_copy(update={"new": None if first else hit.id not in seen}) for hit in response.hits]
    new = sum(bool(hit.new) for hit in hits)
    response = response.model_copy(update={"hits": hits})
    content: dict[str, Any] = {
        "since": work.since,
        "cameras": _ids(network, [*(options.cameras or ()), *filter(None, [options.camera])]),
        "heeded": {kind: _pictures_of(work.course, getattr(work.marks, kind)) for kind in ("same", "different")},
        "purpose": why.purpose,
        "queries": queries,
        "like": like,
        "options": asked(options),
        "same": len(work.marks.same),
        "different": len(work.marks.different),
        "new": None if first else new,
        "answer": response.model_dump(mode="json", exclude={"case"}),
    }
    number = book.store.add_search(case.id, caller.name, content)
    book.heed_late(engine.gallery, work.since)
    kept = next((each for each in book.course(case).searches if each.n == number), None)
    gone = {hit["id"] for hit in content["answer"]["hits"]} - (
        set() if kept is None else {hit["id"] for hit in kept.content["answer"]["hits"] if hit is not None}
    )
    if gone:  # erased while it was searched
        left = [hit for hit in response.hits if hit.id not in gone]
        response = response.model_copy(update={"hits": left})
    of_case = wire.OfCase(
        id=case.id,
        number=case.number,
        search=number,
        queries=queries,
        same=len(work.marks.same),
        different=len(work.marks.different),
        new=0 if first else new,
    )
    return response.model_copy(update={"case": of_case})


def _ids(network: CameraNetwork, names: Sequence[str]) -> dict[str, str]:
    """Cameras' ids by what they are called now: a name may be another camera's later."""
    called = {camera.shown: camera.id for camera in network}
    return called | {name: network[name].id for name in names}


def _pictures_of(course: Course, sightings: Sequence[str]) -> list[str]:
    """Ids of a case's hits; unlike those of sightings, they name nobody."""
    return [picture.id for picture in course.pictures if picture.sighting in sightings]


def asked(options: SearchOptions) -> dict[str, Any]:
    """The options that were given, as a form would send them; without what the key itself leaves out."""
    default = SearchOptions()
    values = {name: getattr(options, name) for name in SearchOptions.__dataclass_fields__ if name != "visible"}
    return {name: _written(value) for name, value in values.items() if value != getattr(default, name)}


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Hours):
        return f"{value.start:%H:%M}-{value.end:%H:%M} {value.zone}"
    if isinstance(value, StrEnum):
        return value.value
    return json.loads(json.dumps(value))


def media_type(data: bytes) -> str:
    """Of an image that was decoded."""
    return MEDIA_TYPES.get(data[:2], "image/tiff")


# --- what is told of a case


def head(book: Casebook, case: Case, caller: Key) -> dict[str, Any]:
    """A case's head as it travels, but for what is new."""
    access = book.access(case, caller)
    assert access is not Access.NONE
    return {
        "id": case.id,
        "number": case.number,
        "title": case.title,
        "purpose": case.purpose,
        "basis": case.basis,
        "owner": case.owner,
        "people": [casework.CasePerson(name=each.name, part=each.part.value) for each in case.people],
        "state": case.state.value,
        "made_at": case.made_at,
        "changed_at": case.changed_at,
        "keep_until": case.keep_until,
        "closed_at": case.closed_at,
        "hold": None if case.hold is None else casework.CaseHold.model_validate(case.hold),
        "approval": None if case.approval is None else casework.CaseApproval.model_validate(case.approval),
        "access": access.name.lower(),
        "approvable": book.approvable(case, caller),
    }


def told_head(book: Casebook, case: Case, caller: Key) -> casework.CaseHead:
    looked = book.store.looked(case.id, caller.name)
    return casework.CaseHead(**head(book, case, caller), new=new_since(book, case, looked, caller))


def new_since(book: Casebook, case: Case, looked: int, caller: Key) -> int:
    """Hits that were new in searches after the last one that somebody has seen, of cameras that the key sees."""
    if caller.cameras is None:
        return book.store.new_since(case.id, looked)
    searches = book.store.course(case.id).searches
    return sum(new_of(search, caller) or 0 for search in searches if search.n > looked)


def as_seen(engine: Engine, book: Casebook, case: Case, caller: Key) -> casework.Case:
    """A case with all that it holds, as that key sees it."""
    course, looked = book.course(case), book.store.looked(case.id, caller.name)
    return casework.Case(
        **head(book, case, caller),
        new=new_since(book, case, looked, caller),
        pictures=[told_picture(engine, case, picture, caller) for picture in course.pictures],
        marks=[told_mark(mark, course, caller) for mark in course.marks],
        notes=[casework.CaseNote.model_validate(note) for note in course.notes],
        searches=[told_search(engine, course, search, caller) for search in course.searches],
        near=[casework.CaseNear.model_validate(near) for near in course.near],
        looked=looked,
    )


def told_picture(engine: Engine, case: Case, picture: Picture, caller: Key) -> casework.CasePicture:
    """A picture as that key sees it."""
    always: dict[str, Any] = {
        "id": picture.id,
        "kind": picture.kind,
        "added_at": picture.added_at,
        "added_by": picture.added_by,
        "erased_at": picture.gone,
    }
    if picture.gone is not None:
        return casework.CasePicture(**always)
    if not sees(caller, picture):
        return casework.CasePicture(**always, blank=True)
    network = engine.gallery.network
    known = picture.camera is not None and picture.camera in network
    within = known and picture.camera is not None and caller.sees(picture.camera)
    places = network[picture.camera].places(picture.taken_at) if within and picture.camera else frozenset()
    path = f"{engine.settings.root_path}/cases/{case.id}/pictures/{picture.id}/image"
    return casework.CasePicture(
        **always,
        name=picture.name,
        sighting=picture.sighting,
        camera=network.shown(picture.camera) if known and picture.camera else picture.camera,
        place=" or ".join(sorted(places)) or None,
        modality=picture.modality,
        taken_at=picture.taken_at,
        identity=picture.identity,
        track=picture.track,
        box=picture.box,
        sha256=picture.sha256,
        recording=recording(engine.gallery, picture.camera, picture.taken_at, picture.name, lambda: picture.frame)
        if within
        else None,
        film=_film(picture.frame) if within else None,
        image=None if picture.sha256 is None else path,
    )


def _film(frame: str | None) -> casework.CaseFilm | None:
    moment = moment_of(frame)
    return None if moment is None else casework.CaseFilm(**moment._asdict())

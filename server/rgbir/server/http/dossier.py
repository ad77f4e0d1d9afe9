"""A case as its report and its evidence tell of it: what that key sees, and what is known of where it was searched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rgbir.client import casework
from rgbir.index import AnyGallery, Selection
from rgbir.server.access.keys import Key
from rgbir.server.cases.casebook import Casebook
from rgbir.server.cases.records import Case
from rgbir.server.cases.report.dossier import Dossier, Measured
from rgbir.server.cases.store import now
from rgbir.server.engine.engine import Engine
from rgbir.server.http import casework as showing
from rgbir.server.http.sight import told_answer


def collected(engine: Engine, book: Casebook, case: Case, caller: Key, signed_by: str | None) -> Dossier:
    """All but the audit log's entries, and where a ZIP has the pictures."""
    course, gallery = book.course(case), engine.gallery
    answers = tuple(told_answer(engine, course, search, caller) for search in course.searches)
    card = engine.encoder.card
    return Dossier(
        case=showing.as_seen(engine, book, case, caller),
        answers=answers,
        measured=_measured(gallery, caller),
        silent=_silent(gallery, answers[-1]) if answers else None,
        errors=engine.now.searcher.errors,
        figures={name: value for name, value in card.measured.items() if isinstance(value, dict)},
        model=card.name,
        fingerprint=card.fingerprint,
        generation=gallery.generation,
        entries=None,
        signed_by=signed_by,
        made_by=caller.name,
        made_at=now(),
    )


def unseen(engine: Engine, book: Casebook, case: Case, caller: Key) -> list[str]:
    """Cameras of the case's pictures and searches that a key doesn't see, as people call them."""
    course, network = book.course(case), engine.gallery.network
    names = {picture.camera for picture in course.pictures if picture.camera is not None}
    for search in course.searches:
        answer = search.content["answer"]
        names.update(answer["searched_cameras"])
        names.update(hit["camera"] for hit in answer["hits"] if hit is not None)
        names.update(filter(None, [answer["query"]["camera"]]))
    sees = _sight(engine.gallery, caller)
    return sorted({network.shown(name) for name in names if not sees(name)})


def _sight(gallery: AnyGallery, caller: Key) -> Callable[[str], bool]:
    """Whether the key sees a camera, whatever it is called."""
    network = gallery.network
    return lambda name: caller.sees(network[name].id if name in network else name)


def _measured(gallery: AnyGallery, caller: Key) -> dict[frozenset[str], Measured]:
    if (known := gallery.calibration()) is None:
        return {}
    shown = gallery.network.shown
    return {
        frozenset(map(shown, cameras)): Measured(pair.genuine, pair.impostors)
        for cameras, pair in known[0].by_cameras()
        if all(caller.sees(camera) for camera in cameras)
    }


def _silent(gallery: AnyGallery, answer: casework.CaseAnswer) -> tuple[str, ...]:
    """Searched cameras that have nothing of the time that was asked for, as far as the gallery knows now."""
    since, until = (_moment(answer.options.get(name)) for name in ("since", "until"))
    network = gallery.network
    there = {name: network[name].id for name in answer.searched_cameras if name in network}
    return tuple(
        name
        for name, camera in there.items()
        if not gallery.browse(Selection(cameras=(camera,), since=since, until=until), "newest", None, 1)
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)

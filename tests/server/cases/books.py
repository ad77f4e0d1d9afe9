"""A casebook without a server, beside a small gallery."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from rgbir.index import Gallery, digest_of
from rgbir.server.access.keys import Key, Role
from rgbir.server.cases.casebook import Casebook, NewCase, Rules, digest
from rgbir.server.cases.records import Case, Picture
from rgbir.server.cases.store import Embedded, new_id


def person(name: str, role: Role = Role.SEARCH, cameras: tuple[str, ...] | None = None) -> Key:
    return Key(name=name, role=role, cameras=cameras, sha256="", made_at=datetime(2026, 1, 1, tzinfo=UTC))


WEBER, CHIEF = person("weber"), person("chief", Role.ADMIN)
NEW: dict[str, Any] = {"title": "Missing patient", "purpose": "find missing patient"}
PICTURE = bytes(range(256)) * 40


def opened(folder: Path, **rules: Any) -> Casebook:
    return Casebook(folder / "cases", Rules(**rules))


def query_of(case: Case, data: bytes = PICTURE, camera: str | None = "3") -> Picture:
    return Picture(
        id=new_id(), case_id=case.id, kind="query", name="night.jpg", sighting=None, camera=camera, modality="ir", taken_at=None,
        identity=None, track=None, frame=None, box=None, digest=digest_of(data), since=0, media_type="image/jpeg",
        sha256=digest(data), fingerprint="f", added_at=datetime.now(UTC), added_by="weber",
    )  # fmt: skip


def filled(folder: Path, gallery: Gallery) -> tuple[Case, str]:
    """A case with a query, a marked hit, a note and a search; the case and the hit's sighting."""
    with closing(opened(folder)) as book:
        case = book.add(WEBER, NewCase(number="26-117", **NEW))
        book.keep_query(query_of(case), PICTURE, Embedded(np.zeros(4, np.float32), "f"))
        sighting = next(each for each in gallery.sightings() if each.camera == "1")
        hit = book.keep_hit(case, gallery, sighting.id, WEBER)
        book.mark(WEBER, case, hit, "same", "a blue bag")
        book.note(WEBER, case, "the nurse called")
        book.store.add_search(case.id, "weber", content([sighting.id]))
        return case, sighting.id


def content(hits: list[str]) -> dict[str, Any]:
    """A search as it is stored."""
    ranking = [{"id": name, "rank": rank, "camera": "1"} for rank, name in enumerate(hits, start=1)]
    answer = {"hits": ranking, "searched_cameras": ["1"]}
    return {"since": 0, "new": None, "options": {}, "queries": [], "like": None, "answer": answer}


def state(folder: Path) -> Any:
    """All that a folder of cases holds, to compare; None where there is none."""
    if not (folder / "cases/cases.sqlite3").exists():
        return None
    with closing(opened(folder)) as book:
        assert book.store.file.harm() == []
        heads = book.store.cases()
        whole = [(case, book.course(case)) for case in heads]
        return [
            (
                case.number, case.title, case.state, case.hold is not None, len(case.people),
                [(picture.kind, picture.gone is not None) for picture in course.pictures],
                [(mark.mark, mark.note, mark.withdrawn_by) for mark in course.marks],
                [note.text for note in course.notes],
                [[hit and hit["id"] for hit in search.content["answer"]["hits"]] for search in course.searches],
            )
            for case, course in whole
        ]  # fmt: skip

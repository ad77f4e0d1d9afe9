"""Films whose people are enrolled beside the searches."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, File, Form, UploadFile

from rgbir.client import wire
from rgbir.index import UsageError, sha256
from rgbir.server.access.keys import Key
from rgbir.server.engine.films import Films, about
from rgbir.server.engine.work import Film, Job
from rgbir.server.http.forms import CameraName, taken
from rgbir.server.http.guard import Beforehand, Enrolling, Serving, Why, camera_of, enrolling
from rgbir.server.http.problems import NO_FOOTAGE, PROBLEMS, UNKEPT
from rgbir.server.http.routes.jobs import Room
from rgbir.server.http.routes.shared import Filming, Working, job_of

router = APIRouter(responses=PROBLEMS, tags=["jobs"])
MOST_NAMED = 1000
"""Characters of a film's name with its folders."""


class TakesFilms(Beforehand):
    """Whether films may come to this server.

    Raises:
        NoFootage: nothing here decodes films.
        KeptForEver: the gallery keeps for ever, and nobody said that this is meant.
    """

    def decide(self, app: FastAPI, caller: Key) -> None:
        films: Films = app.state.films
        films.expect()


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


Fields = Annotated[dict[str, Any], Depends(taken(wire.FilmFields, _given))]


@router.post(
    "/gallery/footage",
    summary="Enrol everyone who passes in a film",
    status_code=202,
    responses={**UNKEPT, **NO_FOOTAGE},
    dependencies=[Depends(TakesFilms()), Depends(Room())],
)
async def enrol_footage(
    engine: Serving,
    jobs: Working,
    films: Filming,
    caller: Enrolling,
    why: Why,
    film: Annotated[UploadFile, File(description="MP4, MOV, MKV, AVI, TS, FLV, DAV, …: its content says what it is")],
    camera: Annotated[CameraName, Form(description="that recorded it")],
    fields: Fields,
) -> wire.Job:
    """Answers once the film is on disk; the job goes on beside the searches, and after a restart, too. It finds people, follows them, and enrols the best pictures of each. The film is deleted at the job's end, unless the server keeps films."""
    seen_by = camera_of(caller, engine, camera)
    enrolling(caller, seen_by, camera)
    called = _called(film.filename or "film")
    films.check(called, fields)
    since = await engine.look(engine.gallery.moment)
    jobs.make_sure_of_room()
    file = await engine.look(lambda: jobs.take(film.file, "footage"))
    try:
        digest = await engine.look(lambda: sha256(file))
        named = called.rpartition("/")[2]
        there = Film(
            name=named, called=called, camera=seen_by, sha256=digest, fields=fields, purpose=why.purpose, case=why.case
        )
        await engine.note(action="enrol footage", who=caller.name, job=file.stem, **about(there), fields=_noted(fields))
        job = jobs.start(Job(file.stem, caller.name, 1, caller.cameras, kind="footage", film=there, since=since))
    except BaseException:
        jobs.refuse(file)
        raise
    return job_of(engine, job)


def _called(filename: str) -> str:
    """A film's name, perhaps with folders, as it may be shown and noted.

    Raises:
        UsageError: it has none, or one that can't be.
    """
    called = "/".join(part for part in filename.replace("\\", "/").split("/") if part not in ("", ".", ".."))
    if not called or len(called) > MOST_NAMED or any(unicodedata.category(sign)[0] == "C" for sign in called):
        raise UsageError(
            f"a film's name has 1 to {MOST_NAMED:,} signs that can be shown, not {filename[:80]!r}; rename it"
        )
    return called


def _noted(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields as the audit log takes them."""
    return {name: value if isinstance(value, (bool, int, float, str)) else str(value) for name, value in fields.items()}

"""Erasures that a legal hold is in the way of: one administrator asks, a second one decides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form

from rgbir.client import casework as words
from rgbir.client import wire
from rgbir.index import UsageError
from rgbir.server.access.keys import Key
from rgbir.server.cases.casebook import Casebook
from rgbir.server.cases.records import AskedErasure
from rgbir.server.engine.engine import Engine
from rgbir.server.errors import NotThere
from rgbir.server.http.casework import Book
from rgbir.server.http.forms import Text
from rgbir.server.http.guard import Administering, Serving
from rgbir.server.http.persons import carried_out, touched
from rgbir.server.http.problems import NOT_FOUND, NOT_NOW, PROBLEMS
from rgbir.server.http.routes.shared import Changing

router = APIRouter(responses={**PROBLEMS, **NOT_FOUND}, tags=["cases"])


async def _together(book: Book) -> Casebook:
    """
    Raises:
        NotThere: this server erases nothing under a hold.
    """
    if not book.rules.erase_under_hold:
        raise NotThere(
            "this server erases nothing that a legal hold keeps; lift the hold, or start it with --erase-under-hold, so that two"
            " administrators decide"
        )
    return book


Together = Annotated[Casebook, Depends(_together)]


@router.get("/erasures", summary="Erasures under legal hold that were asked for")
async def list_erasures(book: Together, engine: Serving, caller: Administering) -> words.AskedErasures:
    """The last asked first."""
    asked = await engine.look(lambda: [_seen(engine, book, each, caller) for each in book.store.asked_erasures()])
    return words.AskedErasures(erasures=asked)


@router.post("/erasures", summary="Ask for an erasure that a legal hold is in the way of", status_code=201)
async def ask_erasure(
    book: Together,
    engine: Serving,
    caller: Administering,
    reason: Annotated[str, Form(min_length=1, max_length=1000, description="why, though a hold keeps it")],
    sighting: Annotated[list[Text] | None, Form(max_length=1000, description="ids; repeat the field")] = None,
    camera: Annotated[Text | None, Form(description="everything of it")] = None,
    identity: Annotated[int | None, Form(ge=0, description="everything labelled with it")] = None,
    track: Annotated[Text | None, Form(description="everything of it")] = None,
    before: Annotated[wire.Moment | None, Form(description="everything taken before that, with a zone")] = None,
) -> words.AskedErasure:
    """Nothing is erased until another administrator of all cameras approves it."""
    if before is not None and before.tzinfo is None:
        raise UsageError(f"before needs a zone, {before.isoformat()} has none; append an offset such as +01:00, or Z")
    known = None if camera is None else engine.gallery.network[camera].id
    given = {"ids": sighting, "camera": known, "identity": identity, "track": track, "before": before}
    conditions: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not conditions:
        raise UsageError("an erasure needs a condition: sighting, camera, identity, track or before")
    await engine.look(lambda: engine.gallery.count(**conditions))  # refused now rather than when it is decided
    await engine.note(action="ask erasure", who=caller.name, conditions=conditions, reason=reason)
    written = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in conditions.items()}
    asked = await engine.look(lambda: book.ask_erasure(caller, written, reason))
    await engine.note(action="asked erasure", who=caller.name, conditions=conditions, reason=reason, erasure=asked.id)
    return await engine.look(lambda: _seen(engine, book, asked, caller))


@router.post("/erasures/{erasure}/approval", summary="Approve or refuse an erasure under legal hold", responses=NOT_NOW)
async def decide_erasure(
    book: Together,
    engine: Serving,
    models: Changing,
    caller: Administering,
    erasure: str,
    approved: Annotated[bool, Form(description="false refuses it")],
) -> words.AskedErasure:
    """Approved, it is carried out at once: in the gallery, and in every case, held or not. Never by whom it was asked for."""
    asked = await engine.look(lambda: book.deciding(caller, erasure))
    conditions = _conditions(asked.conditions)
    event: dict[str, Any] = {"who": caller.name, "erasure": asked.id, "asked_by": asked.who, "conditions": conditions}
    if not approved:
        await engine.note(action="refuse erasure", **event)
        done = await engine.look(lambda: book.decided(caller, asked, approved=False, removed=None))
        return await engine.look(lambda: _seen(engine, book, done, caller))
    affected = await engine.look(lambda: touched(book, engine.gallery, conditions))
    await engine.note(action="erase", **event)
    await engine.look(lambda: book.heed(engine.gallery, again=True))  # what others erased stays where holds keep it
    removed, _ = await engine.change(lambda: models.erase(conditions))
    await engine.look(lambda: carried_out(book, engine.gallery, affected, despite_holds=True))
    done = await engine.look(lambda: book.decided(caller, asked, approved=True, removed=removed))
    await engine.note(action="erased", **event, removed=removed)
    return await engine.look(lambda: _seen(engine, book, done, caller))


def _conditions(written: Mapping[str, Any]) -> dict[str, Any]:
    """As a gallery takes them."""
    return {name: datetime.fromisoformat(value) if name == "before" else value for name, value in written.items()}


def _seen(engine: Engine, book: Casebook, asked: AskedErasure, caller: Key) -> words.AskedErasure:
    cases = []
    if asked.decided_at is None:
        cases = touched(book, engine.gallery, _conditions(asked.conditions)).told(book, caller)
    return words.AskedErasure.model_validate(asked).model_copy(update={"cases": cases})

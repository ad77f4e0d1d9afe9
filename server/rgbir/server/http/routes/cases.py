"""Cases: what people decided, and what they decided on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Form, Response

from rgbir.client import casework as words
from rgbir.client import wire
from rgbir.index import UsageError
from rgbir.server.access.keys import Key
from rgbir.server.cases.casebook import MOST_DAYS, Access, NewCase
from rgbir.server.cases.plain import is_plain
from rgbir.server.cases.records import Case, Picture
from rgbir.server.engine.engine import Engine
from rgbir.server.errors import NotThere
from rgbir.server.http.casework import Book, as_seen, told_head, told_picture
from rgbir.server.http.forms import Text, names
from rgbir.server.http.guard import Administering, Casing, Serving
from rgbir.server.http.problems import NOT_FOUND, NOT_NOW, PROBLEMS, documented
from rgbir.server.http.sight import sees, told_answer, told_mark

HELD = documented(_409="not in this state, or on legal hold")
router = APIRouter(responses={**PROBLEMS, **NOT_FOUND}, tags=["cases"])
Long = Annotated[str, Form(max_length=10_000)]
Short = Annotated[str, Form(max_length=200)]
Days = Annotated[int | None, Form(ge=1, le=MOST_DAYS, description="days from now, after which it is deleted")]
Persons = Annotated[list[wire.Names] | None, Form(max_length=1000)]
T = TypeVar("T")


async def _done(
    engine: Engine,
    caller: Key,
    case: Case,
    before: str,
    after: str,
    work: Callable[[], T],
    tell: Callable[[T], dict[str, Any]] = lambda _: {},
    **event: Any,
) -> T:
    """Carries out what is audited: noted before it is done and after.

    Args:
        tell: what is noted of what was done.
    """
    event = {"who": caller.name, "case": case.number, "case_id": case.id, **event}
    await engine.note(action=before, **event)
    result = await engine.look(work)
    await engine.note(action=after, **event | tell(result))
    return result


def _expect_plain(**given: str | Sequence[str] | None) -> None:
    """
    Raises:
        UsageError: one has a sign that isn't seen, such as a line feed: who reads it would take it for something else.
    """
    for field, value in given.items():
        for text in [value] if isinstance(value, str) else value or ():
            if not is_plain(text.strip()):
                raise UsageError(
                    f"{field} has a sign that nobody sees, such as a line feed: {text[:80]!r}; it is one line of letters, digits and"
                    " signs, so leave that out"
                )


def _expect_addressable(number: str) -> None:
    """
    Raises:
        UsageError: an address with that number is another one.
    """
    if "/" in number or number in (".", "..", "near"):
        raise UsageError(
            f"a case's number is part of its address, /cases/{{number}}, which {number[:80]!r} can't be; write it without a slash,"
            " such as 26-117, and don't call it near, . or .."
        )


@router.get("/cases", summary="The cases that you were let into")
async def list_cases(book: Book, engine: Serving, caller: Casing) -> words.CaseList:
    """The last changed first. An administrator of all cameras sees all of them."""
    heads = await engine.look(lambda: [told_head(book, case, caller) for case in book.seen_by(caller)])
    return words.CaseList(cases=heads)


@router.post("/cases", summary="Make a case", status_code=201, responses=NOT_NOW)
async def add_case(
    book: Book,
    engine: Serving,
    caller: Casing,
    number: Annotated[Short, Form(min_length=1, description="what people call it; no two cases share one")],
    title: Annotated[Short, Form(min_length=1, description="what it is about")],
    purpose: Annotated[str, Form(min_length=1, max_length=500, description="why somebody is looked for")],
    basis: Annotated[str, Form(max_length=500, description="the legal basis, where the server wants one")] = "",
    keep_days: Days = None,
    approver: Annotated[
        Short | None, Form(description="the only key that may approve it; none is any other administrator")
    ] = None,
    readers: Annotated[
        Persons, Form(description="keys that may look at it; repeat the field, or separate by commas")
    ] = None,
    workers: Annotated[Persons, Form(description="keys that may search, mark and note in it, too")] = None,
) -> words.CaseHead:
    """Yours from then on. The very same again is the case that there is."""
    new = NewCase(
        number=number.strip(),
        title=title,
        purpose=purpose,
        basis=basis,
        keep_days=keep_days,
        approver=approver,
        readers=names(readers or ()),
        workers=names(workers or ()),
    )
    _expect_plain(number=new.number, title=title, approver=approver, readers=new.readers, workers=new.workers)
    _expect_addressable(new.number)
    event: dict[str, Any] = {"who": caller.name, "case": new.number, "purpose": purpose, "basis": basis or None}
    await engine.note(action="open case", **event)
    case = await engine.look(lambda: book.add(caller, new))
    people = {person.name: person.part.value for person in case.people}
    kept = {"id": case.id, "case_id": case.id, "keep_until": case.keep_until.isoformat()}
    await engine.note(action="opened case", **event, **kept, people=people)
    return await engine.look(lambda: told_head(book, case, caller))


@router.get("/cases/near", summary="Pictures of cases that look like somebody who was erased")
async def list_near(book: Book, engine: Serving, caller: Administering) -> words.NearList:
    """The twenty nearest at each erasure, of pictures that the same model embedded; there may be others. A person decides: erase a
    picture with `DELETE /cases/{case}/pictures/{picture}`, or keep it with `POST …/keep`."""

    def look() -> words.NearList:
        cases = book.store.cases()
        near = [near for case in cases for near in book.store.course(case.id).near]
        numbers = {case.id: case.number for case in cases}
        return words.NearList(
            pictures=[words.CaseNear.model_validate(each) for each in near],
            cases={each.picture: numbers[each.case_id] for each in near},
        )

    return await engine.look(look)


@router.get("/cases/{case}", summary="A case with all that it holds")
async def get_case(book: Book, engine: Serving, caller: Casing, case: str) -> words.Case:
    """By its id, or by its number. Pictures of cameras that the key doesn't see are blank; erased ones have kept when."""

    def look() -> tuple[Case, words.Case]:
        there = book.for_(caller, case)
        book.heed(engine.gallery)
        return there, as_seen(engine, book, there, caller)

    there, answer = await engine.look(look)
    await engine.note(action="look at case", who=caller.name, case=there.number, case_id=there.id)
    return answer


@router.patch("/cases/{case}", summary="Change a case", responses=NOT_NOW)
async def change_case(
    book: Book,
    engine: Serving,
    caller: Casing,
    case: str,
    title: Annotated[Short | None, Form(description="what it is about")] = None,
    purpose: Annotated[str | None, Form(max_length=500, description="why somebody is looked for")] = None,
    basis: Annotated[str | None, Form(max_length=500, description="the legal basis")] = None,
    owner: Annotated[Short | None, Form(description="the key that it goes to")] = None,
    keep_days: Days = None,
    readers: Annotated[
        list[wire.Names] | None, Form(max_length=1000, description="all that may look from now on; empty for nobody")
    ] = None,
    workers: Annotated[
        list[wire.Names] | None, Form(max_length=1000, description="all that may work from now on; empty for nobody")
    ] = None,
    closed: Annotated[bool | None, Form(description="nothing is added to a closed case")] = None,
) -> words.CaseHead:
    """What is given, and nothing else. Its owner may, and administrators."""
    given: dict[str, Any] = {
        "title": title,
        "purpose": purpose,
        "basis": basis,
        "owner": owner,
        "keep_days": keep_days,
        "readers": None if readers is None else names(readers),
        "workers": None if workers is None else names(workers),
        "closed": closed,
    }
    _expect_plain(title=title, owner=owner, readers=given["readers"], workers=given["workers"])
    there = await engine.look(lambda: book.for_(caller, case, Access.OWN))
    changes = {name: value for name, value in given.items() if value is not None}
    changed = await _done(
        engine,
        caller,
        there,
        "change case",
        "changed case",
        lambda: book.change(caller, case, **given),
        changes=changes,
    )
    return await engine.look(lambda: _after(book, changed, caller))


def _after(book: Book, case: Case, caller: Key) -> words.CaseHead:
    """A case after its change; whoever gave it away is told of it once more.

    Raises:
        NotThere: the caller sees it no more.
    """
    if book.access(case, caller) is Access.NONE:
        raise NotThere(f"case {case.number!r} was changed, and is {case.owner!r}'s now; you see it no more")
    return told_head(book, case, caller)


@router.delete("/cases/{case}", summary="Delete a case with all that it holds", status_code=204, responses=HELD)
async def delete_case(book: Book, engine: Serving, caller: Casing, case: str) -> Response:
    """Its pictures are overwritten on disk, and no older copy brings them back."""
    there = await engine.look(lambda: book.for_(caller, case, Access.OWN))
    await engine.look(lambda: book.expect_free(there))
    await _done(engine, caller, there, "delete case", "deleted case", lambda: book.delete(caller, there.id))
    return Response(status_code=204)


@router.post("/cases/{case}/look", summary="You have seen the searches up to this one", status_code=204)
async def look(
    book: Book,
    engine: Serving,
    caller: Casing,
    case: str,
    search: Annotated[int, Form(ge=0, le=2**63 - 1, description="its number")],
) -> Response:
    """What is new is told from there on."""
    there = await engine.look(lambda: book.for_(caller, case))
    last = await engine.look(lambda: book.store.last_search(there.id))
    if search > last:
        raise UsageError(f"the last search of case {there.number!r} is {last}, not {search}")
    await engine.look(lambda: book.store.look(there.id, caller.name, search))
    return Response(status_code=204)


@router.put("/cases/{case}/hold", summary="Put a case on legal hold")
async def hold(
    book: Book,
    engine: Serving,
    caller: Administering,
    case: str,
    reason: Annotated[str, Form(min_length=1, max_length=1000, description="why; the report names it")],
) -> words.CaseHead:
    """Nothing of it is deleted until the hold is lifted. Whom the gallery erases meanwhile is shown to nobody, and goes then."""
    there = await engine.look(lambda: book.for_(caller, case))
    work = partial(book.hold, caller, case, reason)
    changed = await _done(engine, caller, there, "hold case", "held case", work, reason=reason)
    return await engine.look(lambda: told_head(book, changed, caller))


@router.delete("/cases/{case}/hold", summary="Lift a legal hold")
async def lift_hold(book: Book, engine: Serving, caller: Administering, case: str) -> words.CaseHead:
    """What was erased from the gallery meanwhile goes now."""
    there = await engine.look(lambda: book.for_(caller, case))
    work = partial(book.lift, caller, case, engine.gallery)
    lifted = await _done(engine, caller, there, "lift hold", "lifted hold", work)
    return await engine.look(lambda: told_head(book, lifted, caller))


@router.post("/cases/{case}/approval", summary="Approve or refuse a case before its first search", responses=NOT_NOW)
async def approve(
    book: Book,
    engine: Serving,
    caller: Casing,
    case: str,
    approved: Annotated[bool, Form(description="false refuses it, and closes it for good")],
) -> words.CaseHead:
    """A second person's word: never its owner's."""
    there = await engine.look(lambda: book.for_(caller, case))
    before, after = ("approve case", "approved case") if approved else ("refuse case", "refused case")
    changed = await _done(engine, caller, there, before, after, lambda: book.approve(caller, case, approved=approved))
    return await engine.look(lambda: _after(book, changed, caller))


@router.post(
    "/cases/{case}/marks", summary="Say whether a hit shows whom the case looks for", status_code=201, responses=NOT_NOW
)
async def add_mark(
    book: Book,
    engine: Serving,
    caller: Casing,
    case: str,
    mark: Annotated[words.Mark, Form(description="same, different or unsure")],
    sighting: Annotated[Text | None, Form(description="the hit's id")] = None,
    picture: Annotated[Text | None, Form(description="a hit that the case has already; in place of sighting")] = None,
    note: Annotated[Long, Form(description="what you saw")] = "",
    search: Annotated[int | None, Form(ge=1, description="in whose answer the hit stands; its rank is noted")] = None,
) -> words.CaseMark:
    """The case keeps a copy of the hit's crop from then on. Marks stay readable; the last one holds."""
    if (sighting is None) == (picture is None):
        raise UsageError("a mark is on a sighting, or on a picture of the case; one of them")
    there = await engine.look(lambda: book.working(caller, case))

    def work() -> words.CaseMark:
        book.heed(engine.gallery)
        hit = (
            book.keep_hit(there, engine.gallery, sighting, caller)
            if sighting is not None
            else _hit(book, there, picture or "", caller)
        )
        return words.CaseMark.model_validate(book.mark(caller, there, hit, mark, note, search))

    of = {"sighting": sighting} if sighting is not None else {"picture": picture}

    def tell(made: words.CaseMark) -> dict[str, Any]:
        return {"number": made.n, "picture": made.picture}

    return await _done(engine, caller, there, "mark", "marked", work, tell, mark=mark, search=search, **of)


def _hit(book: Book, case: Case, name: str, caller: Key) -> Picture:
    """
    Raises:
        NotThere: the case has no such hit that the key sees, or not any more.
    """
    picture = book.store.picture(case.id, name)
    seen = picture is not None and (picture.camera is None or caller.sees(picture.camera))
    if picture is None or not seen or picture.kind != "hit" or picture.gone is not None:
        raise NotThere(f"case {case.number!r} has no hit {name[:80]!r}, or not any more")
    return picture


@router.delete("/cases/{case}/marks/{number}", summary="Take a mark back", responses=NOT_NOW)
async def withdraw_mark(book: Book, engine: Serving, caller: Casing, case: str, number: int) -> words.CaseMark:
    """It stays readable as what was taken back; the one before it holds again."""
    there = await engine.look(lambda: book.working(caller, case))

    def work() -> words.CaseMark:
        return told_mark(book.withdraw(caller, there, number), book.course(there), caller)

    return await _done(engine, caller, there, "take mark back", "took mark back", work, mark=number)


@router.post("/cases/{case}/notes", summary="Add a note", status_code=201, responses=NOT_NOW)
async def add_note(
    book: Book,
    engine: Serving,
    caller: Casing,
    case: str,
    text: Annotated[str, Form(min_length=1, max_length=10_000)],
) -> words.CaseNote:
    there = await engine.look(lambda: book.working(caller, case))

    def work() -> words.CaseNote:
        return words.CaseNote.model_validate(book.note(caller, there, text))

    return await _done(engine, caller, there, "note", "noted", work)


@router.get("/cases/{case}/searches/{number}", summary="The answer of a search as it was given")
async def get_search(book: Book, engine: Serving, caller: Casing, case: str, number: int) -> words.CaseAnswer:
    """Hits that were erased since, or are of cameras that the key doesn't see, are null."""

    def look() -> words.CaseAnswer:
        there = book.for_(caller, case)
        book.heed(engine.gallery)
        course = book.course(there)
        search = next((each for each in course.searches if each.n == number), None)
        if search is None:
            raise NotThere(f"case {there.number!r} has no search {number}")
        return told_answer(engine, course, search, caller)

    return await engine.look(look)


@router.get(
    "/cases/{case}/pictures/{picture}/image",
    summary="A picture as the case keeps it",
    responses={200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}},
    response_class=Response,
)
async def get_case_image(book: Book, engine: Serving, caller: Casing, case: str, picture: str) -> Response:
    """A query's file as it was sent, or a hit's crop."""

    def look() -> tuple[Case, str, bytes]:
        there = book.for_(caller, case)
        book.heed(engine.gallery)
        kept = book.store.picture(there.id, picture)
        crop = None if kept is None or kept.gone is not None else book.store.crop(picture)
        if kept is None or crop is None or not sees(caller, kept):
            raise NotThere(f"case {there.number!r} has no picture {picture[:80]!r} to show; it may have been erased")
        return there, crop.media_type, crop.data

    there, media_type, data = await engine.look(look)
    await engine.note(action="look", who=caller.name, case=there.number, case_id=there.id, picture=picture)
    return Response(data, media_type=media_type, headers={"Cache-Control": "private, no-store"})


@router.delete("/cases/{case}/pictures/{picture}", summary="Erase a picture of a case", responses=HELD)
async def remove_picture(book: Book, engine: Serving, caller: Casing, case: str, picture: str) -> words.CasePicture:
    """Overwritten on disk; marks and notes on it stay, and when it was erased."""
    there = await engine.look(lambda: book.for_(caller, case, Access.OWN))
    await engine.look(lambda: book.expect_free(there))
    work = partial(book.take_out, there, picture)
    await _done(engine, caller, there, "erase picture", "erased picture", work, picture=picture)

    def again() -> words.CasePicture:
        gone = book.store.picture(there.id, picture)
        assert gone is not None
        return told_picture(engine, there, gone, caller)

    return await engine.look(again)


@router.post(
    "/cases/{case}/pictures/{picture}/keep", summary="It shows somebody else than who was erased", status_code=204
)
async def keep_picture(book: Book, engine: Serving, caller: Casing, case: str, picture: str) -> Response:
    """After an erasure, pictures that look like the erased are listed for a person to decide; this one stays."""
    there = await engine.look(lambda: book.for_(caller, case, Access.OWN))
    if await engine.look(lambda: book.store.picture(there.id, picture)) is None:
        raise NotThere(f"case {there.number!r} has no picture {picture[:80]!r}")
    work = partial(book.store.settle, picture)
    await _done(engine, caller, there, "keep picture", "kept picture", work, picture=picture)
    return Response(status_code=204)

"""Every request about cases, as data; see `calls`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import httpx2

from rgbir.client import casework
from rgbir.client.calls import Call, _as, _form, _segment
from rgbir.client.given import expect_filled, several


def cases() -> Call[casework.CaseList]:
    """The cases that you were let into, the last changed first."""
    return Call(_as(casework.CaseList), "GET", "/cases")


def case(case: str) -> Call[casework.Case]:
    """A case with all that it holds.

    Args:
        case: its id, or its number. The methods below take either, too.
    """
    return Call(_as(casework.Case), "GET", _path(case))


def add_case(
    number: str,
    *,
    title: str,
    purpose: str,
    basis: str | None = None,
    keep_days: int | None = None,
    approver: str | None = None,
    readers: Sequence[str] | None = None,
    workers: Sequence[str] | None = None,
) -> Call[casework.CaseHead]:
    """Makes a case, which is yours. The very same again is the case that there is.

    Args:
        number: what people call it; no two cases share one.
        title: what it is about.
        purpose: why somebody is looked for.
        basis: the legal basis, where the server wants one.
        keep_days: it is deleted after so many; the server's rule without.
        approver: the only key that may approve it, where the server asks for an approval.
        readers, workers: keys that may look at it; that may search, mark and note, too.
    """
    form = _form(
        number=number,
        title=title,
        purpose=purpose,
        basis=basis,
        keep_days=keep_days,
        approver=approver,
        readers=several("readers", readers) or None,
        workers=several("workers", workers) or None,
    )
    return Call(_as(casework.CaseHead), "POST", "/cases", {"data": form})


def change_case(
    case: str,
    *,
    title: str | None = None,
    purpose: str | None = None,
    basis: str | None = None,
    owner: str | None = None,
    keep_days: int | None = None,
    readers: Sequence[str] | None = None,
    workers: Sequence[str] | None = None,
    closed: bool | None = None,
) -> Call[casework.CaseHead]:
    """Changes what is given of a case, and nothing else.

    Args:
        owner: the key that it goes to.
        keep_days: from now on.
        readers, workers: all who are let in from now on; an empty list is nobody.
        closed: nothing is added to a closed case.
    """
    form = _form(
        title=title,
        purpose=purpose,
        basis=basis,
        owner=owner,
        keep_days=keep_days,
        readers=several("readers", readers),
        workers=several("workers", workers),
        closed=closed,
    )
    return Call(_as(casework.CaseHead), "PATCH", _path(case), {"data": form})


def delete_case(case: str) -> Call[None]:
    """Deletes a case with all that it holds; refused while it is on hold."""
    return Call(lambda _: None, "DELETE", _path(case))


def look_at_case(case: str, *, search: int) -> Call[None]:
    """You have seen the searches up to that one; what is new is told from there on."""
    return Call(lambda _: None, "POST", f"{_path(case)}/look", {"data": _form(search=search)})


def hold_case(case: str, *, reason: str) -> Call[casework.CaseHead]:
    """Puts a case on legal hold; for administrators."""
    return Call(_as(casework.CaseHead), "PUT", f"{_path(case)}/hold", {"data": _form(reason=reason)})


def lift_hold(case: str) -> Call[casework.CaseHead]:
    """Lifts a legal hold. What was erased from the gallery meanwhile goes now."""
    return Call(_as(casework.CaseHead), "DELETE", f"{_path(case)}/hold")


def approve_case(case: str, *, approved: bool) -> Call[casework.CaseHead]:
    """Approves a case before its first search, or refuses it; never one's own."""
    return Call(_as(casework.CaseHead), "POST", f"{_path(case)}/approval", {"data": _form(approved=approved)})


def mark(
    case: str,
    mark: casework.Mark,
    *,
    sighting: str | None = None,
    picture: str | None = None,
    note: str | None = None,
    search: int | None = None,
) -> Call[casework.CaseMark]:
    """Says whether a hit shows whom the case looks for: same, different or unsure. The last mark holds.

    Args:
        sighting: the hit's id in the gallery, or
        picture: a hit that the case has already.
        note: what you saw.
        search: in whose answer the hit stands; its rank is noted.
    """
    form = _form(mark=mark, sighting=sighting, picture=picture, note=note, search=search)
    return Call(_as(casework.CaseMark), "POST", f"{_path(case)}/marks", {"data": form})


def withdraw_mark(case: str, number: int) -> Call[casework.CaseMark]:
    """Takes a mark back. It stays readable; the one before it holds again."""
    return Call(_as(casework.CaseMark), "DELETE", f"{_path(case)}/marks/{number}")


def add_note(case: str, text: str) -> Call[casework.CaseNote]:
    """Adds a note."""
    return Call(_as(casework.CaseNote), "POST", f"{_path(case)}/notes", {"data": _form(text=text)})


def case_search(case: str, number: int) -> Call[casework.CaseAnswer]:
    """The answer of one of a case's searches, as it was given."""
    return Call(_as(casework.CaseAnswer), "GET", f"{_path(case)}/searches/{number}")


def case_image(case: str, picture: str) -> Call[bytes]:
    """A picture as the case keeps it: a query's file as it was sent, or a hit's crop."""
    return Call(lambda response: response.content, "GET", f"{_path(case)}/pictures/{_segment(picture)}/image")


def remove_picture(case: str, picture: str) -> Call[casework.CasePicture]:
    """Erases a picture of a case; marks and notes on it stay."""
    return Call(_as(casework.CasePicture), "DELETE", f"{_path(case)}/pictures/{_segment(picture)}")


def keep_picture(case: str, picture: str) -> Call[None]:
    """A picture that was listed after an erasure shows somebody else, and stays."""
    return Call(lambda _: None, "POST", f"{_path(case)}/pictures/{_segment(picture)}/keep")


def near_erased() -> Call[casework.NearList]:
    """Pictures of all cases that look like somebody who was erased; for administrators, who decide."""
    return Call(_as(casework.NearList), "GET", "/cases/near")


def asked_erasures() -> Call[casework.AskedErasures]:
    """Erasures under legal hold that were asked for; for administrators."""
    return Call(_as(casework.AskedErasures), "GET", "/erasures")


def ask_erasure(
    *,
    reason: str,
    sighting: str | Sequence[str] | None = None,
    camera: str | None = None,
    identity: int | None = None,
    track: str | None = None,
    before: datetime | None = None,
) -> Call[casework.AskedErasure]:
    """Asks for an erasure that a legal hold is in the way of; another administrator decides.

    Args:
        reason: why, though a hold keeps it.
        sighting: an id, or several.
        camera, identity, track, before: as of `erase`.
    """
    ids = [sighting] if isinstance(sighting, str) else sighting
    form = _form(reason=reason, sighting=ids, camera=camera, identity=identity, track=track, before=before)
    return Call(_as(casework.AskedErasure), "POST", "/erasures", {"data": form})


def decide_erasure(erasure: str, *, approved: bool) -> Call[casework.AskedErasure]:
    """Approves an erasure that somebody else asked for, which carries it out at once, or refuses it."""
    form = _form(approved=approved)
    return Call(_as(casework.AskedErasure), "POST", f"/erasures/{_segment(erasure)}/approval", {"data": form})


def case_report(
    case: str, *, language: casework.Language = "en", paper: casework.Paper = "a4", zone: str = "UTC"
) -> Call[str]:
    """A case's report: one page of HTML that prints, with its pictures in it and no script.

    Args:
        zone: whose clocks it shows, such as Europe/Berlin.
    """
    asked = {"params": _form(language=language, paper=paper, zone=zone)}
    return Call(lambda response: response.content.decode(), "GET", f"{_path(case)}/report", asked)


def evidence(
    case: str,
    out: Path | str,
    *,
    language: casework.Language = "en",
    paper: casework.Paper = "a4",
    zone: str = "UTC",
) -> Call[casework.Evidence]:
    """Writes a case down as a ZIP: report, pictures, decisions, searches, log, and a manifest of all of it. The manifest is
    signed if the server has a key. For its owner and administrators.

    Args:
        out: the file, which isn't there yet.
        language, paper, zone: of the report; see `case_report`.
    """
    expect_filled("out", out)
    file, asked = Path(out), {"params": _form(language=language, paper=paper, zone=zone)}

    def read(response: httpx2.Response) -> casework.Evidence:
        by = response.headers.get("Rgbir-Signed-By", casework.NOBODY)
        return casework.Evidence(
            file=file,
            bytes=file.stat().st_size,
            manifest=response.headers.get("Rgbir-Manifest", ""),
            signed_by=None if by == casework.NOBODY else by,
        )

    return Call(read, "GET", f"{_path(case)}/evidence", asked, out=file)


def _path(case: str) -> str:
    return f"/cases/{_segment(case)}"

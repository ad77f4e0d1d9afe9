"""A case on paper, and as a ZIP that proves itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, BinaryIO, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from rgbir.client import casework as words
from rgbir.client.evidence.signing import Signer
from rgbir.server.access.extract import extract
from rgbir.server.access.keys import Key
from rgbir.server.cases.casebook import Access, Casebook
from rgbir.server.cases.handover import Handover, PictureGone, files_of, write
from rgbir.server.cases.records import Case
from rgbir.server.cases.report.dossier import Dossier
from rgbir.server.cases.report.page import Manner, Page, zip_name
from rgbir.server.cases.report.pictures import data_uri
from rgbir.server.engine.engine import Engine
from rgbir.server.errors import AuditFailed, NotAllowed, NotNow
from rgbir.server.http.casework import Book
from rgbir.server.http.dossier import collected, unseen
from rgbir.server.http.guard import Casing, Serving
from rgbir.server.http.problems import NOT_FOUND, NOT_NOW, PROBLEMS
from rgbir.server.http.routes.shared import pieces

router = APIRouter(responses={**PROBLEMS, **NOT_FOUND}, tags=["cases"])
_SPOOLED = 8 << 20
"""Bytes that are kept in memory before they go to a file without a name."""
PRIVATE = {"Cache-Control": "private, no-store"}


async def _manner(
    language: Annotated[words.Language, Query(description="of the report")] = "en",
    paper: Annotated[words.Paper, Query(description="that it is printed on")] = "a4",
    zone: Annotated[str, Query(max_length=64, description="whose clocks it shows, such as Europe/Berlin")] = "UTC",
) -> Manner:
    manner = Manner(language, paper, zone)
    manner.clock()
    return manner


async def _signer(request: Request) -> Signer | None:
    signer: Signer | None = request.app.state.signer
    return signer


How = Annotated[Manner, Depends(_manner)]
Signing = Annotated[Signer | None, Depends(_signer)]


@router.get(
    "/cases/{case}/report",
    summary="A case on paper",
    response_class=Response,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def case_report(
    book: Book, engine: Serving, caller: Casing, signer: Signing, case: str, how: How
) -> StreamingResponse:
    """One page of HTML that prints, with its pictures in it and no script, as that key sees the case. A browser shows it in a sandbox."""
    there = await engine.look(lambda: book.for_(caller, case))
    await engine.note(action="print report", who=caller.name, case=there.number, case_id=there.id)

    def make() -> tuple[BinaryIO, str]:
        book.heed(engine.gallery)
        dossier = collected(engine, book, there, caller, _name_of(signer))
        dossier = replace(dossier, entries=_entries(engine, there), files=_files(book, dossier))
        page = _page(engine, book, dossier, how)
        with _whole() as out:
            for piece in page.pieces():
                out.write(piece)
        return out, page.policy

    out, policy = await engine.look(make)
    headers = {**PRIVATE, "Content-Security-Policy": policy}
    return StreamingResponse(pieces(out), media_type="text/html; charset=utf-8", headers=headers)


@router.get(
    "/cases/{case}/evidence",
    summary="A case as a ZIP that proves itself",
    response_class=Response,
    responses={**NOT_NOW, 200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def evidence(
    book: Book, engine: Serving, caller: Casing, signer: Signing, case: str, how: How
) -> StreamingResponse:
    """Report, pictures, decisions, searches, the audit log's entries, and a manifest of all of it, signed if the server has a key; the
    header `Rgbir-Signed-By` has its fingerprint, or `nobody`. For the case's owner and administrators, who see all of its cameras."""
    there = await engine.look(lambda: book.for_(caller, case, Access.OWN))
    await engine.look(lambda: _expect_all_seen(engine, book, there, caller))
    event: dict[str, Any] = {
        "who": caller.name,
        "case": there.number,
        "case_id": there.id,
        "signed_by": _name_of(signer),
    }
    await engine.note(action="export evidence", **event)
    out, digest = await engine.look(lambda: _written(engine, book, there, caller, signer, how))
    await engine.note(action="exported evidence", **event, manifest=digest)
    headers = {
        **PRIVATE,
        "Content-Disposition": f'attachment; filename="{zip_name(there.number)}"',
        "Rgbir-Signed-By": _name_of(signer) or words.NOBODY,
        "Rgbir-Manifest": digest,
    }
    return StreamingResponse(pieces(out), media_type="application/zip", headers=headers)


def _expect_all_seen(engine: Engine, book: Casebook, case: Case, caller: Key) -> None:
    """
    Raises:
        NotAllowed: there are cameras in the case that the key doesn't see.
    """
    if hidden := unseen(engine, book, case, caller):
        count = f"{len(hidden)} cameras" if len(hidden) > 1 else "a camera"
        raise NotAllowed(
            f"key {caller.name!r} doesn't see {count} of case {case.number!r}, and evidence is of all of them; an administrator of all"
            " cameras may have it, or the report as you see it: GET /cases/{case}/report"
        )


def _written(
    engine: Engine, book: Casebook, case: Case, caller: Key, signer: Signer | None, how: Manner
) -> tuple[BinaryIO, str]:
    """The ZIP, and its manifest's sha256.

    Raises:
        NotNow: the case was changed meanwhile.
        AuditFailed: the log's chain is broken.
    """
    assert engine.settings.audit is not None
    book.heed(engine.gallery)
    course = book.course(case)
    again = f"case {case.number!r} was changed while it was written down; ask again"
    with _file() as log:
        entries = extract(engine.settings.audit, case.number, case.id, log)
        log.seek(0)
        dossier = collected(engine, book, case, caller, _name_of(signer))
        dossier = replace(dossier, entries=(entries.first, entries.last), files=_files(book, dossier))
        handover = Handover(
            dossier=dossier,
            report=_page(engine, book, dossier, how).pieces(),
            crop=book.store.crop,
            extract=entries,
            log=log,
            card=engine.encoder.card.model_dump(mode="json"),
            gallery=_gallery(engine),
        )
        with _whole() as out:
            try:
                digest = write(out, handover, signer)
            except PictureGone as error:
                raise NotNow(again) from error
            book.heed(engine.gallery)
            if (book.store.case(case.id), book.course(case)) != (case, course):
                raise NotNow(again)
    return out, digest


def _page(engine: Engine, book: Casebook, dossier: Dossier, how: Manner) -> Page:
    pictures = {picture.id: picture for picture in dossier.case.pictures}

    def picture(name: str) -> str | None:
        crop = book.store.crop(name)
        return None if crop is None else data_uri(crop, pictures[name].box, engine.settings.max_pixels)

    return Page(dossier, how, picture)


def _files(book: Casebook, dossier: Dossier) -> dict[str, str]:
    kinds = {picture.id: picture.media_type for picture in book.store.course(dossier.case.id).pictures}
    return files_of(dossier.case, kinds.get)


def _entries(engine: Engine, case: Case) -> tuple[int, int] | None:
    """Numbers of the case's first and last entry of the audit log; None where it can't be read through."""
    assert engine.settings.audit is not None
    try:
        entries = extract(engine.settings.audit, case.number, case.id)
    except AuditFailed:
        return None
    return entries.first, entries.last


def _gallery(engine: Engine) -> dict[str, Any]:
    """Which gallery it is, without its address."""
    gallery = engine.gallery
    return {
        "name": gallery.network.name,
        "generation": gallery.generation,
        "model": gallery.model.name,
        "fingerprint": gallery.model.fingerprint,
        "metric": gallery.model.metric.value,
        "dimension": gallery.model.dimension,
        "sightings": len(gallery),
        "cameras": [
            {"camera": gallery.network.shown(count.camera), "sightings": count.sightings} for count in gallery.counts()
        ],
    }


def _name_of(signer: Signer | None) -> str | None:
    return None if signer is None else signer.fingerprint


def _file() -> BinaryIO:
    """In memory while it is small, then without a name on the disk."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(_SPOOLED))


@contextmanager
def _whole() -> Iterator[BinaryIO]:
    """A file that stays open for whoever reads it, unless the block fails."""
    out = _file()
    try:
        yield out
    except BaseException:
        out.close()
        raise

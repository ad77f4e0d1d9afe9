"""For those who run the server: the log, probes and metrics."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from rgbir.client import wire
from rgbir.client.evidence.entries import Entry
from rgbir.index import UsageError, listed
from rgbir.server.access.audit import entries, noted_at
from rgbir.server.access.chain import now
from rgbir.server.engine.engine import Engine
from rgbir.server.errors import NotThere
from rgbir.server.http.guard import Administering, Measuring, Monitoring, Serving
from rgbir.server.http.metrics import CONTENT_TYPE
from rgbir.server.http.problems import NOT_FOUND, PROBLEMS

router = APIRouter(responses=PROBLEMS, tags=["operations"])


@router.get("/audit", summary="Who searched and erased, when and why", responses=NOT_FOUND)
async def audit(
    engine: Serving,
    caller: Administering,
    after: Annotated[int, Query(ge=0, description="entries with a greater number only")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    case: Annotated[str | None, Query(description="of this case only")] = None,
    who: Annotated[str | None, Query(description="by the key of this name only")] = None,
    action: Annotated[str | None, Query(description="of this kind only, such as `search` or `erased`")] = None,
    since: Annotated[wire.Moment | None, Query(description="noted then or later, with a zone")] = None,
    until: Annotated[wire.Moment | None, Query(description="noted before that, with a zone")] = None,
) -> wire.AuditPage:
    """Those that meet every condition, in order."""
    file = _log(engine)
    for name, moment in (("since", since), ("until", until)):
        if moment is not None and moment.tzinfo is None:
            raise UsageError(
                f"{name} needs a zone, {moment.isoformat()} has none; append an offset such as +01:00, or Z"
            )
    fields = {name: value for name, value in (("case", case), ("who", who), ("action", action)) if value is not None}

    def meets(entry: Entry) -> bool:
        if entry["n"] <= after or any(entry.get(name) != value for name, value in fields.items()):
            return False
        at = noted_at(entry) if since is not None or until is not None else None
        return (since is None or (at is not None and at >= since)) and (
            until is None or (at is not None and at < until)
        )

    return wire.AuditPage(entries=await engine.look(lambda: list(islice(filter(meets, entries(file)), limit))))


@router.get("/audit/chain", summary="Is the audit log whole?", responses=NOT_FOUND)
async def audit_chain(engine: Serving, caller: Administering) -> wire.AuditChain:
    """As `rgbir audit verify` tells it of the file that is written now. It reads the whole log."""
    file, heads = _log(engine), engine.settings.audit_heads
    if heads is not None and not heads.exists():  # the first is noted within a minute
        heads = None
    chain = await engine.look(lambda: now(file, heads))
    return wire.AuditChain(
        whole=not chain.findings,
        first=chain.first,
        last=chain.last,
        broken_at=next((finding.entry for finding in chain.findings), None),
        problems=[finding.text for finding in chain.findings],
        heads=heads is not None,
    )


def _log(engine: Engine) -> Path:
    if (file := engine.settings.audit) is None:
        raise NotThere("this server keeps no audit log; start it with --audit FILE")
    return file


@router.get("/health/live", summary="Does the process work?", responses={503: {"model": wire.Health}})
async def live(request: Request, response: Response) -> wire.Health:
    """Whether the threads that encode, search and write still answer, as of the last second or two."""
    engine: Engine | None = getattr(request.app.state, "engine", None)
    stuck = [] if engine is None else engine.watch.stuck()
    stuck += [] if engine is None else [f"worker {place}" for place in engine.worker.silent()]
    if stuck:
        response.status_code = 503
        return wire.Health(status="unavailable", detail=f"no answer from: {listed(stuck)}")
    return wire.Health(status="ok")


@router.get("/health/ready", summary="Can it search?", responses={503: {"model": wire.Health}})
async def ready(request: Request, response: Response) -> wire.Health:
    engine: Engine | None = getattr(request.app.state, "engine", None)
    if engine is None:
        response.status_code = 503
        return wire.Health(status="unavailable", detail="model and gallery are being opened")
    if engine.trouble is not None or engine.worker.troubled:
        response.status_code = 503
        hidden = "the gallery, the audit log or the keys can't be used; the server's log has the reason"
        return wire.Health(status="unavailable", detail=(engine.trouble if engine.keyring is None else None) or hidden)
    detail = f"{engine.encoder.card.name}, {engine.sightings:,} sightings" if engine.keyring is None else ""
    return wire.Health(status="ok", detail=detail)


@router.get("/metrics", summary="For Prometheus", response_class=PlainTextResponse)
async def metrics(engine: Serving, measured: Measuring, caller: Monitoring) -> Response:
    return Response(await engine.look(lambda: measured.text(engine)), media_type=CONTENT_TYPE)

"""For those who run the server: the log, probes and metrics."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from rgbir.client import wire
from rgbir.index import listed
from rgbir.server.access.audit import entries
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
) -> wire.AuditPage:
    if (file := engine.settings.audit) is None:
        raise NotThere("this server keeps no audit log; start it with --audit FILE")
    wanted = (e for e in entries(file) if e["n"] > after and case in (None, e.get("case")))
    return wire.AuditPage(entries=await engine.look(lambda: list(islice(wanted, limit))))


@router.get("/health/live", summary="Does the process work?", responses={503: {"model": wire.Health}})
async def live(request: Request, response: Response) -> wire.Health:
    """Whether the threads that encode, search and write still answer, as of the last second or two."""
    engine: Engine | None = getattr(request.app.state, "engine", None)
    stuck = [] if engine is None else engine.watch.stuck()
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
    if engine.trouble is not None:
        response.status_code = 503
        hidden = "the gallery, the audit log or the keys can't be used; the server's log has the reason"
        return wire.Health(status="unavailable", detail=engine.trouble if engine.keyring is None else hidden)
    detail = f"{engine.encoder.card.name}, {engine.sightings:,} sightings" if engine.keyring is None else ""
    return wire.Health(status="ok", detail=detail)


@router.get("/metrics", summary="For Prometheus", response_class=PlainTextResponse)
async def metrics(engine: Serving, measured: Measuring, caller: Monitoring) -> Response:
    return Response(await engine.look(lambda: measured.text(engine)), media_type=CONTENT_TYPE)

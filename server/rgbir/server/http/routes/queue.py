"""How long a search will wait."""

from __future__ import annotations

from fastapi import APIRouter

from rgbir.client import wire
from rgbir.server.http.guard import Looking, Serving
from rgbir.server.http.problems import PROBLEMS
from rgbir.server.worker import Count

router = APIRouter(responses=PROBLEMS, tags=["operations"])


@router.get("/queue", summary="What waits for the model, and for how long")
async def queue(engine: Serving, caller: Looking) -> wire.Queue:
    """As of now. It is answered at once, however much there is to do."""
    settings, counts = engine.settings, engine.worker.counts
    seconds = engine.now.expected_s
    engine.tell()
    return wire.Queue(
        in_flight=engine.in_flight,
        most_in_flight=settings.max_in_flight,
        requests=counts.total(Count.REQUESTS),
        images=counts.total(Count.RGB_IMAGES) + counts.total(Count.IR_IMAGES),
        most_images=settings.max_waiting * engine.worker.workers,
        seconds=None if seconds is None else max(round(seconds, 3), counts.most(Count.MILLISECONDS) / 1000),
    )

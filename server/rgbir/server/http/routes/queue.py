"""How long a search will wait."""

from __future__ import annotations

from fastapi import APIRouter

from rgbir.client import wire
from rgbir.server.http.guard import Looking, Serving
from rgbir.server.http.problems import PROBLEMS

router = APIRouter(responses=PROBLEMS, tags=["operations"])


@router.get("/queue", summary="What waits for the model, and for how long")
async def queue(engine: Serving, caller: Looking) -> wire.Queue:
    """As of now. It is answered at once, however much there is to do."""
    now, settings = engine.now, engine.settings
    seconds = now.expected_s
    return wire.Queue(
        in_flight=engine.in_flight,
        most_in_flight=settings.max_in_flight,
        requests=sum(batcher.requests for batcher in now.queues.values()),
        images=now.waiting,
        most_images=settings.max_waiting,
        seconds=None if seconds is None else round(seconds, 3),
    )

"""The seconds around a hit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from rgbir.server.http.guard import Searching, Serving
from rgbir.server.http.problems import NO_FOOTAGE, NOT_FOUND, PROBLEMS
from rgbir.server.http.routes.shared import Clipping, pieces, visible

router = APIRouter(responses=PROBLEMS, tags=["gallery"])
MOST_S = 60
Seconds = Annotated[float, Query(ge=0, le=MOST_S, allow_inf_nan=False)]
FILM = {"schema": {"type": "string", "format": "binary"}}


@router.get(
    "/gallery/sightings/{sighting}/clip",
    summary="The seconds around a sighting, as a film",
    responses={**NOT_FOUND, **NO_FOOTAGE, 200: {"content": {"video/mp4": FILM}}},
    response_class=StreamingResponse,
)
async def get_clip(
    engine: Serving, clips: Clipping, caller: Searching, sighting: str, before: Seconds = 5, after: Seconds = 5
) -> StreamingResponse:
    """An MP4 without sound, where the recording is kept or mounted. It may begin earlier than asked: `Rgbir-Clip-Since` and `Rgbir-Clip-Until` say what it shows, in seconds of the recording, and `Rgbir-Clip-Hit` when in the clip the sighting is. What the camera's zones hide is black in it."""
    shown = await engine.look(lambda: visible(engine, sighting, caller))
    clip = await clips.cut(shown, before, after)
    try:
        await engine.look(lambda: visible(engine, sighting, caller))  # who was erased meanwhile isn't shown
        await engine.note(
            action="play",
            who=caller.name,
            sighting=sighting,
            sha256=clip.moment.sha256,
            shown=[round(clip.since, 3), round(clip.until, 3)],
        )
    except BaseException:
        clip.content.close()
        raise
    headers = {
        "Cache-Control": "private, no-store",
        "Rgbir-Clip-Since": f"{clip.since:.3f}",
        "Rgbir-Clip-Until": f"{clip.until:.3f}",
        "Rgbir-Clip-Hit": f"{clip.moment.seconds - clip.zero:.3f}",
        "Rgbir-Clip-Recoded": "yes" if clip.recoded else "no",
    }
    return StreamingResponse(pieces(clip.content), media_type="video/mp4", headers=headers)

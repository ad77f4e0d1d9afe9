"""The picture of the plan that positions of cameras are on."""

from __future__ import annotations

from fastapi import APIRouter, Response

from rgbir.server.errors import NotThere
from rgbir.server.http.guard import LookingAtAll, Serving
from rgbir.server.http.problems import NOT_FOUND, PROBLEMS

router = APIRouter(responses=PROBLEMS, tags=["cameras"])


@router.get(
    "/plan",
    summary="The plan's picture",
    responses={**NOT_FOUND, 200: {"content": {"image/jpeg": {}, "image/png": {}}}},
    response_class=Response,
)
async def plan(engine: Serving, caller: LookingAtAll) -> Response:
    """It shows the whole site, so it needs a key of all cameras."""
    if engine.plan is None:
        raise NotThere("this server has no picture of the plan; start it with --plan FILE")
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(engine.plan.data, media_type=engine.plan.media_type, headers=headers)

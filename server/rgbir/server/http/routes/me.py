"""Who asks."""

from __future__ import annotations

from fastapi import APIRouter

from rgbir.client import wire
from rgbir.server.http.guard import Known, Serving, rights_of
from rgbir.server.http.problems import PROBLEMS

router = APIRouter(responses=PROBLEMS, tags=["keys"])


@router.get("/me", summary="Whose key this is, and what it may do")
async def me(engine: Serving, caller: Known) -> wire.Caller:
    """Any key may ask."""
    network = engine.gallery.network
    changes_keys = engine.keyring is not None and engine.settings.key_routes
    return wire.Caller(
        keys=engine.keyring is not None,
        name=caller.name,
        role=caller.role.value,
        rights=[right for right in rights_of(caller) if right != "keys" or changes_keys],
        cameras=None if caller.cameras is None else [network.shown(camera) for camera in caller.cameras],
        ends_at=caller.expires_at,
        needs_purpose=engine.settings.need_purpose,
        logged=engine.audited,
    )

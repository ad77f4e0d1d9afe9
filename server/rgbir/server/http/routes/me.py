"""Who asks."""

from __future__ import annotations

from fastapi import APIRouter

from rgbir.client import wire
from rgbir.server.http.guard import Known, Serving, rights_of
from rgbir.server.http.problems import PROBLEMS
from rgbir.server.http.routes.shared import Filming

router = APIRouter(responses=PROBLEMS, tags=["keys"])


@router.get("/me", summary="Whose key this is, and what it may do")
async def me(engine: Serving, films: Filming, caller: Known) -> wire.Caller:
    """Any key may ask."""
    network = engine.gallery.network
    settings = engine.settings
    absent = set() if engine.keyring is not None and settings.key_routes else {"keys"}
    absent |= set() if settings.cases is not None else {"cases"}
    return wire.Caller(
        keys=engine.keyring is not None,
        name=caller.name,
        role=caller.role.value,
        rights=[right for right in rights_of(caller) if right not in absent],
        cameras=None if caller.cameras is None else [network.shown(camera) for camera in caller.cameras],
        ends_at=caller.expires_at,
        needs_purpose=settings.need_purpose,
        logged=engine.audited,
        needs_case=settings.need_approval,
        needs_basis=settings.need_basis,
        bases=list(settings.bases),
        films=films.ready(),
        detects=engine.detector is not None,
        case_days=None if settings.cases is None else settings.case_days,
    )

"""What was measured of the gallery's distances."""

from __future__ import annotations

from fastapi import APIRouter

from rgbir.client import wire
from rgbir.server.http.guard import Searching, Serving
from rgbir.server.http.problems import PROBLEMS

router = APIRouter(responses=PROBLEMS, tags=["gallery"])


@router.get("/gallery/calibration", summary="Between which cameras distances are calibrated, and on how much")
async def calibration(engine: Serving, caller: Searching) -> wire.CalibrationInfo:
    """Pairs of cameras that the key sees. `rgbir index calibrate` measures them on labels, and `POST /judgements/{judgement}/use` on judged pairs."""
    gallery = engine.gallery

    def look() -> wire.CalibrationInfo:
        if (known := gallery.calibration()) is None:
            return wire.CalibrationInfo()
        pairs = [
            wire.CalibratedPair(
                cameras=[gallery.network.shown(camera) for camera in cameras],
                genuine=pair.genuine,
                strangers=pair.impostors,
                distance_1_percent=pair.distance_at(0.01),
                distance_01_percent=pair.distance_at(0.001),
                judged_by=[] if pair.judged is None else list(pair.judged.judges),
                least=None if pair.judged is None else pair.judged.least,
            )
            for cameras, pair in known[0].by_cameras()
            if all(caller.sees(camera) for camera in cameras)
        ]
        return wire.CalibrationInfo(generation=known[0].generation, pairs=pairs)

    return await engine.look(look)

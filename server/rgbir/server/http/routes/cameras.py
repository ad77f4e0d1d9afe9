"""The network: which cameras there are, where they are and were, and changes of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from rgbir.client import wire
from rgbir.index import Camera, CameraNetwork, UnknownCamera, zones_written
from rgbir.server.access.keys import Key
from rgbir.server.engine.cameras import CamerasChanged, Change, carried_out, expect_keys_unchanged, planned
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.swap import ModelSwap
from rgbir.server.errors import BadSettings, KeysUnreadable, NotThere
from rgbir.server.http.forms import CameraName, Described
from rgbir.server.http.guard import Administering, Looking, Serving
from rgbir.server.http.problems import BUSY, NOT_FOUND, PROBLEMS
from rgbir.server.http.routes.names import named
from rgbir.server.http.routes.shared import Changing, DryRun

router = APIRouter(responses=PROBLEMS, tags=["cameras"])
_CAMERA = f"/cameras/{named('camera')}"


@router.get("/cameras", summary="The network: cameras, places, and what is enrolled of each")
async def cameras(engine: Serving, caller: Looking) -> wire.Network:
    """Those that the key sees."""
    enrolled, network = await _enrolled(engine), engine.gallery.network
    seen = [_info(camera, enrolled) for camera in network if caller.sees(camera.id)]
    return wire.Network(
        name=network.name,
        plan=network.plan,
        picture=_picture(engine) if caller.cameras is None else None,
        cameras=seen,
        passages=list(_passages(network, caller)),
    )


@router.get(_CAMERA, summary="One camera, and all its places", responses=NOT_FOUND)
async def get_camera(engine: Serving, caller: Looking, camera: str) -> wire.CameraInfo:
    enrolled, network = await _enrolled(engine), engine.gallery.network
    if camera not in network or not caller.sees(network[camera].id):
        raise NotThere(f"no camera {camera[:80]!r} here")
    return _info(network[camera], enrolled)


@router.put(_CAMERA, summary="Add a camera, or move, rename or change one", responses=BUSY)
async def put_camera(
    engine: Serving,
    models: Changing,
    caller: Administering,
    camera: CameraName,
    edit: Described,
    dry_run: DryRun = False,
) -> wire.CameraChange:
    """What isn't sent stays as it is; sent again, it changes nothing more. Searches go by it from the next one on."""

    def change(network: CameraNetwork) -> CameraNetwork:
        after = edit.edited(network, camera) if camera in network else edit.added(network, camera)
        try:
            expect_keys_unchanged(() if engine.keyring is None else engine.keyring.keys, network, after)
        except BadSettings as error:
            raise KeysUnreadable("the keys can't be read now, so nobody knows what they would see") from error
        return after

    return await _changed(engine, models, caller, camera, change, dry_run)


@router.delete(_CAMERA, summary="Remove a camera that has no sightings", responses={**NOT_FOUND, **BUSY})
async def remove_camera(
    engine: Serving, models: Changing, caller: Administering, camera: str, dry_run: DryRun = False
) -> wire.CameraChange:
    """Erase its sightings first. Passages to a place where no other camera is go with it."""
    try:
        return await _changed(engine, models, caller, camera, lambda network: network.without_camera(camera), dry_run)
    except UnknownCamera as error:
        raise NotThere(f"no camera {camera[:80]!r} here") from error


async def _changed(
    engine: Engine, models: ModelSwap, caller: Key, camera: str, change: Change, dry_run: bool = False
) -> wire.CameraChange:
    """Noted before it is done, and after."""
    made = await engine.look(lambda: planned(engine.gallery, change))
    doing = made.changed and not dry_run
    if doing:
        await engine.note(action="change camera", who=caller.name, camera=camera, **_noted(made, camera))
        made = await engine.change(lambda: carried_out(models, change))
        await engine.note(action="changed camera", who=caller.name, camera=camera, **_noted(made, camera))
    now, enrolled = made.now(camera), await _enrolled(engine)
    return wire.CameraChange(
        camera=None if now is None else _info(now, enrolled),
        changed=doing,
        touched=[wire.TouchedSightings.model_validate(touched) for touched in made.touched],
        unreached=list(made.unreached),
    )


def _noted(made: CamerasChanged, camera: str) -> dict[str, Any]:
    """What the audit log says of a change: the camera before and after, and how many sightings change their place."""
    moved = sum(touched.moved for touched in made.touched), sum(touched.untimed for touched in made.touched)
    before, after = (None if seen is None else seen.to_dict() for seen in (made.was(camera), made.now(camera)))
    return {"before": before, "after": after, "moved": moved[0], "untimed": moved[1]}


async def _enrolled(engine: Engine) -> Mapping[str, int]:
    """Sightings by the camera's id."""
    counts = await engine.look(lambda: (engine.gallery.generation, engine.gallery.counts())[1])
    return {count.camera: count.sightings for count in counts}


def _passages(network: CameraNetwork, caller: Key) -> Iterator[wire.Passage]:
    """Those between places that the key's cameras have or had."""
    places = {stay.place for camera in network if caller.sees(camera.id) for stay in camera.stays}
    for walk in network.passages:
        if {walk.origin, walk.destination} <= places:
            latest = None if math.isinf(walk.latest_s) else walk.latest_s
            yield wire.Passage(
                origin=walk.origin, destination=walk.destination, soonest_s=walk.soonest_s, latest_s=latest
            )


def _picture(engine: Engine) -> wire.PlanPicture | None:
    if engine.plan is None:
        return None
    path = f"{engine.settings.root_path}/plan"
    return wire.PlanPicture(path=path, width=engine.plan.width, height=engine.plan.height)


def _info(camera: Camera, enrolled: Mapping[str, int]) -> wire.CameraInfo:
    return wire.CameraInfo(
        id=camera.shown,
        aliases=[name for name in camera.names if name != camera.shown],
        modalities=sorted(modality.value for modality in camera.modalities),
        place=camera.at_moment(datetime.now(UTC)).place,
        places=[wire.Stay.model_validate(stay) for stay in camera.stays],
        scene=camera.scene,
        recording=camera.recording,
        zones=zones_written(camera.ignored) or None,
        sightings=enrolled.get(camera.id, 0),
    )

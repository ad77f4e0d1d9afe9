"""Keys: who has one, a new one, and the end of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Response

from rgbir.client import wire
from rgbir.index import UsageError
from rgbir.server.access.keys import MOST_DAYS, MOST_NAME, Key, Keyring, Role
from rgbir.server.access.minting import end, keys_of, mint, within
from rgbir.server.engine.engine import Engine
from rgbir.server.errors import NotThere
from rgbir.server.http.forms import names
from rgbir.server.http.guard import KeyMaking, Serving, camera_of, enrolling
from rgbir.server.http.problems import NOT_FOUND, NOT_NOW, PROBLEMS
from rgbir.server.http.routes.names import named

router = APIRouter(responses={**PROBLEMS, **NOT_FOUND}, tags=["keys"])


@router.get("/keys", summary="Who has a key")
async def list_keys(engine: Serving, caller: KeyMaking) -> wire.KeyList:
    """Those that see no camera which the caller's doesn't see. Tokens are kept nowhere."""
    keyring = _ring(engine)
    known = await engine.look(lambda: _known(engine, keyring))
    return wire.KeyList(keys=[_told(engine, key) for key in known if within(caller, key)])


@router.post("/keys", summary="Make a key", status_code=201, responses=NOT_NOW)
async def add_key(
    engine: Serving,
    caller: KeyMaking,
    response: Response,
    name: Annotated[str, Form(min_length=1, max_length=MOST_NAME, description="whose it is; the audit log names it")],
    role: Annotated[Role, Form(description="what it may do")] = Role.SEARCH,
    cameras: Annotated[
        list[wire.Names] | None,
        Form(max_length=1000, description="the only ones that it sees; repeat the field, or separate by commas"),
    ] = None,
    days: Annotated[int | None, Form(ge=1, le=MOST_DAYS, description="it ends after so many; never without")] = None,
) -> wire.NewKey:
    """Never wider or longer-lived than the caller's own. The token is in this answer and nowhere else: a second request of the same name is refused."""
    keyring, ids = _ring(engine), None
    if cameras is not None:
        if not (given := names(cameras)):
            raise UsageError("a key of no camera can do nothing; name some, or leave cameras out for all")
        ids = tuple(dict.fromkeys(camera_of(caller, engine, camera) for camera in given))
        for camera in given:
            enrolling(caller, camera_of(caller, engine, camera), camera)
    asked = {"key": name, "role": role.value, "cameras": ids, "days": days}
    await engine.note(action="add key", who=caller.name, **asked)
    key, token = await engine.look(lambda: mint(keyring, caller, name, role, ids, days))
    await engine.note(action="added key", who=caller.name, **asked)
    response.headers["Cache-Control"] = "no-store"
    return wire.NewKey(**_told(engine, key).model_dump(), token=token)


@router.delete(
    f"/keys/{named('name')}", summary="End a key", status_code=204, responses=NOT_NOW, response_class=Response
)
async def end_key(engine: Serving, caller: KeyMaking, name: str) -> Response:
    """At once. Its name is free from then on."""
    keyring = _ring(engine)
    known = await engine.look(lambda: _known(engine, keyring))
    await engine.note(action="end key", who=caller.name, key=name)
    await engine.look(lambda: end(keyring, caller, name, known))
    await engine.note(action="ended key", who=caller.name, key=name)
    return Response(status_code=204)


def _ring(engine: Engine) -> Keyring:
    """
    Raises:
        NotThere: this server has no keys, or doesn't change them.
    """
    if engine.keyring is None:
        raise NotThere("this server asks for no keys; start it with --keys FILE")
    if not engine.settings.key_routes:
        raise NotThere("this server's keys are changed by `rgbir keys` alone; it was started with --no-key-routes")
    return engine.keyring


def _known(engine: Engine, keyring: Keyring) -> list[Key]:
    """With their cameras by their ids."""
    network = engine.gallery.network
    return [key.of(lambda camera: network[camera].id if camera in network else camera) for key in keys_of(keyring)]


def _told(engine: Engine, key: Key) -> wire.KeyInfo:
    network = engine.gallery.network
    return wire.KeyInfo(
        name=key.name,
        role=key.role.value,
        cameras=None if key.cameras is None else [network.shown(camera) for camera in key.cameras],
        made_at=key.made_at,
        ends_at=key.expires_at,
    )

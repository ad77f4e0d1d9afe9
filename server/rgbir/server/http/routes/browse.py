"""Looking through what is enrolled, without a query: sightings by time, what came before and after one, and how many there were."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from rgbir.client import wire
from rgbir.index import MOST_SHOWN, Order, Selection, Spot, UsageError, by_camera
from rgbir.server.access.keys import Key
from rgbir.server.engine.engine import Engine
from rgbir.server.http.guard import Looking, Searching, Serving, camera_of, enrolling
from rgbir.server.http.problems import NOT_FOUND, PROBLEMS
from rgbir.server.http.routes.shared import Clipping, travelling, visible

router = APIRouter(responses=PROBLEMS, tags=["gallery"])
MOST_NEIGHBOURS = 100
Cameras = Annotated[
    list[wire.Name] | None, Query(max_length=1000, description="of these only; repeat the parameter for several")
]
Since = Annotated[wire.Moment | None, Query(description="taken then or later, with a zone")]
Until = Annotated[wire.Moment | None, Query(description="taken before that, with a zone")]


@router.get("/gallery/sightings", summary="Sightings, page by page")
async def browse(
    engine: Serving,
    clips: Clipping,
    caller: Searching,
    cameras: Cameras = None,
    since: Since = None,
    until: Until = None,
    identity: Annotated[int | None, Query(ge=0, le=2**63 - 1, description="labelled with it")] = None,
    track: Annotated[wire.Text | None, Query(description="of it")] = None,
    order: Annotated[Order, Query(description="by time; those without a time come last")] = "newest",
    limit: Annotated[int, Query(ge=1, le=MOST_SHOWN, description="most of them on a page")] = 100,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
) -> wire.SightingPage:
    """Pages fit together while others write: each sighting that is there all the time comes once. What was shown is noted in the audit log."""
    seen = _seen(engine, caller, cameras)
    which = Selection(cameras=seen, since=since, until=until, identity=identity, track=track)
    after = None if cursor is None else _spot(cursor, order)
    page = await engine.look(lambda: engine.gallery.browse(which, order, after, limit))
    given = {"cameras": cameras, "since": since, "until": until, "identity": identity, "track": track}
    await engine.note(
        action="browse",
        who=caller.name,
        conditions={name: _noted(value) for name, value in given.items() if value is not None},
        order=order,
        sightings=[sighting.id for sighting in page],
    )
    following = _cursor(Spot.of(page[-1]), order) if len(page) == limit else None
    return wire.SightingPage(sightings=[travelling(engine, clips, sighting) for sighting in page], next=following)


@router.get(
    "/gallery/sightings/{sighting}/neighbours",
    summary="What its camera took before and after a sighting",
    responses=NOT_FOUND,
)
async def neighbours(
    engine: Serving,
    clips: Clipping,
    caller: Searching,
    sighting: str,
    limit: Annotated[int, Query(ge=1, le=MOST_NEIGHBOURS, description="most of them on each side")] = 12,
) -> wire.Neighbours:
    """Of the same track, where it has one. A sighting without a time has no neighbours. What was shown is noted in the audit log."""
    enrolled = await engine.look(lambda: visible(engine, sighting, caller))
    if enrolled.taken_at is None:
        return wire.Neighbours(before=[], after=[])
    which, spot = Selection(cameras=(enrolled.camera,), track=enrolled.track, timed=True), Spot.of(enrolled)
    gallery = engine.gallery
    before = await engine.look(lambda: gallery.browse(which, "newest", spot, limit)[::-1])
    after = await engine.look(lambda: gallery.browse(which, "oldest", spot, limit))
    shown = [neighbour.id for neighbour in (*before, *after)]
    await engine.note(action="browse", who=caller.name, conditions={"neighbours": sighting}, sightings=shown)
    return wire.Neighbours(
        before=[travelling(engine, clips, neighbour) for neighbour in before],
        after=[travelling(engine, clips, neighbour) for neighbour in after],
    )


@router.get("/gallery/counts", summary="Sightings by camera and hour or day")
async def counts(
    engine: Serving,
    caller: Looking,
    by: Annotated[Literal["hour", "day"], Query(description="how long each bucket is")] = "day",
    zone: Annotated[str, Query(max_length=64, description="whose clocks count, such as Europe/Berlin")] = "UTC",
    cameras: Cameras = None,
    since: Since = None,
    until: Until = None,
) -> wire.SightingCounts:
    """A day is a date on the zone's clocks, with 23 or 25 hours where they change; an hour that they show twice is two. Hours and days without a sighting are left out."""
    which, gallery = Selection(since=since, until=until), engine.gallery

    def look() -> list[wire.CameraBuckets]:
        there = {count.camera: count.sightings for count in gallery.counts()}
        seen = _seen(engine, caller, cameras)
        chosen = [camera for camera in (there if seen is None else seen) if camera in there]
        counted = by_camera(gallery.moments(chosen), by, zone, which)
        return [
            wire.CameraBuckets(
                camera=gallery.network.shown(camera),
                untimed=gallery.untimed([camera])[1],
                buckets=[wire.Bucket(at=at, sightings=count) for at, count in buckets],
            )
            for camera, buckets in counted.items()
        ]

    return wire.SightingCounts(by=by, zone=zone, cameras=await engine.look(look))


def _seen(engine: Engine, caller: Key, cameras: list[str] | None) -> tuple[str, ...] | None:
    """Ids of the cameras asked for, or of all that the key sees; None is all.

    Raises:
        UnknownCamera, NotAllowed: one of them isn't there, or not the key's.
    """
    if cameras is None:
        return caller.cameras
    ids = [camera_of(caller, engine, name) for name in cameras]
    for camera, name in zip(ids, cameras, strict=True):
        enrolling(caller, camera, name)
    return tuple(dict.fromkeys(ids))


def _noted(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _cursor(spot: Spot, order: Order) -> str:
    """Where a page ended, for whoever asks for the next one."""
    return base64.urlsafe_b64encode(json.dumps([order, spot.taken_at, spot.id]).encode()).decode().rstrip("=")


def _spot(cursor: str, order: Order) -> Spot:
    """
    Raises:
        UsageError: no page gave that cursor, or one in another order.
    """
    try:
        made_for, taken_at, name = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error):
        made_for = taken_at = name = None
    fits = isinstance(name, str) and (taken_at is None or (type(taken_at) is int and abs(taken_at) < 2**62))
    if not fits or made_for != order:
        raise UsageError(f"cursor is `next` of a page in the same order, {order}; send it unchanged, or leave it out")
    return Spot(taken_at, name)

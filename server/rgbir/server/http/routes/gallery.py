"""What is enrolled: look, add, erase."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from rgbir.client import wire
from rgbir.index import UsageError, check_moment, parse_box
from rgbir.server.access.keys import Key
from rgbir.server.cases.casebook import Casebook
from rgbir.server.engine.engine import Engine, EnrolledFrame
from rgbir.server.engine.jobs import Jobs
from rgbir.server.engine.people import expect_detector
from rgbir.server.engine.shots import Shot, noted, shots_of
from rgbir.server.engine.swap import ModelSwap
from rgbir.server.errors import NotThere
from rgbir.server.http.casework import PerhapsBook
from rgbir.server.http.forms import Boxes, CameraName, Identities, Moments, Text, Tracks
from rgbir.server.http.guard import Enrolling, Erasing, Looking, Searching, Serving, camera_of, enrolling
from rgbir.server.http.patience import patiently
from rgbir.server.http.persons import carried_out, expect_not_held, knows, touched
from rgbir.server.http.problems import BUSY, NO_DETECTOR, NOT_FOUND, PROBLEMS, UNKEPT
from rgbir.server.http.routes.shared import (
    Changing,
    Clipping,
    DryRun,
    ShotImages,
    Working,
    may_follow,
    read,
    seen,
    travelling,
    visible,
)

MOST_NAMED = 200
"""Ids of one erasure: a URL of them stays below the 8 KiB that proxies take."""
PICTURE = {"schema": {"type": "string", "format": "binary"}}
router = APIRouter(responses=PROBLEMS, tags=["gallery"])


@router.post("/gallery/sightings", summary="Enrol images of a camera", responses=BUSY)
async def enrol(
    request: Request,
    engine: Serving,
    caller: Enrolling,
    images: ShotImages,
    camera: Annotated[CameraName, Form(description="that took the images")],
    box: Boxes = None,
    taken_at: Moments = None,
    identity: Identities = None,
    track: Tracks = None,
) -> wire.EnrolResponse:
    """One result a shot. Past the deadline the answer is 503, and sending them again adds what is missing. The same shot of the same camera is enrolled once, however often it is sent."""
    enrolling(caller, camera_of(caller, engine, camera), camera)
    tracks = [name or None for name in track or ()]
    boxes = [parse_box(each) for each in box or ()]
    shots = shots_of(await read(images), box=boxes, taken_at=taken_at or (), identity=identity or (), track=tracks)
    return await _enrolled(request, engine, caller, camera, shots)


@router.post("/gallery/tracks", summary="Enrol the shots of one track", responses=BUSY)
async def enrol_track(
    request: Request,
    engine: Serving,
    caller: Enrolling,
    images: ShotImages,
    camera: Annotated[CameraName, Form(description="that took the images")],
    track: Annotated[Text, Form(min_length=1, description="its name, which no other track of the gallery has")],
    box: Boxes = None,
    taken_at: Moments = None,
    identity: Annotated[int | None, Form(ge=0, description="whom the track shows")] = None,
) -> wire.EnrolResponse:
    """One result a shot. All shots that can be read are enrolled together or not at all; one that can't is skipped with the reason. Send it again after anything: a shot that is enrolled is present then."""
    enrolling(caller, camera_of(caller, engine, camera), camera)
    boxes = [parse_box(each) for each in box or ()]
    shots = shots_of(await read(images), box=boxes, taken_at=taken_at or (), identity=[identity], track=[track])
    return await _enrolled(request, engine, caller, camera, shots)


@router.post(
    "/gallery/frames", summary="Find the people in whole pictures, and enrol each", responses={**UNKEPT, **NO_DETECTOR}
)
async def enrol_frames(
    request: Request,
    engine: Serving,
    caller: Enrolling,
    images: Annotated[list[UploadFile], File(description="JPEG, PNG, BMP, WebP or TIFF; whole pictures of one camera")],
    camera: Annotated[CameraName, Form(description="that took the pictures")],
    taken_at: Annotated[
        list[wire.Moment],
        Form(min_length=1, description="when, with a zone: once for all pictures, or once for each in their order"),
    ],
) -> wire.FramesResponse:
    """A sighting of each person, by the server's detector; nobody is tracked. A gallery that keeps for ever is refused. Send them again after anything: who is enrolled is present then."""
    enrolling(caller, camera_of(caller, engine, camera), camera)
    for moment in taken_at:
        check_moment(moment, "taken_at")
    detector = expect_detector(engine.detector)
    frames = shots_of(await read(images), taken_at=taken_at)
    await _noted(engine, caller, camera, frames, found_by=detector.found_by)
    enrolled = await patiently(request, engine.enrol_frames(frames, camera), engine.settings.deadline_s)
    return wire.FramesResponse(frames=[_framed(frame) for frame in enrolled])


def _framed(frame: EnrolledFrame) -> wire.EnrolledFrame:
    """What became of a picture, as it travels."""
    picture = frame.picture
    if picture is None:
        return wire.EnrolledFrame(name=frame.name, reason=frame.reason)
    people = [
        wire.EnrolledPerson.model_validate(
            {"box": person.box, "score": person.score, "status": status, "id": sighting, "reason": reason}
        )
        for person, (_, status, sighting, reason) in zip(picture.people, frame.people, strict=True)
    ]
    return wire.EnrolledFrame(
        name=frame.name, width=picture.width, height=picture.height, people=people, found_by=picture.found_by
    )


async def _noted(engine: Engine, caller: Key, camera: str, shots: Sequence[Shot], **more: Any) -> None:
    """In the audit log, where there is one, before it is done."""
    if engine.audited:
        digests = await engine.look(lambda: [hashlib.sha256(shot.data).hexdigest() for shot in shots])
        await engine.note(action="enrol", who=caller.name, camera=camera, sha256=digests, **noted(shots), **more)


async def _enrolled(
    request: Request, engine: Engine, caller: Key, camera: str, shots: Sequence[Shot]
) -> wire.EnrolResponse:
    """Noted before it is done."""
    await _noted(engine, caller, camera, shots)
    results = await patiently(request, engine.enrol(shots, camera), engine.settings.deadline_s)
    return wire.EnrolResponse(
        results=[wire.Enrolled.model_validate({"name": n, "status": s, "id": i, "reason": r}) for n, s, i, r in results]
    )


@router.get("/gallery", summary="What the gallery holds")
async def gallery(engine: Serving, caller: Looking) -> wire.GalleryInfo:
    gallery = engine.gallery

    def look() -> wire.GalleryInfo:
        generation, network = gallery.generation, gallery.network
        counts = [count for count in gallery.counts() if caller.sees(count.camera)]
        return wire.GalleryInfo(
            sightings=sum(count.sightings for count in counts),
            generation=generation,
            model=gallery.model.name,
            fingerprint=gallery.model.fingerprint,
            metric=gallery.model.metric.value,
            dimension=gallery.model.dimension,
            cameras=[
                wire.CameraCount.model_validate(replace(count, camera=network.shown(count.camera))) for count in counts
            ],
        )

    return await engine.look(look)


@router.get("/gallery/sightings/{sighting}", summary="One sighting", responses=NOT_FOUND)
async def get_sighting(engine: Serving, clips: Clipping, caller: Searching, sighting: str) -> wire.Sighting:
    return await engine.look(lambda: travelling(engine, clips, visible(engine, sighting, caller)))


@router.get(
    "/gallery/sightings/{sighting}/image",
    summary="The crop a sighting was enrolled with",
    responses={**NOT_FOUND, 200: {"content": {"image/jpeg": PICTURE, "image/png": PICTURE}}},
    response_class=Response,
)
async def get_image(engine: Serving, caller: Searching, sighting: str) -> Response:
    await engine.look(lambda: visible(engine, sighting, caller))
    crop = await engine.look(lambda: engine.gallery.crop(sighting))
    if crop is None:
        raise NotThere(f"no image of sighting {sighting!r}; it isn't enrolled, or was enrolled without its crop")
    await engine.note(action="look", who=caller.name, sighting=sighting)
    return Response(crop.data, media_type=crop.media_type, headers={"Cache-Control": "private, max-age=3600"})


@router.delete("/gallery/sightings/{sighting}", summary="Erase one sighting", responses={**NOT_FOUND, **BUSY})
async def remove_sighting(
    engine: Serving,
    models: Changing,
    jobs: Working,
    book: PerhapsBook,
    caller: Erasing,
    sighting: str,
    dry_run: DryRun = False,
) -> wire.Removed:
    if caller.cameras is not None or not await engine.look(lambda: knows(book, sighting)):
        await engine.look(lambda: visible(engine, sighting, caller))
    return await _erased(engine, models, jobs, book, caller, {"ids": [sighting]}, dry_run)


@router.delete("/gallery/sightings", summary="Erase all sightings that meet every condition", responses=BUSY)
async def remove(
    engine: Serving,
    models: Changing,
    jobs: Working,
    book: PerhapsBook,
    caller: Erasing,
    sighting: Annotated[
        list[Text] | None,
        Query(
            min_length=1,
            max_length=MOST_NAMED,
            description="ids, of which any is enough; what no sighting has is told as `unknown`",
        ),
    ] = None,
    camera: str | None = None,
    identity: int | None = None,
    track: str | None = None,
    before: wire.Moment | None = None,
    dry_run: DryRun = False,
) -> wire.Removed:
    if before is not None and before.tzinfo is None:
        raise UsageError(f"before needs a zone, {before.isoformat()} has none; append an offset such as +01:00, or Z")
    if caller.cameras is not None and (camera or sighting is None):
        enrolling(caller, camera_of(caller, engine, camera) if camera else "all cameras", camera)
    named = None if sighting is None else list(dict.fromkeys(sighting))
    ids = None if named is None else await engine.look(lambda: seen(engine, named, caller))
    if ids is not None and named is not None and caller.cameras is None:  # what only a case has is erased there
        kept = [name for name in named if name not in ids and await engine.look(partial(knows, book, name))]
        ids += kept
    conditions = {"ids": ids, "camera": camera, "identity": identity, "track": track, "before": before}
    given = {name: value for name, value in conditions.items() if value is not None}
    removed = await _erased(engine, models, jobs, book, caller, given, dry_run)
    return removed.model_copy(update={"unknown": [each for each in named or () if each not in set(ids or ())]})


async def _erased(
    engine: Engine,
    models: ModelSwap,
    jobs: Jobs,
    book: Casebook | None,
    caller: Key,
    conditions: dict[str, Any],
    dry_run: bool,
) -> wire.Removed:
    """Noted before it is done and after, so that no erasure goes without a word; a dry run is noted as what it is."""
    affected = await engine.look(lambda: touched(book, engine.gallery, conditions))
    if not dry_run:
        expect_not_held(book, affected, caller)
    await engine.note(action="preview erase" if dry_run else "erase", who=caller.name, conditions=conditions)
    others: dict[str, int] = {}
    if dry_run:
        removed, others, unreached = await engine.change(lambda: models.would_erase(conditions))
    else:
        removed, unreached = await engine.change(lambda: models.erase(conditions))
        await engine.look(lambda: carried_out(book, engine.gallery, affected))
        await engine.note(action="erased", who=caller.name, conditions=conditions, removed=removed)
    copies = await engine.change(models.backups)
    followed = {job.id for job in jobs.all() if may_follow(caller, job)}
    return wire.Removed(
        removed=removed,
        dry_run=dry_run,
        archives=[name for name in await engine.look(jobs.waiting) if caller.cameras is None or name in followed],
        unreached=unreached,
        others=others,
        cases=await engine.look(lambda: affected.told(book, caller)),
        backups=[wire.Backup(name=Path(copy["path"]).name, made_at=copy["made_at"]) for copy in copies],
    )

"""The routes: wire model in, domain call, wire model out."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import PlainTextResponse

from rgbir.client import wire
from rgbir.index import Modality, SearchOptions, Sighting, UsageError
from rgbir.server.audit import entries
from rgbir.server.engine import Engine, Named
from rgbir.server.errors import BUSY, NOT_FOUND, NOT_NOW, PROBLEMS, NotAllowed, NotThere, ServerFailure
from rgbir.server.forms import names, parse_box, search_options
from rgbir.server.guard import (
    Administering,
    Enrolling,
    Looking,
    Monitoring,
    Searching,
    Serving,
    Why,
    enrolling,
    scoped,
    searched,
)
from rgbir.server.jobs import Job, Jobs
from rgbir.server.keys import ANYONE, Key, Role
from rgbir.server.metrics import CONTENT_TYPE
from rgbir.server.models import Models
from rgbir.server.patience import patiently


async def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


async def _models(request: Request) -> Models:
    models: Models = request.app.state.models
    return models


Working = Annotated[Jobs, Depends(_jobs)]
Changing = Annotated[Models, Depends(_models)]
Wanted = Annotated[SearchOptions, Depends(search_options)]

router = APIRouter(responses=PROBLEMS)
_PAGE = {"index.html": "text/html", "page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml"}


Images = Annotated[
    list[UploadFile], File(description="JPEG, PNG, BMP, WebP or TIFF; several are several shots of one person")
]


@router.post("/search", summary="Who looks like this in the other cameras' images?", responses=NOT_FOUND)
async def search(
    request: Request,
    engine: Serving,
    caller: Searching,
    why: Why,
    options: Wanted,
    images: Annotated[
        list[UploadFile] | None, File(description="several are several shots of one person; none with `like`")
    ] = None,
    box: Annotated[str | None, Form(description="where the person is in each image: left,top,right,bottom")] = None,
    like: Annotated[str | None, Form(description="a sighting's id: search for its person in place of images")] = None,
) -> wire.SearchResponse:
    if bool(images) == bool(like):
        raise UsageError("a search needs images, or a sighting to be like; one of them")
    options = scoped(options, caller, engine)
    if like:
        await engine.look(lambda: _found(engine, like, caller))
        query: list[Named] | str = like
        work = engine.like(like, options)
    else:
        query = await _read(images or [])
        work = engine.search(query, options, parse_box(box))
    answer = await patiently(request, work, engine.settings.deadline_s)
    await searched(engine, caller, why, query, options, [answer], box=parse_box(box))
    return wire.SearchResponse.of(answer)


@router.post("/search/batch", summary="Each image a search of its own")
async def search_batch(
    request: Request, engine: Serving, caller: Searching, why: Why, options: Wanted, images: Images
) -> wire.BatchResponse:
    """The same options for all, answered from one state of the gallery; neither re-ranked nor grouped."""
    options, queries = scoped(options, caller, engine), await _read(images)
    answers = await patiently(request, engine.search_each(queries, options), engine.settings.deadline_s)
    await searched(engine, caller, why, queries, options, answers, batch=True)
    return wire.BatchResponse(answers=[wire.SearchResponse.of(answer) for answer in answers])


@router.post("/distances", summary="How far every sighting in a query's scope is")
async def distances(
    request: Request,
    engine: Serving,
    caller: Searching,
    why: Why,
    images: Images,
    camera: Annotated[str | None, Form(description="that took the images; cameras at its place are left out")] = None,
    modality: Annotated[Modality | None, Form(description="of the images, where the camera doesn't say it")] = None,
    cameras: Annotated[
        list[str] | None, Form(description="search only these; repeat the field, or separate by commas")
    ] = None,
) -> wire.Distances:
    """For benchmarks, which rank a part of the gallery at a time."""
    options = scoped(SearchOptions(camera or None, modality, names(cameras)), caller, engine)
    queries = await _read(images)
    found = await patiently(request, engine.distances(queries, options), engine.settings.deadline_s)
    await searched(engine, caller, why, queries, options, [])
    return wire.Distances(
        sightings=list(found.sightings),
        keys=found.keys.tolist(),
        searched_cameras=list(found.searched_cameras),
        excluded_cameras=[wire.ExcludedCamera.model_validate(excluded) for excluded in found.excluded_cameras],
        generation=found.generation,
        model=wire.Model(name=found.model, fingerprint=found.fingerprint),
    )


@router.post("/embed", summary="The embedding of one image")
async def embed(
    engine: Serving, caller: Searching, images: Images, modality: Annotated[Modality, Form()]
) -> wire.Embedding:
    if len(images) != 1:
        raise UsageError(f"one image is embedded at a time, {len(images)} came")
    (image,) = await _read(images)
    embedding, card = await engine.embed(image, modality)
    return wire.Embedding(
        modality=modality.value,
        dimension=len(embedding),
        embedding=[float(value) for value in embedding],
        model=wire.Model(name=card.name, fingerprint=card.fingerprint),
    )


@router.post("/gallery/sightings", summary="Enrol images of a camera", responses=BUSY)
async def enrol(
    engine: Serving,
    caller: Enrolling,
    images: Images,
    camera: Annotated[str, Form(description="that took the images")],
    taken_at: Annotated[datetime | None, Form(description="with a zone")] = None,
    identity: Annotated[int | None, Form(ge=0)] = None,
    track: Annotated[str | None, Form()] = None,
) -> wire.EnrolResponse:
    """One result an image. The same image of the same camera is enrolled once, however often it is sent."""
    enrolling(caller, engine.gallery.network[camera].id)
    results = await engine.enrol(await _read(images), camera, taken_at, identity, track or None)
    return wire.EnrolResponse(
        results=[wire.Enrolled.model_validate({"name": n, "status": s, "id": i, "reason": r}) for n, s, i, r in results]
    )


@router.post("/gallery/jobs", summary="Enrol an archive of images", status_code=202, responses=BUSY)
async def start_job(
    engine: Serving,
    jobs: Working,
    caller: Enrolling,
    archive: Annotated[UploadFile, File(description="a ZIP file with CAMERA/…/image.jpg")],
) -> wire.Job:
    """Answers once the archive is on disk; the job goes on beside the searches, and after a restart, too."""
    taken = await engine.look(lambda: jobs.take(archive.file))
    try:
        return wire.Job.model_validate(jobs.start(taken, caller.name, caller.cameras))
    except ServerFailure:
        taken.unlink(missing_ok=True)
        raise


@router.get("/gallery/jobs", summary="The jobs since the server was started, and those it goes on with")
async def list_jobs(jobs: Working, caller: Enrolling) -> wire.JobList:
    return wire.JobList(jobs=[wire.Job.model_validate(job) for job in jobs.all() if _own(caller, job)])


@router.get("/gallery/jobs/{job}", summary="How far a job is", responses=NOT_FOUND)
async def get_job(jobs: Working, caller: Enrolling, job: str) -> wire.Job:
    return wire.Job.model_validate(_job(jobs, caller, job))


@router.delete("/gallery/jobs/{job}", summary="Cancel a job; what it enrolled stays", responses=NOT_FOUND)
async def cancel_job(jobs: Working, caller: Enrolling, job: str) -> wire.Job:
    return wire.Job.model_validate(await jobs.cancel(_job(jobs, caller, job).id))


def _own(caller: Key, job: Job) -> bool:
    return caller.role is Role.ADMIN or job.who == caller.name


def _job(jobs: Jobs, caller: Key, name: str) -> Job:
    job = jobs.get(name)
    if not _own(caller, job):
        raise NotThere(f"no job {name!r}; it was never started, or the server was started anew since")
    return job


@router.get("/gallery", summary="What the gallery holds")
async def gallery(engine: Serving, caller: Looking) -> wire.GalleryInfo:
    held = engine.gallery

    def look() -> wire.GalleryInfo:
        counts = [count for count in held.counts() if caller.sees(count.camera)]
        return wire.GalleryInfo(
            sightings=sum(count.sightings for count in counts),
            generation=held.generation,
            model=held.model.name,
            fingerprint=held.model.fingerprint,
            metric=held.model.metric.value,
            dimension=held.model.dimension,
            cameras=[wire.CameraCount.model_validate(count) for count in counts],
        )

    return await engine.look(look)


@router.get("/gallery/sightings/{sighting}", summary="One sighting", responses=NOT_FOUND)
async def get_sighting(engine: Serving, caller: Searching, sighting: str) -> wire.Sighting:
    return await engine.look(lambda: _travelling(_found(engine, sighting, caller)))


@router.get(
    "/gallery/sightings/{sighting}/image",
    summary="The crop a sighting was enrolled with",
    responses={**NOT_FOUND, 200: {"content": {"image/jpeg": {}, "image/png": {}}}},
    response_class=Response,
)
async def get_image(engine: Serving, caller: Searching, sighting: str) -> Response:
    await engine.look(lambda: _found(engine, sighting, caller))
    crop = await engine.look(lambda: engine.gallery.crop(sighting))
    if crop is None:
        raise NotThere(f"no image of sighting {sighting!r}; it isn't enrolled, or was enrolled without its crop")
    return Response(crop.data, media_type=crop.media_type, headers={"Cache-Control": "private, max-age=3600"})


@router.delete("/gallery/sightings/{sighting}", summary="Erase one sighting", responses={**NOT_FOUND, **BUSY})
async def remove_sighting(engine: Serving, models: Changing, caller: Administering, sighting: str) -> wire.Removed:
    await engine.look(lambda: _found(engine, sighting, caller))
    return await _erased(engine, models, caller, {"ids": [sighting]})


@router.delete("/gallery/sightings", summary="Erase all sightings that meet every condition", responses=BUSY)
async def remove(
    engine: Serving,
    models: Changing,
    caller: Administering,
    camera: str | None = None,
    identity: int | None = None,
    track: str | None = None,
    before: datetime | None = None,
) -> wire.Removed:
    if before is not None and before.tzinfo is None:
        raise UsageError(f"before needs a zone, {before.isoformat()} has none; append an offset such as +01:00, or Z")
    if caller.cameras is not None:
        enrolling(caller, engine.gallery.network[camera].id if camera else "all cameras")
    conditions = {"camera": camera, "identity": identity, "track": track, "before": before}
    return await _erased(
        engine, models, caller, {name: value for name, value in conditions.items() if value is not None}
    )


async def _erased(engine: Engine, models: Models, caller: Key, conditions: dict[str, Any]) -> wire.Removed:
    """Noted before it is done and after, so that no erasure goes without a word."""
    await engine.note(action="erase", who=caller.name, conditions=conditions)
    removed = await engine.change(lambda: models.erase(conditions))
    await engine.note(action="erased", who=caller.name, conditions=conditions, removed=removed)
    return wire.Removed(removed=removed)


@router.get("/audit", summary="Who searched and erased, when and why", responses=NOT_FOUND)
async def audit(
    engine: Serving,
    caller: Administering,
    after: Annotated[int, Query(ge=0, description="entries with a greater number only")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    case: Annotated[str | None, Query(description="of this case only")] = None,
) -> wire.AuditPage:
    if (file := engine.settings.audit) is None:
        raise NotThere("this server keeps no audit log; start it with --audit FILE")
    wanted = (e for e in entries(file) if e["n"] > after and case in (None, e.get("case")))
    return wire.AuditPage(entries=await engine.look(lambda: list(islice(wanted, limit))))


@router.get("/cameras", summary="The network: cameras, places, and what is enrolled of each")
async def cameras(engine: Serving, caller: Looking) -> wire.Network:
    network = engine.gallery.network
    enrolled = {count.camera: count.sightings for count in await engine.look(engine.gallery.counts)}
    return wire.Network(
        name=network.name,
        cameras=[
            wire.CameraInfo(
                id=camera.id,
                modalities=sorted(modality.value for modality in camera.modalities),
                place=camera.place,
                scene=camera.scene,
                sightings=enrolled.get(camera.id, 0) if caller.sees(camera.id) else 0,
            )
            for camera in network
        ],
    )


@router.get("/model", summary="The model's card")
async def model(engine: Serving, caller: Looking) -> dict[str, Any]:
    card = engine.encoder.card
    return {**card.model_dump(mode="json"), "fingerprint": card.fingerprint, "providers": engine.encoder.providers}


@router.get("/models", summary="The bundles a server may answer with, and where each stands")
async def list_models(engine: Serving, models: Changing, caller: Administering) -> wire.ModelList:
    found = await engine.look(models.all)
    return wire.ModelList(models=[wire.ServedModel.model_validate(standing) for standing in found])


@router.post(
    "/models/{name}/prepare", summary="Fill a gallery for another model", status_code=202,
    responses={**NOT_FOUND, **NOT_NOW},
)  # fmt: skip
async def prepare_model(engine: Serving, models: Changing, caller: Administering, name: str) -> wire.ServedModel:
    """From the crops of the one that answers, beside the searches; `GET /models` says how far it is. Run again, it goes on."""
    await engine.note(action="prepare model", who=caller.name, model=name)
    return wire.ServedModel.model_validate(await models.prepare(name))


@router.post("/models/{name}/activate", summary="Answer with that model", responses={**NOT_FOUND, **NOT_NOW})
async def activate_model(
    engine: Serving,
    models: Changing,
    caller: Administering,
    name: str,
    allow_missing: Annotated[bool, Query(description="though sightings without a crop won't be found")] = False,
) -> wire.ServedModel:
    """From the next request on, also after a restart. The one that answered before stays ready: it is the way back."""
    before = engine.now.name
    await engine.note(action="activate model", who=caller.name, model=name, before=before)
    standing = await models.activate(name, allow_missing)
    await engine.note(action="activated model", who=caller.name, model=name, before=before)
    return wire.ServedModel.model_validate(standing)


@router.delete("/models/{name}", summary="Delete a model's gallery", responses={**NOT_FOUND, **NOT_NOW})
async def forget_model(engine: Serving, models: Changing, caller: Administering, name: str) -> wire.ServedModel:
    """Of one that doesn't answer; stops filling it. Its bundle stays."""
    await engine.note(action="forget model", who=caller.name, model=name)
    return wire.ServedModel.model_validate(await models.forget(name))


@router.get("/health/live", summary="Does the process work?", responses={503: {"model": wire.Health}})
async def live(request: Request, response: Response) -> wire.Health:
    """Whether the threads that encode, search and write still answer."""
    engine: Engine | None = getattr(request.app.state, "engine", None)
    stuck = [] if engine is None else await engine.stuck()
    if stuck:
        response.status_code = 503
        return wire.Health(status="unavailable", detail=f"no answer from: {', '.join(stuck)}")
    return wire.Health(status="ok")


@router.get("/health/ready", summary="Can it search?", responses={503: {"model": wire.Health}})
async def ready(request: Request, response: Response) -> wire.Health:
    engine: Engine | None = getattr(request.app.state, "engine", None)
    if engine is None:
        response.status_code = 503
        return wire.Health(status="unavailable", detail="model and gallery are being opened")
    sightings = await engine.look(lambda: len(engine.gallery))
    told = f"{engine.encoder.card.name}, {sightings:,} sightings" if engine.keyring is None else ""
    return wire.Health(status="ok", detail=told)


@router.get("/metrics", summary="For Prometheus", response_class=PlainTextResponse)
async def metrics(engine: Serving, caller: Monitoring) -> Response:
    if caller.cameras is not None:
        raise NotAllowed(f"key {caller.name!r} is for cameras {', '.join(caller.cameras)}; metrics are of all cameras")
    return Response(await engine.look(lambda: engine.metrics.text(engine)), media_type=CONTENT_TYPE)


page = APIRouter(include_in_schema=False)


@page.get("/")
async def index() -> Response:
    return _asset("index.html")


@page.get("/page/{name}")
async def asset(name: str) -> Response:
    return _asset(name)


@page.get("/samples")
async def samples(engine: Serving, caller: Searching) -> list[dict[str, str]]:
    folder = engine.settings.samples
    names = [] if folder is None else sorted(path.name for path in folder.glob("*.jpg"))
    return [{"name": name, "camera": name.split("_")[0]} for name in names]


@page.get("/samples/{name}")
async def sample(engine: Serving, caller: Searching, name: str) -> Response:
    folder = engine.settings.samples
    known = {} if folder is None else {path.name: path for path in folder.glob("*.jpg")}
    if name not in known:
        raise NotThere(f"no sample {name!r}")
    return Response(known[name].read_bytes(), media_type="image/jpeg")


def _asset(name: str) -> Response:
    if name not in _PAGE:
        raise NotThere(f"the page has no file {name!r}")
    content = files("rgbir.server") / "page" / name
    return Response(content.read_bytes(), media_type=f"{_PAGE[name]}; charset=utf-8")


async def _read(images: list[UploadFile]) -> list[Named]:
    return [
        (Path(image.filename or f"image {place}").name, await image.read())
        for place, image in enumerate(images, start=1)
    ]


def _found(engine: Engine, sighting: str, caller: Key = ANYONE) -> Sighting:
    found = engine.gallery.get(sighting)
    if found is None or not caller.sees(found.camera):
        raise NotThere(f"no sighting {sighting!r} in this gallery; it was never enrolled, or was erased")
    return found


def _travelling(sighting: Sighting) -> wire.Sighting:
    image = f"/gallery/sightings/{sighting.id}/image" if sighting.has_crop else None
    return wire.Sighting.model_validate(sighting).model_copy(update={"image": image})

"""Who looks like this?"""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile

from rgbir.client import wire
from rgbir.index import Modality, SearchOptions, UsageError
from rgbir.server.access.evidence import answer_digest
from rgbir.server.engine.engine import Named
from rgbir.server.http.forms import names, parse_box, search_options
from rgbir.server.http.guard import Measuring, Searching, Serving, Why, scoped, searched
from rgbir.server.http.patience import patiently
from rgbir.server.http.problems import NOT_FOUND, PROBLEMS
from rgbir.server.http.routes.shared import Images, read, visible

router = APIRouter(responses=PROBLEMS)
Wanted = Annotated[SearchOptions, Depends(search_options)]


@router.post("/search", summary="Who looks like this in the other cameras' images?", responses=NOT_FOUND)
async def search(
    request: Request,
    engine: Serving,
    metrics: Measuring,
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
        await engine.look(lambda: visible(engine, like, caller))
        query: list[Named] | str = like
        work = engine.like(like, options)
    else:
        query = await read(images or [])
        work = engine.search(query, options, parse_box(box))
    answer = await patiently(request, work, engine.settings.deadline_s)
    await searched(engine, metrics, caller, why, query, options, [answer], box=parse_box(box))
    return wire.SearchResponse.of(answer)


@router.post("/search/batch", summary="Each image a search of its own")
async def search_batch(
    request: Request, engine: Serving, metrics: Measuring, caller: Searching, why: Why, options: Wanted, images: Images
) -> wire.BatchResponse:
    """The same options for all, answered from one state of the gallery; neither re-ranked nor grouped."""
    options, queries = scoped(options, caller, engine), await read(images)
    answers = await patiently(request, engine.search_each(queries, options), engine.settings.deadline_s)
    await searched(engine, metrics, caller, why, queries, options, answers, batch=True)
    return wire.BatchResponse(answers=[wire.SearchResponse.of(answer) for answer in answers])


@router.post("/distances", summary="How far every sighting in a query's scope is")
async def distances(
    request: Request,
    engine: Serving,
    metrics: Measuring,
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
    queries = await read(images)
    found = await patiently(request, engine.distances(queries, options), engine.settings.deadline_s)
    told = {"model": found.model, "fingerprint": found.fingerprint, "generation": found.generation}
    await searched(
        engine, metrics, caller, why, queries, options, [], action="distances", answer=answer_digest(found), **told
    )
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
    (image,) = await read(images)
    embedding, card = await engine.embed(image, modality)
    await engine.note(
        action="embed",
        who=caller.name,
        query={"sha256": [hashlib.sha256(image[1]).hexdigest()]},
        modality=modality.value,
        model=card.name,
        fingerprint=card.fingerprint,
    )
    return wire.Embedding(
        modality=modality.value,
        dimension=len(embedding),
        embedding=[float(value) for value in embedding],
        model=wire.Model(name=card.name, fingerprint=card.fingerprint),
    )

"""Who looks like this?"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

import numpy as np
from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from numpy.typing import NDArray

from rgbir.client import wire
from rgbir.index import Answer, Box, Marks, Modality, UsageError, parse_box
from rgbir.server.access.evidence import answer_digest
from rgbir.server.access.keys import Key
from rgbir.server.cases.casebook import Casebook
from rgbir.server.engine.engine import Engine, Named
from rgbir.server.engine.people import Peopled
from rgbir.server.engine.shots import each, noted_boxes
from rgbir.server.http.casework import PerhapsBook, described, recorded, work_of
from rgbir.server.http.formed import FormRoute
from rgbir.server.http.forms import Asked, QueryBoxes, Text, Wanted
from rgbir.server.http.guard import Exporting, Measuring, Purpose, Searching, Serving, Why, scoped, searched
from rgbir.server.http.patience import patiently
from rgbir.server.http.problems import NO_DETECTOR, NOT_FOUND, PROBLEMS
from rgbir.server.http.routes.shared import Images, read, respond, response_of, visible

router = APIRouter(responses=PROBLEMS, tags=["search"], route_class=FormRoute)


class Shown(NamedTuple):
    """How a search shows whom it looks for, beside its images.

    Attributes:
        box: where the person is in each image.
        detect: whether the images are whole pictures, in which a detector finds the people.
        like: the id of a sighting, in place of images.
        query: the ids of pictures that the case keeps.
        refine: whether the case's marks are heeded.
    """

    box: list[str] | None
    detect: bool
    like: str | None
    query: list[str] | None
    refine: bool


async def _shown(
    box: QueryBoxes = None,
    detect: Annotated[
        bool,
        Form(
            description="the images are whole pictures: find the people in each and take the largest; the answer says which box"
        ),
    ] = False,
    like: Annotated[Text | None, Form(description="a sighting's id: search for its person in place of images")] = None,
    query: Annotated[
        list[Text] | None,
        Form(max_length=32, description="pictures that the case keeps, to search with them and with images, if any"),
    ] = None,
    refine: Annotated[
        bool,
        Form(
            description="heed the case's marks: hits marked same are further shots, and who looks like one marked different"
            " goes behind all others"
        ),
    ] = False,
) -> Shown:
    return Shown(box, detect, like, query, refine)


Showing = Annotated[Shown, Depends(_shown)]


@router.post(
    "/search",
    summary="Who looks like this in the other cameras' images?",
    responses={**NOT_FOUND, **NO_DETECTOR},
    response_model=wire.SearchResponse,
)
async def search(
    request: Request,
    engine: Serving,
    book: PerhapsBook,
    metrics: Measuring,
    caller: Searching,
    why: Why,
    options: Wanted,
    how: Showing,
    images: Annotated[
        list[UploadFile] | None, File(description="several are several shots of one person; none with `like`")
    ] = None,
) -> Response:
    box, detect, like, query, refine = how
    work = await work_of(engine, book, caller, why, query or (), refine)
    if work is not None:
        why = why._replace(case=work.case.number)
    shown = bool(images or query or (work is not None and work.marks.same))
    if shown == bool(like):
        raise UsageError("a search needs images, or a sighting to be like; one of them")
    if like and (box or options.camera):
        raise UsageError(
            f"{'box' if box else 'camera'} tells of images; with like it is the sighting's, so leave it out"
        )
    if detect and (box or not images):
        raise UsageError(
            "detect finds the person, and box says where they are: send one of them"
            if box
            else "detect finds people in images; send one, or leave detect out"
        )
    options = scoped(options if work is None else described(work, options), caller, engine)
    boxes: Sequence[Box | None] = ()
    uploaded: list[Named] = []
    shots: list[Named] | str
    embeddings = None
    seen: list[Peopled] = []
    if like:
        await engine.look(lambda: visible(engine, like, caller))
        shots = like
        answer = await patiently(request, engine.like(like, options), engine.settings.deadline_s)
    else:
        uploaded = await read(images or [])
        boxes = each("box", [parse_box(text) for text in box or ()], len(uploaded))
        kept = [] if work is None else work.pictures
        shots = [*((picture.name, data) for picture, data in kept), *uploaded]
        marks = Marks() if work is None else work.marks

        async def looked() -> tuple[Answer, NDArray[np.float32]]:
            nonlocal seen, boxes
            detecting = 0.0
            if detect:
                begun = time.perf_counter()
                seen = await engine.people_in(uploaded, engine.searcher.modality_of(options), options.camera)
                boxes = [picture.largest().box for picture in seen]
                detecting = (time.perf_counter() - begun) * 1000
            all_boxes = [*(picture.box for picture, _ in kept), *boxes]
            answer, embeddings = await engine.search_marked(shots, options, all_boxes, marks)
            spent = {"detect": detecting} if detect else {}
            return replace(answer, milliseconds={**spent, **answer.milliseconds}), embeddings

        answer, embeddings = await patiently(request, looked(), engine.settings.deadline_s)
    answer = replace(answer, remarks=(*answer.remarks, *why.unheard(engine)))
    more = {} if work is None else {"case_id": work.case.id, **work.noted}
    if seen:
        more["found_by"] = seen[0].found_by
    detected = [_found(picture) for picture in seen]
    all_boxes = boxes if work is None else [*(picture.box for picture, _ in work.pictures), *boxes]
    await searched(engine, metrics, caller, why, shots, options, [answer], box=noted_boxes(all_boxes), **more)
    if work is None:
        return await respond(engine, lambda: _detecting(response_of(engine, answer), detected), len(answer.hits))
    of = work

    def record() -> wire.SearchResponse:
        response = _detecting(response_of(engine, answer), detected)
        return recorded(engine, of, caller, why, options, answer, response, uploaded, boxes, embeddings, like)

    response = await engine.look(record)
    return await respond(engine, lambda: response, len(answer.hits))


def _found(picture: Peopled) -> wire.FoundIn:
    """Whom a search takes in a picture, as it travels."""
    everybody = [wire.FoundPerson(box=person.box, score=person.score) for person in picture.people]
    largest = picture.largest()
    return wire.FoundIn(
        name=picture.name,
        width=picture.width,
        height=picture.height,
        box=largest.box,
        score=largest.score,
        people=everybody,
        found_by=picture.found_by,
    )


def _detecting(response: wire.SearchResponse, detected: list[wire.FoundIn]) -> wire.SearchResponse:
    """An answer that says whom it took."""
    return response.model_copy(update={"detected": detected}) if detected else response


async def _of_case(engine: Engine, book: Casebook | None, caller: Key, why: Purpose) -> tuple[Purpose, dict[str, Any]]:
    """Of a request whose answer no case keeps: why, with its case's number, and what the audit log says of that case besides.

    Raises:
        NotThere, NotAllowed, NotNow, UsageError: see `work_of`.
    """
    work = await work_of(engine, book, caller, why, (), False)
    return (why, {}) if work is None else (why._replace(case=work.case.number), {"case_id": work.case.id})


@router.post("/search/batch", summary="Search for each image alone", response_model=wire.BatchResponse)
async def search_batch(
    request: Request,
    engine: Serving,
    book: PerhapsBook,
    metrics: Measuring,
    caller: Searching,
    why: Why,
    options: Wanted,
    images: Images,
) -> Response:
    """The same options for all, answered from one state of the gallery; neither re-ranked nor grouped."""
    why, of_case = await _of_case(engine, book, caller, why)
    options, queries = scoped(options, caller, engine), await read(images)
    answers = await patiently(request, engine.search_each(queries, options), engine.settings.deadline_s)
    await searched(engine, metrics, caller, why, queries, options, answers, batch=True, **of_case)
    remarks = tuple(why.unheard(engine))
    answers = [replace(answer, remarks=(*answer.remarks, *remarks)) for answer in answers]
    return await respond(
        engine,
        lambda: wire.BatchResponse(answers=[response_of(engine, answer) for answer in answers]),
        sum(len(answer.hits) for answer in answers),
    )


@router.post("/distances", summary="How far every sighting in a query's scope is", response_model=wire.Distances)
async def distances(
    request: Request,
    engine: Serving,
    book: PerhapsBook,
    metrics: Measuring,
    caller: Searching,
    why: Why,
    asked: Asked,
    images: Images,
) -> Response:
    """For benchmarks, which rank a part of the gallery at a time."""
    why, of_case = await _of_case(engine, book, caller, why)
    options = scoped(asked, caller, engine)
    queries = await read(images)
    distances = await patiently(request, engine.distances(queries, options), engine.settings.deadline_s)
    of = {"model": distances.model, "fingerprint": distances.fingerprint, "generation": distances.generation}
    digest = await engine.look(lambda: answer_digest(distances))
    await searched(
        engine, metrics, caller, why, queries, options, [], action="distances", answer=digest, **of, **of_case
    )
    return await respond(
        engine,
        lambda: wire.Distances(
            sightings=list(distances.sightings),
            keys=distances.keys.tolist(),
            searched_cameras=list(distances.searched_cameras),
            excluded_cameras=[wire.ExcludedCamera.model_validate(excluded) for excluded in distances.excluded_cameras],
            generation=distances.generation,
            model=wire.Model(name=distances.model, fingerprint=distances.fingerprint),
        ),
        len(distances.sightings),
    )


@router.post("/embed", summary="The embedding of one image", response_model=wire.Embedding)
async def embed(
    request: Request, engine: Serving, caller: Exporting, images: Images, modality: Annotated[Modality, Form()]
) -> Response:
    if len(images) != 1:
        raise UsageError(f"one image is embedded at a time, {len(images)} came")
    (image,) = await read(images)
    embedding, card = await patiently(request, engine.embed(image, modality), engine.settings.deadline_s)
    await engine.note(
        action="embed",
        who=caller.name,
        query={"sha256": [hashlib.sha256(image[1]).hexdigest()]},
        modality=modality.value,
        embeddings=1,
        model=card.name,
        fingerprint=card.fingerprint,
    )
    answer = wire.Embedding(
        modality=modality.value,
        dimension=len(embedding),
        embedding=[float(value) for value in embedding],
        model=wire.Model(name=card.name, fingerprint=card.fingerprint),
    )
    return await respond(engine, lambda: answer, 1)

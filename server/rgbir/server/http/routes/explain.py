"""Where the network reacted, and not why."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile

from rgbir.client import wire
from rgbir.index import Modality, UsageError, origin, parse_box
from rgbir.server.access.keys import Key
from rgbir.server.engine.engine import Engine, Named
from rgbir.server.errors import NotThere
from rgbir.server.http.forms import Text
from rgbir.server.http.guard import Searching, Serving
from rgbir.server.http.patience import patiently
from rgbir.server.http.problems import NOT_FOUND, PROBLEMS
from rgbir.server.http.routes.shared import read, visible

router = APIRouter(responses=PROBLEMS, tags=["search"])


@router.post("/explain", summary="Where the network reacted in an image", responses=NOT_FOUND)
async def explain(
    request: Request,
    engine: Serving,
    caller: Searching,
    images: Annotated[list[UploadFile] | None, File(description="one image; none with `sighting`")] = None,
    sighting: Annotated[Text | None, Form(description="a sighting's id: its crop in place of an image")] = None,
    modality: Annotated[
        Modality | None, Form(description="of the image; a sighting's camera tells it, if that has one only")
    ] = None,
    box: Annotated[str | None, Form(description="where the person is in the image: left,top,right,bottom")] = None,
) -> wire.Reactions:
    """A map over the image, and not a reason: the places where the last feature map is large. Two tests that it passed are told with it."""
    if bool(images) == bool(sighting):
        raise UsageError("an explanation needs one image, or the id of a sighting; one of them")
    if sighting:
        if box:
            raise UsageError("box tells of an image; a sighting's crop is the person already, so leave it out")
        image, seen_as, query = await _crop(engine, caller, sighting, modality)
    else:
        given = await read(images or [])
        if len(given) != 1:
            raise UsageError(f"one image is explained at a time, {len(given)} came")
        if modality is None:
            raise UsageError("say the image's modality: ir or rgb")
        image, seen_as = given[0], modality
        query = {"sha256": [hashlib.sha256(image[1]).hexdigest()]}
    reactions, card = await patiently(
        request, engine.explain(image, seen_as, parse_box(box)), engine.settings.deadline_s
    )
    assert card.reaction is not None
    await engine.note(action="explain", who=caller.name, query=query, modality=seen_as.value, model=card.name)
    largest = float(reactions.max()) or 1.0
    return wire.Reactions(
        modality=seen_as.value,
        values=[[round(float(value) / largest, 4) for value in row] for row in reactions],
        model=wire.Model(name=card.name, fingerprint=card.fingerprint),
        **card.reaction.model_dump(include={"rows", "columns", "shuffled", "covered", "covered_at_random", "spread"}),
    )


async def _crop(
    engine: Engine, caller: Key, sighting: str, modality: Modality | None
) -> tuple[Named, Modality, dict[str, Any]]:
    """A sighting's picture, how the network is to see it, and what the audit log has of it.

    Raises:
        NotThere: no such sighting that the key sees, or one without its crop.
        UsageError: a day/night camera's, and nobody says which it was.
        InvalidQuery: its camera gives no images of that modality.
    """
    seen = await engine.look(lambda: visible(engine, sighting, caller))
    crop = await engine.look(lambda: engine.gallery.crop(sighting))
    if crop is None:
        raise NotThere(f"no image of sighting {sighting!r}; it was enrolled without its crop")
    network = engine.gallery.network
    _, modality = origin(network, seen.camera, modality)
    if modality is None:
        raise UsageError(f"camera {network.shown(seen.camera)} gives both kinds of images; say the modality: ir or rgb")
    return (sighting, crop.data), modality, {"sighting": sighting}

"""What several routes need: what answers them, and what comes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, BinaryIO

from fastapi import Depends, File, Query, Request, Response, UploadFile
from pydantic import BaseModel

from rgbir.client import wire
from rgbir.index import Answer, Sighting
from rgbir.server.access.keys import ANYONE, Key, Role
from rgbir.server.engine.archives import Archives
from rgbir.server.engine.clips import Clips
from rgbir.server.engine.engine import Engine, Named
from rgbir.server.engine.films import Films
from rgbir.server.engine.jobs import Jobs
from rgbir.server.engine.swap import ModelSwap
from rgbir.server.engine.work import Job
from rgbir.server.errors import NotThere
from rgbir.server.http.recordings import recording, with_recordings


async def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


async def _models(request: Request) -> ModelSwap:
    models: ModelSwap = request.app.state.models
    return models


async def _archives(request: Request) -> Archives:
    archives: Archives = request.app.state.archives
    return archives


async def _films(request: Request) -> Films:
    films: Films = request.app.state.films
    return films


async def _clips(request: Request) -> Clips:
    clips: Clips = request.app.state.clips
    return clips


DryRun = Annotated[bool, Query(description="only tell what would be done")]
Working = Annotated[Jobs, Depends(_jobs)]
Archiving = Annotated[Archives, Depends(_archives)]
Clipping = Annotated[Clips, Depends(_clips)]
Filming = Annotated[Films, Depends(_films)]
Changing = Annotated[ModelSwap, Depends(_models)]
Images = Annotated[
    list[UploadFile], File(description="JPEG, PNG, BMP, WebP or TIFF; several are several shots of one person")
]

ShotImages = Annotated[
    list[UploadFile],
    File(description="JPEG, PNG, BMP, WebP or TIFF; each is a shot, or the only one is a frame with several boxes"),
]


PIECE = 1 << 18
"""Bytes of a file that are sent at once."""
FEW = 50
"""Hits that are written in less time than it takes to hand them to a thread."""


async def respond(engine: Engine, answer: Callable[[], BaseModel], hits: int) -> Response:
    """An answer, made and written beside the event loop if it is long."""
    content = answer().model_dump_json() if hits <= FEW else await engine.look(lambda: answer().model_dump_json())
    return Response(content, media_type="application/json")


async def read(images: list[UploadFile]) -> list[Named]:
    """Each image's name, without a path, and its bytes."""
    return [
        (Path(image.filename or f"image {place}").name, await image.read())
        for place, image in enumerate(images, start=1)
    ]


def pieces(content: BinaryIO) -> Iterator[bytes]:
    """A file from its beginning, which is closed then."""
    with content:
        content.seek(0)
        while piece := content.read(PIECE):
            yield piece


def may_follow(caller: Key, job: Job) -> bool:
    """Whether a key may see and cancel a job: it started it, or may do everything."""
    return job.who == caller.name or (caller.role is Role.ADMIN and caller.cameras is None)


def job_of(engine: Engine, job: Job) -> wire.Job:
    """A job as it travels."""
    if job.film is None:
        return wire.Job.model_validate(job)
    film = job.film.model_copy(update={"camera": engine.gallery.network.shown(job.film.camera)})
    return wire.Job.model_validate(replace(job, film=film))


def visible(engine: Engine, sighting: str, caller: Key = ANYONE) -> Sighting:
    """The sighting of that id.

    Raises:
        NotThere: no such sighting, or none that the key sees.
    """
    enrolled = engine.gallery.get(sighting)
    if enrolled is None or not caller.sees(enrolled.camera):
        raise NotThere(f"no sighting {sighting!r} in this gallery; it was never enrolled, or was erased")
    return enrolled


def response_of(engine: Engine, answer: Answer) -> wire.SearchResponse:
    """An answer as it travels."""
    return with_recordings(engine.gallery, wire.SearchResponse.of(answer, engine.settings.root_path))


def seen(engine: Engine, sightings: Sequence[str], caller: Key) -> list[str]:
    """Those of the ids that a sighting has which the key sees, in their order."""
    enrolled = ((each, engine.gallery.get(each)) for each in sightings)
    return [each for each, sighting in enrolled if sighting is not None and caller.sees(sighting.camera)]


def travelling(engine: Engine, clips: Clips, sighting: Sighting) -> wire.Sighting:
    """A sighting as it travels."""
    camera = engine.gallery.network.shown(sighting.camera)
    image = wire.image_path(sighting.id, engine.settings.root_path) if sighting.has_crop else None
    return wire.Sighting.model_validate(sighting).model_copy(
        update={
            "image_path": image,
            "clip_path": wire.clip_path(sighting.id, engine.settings.root_path)
            if clips.there(sighting.frame)
            else None,
            "camera": camera,
            "recording": recording(
                engine.gallery, sighting.camera, sighting.taken_at, sighting.source, lambda: sighting.frame
            ),
        }
    )

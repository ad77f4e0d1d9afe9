"""Every request to a server, as data. `Client` sends them and waits, `AsyncClient` awaits them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel

from rgbir.client import wire

Image = Path | str | bytes
Modality = Literal["rgb", "ir"]
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how to read its answer."""

    read: Callable[[httpx2.Response], T]
    method: str
    path: str
    rest: dict[str, Any] = field(default_factory=dict)
    archive: Path | None = None

    @contextmanager
    def arguments(self) -> Iterator[dict[str, Any]]:
        """What an HTTP client sends; an archive is read as it goes."""
        if self.archive is None:
            yield self.rest
            return
        with self.archive.open("rb") as content:
            yield {**self.rest, "files": {"archive": (self.archive.name, content)}}


def search(
    images: Image | Sequence[Image] = (),
    *,
    camera: str | None = None,
    modality: Modality | None = None,
    cameras: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    hours: str | None = None,
    taken_at: datetime | None = None,
    passages: Literal["filter", "rank", "off"] | None = None,
    identity: int | None = None,
    track: str | None = None,
    least_score: float | None = None,
    group_by: Literal["none", "identity", "track", "camera"] | None = None,
    rerank: int | None = None,
    box: tuple[int, int, int, int] | None = None,
    like: str | None = None,
    purpose: str | None = None,
    case: str | None = None,
    top_k: int = 10,
) -> Call[wire.SearchResponse]:
    """Who looks like this in the other cameras' images? Several images are several shots of one person.

    Args:
        images: files by path, or their bytes; none with `like`.
        camera: the query's own; cameras at its place are left out.
        modality: of the images, where the camera doesn't say it.
        cameras: search only these.
        since, until: since ≤ time of the sighting < until, with a zone.
        hours: time of day, such as `22:00-05:30 Europe/Berlin`.
        taken_at: of the images, with a zone.
        passages: sightings that nobody could have walked to or from in time: left out, ranked last, or as ever.
        identity: only sightings labelled with it.
        track: only sightings of it.
        least_score: no hits below it, 0 to 1.
        group_by: the best hit of each.
        rerank: so many nearest by their k-reciprocal neighbours.
        box: where the person is in each image: left, top, right, bottom.
        like: a sighting's id, whose person to search for in place of images.
        purpose, case: why, and for which case; for the server's audit log.
        top_k: most hits wanted.
    """
    form = _form(
        camera=camera, modality=modality, cameras=cameras, since=since, until=until, hours=hours, taken_at=taken_at,
        passages=passages, identity=identity, track=track, least_score=least_score, group_by=group_by, rerank=rerank,
        box=None if box is None else ",".join(map(str, box)), like=like, purpose=purpose, case=case, top_k=top_k,
    )  # fmt: skip
    return Call(_as(wire.SearchResponse), "POST", "/search", {"data": form, "files": _files(images)})


def search_each(
    images: Sequence[Image],
    *,
    camera: str | None = None,
    modality: Modality | None = None,
    cameras: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    hours: str | None = None,
    taken_at: datetime | None = None,
    identity: int | None = None,
    track: str | None = None,
    least_score: float | None = None,
    purpose: str | None = None,
    case: str | None = None,
    top_k: int = 10,
) -> Call[list[wire.SearchResponse]]:
    """Every image a search of its own, with the same options; see `search`."""
    form = _form(
        camera=camera, modality=modality, cameras=cameras, since=since, until=until, hours=hours, taken_at=taken_at,
        identity=identity, track=track, least_score=least_score, purpose=purpose, case=case, top_k=top_k,
    )  # fmt: skip
    read = _as(wire.BatchResponse)
    rest = {"data": form, "files": _files(images)}
    return Call(lambda response: read(response).answers, "POST", "/search/batch", rest)


def enrol(
    images: Image | Sequence[Image],
    *,
    camera: str,
    taken_at: datetime | None = None,
    identity: int | None = None,
    track: str | None = None,
) -> Call[list[wire.Enrolled]]:
    """Adds images of a camera to the gallery; one result an image, the same image is added once."""
    form = _form(camera=camera, taken_at=taken_at, identity=identity, track=track)
    read = _as(wire.EnrolResponse)
    rest = {"data": form, "files": _files(images)}
    return Call(lambda response: read(response).results, "POST", "/gallery/sightings", rest)


def start_job(archive: Path | str) -> Call[wire.Job]:
    """Sends a ZIP file with CAMERA/…/image.jpg; the server enrols it beside the searches. Send it again after a stop."""
    return Call(_as(wire.Job), "POST", "/gallery/jobs", archive=Path(archive))


def job(job: str) -> Call[wire.Job]:
    """How far it is."""
    return Call(_as(wire.Job), "GET", f"/gallery/jobs/{_segment(job)}")


def cancel_job(job: str) -> Call[wire.Job]:
    """Ends it; what it enrolled stays."""
    return Call(_as(wire.Job), "DELETE", f"/gallery/jobs/{_segment(job)}")


def embed(image: Image, *, modality: Modality) -> Call[wire.Embedding]:
    """The embedding alone."""
    return Call(_as(wire.Embedding), "POST", "/embed", {"data": {"modality": modality}, "files": _files(image)})


def distances(
    images: Image | Sequence[Image],
    *,
    camera: str | None = None,
    modality: Modality | None = None,
    cameras: Sequence[str] | None = None,
) -> Call[wire.Distances]:
    """How far every sighting in the query's scope is; what `rgbir evaluate --url` ranks."""
    form = _form(camera=camera, modality=modality, cameras=cameras)
    return Call(_as(wire.Distances), "POST", "/distances", {"data": form, "files": _files(images)})


def sighting(sighting: str) -> Call[wire.Sighting]:
    """What is known of it."""
    return Call(_as(wire.Sighting), "GET", f"/gallery/sightings/{_segment(sighting)}")


def image(sighting: str) -> Call[bytes]:
    """The crop a sighting was enrolled with: JPEG or PNG."""
    return Call(lambda response: response.content, "GET", f"/gallery/sightings/{_segment(sighting)}/image")


def erase(
    sighting: str | None = None,
    *,
    camera: str | None = None,
    identity: int | None = None,
    track: str | None = None,
    before: datetime | None = None,
) -> Call[wire.Removed]:
    """Erases one sighting, or all that meet every condition; tells how many, and which archives wait that may hold them."""
    if sighting is not None:
        return Call(_as(wire.Removed), "DELETE", f"/gallery/sightings/{_segment(sighting)}")
    conditions = _form(camera=camera, identity=identity, track=track, before=before)
    return Call(_as(wire.Removed), "DELETE", "/gallery/sightings", {"params": conditions})


def remove(
    sighting: str | None = None,
    *,
    camera: str | None = None,
    identity: int | None = None,
    track: str | None = None,
    before: datetime | None = None,
) -> Call[int]:
    """As `erase`; returns how many."""
    whole = erase(sighting, camera=camera, identity=identity, track=track, before=before)
    return Call(lambda response: whole.read(response).removed, whole.method, whole.path, whole.rest)


def gallery() -> Call[wire.GalleryInfo]:
    """What the gallery holds, by camera."""
    return Call(_as(wire.GalleryInfo), "GET", "/gallery")


def cameras() -> Call[wire.Network]:
    """The cameras and their places."""
    return Call(_as(wire.Network), "GET", "/cameras")


def model() -> Call[dict[str, Any]]:
    """The model's card."""
    return Call(lambda response: dict(response.json()), "GET", "/model")


def models() -> Call[list[wire.ServedModel]]:
    """The bundles the server may answer with, and where each stands."""
    read = _as(wire.ModelList)
    return Call(lambda response: read(response).models, "GET", "/models")


def prepare_model(name: str) -> Call[wire.ServedModel]:
    """Fills a gallery for another model, beside the searches."""
    return Call(_as(wire.ServedModel), "POST", f"/models/{_segment(name)}/prepare")


def activate_model(name: str, *, allow_missing: bool = False) -> Call[wire.ServedModel]:
    """Answers with that model from the next request on; the one before stays ready."""
    return Call(
        _as(wire.ServedModel),
        "POST",
        f"/models/{_segment(name)}/activate",
        {"params": {"allow_missing": allow_missing}},
    )


def forget_model(name: str) -> Call[wire.ServedModel]:
    """Deletes the gallery of a model that doesn't answer; its bundle stays."""
    return Call(_as(wire.ServedModel), "DELETE", f"/models/{_segment(name)}")


def _segment(name: str) -> str:
    return quote(name, safe="")


def audit(*, after: int = 0, limit: int = 100, case: str | None = None) -> Call[list[dict[str, Any]]]:
    """Entries of the audit log, in order; for administrators.

    Args:
        after: entries with a greater number only.
        limit: most of them, 1 to 1000.
        case: of this case only.
    """
    read = _as(wire.AuditPage)
    asked = _form(after=after, limit=limit, case=case)
    return Call(lambda response: read(response).entries, "GET", "/audit", {"params": asked})


def _as(kind: type[M]) -> Callable[[httpx2.Response], M]:
    return lambda response: kind.model_validate_json(response.content)


def _files(images: Image | Sequence[Image]) -> list[tuple[str, tuple[str, bytes]]]:
    several = [images] if isinstance(images, (str, bytes, Path)) else list(images)
    return [("images", _named(image, place)) for place, image in enumerate(several, start=1)]


def _named(image: Image, place: int) -> tuple[str, bytes]:
    if isinstance(image, bytes):
        return f"image {place}", image
    path = Path(image)
    return path.name, path.read_bytes()


def _form(**fields: Any) -> dict[str, Any]:
    return {name: _text(value) for name, value in fields.items() if value is not None}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, (list, tuple)) else str(value)

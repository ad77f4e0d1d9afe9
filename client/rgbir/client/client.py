"""A server's routes as methods."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import httpx2
from pydantic import BaseModel

from rgbir.client import wire
from rgbir.client.errors import ConnectionFailed, refusal

Image = Path | str | bytes
M = TypeVar("M", bound=BaseModel)


class Client:
    """Talks to one server; close it, or use it in a `with` block.

    Args:
        server: its URL, such as `http://127.0.0.1:8077`, or a ready `httpx2.Client` with a base URL.
        key: a bearer token, where the server asks for one.
        timeout_s: longest wait for an answer.

    Every method raises a `ClientError`: `ConnectionFailed`, or `Refused` and its kinds with what the server said.
    """

    def __init__(self, server: str | httpx2.Client, *, key: str | None = None, timeout_s: float = 60.0) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = (
            httpx2.Client(base_url=server, headers=headers, timeout=timeout_s) if isinstance(server, str) else server
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def search(
        self,
        images: Image | Sequence[Image] = (),
        *,
        camera: str | None = None,
        modality: Literal["rgb", "ir"] | None = None,
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
        top_k: int = 10,
    ) -> wire.SearchResponse:
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
            top_k: most hits wanted.
        """
        form = _form(
            camera=camera, modality=modality, since=since, until=until, hours=hours, taken_at=taken_at, passages=passages,
            identity=identity, track=track, least_score=least_score, group_by=group_by, rerank=rerank, like=like, top_k=top_k,
            box=None if box is None else ",".join(map(str, box)),
        )  # fmt: skip
        if cameras is not None:
            form["cameras"] = list(cameras)
        return self._ask(wire.SearchResponse, "POST", "/search", data=form, files=_files(images))

    def search_each(
        self,
        images: Sequence[Image],
        *,
        camera: str | None = None,
        modality: Literal["rgb", "ir"] | None = None,
        top_k: int = 10,
        **options: Any,
    ) -> list[wire.SearchResponse]:
        """Every image a search of its own, with the same options (those of `search` that filter)."""
        form = _form(camera=camera, modality=modality, top_k=top_k, **options)
        return self._ask(wire.BatchResponse, "POST", "/search/batch", data=form, files=_files(images)).answers

    def enrol(
        self,
        images: Image | Sequence[Image],
        *,
        camera: str,
        taken_at: datetime | None = None,
        identity: int | None = None,
        track: str | None = None,
    ) -> list[wire.Enrolled]:
        """Adds images of a camera to the gallery; one result an image, the same image is added once."""
        form = _form(camera=camera, taken_at=taken_at, identity=identity, track=track)
        return self._ask(wire.EnrolResponse, "POST", "/gallery/sightings", data=form, files=_files(images)).results

    def embed(self, image: Image, *, modality: Literal["rgb", "ir"]) -> wire.Embedding:
        """The embedding alone."""
        return self._ask(wire.Embedding, "POST", "/embed", data={"modality": modality}, files=_files(image))

    def distances(
        self,
        images: Image | Sequence[Image],
        *,
        camera: str | None = None,
        modality: Literal["rgb", "ir"] | None = None,
        cameras: Sequence[str] | None = None,
    ) -> wire.Distances:
        """How far every sighting in the query's scope is; what `rgbir evaluate --url` ranks."""
        form = _form(camera=camera, modality=modality)
        if cameras is not None:
            form["cameras"] = list(cameras)
        return self._ask(wire.Distances, "POST", "/distances", data=form, files=_files(images))

    def sighting(self, sighting: str) -> wire.Sighting:
        return self._ask(wire.Sighting, "GET", f"/gallery/sightings/{sighting}")

    def image(self, sighting: str) -> bytes:
        """The crop a sighting was enrolled with: JPEG or PNG."""
        return self._send("GET", f"/gallery/sightings/{sighting}/image").content

    def remove(
        self,
        sighting: str | None = None,
        *,
        camera: str | None = None,
        identity: int | None = None,
        track: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """Erases one sighting, or all that meet every condition; returns how many."""
        if sighting is not None:
            return self._ask(wire.Removed, "DELETE", f"/gallery/sightings/{sighting}").removed
        conditions = _form(camera=camera, identity=identity, track=track, before=before)
        return self._ask(wire.Removed, "DELETE", "/gallery/sightings", params=conditions).removed

    def gallery(self) -> wire.GalleryInfo:
        return self._ask(wire.GalleryInfo, "GET", "/gallery")

    def cameras(self) -> wire.Network:
        return self._ask(wire.Network, "GET", "/cameras")

    def model(self) -> dict[str, Any]:
        """The model's card."""
        card: dict[str, Any] = self._send("GET", "/model").json()
        return card

    def ready(self) -> bool:
        """Whether the server is there and can search."""
        try:
            return self._http.get("/health/ready").status_code == 200
        except httpx2.TransportError:
            return False

    def _ask(self, model: type[M], method: str, path: str, **rest: Any) -> M:
        return model.model_validate_json(self._send(method, path, **rest).content)

    def _send(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        try:
            response = self._http.request(method, path, **rest)
        except httpx2.TransportError as error:
            raise ConnectionFailed(
                f"no answer from {self._http.base_url}: {error}; is `rgbir serve` running there?"
            ) from error
        if response.is_success:
            return response
        try:
            problem = response.json()
        except ValueError:
            problem = {}
        raise refusal(
            response.status_code, problem if isinstance(problem, dict) else {}, response.headers.get("Retry-After")
        )


def _files(images: Image | Sequence[Image]) -> list[tuple[str, tuple[str, bytes]]]:
    several = [images] if isinstance(images, (str, bytes, Path)) else list(images)
    return [("images", _named(image, place)) for place, image in enumerate(several, start=1)]


def _named(image: Image, place: int) -> tuple[str, bytes]:
    if isinstance(image, bytes):
        return f"image {place}", image
    path = Path(image)
    return path.name, path.read_bytes()


def _form(**fields: Any) -> dict[str, Any]:
    given = {name: value for name, value in fields.items() if value is not None}
    return {name: value.isoformat() if isinstance(value, datetime) else str(value) for name, value in given.items()}

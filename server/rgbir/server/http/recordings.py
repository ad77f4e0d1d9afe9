"""From a hit to the recording: the address of its moment in the site's video system, where the camera has one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rgbir.client import wire
from rgbir.index import AnyGallery, needs_frame, recording_of


def with_recordings(gallery: AnyGallery, answer: wire.SearchResponse) -> wire.SearchResponse:
    """An answer whose hits say where their recordings are."""
    if not any(camera.recording for camera in gallery.network.cameras):
        return answer

    def addressed(hit: wire.Hit) -> wire.Hit:
        address = recording(gallery, hit.camera, hit.taken_at, hit.source, lambda: _frame(gallery, hit.id))
        return hit.model_copy(update={"recording": address})

    hits = [addressed(hit) for hit in answer.hits]
    return answer.model_copy(update={"hits": hits})


def recording(
    gallery: AnyGallery, camera: str | None, taken_at: datetime | None, source: str, frame: Callable[[], str | None]
) -> str | None:
    """The address of a moment; None where the camera has none, or something that it names isn't known.

    Args:
        camera: by any of its names.
        frame: where in which recording, as JSON; asked only where the address names something of it.
    """
    network = gallery.network
    if camera is None or camera not in network or (template := network[camera].recording) is None:
        return None
    known = frame() if needs_frame(template) else None
    seen_by = network[camera]
    return recording_of(template, camera=seen_by.shown, id_=seen_by.id, taken_at=taken_at, source=source, frame=known)


def _frame(gallery: AnyGallery, sighting: str) -> str | None:
    enrolled = gallery.get(sighting)
    return None if enrolled is None else enrolled.frame

"""Galleries that were filled apart, brought together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.errors import GalleryMismatch, UsageError
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.sightings import NewSighting


def shard(records: Iterable[ImageRecord | Skipped], number: int, of: int) -> Iterator[ImageRecord | Skipped]:
    """The part `number` (from 1) of `of` parts: an image is in the same one on every machine, by its name.

    Raises:
        UsageError: no such part.
    """
    if not 1 <= number <= of:
        raise UsageError(f"there are parts 1 to {of}, not {number}")
    for record in records:
        drawn = hashlib.sha256(record.source.encode()).digest()
        if int.from_bytes(drawn[:8], "big") % of == number - 1:
            yield record


def merge(
    source: AnyGallery, target: AnyGallery, batch: int = 256, progress: Callable[[int], None] = lambda done: None
) -> tuple[int, int]:
    """Enrols every sighting of one gallery in another, in its order, with its crop; run again, it goes on.

    Returns:
        How many were added, and how many were there already.

    Raises:
        GalleryMismatch: they hold another model's embeddings.
        UsageError: a camera that both have looks at another place in each.
        GalleryBusy: another process is writing to the target.
    """
    if source.model.fingerprint != target.model.fingerprint:
        raise GalleryMismatch(
            f"{source.address} holds embeddings of {source.model.name} ({source.model.fingerprint}), {target.address} of"
            f" {target.model.name} ({target.model.fingerprint}); only galleries of one model can be merged"
        )
    own = {camera.id: camera for camera in target.network}
    for camera in source.network:
        if camera.id in own and (own[camera.id].place, own[camera.id].modalities) != (camera.place, camera.modalities):
            raise UsageError(
                f"camera {camera.id} looks at {camera.place} in {source.address} and at {own[camera.id].place} in"
                f" {target.address}; a search would leave out the wrong cameras. Mend one of the networks first"
            )
    added = present = 0
    with target.writing():
        target.add_cameras([camera for camera in source.network if camera.id not in own])
        sightings = source.sightings()
        for start in range(0, len(sightings), batch):
            group = sightings[start : start + batch]
            embeddings = source.embeddings([sighting.id for sighting in group])
            new = [
                NewSighting(s.camera, embedding, s.digest, s.source, s.taken_at, s.identity, s.track, source.crop(s.id))
                for s, embedding in zip(group, embeddings, strict=True)
            ]
            written = target.add(new)
            added += sum(written)
            present += len(written) - sum(written)
            progress(len(group))
        target.refresh_cache()
    return added, present

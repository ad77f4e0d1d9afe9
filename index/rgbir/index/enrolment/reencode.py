"""Another model for the same gallery: a second one, filled from the crops that the first keeps, and how alike their answers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.cameras import Modality
from rgbir.index.datasets.records import Skipped
from rgbir.index.encoder import Encoder
from rgbir.index.enrolment.enrol import Tally, modality_for
from rgbir.index.enrolment.merge import erasures_of, same
from rgbir.index.errors import BadImage, UsageError
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.query import Query
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.images import decode
from rgbir.index.progress import Progress, silent

Embed = Callable[[Sequence[Image.Image], Modality], NDArray[np.float32]]
T = TypeVar("T")
LOOKED_UP = 1000
"""Sightings looked up at a time: searches of the gallery go on between."""


def reencode(
    source: AnyGallery,
    target: AnyGallery,
    encoder: Encoder,
    batch: int = 32,
    progress: Progress = silent,
) -> Tally:
    """Enrols every sighting of one gallery in another with that encoder's embedding of its crop, ids and labels as they are.

    Run again, it goes on. A sighting without a crop is skipped with that reason. Crops that were made smaller when they were
    enrolled give slightly other embeddings than their originals would.

    Raises:
        GalleryMismatch: the target is of another model than the encoder.
        GalleryBusy: another process is writing to it.
    """
    target.expect(encoder.card)
    tally = Tally()
    with target.writing():
        target.heed(erasures_of(source, conditions=True))
        for new in renewed(source, target, encoder.embed, tally, batch, progress):
            tally.added += sum(target.add(new))
            tally.erased += len(target.bound(new))
        target.refresh_cache()
    return tally


def renewed(
    source: AnyGallery,
    target: AnyGallery,
    embed: Embed,
    tally: Tally,
    batch: int = 32,
    progress: Progress = silent,
) -> Iterator[list[NewSighting]]:
    """What the source has and the target lacks, encoded anew, a batch at a time, to be added; the tally says what else there was."""
    cameras = {camera.id for camera in target.network}
    target.add_cameras([camera for camera in source.network if camera.id not in cameras])
    for group in _groups(source.sightings(), LOOKED_UP):
        known = target.known([sighting.id for sighting in group])
        tally.present += len(known)
        progress(len(known))
        for missing in _groups([sighting for sighting in group if sighting.id not in known], batch):
            yield _encoded(source, missing, embed, tally)
            progress(len(missing))


def _encoded(source: AnyGallery, sightings: Sequence[Sighting], embed: Embed, tally: Tally) -> list[NewSighting]:
    decoded: dict[Modality, list[tuple[Sighting, Crop, Image.Image]]] = {}
    for sighting in sightings:
        crop = source.crop(sighting.id)
        try:
            if crop is None:
                raise BadImage("it was enrolled without its crop")
            image = decode(crop.data, sighting.source or sighting.id)
        except BadImage as error:
            tally.skipped.append(Skipped(sighting.source or sighting.id, str(error)))
            continue
        decoded.setdefault(modality_for(None, source.network[sighting.camera]), []).append((sighting, crop, image))
    new: dict[str, NewSighting] = {}
    for modality, items in decoded.items():
        embeddings = embed([image for *_, image in items], modality)
        for (sighting, crop, _), embedding in zip(items, embeddings, strict=True):
            new[sighting.id] = same(sighting, embedding, crop)
    return [new[sighting.id] for sighting in sightings if sighting.id in new]


def superfluous(source: AnyGallery, target: AnyGallery) -> Iterator[list[str]]:
    """Ids of what the target has and the source hasn't, or has no longer, at most `LOOKED_UP` at a time."""
    for group in _groups([sighting.id for sighting in target.sightings()], LOOKED_UP):
        known = source.known(group)
        gone = [sighting for sighting in group if sighting not in known]
        if gone:
            yield gone


def _groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def overlap(a: AnyGallery, b: AnyGallery, queries: int = 100, top_k: int = 10) -> float:
    """The share of hits that two galleries of the same sightings have in common, over searches for some of these sightings.

    Raises:
        UsageError: they have no sighting in common, or none with anything to find in other places.
    """
    ids = [sighting.id for sighting in a.sightings()]
    common = sorted(b.known(ids))
    shares = []
    for place in (
        np.unique(np.linspace(0, len(common) - 1, min(queries, len(common))).astype(np.int64)) if common else ()
    ):
        hits = []
        for gallery in (a, b):
            sighting = gallery.get(common[place])
            if sighting is not None:
                everywhere = tuple(camera.id for camera in gallery.network)
                query = Query(
                    gallery.embeddings([sighting.id])[0], camera=sighting.camera, cameras=everywhere, top_k=top_k
                )
                hits.append({hit.id for hit in gallery.search(query).hits})
        if len(hits) == 2 and hits[0]:
            shares.append(len(hits[0] & hits[1]) / len(hits[0]))
    if not shares:
        raise UsageError(f"{a.address} and {b.address} have no sighting in common that finds another")
    return float(np.mean(shares))

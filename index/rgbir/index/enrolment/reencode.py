"""Another model for the same gallery: a second one, filled from the crops that the first keeps, and how alike their answers are.

A fitted bundle maps embeddings of the bundle that it was made of: for that one's gallery no crop is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.cameras import Modality
from rgbir.index.datasets.records import Skipped
from rgbir.index.encoder import Encoder
from rgbir.index.enrolment.enrol import Tally
from rgbir.index.enrolment.intake import modality_for
from rgbir.index.enrolment.merge import erasures_of, same
from rgbir.index.errors import BadImage, GalleryError, UsageError
from rgbir.index.fitted import FittedMap
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

    Where the encoder's bundle was fitted to that of the first gallery, its map is applied to the embeddings that are kept. Then
    crops aren't encoded. Those of a day/night camera are, since nobody noted which of the two maps is theirs.

    Raises:
        GalleryMismatch: the target is of another model than the encoder.
        UsageError: see `AnyGallery.expect_copies`.
        GalleryBusy: another process is writing to it.
    """
    target.expect(encoder.card)
    target.expect_copies()
    tally = Tally()
    with target.writing():
        target.heed(erasures_of(source, conditions=True))
        for new in renewed(source, target, encoder.embed, tally, batch, progress, map_for(source, encoder)):
            tally.added += sum(target.add(new))
            tally.erased += len(target.bound(new))
        target.refresh_cache()
    return tally


def map_for(source: AnyGallery, encoder: Encoder) -> FittedMap | None:
    """What makes the encoder's embeddings of those that the gallery keeps. None if its bundle wasn't fitted to the gallery's,
    or it computes in bf16, since what is kept was computed otherwise.

    Raises:
        BadBundle: the map's file is altered, or no map.
    """
    fitted = None if encoder.runner.bf16 else encoder.card.fitted
    if fitted is None or fitted.fingerprint != source.model.fingerprint:
        return None
    return FittedMap.of(encoder.bundle)


def renewed(
    source: AnyGallery,
    target: AnyGallery,
    embed: Embed,
    tally: Tally,
    batch: int = 32,
    progress: Progress = silent,
    mapped: FittedMap | None = None,
) -> Iterator[list[NewSighting]]:
    """What the source has and the target lacks, encoded again, a batch at a time, to be added. The tally says what else there
    was.

    Args:
        mapped: makes the new embeddings of the kept ones, where a camera has one modality (see `map_for`).
    """
    target.change_network(lambda network: network.following(source.network))
    for group in _groups(source.sightings(), LOOKED_UP):
        known = target.known([sighting.id for sighting in group])
        tally.present += len(known)
        progress(len(known))
        for missing in _groups([sighting for sighting in group if sighting.id not in known], batch):
            new = {} if mapped is None else _mapped(source, missing, mapped)
            new |= _encoded(source, [sighting for sighting in missing if sighting.id not in new], embed, tally)
            yield [new[sighting.id] for sighting in missing if sighting.id in new]
            progress(len(missing))


def _mapped(source: AnyGallery, sightings: Sequence[Sighting], mapped: FittedMap) -> dict[str, NewSighting]:
    """By id; those of a day/night camera aren't among them."""
    new: dict[str, NewSighting] = {}
    for modality in Modality:
        alike = [s for s in sightings if source.network[s.camera].modalities == {modality}]
        alike, embeddings = _kept(source, alike)
        for sighting, embedding in zip(alike, mapped(embeddings, modality), strict=True):
            new[sighting.id] = same(sighting, embedding, source.crop(sighting.id))
    return new


def _kept(source: AnyGallery, sightings: list[Sighting]) -> tuple[list[Sighting], NDArray[np.float32]]:
    """Those that weren't erased meanwhile, and their embeddings float32 (n, d)."""
    while True:
        known = source.known([sighting.id for sighting in sightings])
        there = [sighting for sighting in sightings if sighting.id in known]
        try:
            return there, source.embeddings([sighting.id for sighting in there])
        except GalleryError:
            if source.known(list(known)) == known:
                raise


def _encoded(source: AnyGallery, sightings: Sequence[Sighting], embed: Embed, tally: Tally) -> dict[str, NewSighting]:
    """By id; what can't be encoded is in the tally instead."""
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
    return new


def superfluous(source: AnyGallery, target: AnyGallery) -> Iterator[list[str]]:
    """Ids of what the target has and the source hasn't, or has no longer, at most `LOOKED_UP` at a time."""
    for group in _groups([sighting.id for sighting in target.sightings()], LOOKED_UP):
        known = source.known(group)
        gone = [sighting for sighting in group if sighting not in known]
        if gone:
            yield gone


def _groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def overlap(a: AnyGallery, b: AnyGallery, queries: int = 100, top_k: int = 10) -> float | None:
    """The share of hits that two galleries of the same sightings have in common, over searches for some of these sightings.

    Returns:
        0 to 1; None where no search finds anything, as in a gallery of one place.

    Raises:
        UsageError: they have no sighting in common.
    """
    ids = [sighting.id for sighting in a.sightings()]
    common = sorted(b.known(ids))
    if not common:
        raise UsageError(f"{a.address} and {b.address} have no sighting in common")
    shares = []
    for place in np.unique(np.linspace(0, len(common) - 1, min(queries, len(common))).astype(np.int64)):
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
    return float(np.mean(shares)) if shares else None

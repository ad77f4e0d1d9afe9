"""Embeddings as a gallery compares and keeps them: checked, and prepared by its metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import CameraNetwork
from rgbir.index.errors import GalleryMismatch
from rgbir.index.gallery.model import Model, Storage
from rgbir.index.gallery.query import Query
from rgbir.index.gallery.sightings import NewSighting


def asked(query: Query, model: Model, address: str) -> NDArray[np.float32]:
    """The query's embedding, float32 (d,), for a gallery at that address.

    Raises:
        GalleryMismatch: it has another length than the gallery's.
    """
    if query.embedding.shape != (model.dimension,):
        raise GalleryMismatch(
            f"gallery {address} holds {model.dimension} values a sighting, the query has {query.embedding.shape[0]}"
        )
    return np.asarray(model.metric.prepare(query.embedding[None])[0], np.float32)


def by_ids(sightings: Sequence[NewSighting], network: CameraNetwork) -> list[NewSighting]:
    """The sightings with their cameras' ids, whatever they call them: what they are called by follows from it.

    Raises:
        UnknownCamera: a camera that isn't in the network.
    """
    ids = {name: network[name].id for name in {sighting.camera for sighting in sightings}}
    return [
        sighting if ids[sighting.camera] == sighting.camera else replace(sighting, camera=ids[sighting.camera])
        for sighting in sightings
    ]


def enrolled(
    sightings: Sequence[NewSighting], model: Model, network: CameraNetwork, storage: Storage
) -> NDArray[np.float32]:
    """The embeddings of sightings that are to be enrolled, float32 (n, d), in their order.

    Raises:
        UnknownCamera: a camera that isn't in the network.
        GalleryMismatch: an embedding of another length, or one that isn't finite, or not in the storage's range.
    """
    for sighting in sightings:
        network[sighting.camera]
        if sighting.embedding.shape != (model.dimension,) or not np.isfinite(sighting.embedding).all():
            raise GalleryMismatch(
                f"{sighting.source or sighting.id}: this gallery holds {model.dimension} finite values a sighting,"
                f" the embedding has shape {sighting.embedding.shape}{'' if sighting.embedding.ndim != 1 else ' or is not finite'}"
            )
    prepared = model.metric.prepare(np.stack([sighting.embedding for sighting in sightings]))
    with np.errstate(over="ignore"):
        fits = np.isfinite(prepared.astype(storage.value)).all(axis=1)
    if not fits.all():
        raise GalleryMismatch(
            f"{sightings[int(np.argmin(fits))].source}: this gallery keeps {storage}, and the embedding has a value of"
            f" {np.abs(prepared).max():.3g}, past its range; index it into a gallery that keeps float32"
        )
    return prepared

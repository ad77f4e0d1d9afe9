"""From images to an answer: decode, encode, fuse, search. The command line and the server both go this way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from PIL import Image

from rgbir.index.cameras import Modality
from rgbir.index.encoder import Encoder
from rgbir.index.errors import InvalidQuery
from rgbir.index.interface import AnyGallery
from rgbir.index.search import Answer, Distances, Query, fuse, origin


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """A search without its images; the fields of `Query`."""

    camera: str | None = None
    modality: Modality | None = None
    cameras: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    identity: int | None = None
    top_k: int = 10
    track: str | None = None


class Searcher:
    """An encoder and a gallery of its model.

    Raises:
        GalleryMismatch: the gallery holds another model's embeddings.
    """

    def __init__(self, encoder: Encoder, gallery: AnyGallery) -> None:
        gallery.expect(encoder.card)
        self.encoder, self.gallery = encoder, gallery

    def modality_of(self, options: SearchOptions) -> Modality:
        """Of the query's images: named, or that of its camera.

        Raises:
            InvalidQuery: neither says it.
            UnknownCamera: no such camera.
        """
        if options.modality is None and options.camera is None:
            raise InvalidQuery("a search needs the query's camera, or at least its modality (rgb or ir)")
        _, modality = origin(self.gallery.network, options.camera, options.modality)
        if modality is None:
            raise InvalidQuery(f"camera {options.camera} gives rgb and ir images; say which one this is with modality")
        return modality

    def search(self, images: Sequence[Image.Image], options: SearchOptions, decoding_ms: float = 0.0) -> Answer:
        """Several images are several shots of one person.

        Raises:
            InvalidQuery, UnknownCamera: the options don't fit the gallery.
        """
        if not images:
            raise InvalidQuery("a search needs an image")
        modality = self.modality_of(options)
        started = time.perf_counter()
        query = self._query(images, options, modality)
        encoded = time.perf_counter()
        answer = self.gallery.search(query)
        stages = {"decode": decoding_ms, "encode": (encoded - started) * 1000, **answer.milliseconds}
        return replace(answer, shots=len(images), milliseconds=stages)

    def distances(self, images: Sequence[Image.Image], options: SearchOptions, most: int | None = None) -> Distances:
        """How far every sighting in the query's scope is; see `Gallery.distances`."""
        return self.gallery.distances(self._query(images, options, self.modality_of(options)), most)

    def _query(self, images: Sequence[Image.Image], options: SearchOptions, modality: Modality) -> Query:
        return Query(
            fuse(self.gallery.model.metric, self.encoder.embed(images, modality)),
            camera=options.camera,
            modality=modality,
            cameras=options.cameras,
            since=options.since,
            until=options.until,
            identity=options.identity,
            track=options.track,
            top_k=options.top_k,
        )

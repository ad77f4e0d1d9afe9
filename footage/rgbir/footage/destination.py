"""Where sightings go: a gallery with its encoder in this process, or whatever else embeds and enrols, such as a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index import AnyGallery, Encoder, GalleryBusy, Modality, NewSighting

T = TypeVar("T")
PATIENCE_S = 60.0
"""Seconds for which another writer of the gallery is waited for."""


class Encodes(Protocol):
    """What turns crops into embeddings, as `Encoder` does."""

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """An image in the model's size: uint8 (height, width, 3), RGB."""

    def encode(self, pixels: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        """uint8 (n, height, width, 3), RGB → float32 (n, dimension)."""


Make = Callable[[Encodes], list[NewSighting]]
"""Makes sightings with an encoder."""
Stage = Callable[[str], AbstractContextManager[None]]
"""Measures a stage of that name."""


class Written(NamedTuple):
    """What became of sightings, in their order.

    Attributes:
        sightings: as they were made.
        added: whether each is new.
        erased: ids of those that were erased since the work began, and stay so.
    """

    sightings: Sequence[NewSighting]
    added: Sequence[bool]
    erased: frozenset[str]


class Destination(Protocol):
    """Takes the sightings of recordings."""

    @property
    def keep_days(self) -> int | None:
        """For how many days it keeps them; None is for ever."""

    @property
    def fingerprint(self) -> str:
        """Of the model that embeds them."""

    def moment(self) -> int:
        """Its moment now: who is erased after it isn't enrolled."""

    def holds(self, sighting: str) -> bool:
        """Whether a sighting of that id is enrolled."""

    def enrol(self, make: Make, stage: Stage) -> Written:
        """Makes sightings, and enrols them together. Their embeddings are of the model that answers when they are written.

        Raises:
            IndexFailure: they can't be; nothing was changed.
        """


@dataclass(frozen=True, slots=True)
class InGallery:
    """A gallery that this process has open.

    Attributes:
        gallery: it takes the sightings.
        encoder: of the model whose embeddings it holds.

    Raises:
        GalleryMismatch: it holds another model's embeddings.
    """

    gallery: AnyGallery
    encoder: Encoder

    def __post_init__(self) -> None:
        self.gallery.expect(self.encoder.card)

    @property
    def keep_days(self) -> int | None:
        return self.gallery.keep_days

    @property
    def fingerprint(self) -> str:
        return self.encoder.card.fingerprint

    def moment(self) -> int:
        return self.gallery.moment()

    def holds(self, sighting: str) -> bool:
        return bool(self.gallery.known([sighting]))

    def enrol(self, make: Make, stage: Stage) -> Written:
        with stage("encode"):
            sightings = make(self.encoder)
        with stage("enrol"):
            added = patiently(lambda: self.gallery.add(sightings))
            erased = self.gallery.bound(sightings)
        return Written(sightings, added, frozenset(erased))


def patiently(change: Callable[[], T]) -> T:
    """Does a change of a gallery, and waits while another process writes.

    Raises:
        GalleryBusy: it wrote all the time.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return change()
        except GalleryBusy:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)

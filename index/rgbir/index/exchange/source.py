"""What is exported: sightings in their order, their embeddings in batches, and the card that goes with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import GalleryError
from rgbir.index.exchange.card import FileCard
from rgbir.index.exchange.columns import WRITTEN, Cell, cells_of
from rgbir.index.exchange.sink import BATCH
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.sightings import Sighting
from rgbir.index.progress import Progress, silent


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A gallery's sightings, as a writer takes them.

    Attributes:
        gallery: whose embeddings they are.
        sightings: in enrolment order.
        card: goes into the file.
        progress: is told of each batch.
    """

    gallery: AnyGallery
    sightings: Sequence[Sighting]
    card: FileCard
    progress: Progress = silent

    @classmethod
    def of(cls, gallery: AnyGallery, progress: Progress = silent) -> Source:
        """All sightings of a gallery."""
        sightings = gallery.sightings()
        return cls(gallery, sightings, FileCard.of(gallery, len(sightings)), progress)

    def batches(self) -> Iterator[tuple[Sequence[Sighting], NDArray[np.float32]]]:
        """Sightings with their embeddings, float32 (n, d), some at a time.

        Raises:
            GalleryError: one of them was erased meanwhile.
        """
        for start in range(0, len(self.sightings), BATCH):
            group = self.sightings[start : start + BATCH]
            yield group, self.gallery.embeddings([sighting.id for sighting in group])
            self.progress(len(group))

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the table that is written."""
        return WRITTEN

    def column(self, name: str) -> list[Cell]:
        """One column of all rows."""
        return [cells_of(sighting)[name] for sighting in self.sightings]

    def expect_kept(self) -> None:
        """Refuses to hand on what was erased while it was written.

        Raises:
            GalleryError: some of it was.
        """
        if self.gallery.generation == self.card.generation:
            return
        ids = [sighting.id for sighting in self.sightings]
        if erased := len(ids) - len(self.gallery.known(ids)):
            raise GalleryError(
                f"{erased:,} sighting{' was' if erased == 1 else 's were'} erased from {self.gallery.address} meanwhile; export it"
                " again"
            )

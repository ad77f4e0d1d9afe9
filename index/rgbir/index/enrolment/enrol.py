"""Bulk enrolment: records in, sightings out, in transactions of a batch. Run again, it goes on where it stopped."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

from rgbir.index.bulk import bulk_threads, groups, in_order
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.encoder import Encoder
from rgbir.index.enrolment.intake import Intake, Outcome
from rgbir.index.errors import RetentionWaits
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.sightings import Labels, NewSighting, labels_of
from rgbir.index.progress import Progress, silent

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """How a bulk run went.

    Attributes:
        added: how many sightings are new.
        present: how many were enrolled already.
        skipped: what was left out, in the order of the images.
        erased: how many come from another gallery and were erased since.
    """

    added: int = 0
    present: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    erased: int = 0

    @property
    def seen(self) -> int:
        return self.added + self.present + len(self.skipped)

    def count(self, written: Sequence[bool]) -> None:
        """Takes in what a gallery's `add` answered."""
        self.added += sum(written)
        self.present += len(written) - sum(written)

    def settle(self, outcomes: Sequence[Outcome], gallery: AnyGallery) -> None:
        """Enrols what is new, in one transaction, and counts the rest.

        Raises:
            GalleryMismatch: an embedding of another model.
        """
        self.count(gallery.add([outcome for outcome in outcomes if isinstance(outcome, NewSighting)]))
        self.present += sum(outcome is None for outcome in outcomes)
        self.skipped += [outcome for outcome in outcomes if isinstance(outcome, Skipped)]


def enrol(
    records: Iterable[ImageRecord | Skipped],
    encoder: Encoder,
    gallery: AnyGallery,
    *,
    batch: int = 32,
    workers: int | None = None,
    keep_crops: bool = True,
    progress: Progress = silent,
) -> Tally:
    """Enrols every record that can be read. Several groups of images are decoded and encoded at the same time, in the order given.

    An image that is enrolled already is neither decoded nor encoded again. One that can't be read is skipped with its
    reason. What a stopped run acknowledged stays; running it again adds the rest.

    Args:
        records: from a reader. Their cameras must be in the gallery's network.
        encoder: for several callers, if it is for this alone.
        batch: images in one transaction; the encoder's lanes share them.
        workers: threads that read and decode, and encode in the encoder's lanes; as `bulk_threads` has it if None.
        keep_crops: store each image in the gallery, to be shown with a hit.
        progress: called after each batch with the number of inputs it dealt with; they are acknowledged then.

    Raises:
        GalleryMismatch: the gallery holds another model's embeddings.
        GalleryBusy: another process is writing.
    """
    gallery.expect(encoder.card)
    tally = Tally()

    def known(ids: Sequence[str]) -> dict[str, Labels]:
        return {name: labels_of(enrolled) for name, enrolled in gallery.by_ids(ids).items()}

    intake = Intake(encoder, gallery.network, known, keep_crops)

    def work(share: _Share) -> tuple[list[Outcome], bool]:
        return intake(share.records), share.last

    done = list[Outcome]()
    threads = workers or bulk_threads(encoder.lanes)
    with gallery.writing(), closing(in_order(work, _shares(records, batch, encoder.lanes), threads)) as worked:
        for more, last in worked:
            done += more
            if last:
                tally.settle(done, gallery)
                progress(len(done))
                done = []
        expired(gallery)
        gallery.refresh_cache()
    return tally


class _Share(NamedTuple):
    """What one thread takes of a batch."""

    records: list[ImageRecord | Skipped]
    last: bool


def _shares(records: Iterable[ImageRecord | Skipped], batch: int, lanes: int) -> Iterator[_Share]:
    for group in groups(records, batch):
        shares = list(groups(group, -(-len(group) // lanes)))
        yield from (_Share(share, number == len(shares)) for number, share in enumerate(shares, start=1))


def expired(gallery: AnyGallery) -> None:
    """Retention at the end of a run; where somebody must look first, the run is over all the same."""
    try:
        gallery.expire()
    except RetentionWaits as error:
        _log.warning("%s", error)

"""Bulk enrolment: records in, sightings out, in transactions of a batch. Run again, it goes on where it stopped."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.bulk import bulk_threads, groups, in_order
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.depth import ASSUMED
from rgbir.index.encoder import Encoder
from rgbir.index.errors import BadImage, RetentionWaits, UnknownCamera
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.sightings import (
    Crop,
    Labels,
    NewSighting,
    digest_of,
    framed,
    labels_of,
    other_labels,
    sighting_id,
)
from rgbir.index.images import decode, read_bytes
from rgbir.index.progress import Progress, silent

_log = logging.getLogger(__name__)

KEPT_AS_GIVEN = 512 * 1024
READ_TOGETHER = 8
"""Files of a thread that are in memory at the same time, and are looked up in the gallery together."""
Outcome = NewSighting | Skipped | None
"""Of an image: what is to be enrolled, why it was left out, or nothing to be done since it is enrolled."""
_MEDIA = {b"\xff\xd8\xff": "image/jpeg", b"\x89PN": "image/png"}


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


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A decoded image, resized for the model, waiting to be encoded.

    Attributes:
        record: where the image comes from, with its labels.
        camera: its camera's id, which the record may name by an alias.
        modality: what it is encoded as.
        digest: names it by its content.
        pixels: uint8 (height, width, 3), in the model's size.
        crop: the picture that the gallery keeps; None where it keeps none.
    """

    record: ImageRecord
    camera: str
    modality: Modality
    digest: str
    pixels: NDArray[np.uint8]
    crop: Crop | None


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    record: ImageRecord
    camera: Camera
    data: bytes
    digest: str

    @property
    def sighting(self) -> str:
        return sighting_id(self.camera.id, self.record.source, self.digest)


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
    tally, network, turns = Tally(), gallery.network, BoundedSemaphore(encoder.lanes)

    def known(ids: Sequence[str]) -> dict[str, Labels]:
        return {name: labels_of(enrolled) for name, enrolled in gallery.by_ids(ids).items()}

    def work(share: _Share) -> tuple[list[Outcome], bool]:
        return outcomes(share.records, encoder, network, known, keep_crops, turns), share.last

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


def outcomes(
    records: Sequence[ImageRecord | Skipped],
    encoder: Encoder,
    network: CameraNetwork,
    known: Callable[[Sequence[str]], Mapping[str, Labels]],
    keep_crops: bool,
    turns: AbstractContextManager[Any] = nullcontext(),
) -> list[Outcome]:
    """What becomes of each image, in their order. Those of one modality go through the model together.

    Args:
        known: the labels of those of these sightings that are enrolled.
        keep_crops: as of `enrol`.
        turns: entered for each run of the model.
    """
    prepared = [
        item for group in groups(records, READ_TOGETHER) for item in _ready(group, encoder, network, known, keep_crops)
    ]
    done: list[Outcome] = [None if isinstance(item, Ready) else item for item in prepared]
    for modality in Modality:
        places = [place for place, item in enumerate(prepared) if isinstance(item, Ready) and item.modality is modality]
        ready = [item for item in prepared if isinstance(item, Ready) and item.modality is modality]
        with turns:
            new = encoded(ready, encoder)
        for place, sighting in zip(places, new, strict=True):
            done[place] = sighting
    return done


def _ready(
    records: Sequence[ImageRecord | Skipped],
    encoder: Encoder,
    network: CameraNetwork,
    known: Callable[[Sequence[str]], Mapping[str, Labels]],
    keep_crops: bool,
) -> list[Ready | Skipped | None]:
    """Few images, whose files are in memory together; None for one that is enrolled already."""
    read = [_read(record, network) for record in records]
    labels = known([image.sighting for image in read if isinstance(image, _Read)])
    return [
        image if isinstance(image, Skipped) else _prepared(image, labels.get(image.sighting), encoder, keep_crops)
        for image in read
    ]


def _read(record: ImageRecord | Skipped, network: CameraNetwork) -> _Read | Skipped:
    if isinstance(record, Skipped):
        return record
    try:
        record.source.encode()
    except UnicodeEncodeError:
        return Skipped(record.source, "its name isn't UTF-8, and a gallery can't keep it; rename the file")
    try:
        camera, data = network[record.camera], read_bytes(record.path)
    except (BadImage, UnknownCamera) as error:
        return Skipped(record.source, str(error))
    return _Read(record, camera, data, digest_of(data, record.box))


def _prepared(image: _Read, labels: Labels | None, encoder: Encoder, keep_crops: bool) -> Ready | Skipped | None:
    """An image, decoded and resized; None for one that is enrolled already. Other labels than the record's are a reason to skip it."""
    record, camera = image.record, image.camera
    if labels is not None:
        differing = other_labels(labels, (record.taken_at, record.identity, record.track))
        return None if differing is None else Skipped(record.source, differing)
    try:
        picture = decode(image.data, str(record.path), record.box)
    except BadImage as error:
        return Skipped(record.source, str(error))
    crop = crop_of(image.data, picture, as_given=record.box is None) if keep_crops else None
    return Ready(record, camera.id, modality_for(record.modality, camera), image.digest, encoder.pixels(picture), crop)


def modality_for(named: Modality | None, camera: Camera) -> Modality:
    """Of an image: as its record names it, else its camera's; RGB for a day/night camera that doesn't say."""
    if named is not None:
        return named
    return Modality.IR if camera.modalities == {Modality.IR} else Modality.RGB


def crop_of(data: bytes, image: Image.Image, as_given: bool = True) -> Crop:
    """The picture as the gallery keeps it: the file as it came if it is a small JPEG or PNG, else a JPEG of it.

    A deep image is kept as the 8 bits that were seen: a PNG, which shows the same everywhere and embeds the same again.
    """
    media_type, deep = _MEDIA.get(data[:3]), ASSUMED in image.info
    if as_given and media_type and not deep and len(data) <= KEPT_AS_GIVEN:
        return Crop(media_type, data)
    small = image.copy()
    small.thumbnail((1024, 1024))
    buffer = io.BytesIO()
    if deep:
        small.convert("L").save(buffer, "PNG")
        return Crop("image/png", buffer.getvalue())
    small.save(buffer, "JPEG", quality=92)
    return Crop("image/jpeg", buffer.getvalue())


def encoded(ready: Sequence[Ready], encoder: Encoder) -> list[NewSighting]:
    """Images of one modality as sightings to enrol, in one run of the model."""
    if not ready:
        return []
    embeddings = encoder.encode(np.stack([item.pixels for item in ready]), ready[0].modality)
    return [
        NewSighting(
            camera=item.camera,
            embedding=embedding,
            digest=item.digest,
            source=item.record.source,
            taken_at=item.record.taken_at,
            identity=item.record.identity,
            track=item.record.track,
            crop=item.crop,
            frame=framed(item.record.box),
        )
        for item, embedding in zip(ready, embeddings, strict=True)
    ]

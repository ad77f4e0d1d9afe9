"""Bulk enrolment: records in, sightings out, in transactions of a batch. Run again, it goes on where it stopped."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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


def enrol(
    records: Iterable[ImageRecord | Skipped],
    encoder: Encoder,
    gallery: AnyGallery,
    *,
    batch: int = 32,
    workers: int = 2,
    keep_crops: bool = True,
    progress: Progress = silent,
) -> Tally:
    """Enrols every record that can be read; the next batch is decoded while one is encoded and written.

    An image that is enrolled already is neither decoded nor encoded again. One that can't be read is skipped with its
    reason. What a stopped run acknowledged stays; running it again adds the rest.

    Args:
        records: from a reader. Their cameras must be in the gallery's network.
        batch: images in one run of the model, and in one transaction.
        workers: threads that read and decode.
        keep_crops: store each image in the gallery, to be shown with a hit.
        progress: called after each batch with the number of inputs it dealt with; they are acknowledged then.

    Raises:
        GalleryMismatch: the gallery holds another model's embeddings.
        GalleryBusy: another process is writing.
    """
    gallery.expect(encoder.card)
    tally, reported = Tally(), 0
    with gallery.writing(), ThreadPoolExecutor(workers) as pool:
        for ready in _prepared(records, encoder, gallery, tally, pool, batch, keep_crops):
            for modality in Modality:
                tally.count(gallery.add(encoded(ready, modality, encoder)))
            progress(tally.seen - reported)
            reported = tally.seen
        expired(gallery)
        gallery.refresh_cache()
    return tally


def expired(gallery: AnyGallery) -> None:
    """Retention at the end of a run; where somebody must look first, the run is over all the same."""
    try:
        gallery.expire()
    except RetentionWaits as error:
        _log.warning("%s", error)


def _prepared(
    records: Iterable[ImageRecord | Skipped],
    encoder: Encoder,
    gallery: AnyGallery,
    tally: Tally,
    pool: ThreadPoolExecutor,
    batch: int,
    keep_crops: bool,
) -> Iterator[list[Ready]]:
    """Batches of decoded images, two batches ahead of the one that is being encoded."""
    incoming, network = iter(records), gallery.network
    ahead: list[list[Future[Ready | Skipped | None]]] = []

    def known(sighting: str) -> Labels | None:
        enrolled = gallery.get(sighting)
        return None if enrolled is None else labels_of(enrolled)

    def fill() -> bool:
        group = list(islice(incoming, batch))
        ahead.append([pool.submit(prepare, record, encoder, network, known, keep_crops) for record in group])
        return bool(group)

    fill()
    while ahead and ahead[0]:
        if len(ahead) < 3:
            fill()
        ready = []
        for future in ahead.pop(0):
            result = future.result()
            if result is None:
                tally.present += 1
            elif isinstance(result, Skipped):
                tally.skipped.append(result)
            else:
                ready.append(result)
        yield ready


def prepare(
    record: ImageRecord | Skipped,
    encoder: Encoder,
    network: CameraNetwork,
    known: Callable[[str], Labels | None],
    keep_crops: bool,
) -> Ready | Skipped | None:
    """An image, read, decoded and resized; None for one that is known already.

    Args:
        known: the labels that a sighting of that id is enrolled with; None if it isn't. Other ones than the record's are skipped
            with the reason.
    """
    if isinstance(record, Skipped):
        return record
    try:
        record.source.encode()
    except UnicodeEncodeError:
        return Skipped(record.source, "its name isn't UTF-8, and a gallery can't keep it; rename the file")
    try:
        camera = network[record.camera]
        data = read_bytes(record.path)
        digest = digest_of(data, record.box)
        enrolled = known(sighting_id(camera.id, record.source, digest))
        if enrolled is not None:
            differing = other_labels(enrolled, (record.taken_at, record.identity, record.track))
            return None if differing is None else Skipped(record.source, differing)
        image = decode(data, str(record.path), record.box)
    except (BadImage, UnknownCamera) as error:
        return Skipped(record.source, str(error))
    crop = crop_of(data, image, as_given=record.box is None) if keep_crops else None
    return Ready(record, camera.id, modality_for(record.modality, camera), digest, encoder.pixels(image), crop)


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


def encoded(ready: Sequence[Ready], modality: Modality, encoder: Encoder) -> list[NewSighting]:
    """Those of that modality as sightings to enrol, in one run of the model."""
    of_modality = [item for item in ready if item.modality is modality]
    if not of_modality:
        return []
    embeddings = encoder.encode(np.stack([item.pixels for item in of_modality]), modality)
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
        for item, embedding in zip(of_modality, embeddings, strict=True)
    ]

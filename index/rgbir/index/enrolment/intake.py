"""What becomes of an image: a sighting to enrol, a reason to leave it out, or nothing, since it is enrolled."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.bulk import groups
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.depth import ASSUMED
from rgbir.index.encoder import Encoder
from rgbir.index.errors import BadImage, UnknownCamera
from rgbir.index.gallery.sightings import Crop, Labels, NewSighting, digest_of, framed, other_labels, sighting_id
from rgbir.index.images import decode, read_bytes

KEPT_AS_GIVEN = 512 * 1024
READ_TOGETHER = 8
"""Files of a thread that are in memory at the same time, and are looked up in the gallery together."""
Outcome = NewSighting | Skipped | None
"""Of an image: what is to be enrolled, why it was left out, or nothing to be done since it is enrolled."""
_MEDIA = {b"\xff\xd8\xff": "image/jpeg", b"\x89PN": "image/png"}


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
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


class Intake:
    """Makes sightings of images. Thread-safe: as many threads encode at the same time as the encoder has lanes.

    Args:
        encoder: what makes the embeddings.
        network: the gallery's cameras.
        known: the labels of those of these sightings that are enrolled, by their ids.
        keep_crops: sightings bring the picture that is shown with a hit.
    """

    def __init__(
        self,
        encoder: Encoder,
        network: CameraNetwork,
        known: Callable[[Sequence[str]], Mapping[str, Labels]],
        keep_crops: bool,
    ) -> None:
        self.encoder, self.network, self.known, self.keep_crops = encoder, network, known, keep_crops
        self._turns = BoundedSemaphore(encoder.lanes)

    def __call__(self, records: Sequence[ImageRecord | Skipped]) -> list[Outcome]:
        """What becomes of each, in their order. Those of one modality go through the model together."""
        prepared = [item for group in groups(records, READ_TOGETHER) for item in self._prepared(group)]
        done: list[Outcome] = [None if isinstance(item, _Ready) else item for item in prepared]
        for modality in Modality:
            ready = {
                place: item
                for place, item in enumerate(prepared)
                if isinstance(item, _Ready) and item.modality is modality
            }
            for place, sighting in zip(ready, self._encoded(list(ready.values()), modality), strict=True):
                done[place] = sighting
        return done

    def _prepared(self, records: Sequence[ImageRecord | Skipped]) -> list[_Ready | Skipped | None]:
        """Few images, whose files are in memory together; None for one that is enrolled already."""
        read = [self._read(record) for record in records]
        labels = self.known([image.sighting for image in read if isinstance(image, _Read)])
        return [
            image if isinstance(image, Skipped) else self._ready(image, labels.get(image.sighting)) for image in read
        ]

    def _read(self, record: ImageRecord | Skipped) -> _Read | Skipped:
        if isinstance(record, Skipped):
            return record
        try:
            record.source.encode()
        except UnicodeEncodeError:
            return Skipped(record.source, "its name isn't UTF-8, and a gallery can't keep it; rename the file")
        try:
            camera, data = self.network[record.camera], read_bytes(record.path)
        except (BadImage, UnknownCamera) as error:
            return Skipped(record.source, str(error))
        return _Read(record, camera, data, digest_of(data, record.box))

    def _ready(self, image: _Read, labels: Labels | None) -> _Ready | Skipped | None:
        """Decoded and resized. Where it is enrolled, other labels than the record's are a reason to skip it."""
        record, camera = image.record, image.camera
        if labels is not None:
            differing = other_labels(labels, (record.taken_at, record.identity, record.track))
            return None if differing is None else Skipped(record.source, differing)
        try:
            picture = decode(image.data, str(record.path), record.box)
        except BadImage as error:
            return Skipped(record.source, str(error))
        crop = crop_of(image.data, picture, as_given=record.box is None) if self.keep_crops else None
        modality = modality_for(record.modality, camera)
        return _Ready(record, camera.id, modality, image.digest, self.encoder.pixels(picture), crop)

    def _encoded(self, ready: Sequence[_Ready], modality: Modality) -> list[NewSighting]:
        """Images of that modality, in one run of the model."""
        if not ready:
            return []
        with self._turns:
            embeddings = self.encoder.encode(np.stack([item.pixels for item in ready]), modality)
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

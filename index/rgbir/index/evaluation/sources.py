"""Where features come from: a bundle's encoder, or a gallery that holds them already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rgbir.index.cameras import Modality
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.encoder import Encoder
from rgbir.index.errors import EvaluationError
from rgbir.index.evaluation.features import Features
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.sightings import digest_of, sighting_id
from rgbir.index.images import decode, read_bytes
from rgbir.index.progress import Progress, silent


def encoded(records: Sequence[ImageRecord], encoder: Encoder, progress: Progress = silent) -> Features:
    """Embeds the records' images, in their order; an unreadable image is an error, a benchmark has no image to spare.

    Raises:
        BadImage: an image can't be read.
        EvaluationError: images of both modalities come in one batch.
    """
    parts = [np.empty((0, encoder.card.dimension), np.float32)]
    for start in range(0, len(records), encoder.batch):
        group = records[start : start + encoder.batch]
        images = [encoder.pixels(decode(read_bytes(record.path), str(record.path))) for record in group]
        for modality in Modality:
            members = [i for i, record in enumerate(group) if (record.modality or Modality.RGB) is modality]
            if members:
                if len(members) != len(group):
                    raise EvaluationError("features are encoded one modality at a time; split the records by modality")
                parts.append(encoder.encode(np.stack(images), modality))
        progress(len(group))
    return Features.of_images(np.concatenate(parts), records)


def enrolled(records: Sequence[ImageRecord], gallery: AnyGallery) -> Features:
    """The embeddings that the gallery holds of the records' images, in their order.

    Raises:
        EvaluationError: an image isn't enrolled, or its file was changed since.
    """
    ids = ids_of(records)
    missing = set(ids) - gallery.known(ids)
    if missing:
        first = next(record.source for record, wanted in zip(records, ids, strict=True) if wanted in missing)
        raise EvaluationError(
            f"gallery {gallery.address} lacks {len(missing)} of the {len(ids)} images that the protocol may draw, {first} among them;"
            " enrol them with `rgbir index add`"
        )
    return Features.of_images(gallery.embeddings(ids), records)


def ids_of(records: Sequence[ImageRecord]) -> list[str]:
    """What these images are called where they are enrolled."""
    return [sighting_id(record.camera, record.source, digest_of(read_bytes(record.path))) for record in records]

"""Where features come from: a bundle's encoder, or a gallery that holds them already."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import BoundedSemaphore

import numpy as np

from rgbir.index.bulk import bulk_threads, groups, in_order
from rgbir.index.cameras import Modality
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.encoder import Encoder
from rgbir.index.errors import BadDataset, EvaluationError
from rgbir.index.evaluation.features import Features
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.sightings import digest_of, sighting_id
from rgbir.index.images import read_bytes
from rgbir.index.progress import Progress, silent


def encoded(records: Sequence[ImageRecord], encoder: Encoder, progress: Progress = silent) -> Features:
    """Embeds the records' images, in their order; an unreadable image is an error, a benchmark has no image to spare.

    Several groups of images are decoded and encoded at the same time.

    Raises:
        BadImage: an image can't be read.
    """
    embeddings, turns = np.empty((len(records), encoder.card.dimension), np.float32), BoundedSemaphore(encoder.lanes)
    of_modality = {
        modality: [row for row, record in enumerate(records) if (record.modality or Modality.RGB) is modality]
        for modality in Modality
    }

    def embedded(group: tuple[Modality, list[int]]) -> int:
        modality, rows = group
        images = np.stack([encoder.pixels(records[row].decoded()) for row in rows])
        with turns:
            embeddings[rows] = encoder.encode(images, modality)
        return len(rows)

    share = -(-encoder.batch // encoder.lanes)
    shares = ((modality, group) for modality, rows in of_modality.items() for group in groups(rows, share))
    with closing(in_order(embedded, shares, bulk_threads(encoder.lanes))) as counts:
        for count in counts:
            progress(count)
    return Features.of_images(embeddings, records)


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


def labelled(gallery: AnyGallery) -> tuple[list[ImageRecord], list[str]]:
    """The sightings that show a known person, in the order of their enrolment, as images whose source is the sighting's id.

    Those of a camera of both modalities are left out: nothing says which of them they are.

    Returns:
        The images, and what is to be said of the sightings that were left out.

    Raises:
        BadDataset: there are none.
    """
    network = gallery.network
    records, unsure, unlabelled = list[ImageRecord](), 0, 0
    for sighting in gallery.sightings():
        modalities = network[sighting.camera].modalities
        if sighting.identity is None:
            unlabelled += 1
        elif len(modalities) > 1:
            unsure += 1
        else:
            (modality,) = modalities
            records.append(ImageRecord(Path(), sighting.id, sighting.camera, modality, sighting.identity))
    if not records:
        raise BadDataset(
            f"gallery {gallery.address} has no sighting of a known person by a camera of one modality; enrol labelled ones, such as"
            " a table with a column identity"
        )
    remarks = []
    if unlabelled:
        remarks.append(f"{unlabelled:,} sightings show nobody known, and are not used")
    if unsure:
        remarks.append(f"{unsure:,} sightings of day/night cameras may be colour or infrared, and are not used")
    return records, remarks


def ids_of(records: Sequence[ImageRecord]) -> list[str]:
    """What these images are called where they are enrolled."""
    return [
        sighting_id(record.camera, record.source, digest_of(read_bytes(record.path), record.box)) for record in records
    ]

"""A gallery's embeddings and labels into a file, or its crops into a folder of COCO."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rgbir.index.datasets.records import Skipped
from rgbir.index.errors import UsageError
from rgbir.index.exchange import coco, faiss_file, npz, parquet, table
from rgbir.index.exchange.card import FileCard
from rgbir.index.exchange.importing import sum_of
from rgbir.index.exchange.kinds import Kind, card_beside, labels_beside
from rgbir.index.exchange.source import Source
from rgbir.index.files import beside, write_beside
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class Exported:
    """How an export went.

    Attributes:
        sightings: how many were written.
        files: what was written, the file that was asked for first.
        card: what says whose embeddings these are.
        skipped: what couldn't be written, with the reason.
    """

    sightings: int
    files: tuple[Path, ...]
    card: FileCard
    skipped: list[Skipped] = field(default_factory=list)


def export_gallery(gallery: AnyGallery, file: Path, progress: Progress = silent) -> Exported:
    """Writes a gallery's sightings to a file of the kind that its suffix says.

    Args:
        progress: is told of each batch.

    Raises:
        UsageError: a suffix that nothing has, or an empty gallery.
        CantWrite: no room, or a place that is closed to us. Nothing of it is kept.
        GalleryError: sightings were erased meanwhile.
    """
    kind = Kind.to_write(file)
    if kind is Kind.PARQUET:
        parquet.expect_pyarrow()
    source = Source.of(gallery, progress)
    count = len(source.sightings)
    if not count:
        raise UsageError(f"{gallery.address} has no sightings; there is nothing to export")
    if kind is Kind.COCO:
        skipped = coco.write(file, source)
        return Exported(count - len(skipped), (file,), source.card, skipped)
    writer = {Kind.NPZ: npz.write, Kind.PARQUET: parquet.write, Kind.CSV: table.write, Kind.FAISS: faiss_file.write}[
        kind
    ]
    card, files = source.card, [file]
    with beside(file) as new:
        writer(new, source)
        if kind is Kind.FAISS:
            with beside(labels_beside(file)) as labels:
                table.write_labels(labels, source)
                card = card.model_copy(update={"sums": {"labels": sum_of(labels)}})
            files.append(labels_beside(file))
        source.expect_kept()
        if kind in (Kind.FAISS, Kind.CSV):
            card = card.model_copy(update={"sums": {**card.sums, "file": sum_of(new)}})
            write_beside(card_beside(file), card.model_dump_json(indent=1))
            files.append(card_beside(file))
    return Exported(count, tuple(files), card)

"""Embeddings of a file into a gallery: the whole file is checked first, then enrolled; run again, it goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgbir.index.bundle import Card
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.confined.start import Limits
from rgbir.index.datasets.records import Skipped
from rgbir.index.enrolment.enrol import Tally, expired
from rgbir.index.enrolment.merge import expect_same
from rgbir.index.errors import GalleryMismatch, GalleryMissing, UsageError
from rgbir.index.exchange.card import AnyCard, FileCard, ForeignCard, card_in, known_since, model_of, read_card
from rgbir.index.exchange.kinds import Kind, card_beside, labels_beside
from rgbir.index.exchange.rows import Row, row_of
from rgbir.index.exchange.sink import MOST_PROBLEMS
from rgbir.index.exchange.unfolded import LIMITS, Unfolded, unfolded
from rgbir.index.gallery.addresses import create, open_gallery
from rgbir.index.gallery.embeddings import by_ids
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.model import Model, Storage
from rgbir.index.gallery.origins import Origin
from rgbir.index.gallery.sightings import NewSighting, labels_of, other_labels
from rgbir.index.metric import Metric
from rgbir.index.progress import Progress, silent
from rgbir.index.words import listed


@dataclass(frozen=True, slots=True)
class Claims:
    """What whoever imports a file says of it, beside what it says itself.

    Attributes:
        card: whose embeddings these are; None if the file says it.
        network: the cameras; None if the file says them, or the gallery has them.
        labels: the table of a FAISS index; None is the one beside it.
        camera: of rows that name none.
    """

    card: AnyCard | Card | None = None
    network: CameraNetwork | None = None
    labels: Path | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """How an import went.

    Attributes:
        tally: how many rows were new, were there, were erased, or are enrolled with other labels.
        total: sightings in the gallery now.
        model: whose embeddings these are.
        origin: where they come from, as the gallery remembers it.
    """

    tally: Tally
    total: int
    model: Model
    origin: Origin


@contextmanager
def _no_bar(_: int) -> Iterator[Progress]:
    yield silent


def import_file(
    file: Path,
    address: str,
    claims: Claims = Claims(),
    storage: Storage | None = None,
    bar: Callable[[int], AbstractContextManager[Progress]] = _no_bar,
    limits: Limits = LIMITS,
) -> Imported:
    """Enrols every row of a file. Nothing is enrolled if one of its rows can't be.

    Args:
        address: the gallery's; it is made if it isn't there.
        storage: of a new gallery; None is float32.
        bar: makes, for so many rows, what is told of each batch.
        limits: of the process that reads the file.

    Raises:
        UsageError: the file can't be read, tells no model, or has rows that can't be enrolled: ten of them are named.
        GalleryMismatch: it has embeddings of another model than the gallery.
        GalleryBusy: another process is writing.
    """
    with ExitStack() as opened:
        rows = opened.enter_context(unfolded(file, claims.labels, limits))
        card = _card_of(file, rows, claims)
        model = _expect_model(file, card, claims.card, rows)
        gallery = _opened(address)
        if gallery is not None:
            opened.enter_context(gallery)
            _expect_gallery(gallery, model, storage)
        _expect_labels(file, rows, card, claims)
        network = _declared(file, card, claims)
        into = _joined(network, file, gallery)
        moment = known_since(card)
        now = int(datetime.now(UTC).timestamp() * 1e6)
        check = _Check(
            into,
            network is None,
            claims.camera,
            min(moment, now),
            _most(model, gallery.storage if gallery else storage),
        )
        check.all(file, rows)
        check.expect_used(file)
        into = into.extended(check.cameras)
        if gallery is None:
            gallery = opened.enter_context(create(address, model, into, storage or Storage.FLOAT32))
        tally = Tally()
        with gallery.writing(), bar(rows.rows) as progress:
            gallery.add_cameras([camera for camera in into if camera.id not in gallery.network])
            for batch in rows.batches():
                new = [
                    row_of(cells, np.array(embedding), claims.camera, check.moment).sighting
                    for _, cells, embedding in batch.rows()
                ]
                _enrol(by_ids(new, into), gallery, tally)
                progress(len(new))
            origin = _origin(file, rows, card)
            for earlier in card.origins if isinstance(card, FileCard) else ():
                gallery.note_origin(earlier)
            gallery.note_origin(origin)
            expired(gallery)
            gallery.refresh_cache()
        return Imported(tally, len(gallery), model, origin)


def _enrol(new: Sequence[NewSighting], gallery: AnyGallery, tally: Tally) -> None:
    """Enrols a batch, and counts what became of each row."""
    written, gone = gallery.add(new), gallery.bound(new)
    for sighting, was_new in zip(new, written, strict=True):
        if was_new:
            tally.added += 1
            continue
        if sighting.id in gone:
            tally.erased += 1
            continue
        enrolled = gallery.get(sighting.id)
        given = (sighting.taken_at, sighting.identity, sighting.track)
        differing = None if enrolled is None else other_labels(labels_of(enrolled), given)
        if differing is None:
            tally.present += 1
        else:
            tally.skipped.append(Skipped(sighting.source or sighting.id, differing))


def _card_of(file: Path, rows: Unfolded, claims: Claims) -> AnyCard | Card:
    """The card in the file, or beside it, or what is claimed.

    Raises:
        UsageError: there is none, or the one beside the file is another file's.
    """
    if rows.card is not None:
        return card_in(rows.card, f"{file}: its card")
    beside = card_beside(file)
    if beside.is_file():
        card = read_card(beside)
        if isinstance(card, FileCard):
            _expect_sum("file", file, card, beside)
            if "labels" in card.sums and rows.labels is not None:
                _expect_sum("labels", rows.labels, card, beside)
        return card
    if claims.card is None:
        raise UsageError(
            f"{file} doesn't tell which model made its embeddings; name it with --bundle, or with --card for a model of"
            " another system"
        )
    return claims.card


def _expect_sum(what: str, file: Path, card: FileCard, beside: Path) -> None:
    if card.sums.get(what) != sum_of(file):
        raise UsageError(
            f"{beside} is the card of another file, or {file.name} was changed since it was exported; export it again, or take"
            " the card away and name the model with --bundle or --card"
        )


def sum_of(file: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _expect_model(file: Path, card: AnyCard | Card, claimed: AnyCard | Card | None, rows: Unfolded) -> Model:
    model = model_of(card)
    if claimed is not None and model_of(claimed).fingerprint != model.fingerprint:
        other = model_of(claimed)
        raise GalleryMismatch(
            f"{file} has embeddings of {model.name} ({model.fingerprint}), as its card says, not of {other.name}"
            f" ({other.fingerprint})"
        )
    if not rows.rows:
        raise UsageError(f"{file} has no rows; there is nothing to import")
    if rows.dimension != model.dimension:
        raise GalleryMismatch(
            f"{file} has embeddings of {rows.dimension:,} values, and {model.name} makes {model.dimension:,}"
        )
    return model


def _opened(address: str) -> AnyGallery | None:
    try:
        return open_gallery(address)
    except GalleryMissing:
        return None


def _expect_gallery(gallery: AnyGallery, model: Model, storage: Storage | None) -> None:
    gallery.expect_copies()
    if model.fingerprint != gallery.model.fingerprint:
        raise GalleryMismatch(
            f"gallery {gallery.address} holds embeddings of {gallery.model.name} ({gallery.model.fingerprint}), the file has"
            f" those of {model.name} ({model.fingerprint}); import it into another --gallery"
        )
    if (model.metric, model.dimension) != (gallery.model.metric, gallery.model.dimension):
        raise GalleryMismatch(
            f"the file's card says {model.dimension} values by {model.metric}, gallery {gallery.address}"
            f" {gallery.model.dimension} by {gallery.model.metric}, of one fingerprint; one of them was changed"
        )
    if storage is not None and gallery.storage is not storage:
        raise UsageError(f"the gallery keeps {gallery.storage}, and --storage says {storage}; leave it out")


def _expect_labels(file: Path, rows: Unfolded, card: AnyCard | Card, claims: Claims) -> None:
    """
    Raises:
        UsageError: a FAISS index whose table of labels isn't there, though its card or its rows need one.
    """
    if Kind.to_read(file) is not Kind.FAISS or rows.labels is not None:
        return
    beside = labels_beside(file)
    if isinstance(card, FileCard) and "labels" in card.sums:
        raise UsageError(
            f"{file} was exported with its labels in {beside.name}, which isn't there; put it beside the file"
        )
    if claims.camera is None:
        raise UsageError(
            f"{file} is a FAISS index, which has no labels, and there is no {beside.name} beside it; give --labels with a CSV"
            " table, or --camera if one camera took all"
        )


def _declared(file: Path, card: AnyCard | Card, claims: Claims) -> CameraNetwork | None:
    """The cameras that the file and whoever imports it declare together; None if neither does.

    Raises:
        UsageError: they contradict each other.
    """
    known = card.cameras if isinstance(card, FileCard) else None
    if known is None or claims.network is None:
        return known or claims.network
    expect_same(claims.network, "--network", known, f"the card of {file}")
    return known.extended(claims.network)


def _joined(network: CameraNetwork | None, file: Path, gallery: AnyGallery | None) -> CameraNetwork:
    """The gallery's network with what is declared beside it.

    Raises:
        UsageError: they contradict each other.
    """
    if gallery is None:
        return network or CameraNetwork(file.stem, ())
    if network is None:
        return gallery.network
    expect_same(network, str(file), gallery.network, gallery.address)
    return gallery.network.extended(network)


def _most(model: Model, storage: Storage | None) -> float:
    """The largest value that is kept: what is brought to length 1 first, as for the cosine, may be any."""
    kept = Storage.FLOAT32 if model.metric is Metric.COSINE or storage is None else storage
    return float(np.finfo(kept.value).max)


class _Check:
    """All rows of a file, before one of them is enrolled.

    Attributes:
        cameras: those that rows name and nobody declared; only where undeclared ones are taken.
        moment: microseconds since 1970, since which the file is known.
        most: the largest value that the gallery can keep.
    """

    def __init__(self, network: CameraNetwork, undeclared: bool, camera: str | None, moment: int, most: float) -> None:
        self.network, self.undeclared, self.camera = network, undeclared, camera
        self.moment, self.most = moment, most
        self.modalities: dict[str, set[Modality]] = {}
        self.seen: dict[bytes, int] = {}
        self.named: set[str] = set()
        self.unnamed = 0

    @property
    def cameras(self) -> list[Camera]:
        return [
            Camera(name, frozenset(kinds or {Modality.RGB}), name) for name, kinds in sorted(self.modalities.items())
        ]

    def all(self, file: Path, rows: Unfolded) -> None:
        """
        Raises:
            UsageError: a row can't be enrolled; ten of them are named.
        """
        problems = dict(rows.problems)
        for batch in rows.batches():
            for number, cells, embedding in batch.rows():
                if len(problems) >= MOST_PROBLEMS:
                    break
                if number not in problems and (reason := self._reason(number, cells, embedding)):
                    problems[number] = reason
        if problems:
            named = "\n".join(
                f"  row {number}: {reason}" for number, reason in sorted(problems.items())[:MOST_PROBLEMS]
            )
            raise UsageError(f"{file} has rows that can't be enrolled, so none was:\n{named}")

    def expect_used(self, file: Path) -> None:
        """
        Raises:
            UsageError: every row names its camera, and not the one that is given for rows without.
        """
        if self.camera is None or self.unnamed or self.named == {self.camera}:
            return
        raise UsageError(
            f"every row of {file} names its camera ({listed(sorted(self.named), most=8)}), so --camera {self.camera} stands for"
            " none; leave it out, or correct the file"
        )

    def _reason(self, number: int, cells: dict[str, object], embedding: NDArray[np.float32]) -> str | None:
        try:
            row = row_of(cells, embedding, self.camera, self.moment)
            if float(np.abs(embedding).max()) > self.most:
                raise UsageError(f"embedding has values past {self.most:g}, the most that the gallery's storage keeps")
            self._count(cells)
            name = row.enrolled_as(self._camera(row))
            if (earlier := self.seen.setdefault(bytes.fromhex(name), number)) != number:
                raise UsageError(f"it is the same sighting as row {earlier}; leave one of them out")
        except UsageError as error:
            return str(error)
        return None

    def _count(self, cells: Mapping[str, object]) -> None:
        if cells.get("camera"):
            self.named.add(str(cells["camera"]))
        else:
            self.unnamed += 1

    def _camera(self, row: Row) -> str:
        """The id of a row's camera."""
        name = row.sighting.camera
        if name not in self.network and self.undeclared:
            kinds = self.modalities.setdefault(name, set())
            if row.modality is not None:
                kinds.add(row.modality)
            return name
        camera = self.network[name]
        if row.modality is not None and row.modality not in camera.modalities:
            raise UsageError(
                f"camera {camera.shown} gives {'+'.join(sorted(camera.modalities))} images, not {row.modality}"
            )
        return camera.id


def _origin(file: Path, rows: Unfolded, card: AnyCard | Card) -> Origin:
    return Origin(
        file="".join(filter(str.isprintable, file.name))[:300],
        sha256=sum_of(file),
        imported_at=datetime.now(UTC),
        exported_at=None if isinstance(card, Card) else card.exported_at,
        provenance=card.provenance if isinstance(card, ForeignCard) else None,
        sightings=rows.rows,
    )

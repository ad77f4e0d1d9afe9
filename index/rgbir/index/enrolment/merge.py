"""Galleries that were filled apart, brought together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Camera, CameraNetwork
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.errors import GalleryMismatch, UsageError
from rgbir.index.gallery.erasures import Erasure
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.model import Model
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.progress import Progress, silent
from rgbir.index.stays import when
from rgbir.index.words import listed


def shard(records: Iterable[ImageRecord | Skipped], number: int, of: int) -> Iterator[ImageRecord | Skipped]:
    """The part `number` (from 1) of `of` parts: an image is in the same one on every machine, by its name.

    Raises:
        UsageError: no such part.
    """
    if not 1 <= number <= of:
        raise UsageError(f"there are parts 1 to {of}, not {number}")
    for record in records:
        drawn = hashlib.sha256(record.source.encode()).digest()
        if int.from_bytes(drawn[:8], "big") % of == number - 1:
            yield record


class Merged(NamedTuple):
    """How many sightings a merge moved.

    Attributes:
        added, present: of the first gallery's sightings, those that were new to the second, and those that it had.
        erased: of the first gallery's sightings, those that the second was told to erase.
        removed: of the second gallery's sightings, those that the first was told to erase.
    """

    added: int
    present: int
    erased: int = 0
    removed: int = 0


def merge(
    source: AnyGallery,
    target: AnyGallery,
    batch: int = 256,
    progress: Progress = silent,
    conditions: bool = False,
) -> Merged:
    """Enrols every sighting of one gallery in another, in its order, with its crop; run again, it goes on.

    Of what the other one has already, nothing is read but what names it.

    What was erased stays erased: sightings that were erased from the target after they were known to the source are not added,
    and those that were erased from the source after they were known to the target are removed.

    Args:
        conditions: what was erased from the source by camera, identity, track or age is erased from the target, too, as from a
            copy; else those very sightings are.

    Raises:
        GalleryMismatch: they hold another model's embeddings.
        UsageError: a camera that both have looks at another place in each, or see `AnyGallery.expect_copies`.
        GalleryBusy: another process is writing to the target.
    """
    expect_mergeable([Declared.of(target), Declared.of(source)])
    target.expect_copies()
    added = present = erased = 0
    with target.writing():
        target.add_cameras([*source.network])
        removed = target.heed(erasures_of(source, conditions))
        for page in source.pages():
            for start in range(0, len(page), batch):
                group = page[start : start + batch]
                known = target.known([sighting.id for sighting in group])
                missing = [sighting for sighting in group if sighting.id not in known]
                new = _read(source, missing) if missing else []
                written, gone = target.add(new), target.bound(new)
                added += sum(written)
                erased += len(gone)
                present += len(group) - sum(written) - len(gone)
                progress(len(group))
        target.refresh_cache()
    return Merged(added, present, erased, removed)


def _read(source: AnyGallery, sightings: Sequence[Sighting]) -> list[NewSighting]:
    """With their embeddings and crops."""
    ids = [sighting.id for sighting in sightings]
    embeddings, crops = source.embeddings(ids), source.crops(ids)
    return [
        same(sighting, embedding, crops.get(sighting.id))
        for sighting, embedding in zip(sightings, embeddings, strict=True)
    ]


class Declared(NamedTuple):
    """What decides whether galleries fit.

    Attributes:
        address: where the gallery is.
        model: whose embeddings it holds.
        network: which cameras it has.
    """

    address: str
    model: Model
    network: CameraNetwork

    @classmethod
    def of(cls, gallery: AnyGallery) -> Self:
        return cls(gallery.address, gallery.model, gallery.network)


def expect_mergeable(galleries: Sequence[Declared]) -> None:
    """Refuses galleries that can't become one.

    Raises:
        GalleryMismatch: they hold embeddings of different models.
        UsageError: their networks contradict each other; see `expect_same`.
    """
    for source, target in ((later, earlier) for earlier, later in combinations(galleries, 2)):
        if source.model.fingerprint != target.model.fingerprint:
            raise GalleryMismatch(
                f"{source.address} holds embeddings of {source.model.name} ({source.model.fingerprint}), {target.address} of"
                f" {target.model.name} ({target.model.fingerprint}); only galleries of one model can be merged"
            )
        expect_same(source.network, source.address, target.network, target.address)


def expect_same(network: CameraNetwork, where: str, other: CameraNetwork, elsewhere: str) -> None:
    """Refuses networks that contradict each other: of whatever both have, they say the same places and modalities.

    Args:
        where, elsewhere: what errors call the two.

    Raises:
        UsageError: they don't, or a name is one camera's in one of them and another's in the other.
    """
    for camera in network:
        for twin in {other[name] for name in camera.names if name in other}:
            if twin.id != camera.id:
                raise UsageError(
                    f"a name of camera {camera.shown} in {where} is camera {twin.shown}'s in {elsewhere}; ids and"
                    " aliases of one camera are the same in both. Mend one of the networks first"
                )
    twins = {camera.id: camera for camera in other}
    for camera in network:
        twin = twins.get(camera.id, camera)
        if twin.modalities != camera.modalities:
            raise UsageError(
                f"camera {camera.shown} gives {'+'.join(sorted(camera.modalities))} images in {where} and"
                f" {'+'.join(sorted(twin.modalities))} images in {elsewhere}. Mend one of the networks first"
            )
        if twin.spans() != camera.spans():
            raise UsageError(
                f"camera {camera.shown} looks at {_whereabouts(camera)} in {where} and at {_whereabouts(twin)} in"
                f" {elsewhere}; a search would leave out the wrong cameras. Mend one of the networks first"
            )


def _whereabouts(camera: Camera) -> str:
    spans = camera.spans()
    return listed(span.place if len(spans) == 1 else f"{span.place} ({when(span)})" for span in spans)


def erasures_of(source: AnyGallery, conditions: bool) -> list[Erasure]:
    """What was erased from one gallery, as another is to heed it."""
    return [erasure if conditions else erasure.by_ids() for erasure in source.erasures() if conditions or erasure.ids]


def same(sighting: Sighting, embedding: NDArray[np.float32], crop: Crop | None) -> NewSighting:
    """An enrolled sighting with its embedding, float32 (d,), to be enrolled elsewhere."""
    return NewSighting(
        sighting.camera,
        embedding,
        sighting.digest,
        sighting.source,
        sighting.taken_at,
        sighting.identity,
        sighting.track,
        crop,
        sighting.since,
        sighting.frame,
    )

"""What every gallery is, wherever it keeps its sightings: the checks, the rules and the shape of an answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rgbir.index.bundle import Card
from rgbir.index.cameras import Camera, CameraNetwork
from rgbir.index.errors import GalleryMismatch, UsageError
from rgbir.index.gallery.calibration import Calibration
from rgbir.index.gallery.erasures import Condition, Erasure
from rgbir.index.gallery.model import CameraCount, Model, Storage
from rgbir.index.gallery.query import Answer, Distances, Hit, Query, Scope, score
from rgbir.index.gallery.retention import Run, check
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting, check_identity
from rgbir.index.times import check_moment, to_microseconds

MOST_DAYS = 365_000


def span(query: Query, times: tuple[int, int] | None) -> tuple[int, int]:
    """The moments that a query and a gallery have in common, as far as either knows them."""
    first, last = times or (0, 0)
    since = first if query.since is None else max(first, to_microseconds(query.since))
    until = last if query.until is None else min(last, to_microseconds(query.until))
    return min(since, until), max(since, until)


class AnyGallery(ABC):
    """An open gallery, in a folder (`Gallery`) or in Milvus (`MilvusGallery`). Thread-safe; close it, or use it in a `with` block.

    address: where it is, as people write it.
    """

    address: str
    model: Model

    # --- what is there

    @property
    @abstractmethod
    def network(self) -> CameraNetwork:
        """Its cameras and their places."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def generation(self) -> int:
        """Grows with every change; every answer tells the one it saw."""

    @abstractmethod
    def counts(self) -> list[CameraCount]:
        """Of the cameras that have sightings, by name."""

    @abstractmethod
    def untimed(self, cameras: Sequence[str]) -> tuple[int, int]:
        """How many sightings those cameras have, and how many of them have no time."""

    @abstractmethod
    def get(self, sighting: str) -> Sighting | None: ...

    @abstractmethod
    def crop(self, sighting: str) -> Crop | None: ...

    @abstractmethod
    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that are enrolled."""

    @abstractmethod
    def sightings(self) -> list[Sighting]:
        """All of them, in enrolment order."""

    @abstractmethod
    def some(self) -> Sighting | None:
        """Any sighting; None if there are none."""

    @abstractmethod
    def embeddings(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """float32 (n, d), as the gallery keeps them, in the order asked for."""

    @abstractmethod
    def verify(self) -> list[str]:
        """What is wrong, in words; an empty list is a proof that nothing is."""

    # --- search

    storage = Storage.FLOAT32

    def search(self, query: Query) -> Answer:
        """The sightings most like the query, among those it may see: exactly brute force's, ties in enrolment order.

        Raises:
            UnknownCamera, InvalidQuery: the query doesn't fit this gallery.
        """
        return self.search_many([query])[0]

    @abstractmethod
    def search_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Every query's answer.

        Raises:
            UnknownCamera, InvalidQuery: a query doesn't fit this gallery.
        """

    @abstractmethod
    def distances(self, query: Query, most: int | None = None) -> Distances:
        """The keys of all sightings that the query may see; its `top_k`, times and identity play no part.

        Args:
            most: more sightings than that are refused.

        Raises:
            UnknownCamera, InvalidQuery: the query doesn't fit this gallery, or too many sightings.
        """

    def calibration(self) -> tuple[Calibration, Mapping[str, int]] | None:
        """What distances mean here, and the sightings of each camera; None if nobody measured it."""
        return None

    # --- change

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """Keeps others from writing while the block lasts, where one process writes at a time."""

    @abstractmethod
    def add(self, sightings: Sequence[NewSighting]) -> list[bool]:
        """Enrols them; True where the sighting was new, and not erased since it was known."""

    @abstractmethod
    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        """Adds cameras that the network doesn't have; those it has stay as they are."""

    def remove(
        self,
        *,
        ids: Sequence[str] | None = None,
        camera: str | None = None,
        identity: int | None = None,
        track: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """Removes the sightings that meet every condition given.

        Returns:
            How many there were.

        Raises:
            UsageError: no condition at all.
            GalleryBusy: another process is writing.
        """
        check_identity(identity)
        check_moment(before, "before")
        own = None if camera is None else self.network[camera].id
        which = Condition(None if ids is None else tuple(ids), own, identity, track, before)
        if which == Condition():
            raise UsageError(
                "remove needs a condition: ids, camera, identity, track or before; to remove all, delete the gallery"
            )
        return self._remove(which)

    @abstractmethod
    def _remove(self, which: Condition, by_rule: bool = False) -> int:
        """Removes them and notes the erasure, unless a rule goes on to hold and there is nothing to remove."""

    @abstractmethod
    def discard(self, ids: Sequence[str]) -> int:
        """Removes what isn't in the gallery that this one follows. Nobody was erased: nothing is noted, and it may come again.

        Returns:
            How many there were.
        """

    @abstractmethod
    def moment(self) -> int:
        """Microseconds since 1970: what is known since this moment is older than every erasure to come, and younger than every one before."""

    @abstractmethod
    def bound(self, sightings: Sequence[NewSighting]) -> set[str]:
        """Ids of those that `add` refuses: they were erased after they were known."""

    @abstractmethod
    def erasures(self) -> list[Erasure]:
        """What was erased here, in order."""

    @abstractmethod
    def heed(self, erasures: Sequence[Erasure]) -> int:
        """Carries erasures out that were made elsewhere, on what was known before them, and keeps to them from now on.

        Returns:
            How many sightings were removed.
        """

    @abstractmethod
    def backups(self) -> list[dict[str, Any]]:
        """Copies that were made of it and may hold what was erased since: path, made_at, generation."""

    def empty_journal(self) -> bool:
        """Takes what was erased out of a journal that a reader needed then; False if one still does."""
        return True

    @abstractmethod
    def refresh_cache(self) -> bool:
        """Writes what makes the next opening quick, if it is worth it."""

    @abstractmethod
    def _set_keep_days(self, days: int | None) -> None: ...

    @property
    @abstractmethod
    def keep_days(self) -> int | None:
        """How long sightings are kept after they were taken; None is for ever."""

    def keep(self, days: int | None, sure: bool = False) -> int:
        """Sets how long sightings are kept, and carries it out at once; None is for ever.

        Args:
            sure: see `expire`.

        Returns:
            How many were removed.

        Raises:
            UsageError: less than a day, or more than a calendar has.
            RetentionWaits: see `expire`; the rule is set.
        """
        self.set_keep_days(days)
        return self.expire(sure=sure)

    def set_keep_days(self, days: int | None) -> None:
        """Sets how long sightings are kept, without carrying it out.

        Raises:
            UsageError: less than a day, or more than a calendar has.
        """
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise UsageError(
                f"sightings are kept for a day at least, and {MOST_DAYS:,} at most, or for ever; not for {days} days"
            )
        self._set_keep_days(days)

    def expire(self, now: datetime | None = None, sure: bool = False) -> int:
        """Removes what was taken longer ago than the gallery keeps it. Sightings without a time stay.

        Bulk enrolment ends with it, and a server carries it out every hour.

        Args:
            sure: somebody looked at the clock and the rule, and means it.

        Raises:
            RetentionWaits: the clock jumped since the last run, or over half of the gallery would be erased.
        """
        days = self.keep_days
        if days is None:
            return 0
        run = Run.now(now)
        which = Condition(before=run.at - timedelta(days=days))
        known = True
        if not sure:
            noted = self._remembered("retention")
            before = None if noted is None else Run.model_validate_json(noted)
            known = check(run, before, self._meeting(which), len(self))
        removed = self._remove(which, by_rule=True)
        if known:
            self._remember("retention", run.model_dump_json())
        return removed

    @abstractmethod
    def _meeting(self, which: Condition) -> int:
        """How many sightings meet it."""

    @abstractmethod
    def _remember(self, name: str, value: str) -> None:
        """Keeps something beside the sightings; the gallery is no other by it."""

    @abstractmethod
    def _remembered(self, name: str) -> str | None: ...

    # --- what all do alike

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None: ...

    def expect(self, card: Card) -> None:
        """Refuses another model's bundle.

        Raises:
            GalleryMismatch: its embeddings and this gallery's can't be compared.
        """
        if card.fingerprint != self.model.fingerprint:
            raise GalleryMismatch(
                f"gallery {self.address} holds embeddings of {self.model.name} ({self.model.fingerprint}), the bundle is {card.name}"
                f" ({card.fingerprint}); use the bundle it was made with, or index the images into another --gallery"
            )

    def _prepared(self, query: Query) -> NDArray[np.float32]:
        if query.embedding.shape != (self.model.dimension,):
            raise GalleryMismatch(
                f"gallery {self.address} holds {self.model.dimension} values a sighting, the query has {query.embedding.shape[0]}"
            )
        return np.asarray(self.model.metric.prepare(query.embedding[None])[0], np.float32)

    def _checked(self, sightings: Sequence[NewSighting], storage: Storage) -> NDArray[np.float32]:
        """Their embeddings as the metric keeps them.

        Raises:
            UnknownCamera: a camera that isn't in the network.
            GalleryMismatch: an embedding of another length, or one that isn't finite, or not in the storage's range.
        """
        for sighting in sightings:
            self.network[sighting.camera]
            if sighting.embedding.shape != (self.model.dimension,) or not np.isfinite(sighting.embedding).all():
                raise GalleryMismatch(
                    f"{sighting.source or sighting.id}: this gallery holds {self.model.dimension} finite values a sighting,"
                    f" the embedding has shape {sighting.embedding.shape}{'' if sighting.embedding.ndim != 1 else ' or is not finite'}"
                )
        prepared = self.model.metric.prepare(np.stack([sighting.embedding for sighting in sightings]))
        with np.errstate(over="ignore"):
            kept = np.isfinite(prepared.astype(storage.value)).all(axis=1)
        if not kept.all():
            raise GalleryMismatch(
                f"{sightings[int(np.argmin(kept))].source}: this gallery keeps {storage}, and the embedding has a value of"
                f" {np.abs(prepared).max():.3g}, past its range; index it into a gallery that keeps float32"
            )
        return prepared

    def _ranked(self, nearest: Sequence[tuple[float, Sighting]], least_score: float = 0.0) -> tuple[Hit, ...]:
        """Hits of (key, sighting), the most alike first, down to a score."""
        distances = self.model.metric.distance(np.array([key for key, _ in nearest], np.float64))
        hits = (
            self._hit(rank, sighting, float(distance))
            for rank, ((_, sighting), distance) in enumerate(zip(nearest, distances, strict=True), start=1)
        )
        return tuple(hit for hit in hits if hit.score >= least_score)

    def _hit(self, rank: int, sighting: Sighting, distance: float) -> Hit:
        return Hit(
            rank=rank,
            id=sighting.id,
            camera=sighting.camera,
            taken_at=sighting.taken_at,
            identity=sighting.identity,
            track=sighting.track,
            source=sighting.source,
            distance=distance,
            score=score(self.model.metric, distance, self.model.dimension),
            has_image=sighting.has_crop,
        )

    def _answer(self, seen: Scope, generation: int, hits: tuple[Hit, ...], exact: bool, milliseconds: float) -> Answer:
        return Answer(
            camera=seen.camera.id if seen.camera else None,
            modality=seen.modality,
            place=seen.camera.place if seen.camera else None,
            shots=1,
            searched_cameras=seen.searched,
            excluded_cameras=seen.excluded,
            hits=hits,
            generation=generation,
            exact=exact,
            model=self.model.name,
            fingerprint=self.model.fingerprint,
            milliseconds={"search": milliseconds},
        )

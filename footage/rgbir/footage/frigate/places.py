"""Who takes the people: a gallery here, or a server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from rgbir.footage.frigate.errors import Later, PassedOver
from rgbir.index import (
    AnyGallery,
    BadImage,
    Box,
    Camera,
    CameraNetwork,
    Encoder,
    GalleryBusy,
    GalleryFull,
    Modality,
    NewSighting,
    RetentionWaits,
    UsageError,
    crop_of,
    decode,
    digest_of,
)

Outcome = Literal["added", "present", "erased"]
Say = Callable[[str], None]
EVERY_S = 3600.0
"""How often retention is carried out."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A person in a snapshot, ready to be enrolled.

    Attributes:
        event: Frigate's id, which becomes the track's name.
        camera: ours.
        modality: what the picture shows.
        data: the snapshot's file.
        box: left, top, right, bottom of the part that is kept, in pixels.
        taken_at: with a zone.
        since: when the track ended, microseconds since 1970: an erasure after that binds it.
        source: of the sighting.
        frame: of the sighting, as JSON.
    """

    event: str
    camera: Camera
    modality: Modality
    data: bytes
    box: Box
    taken_at: datetime
    since: int
    source: str
    frame: str


class Place(Protocol):
    """Who takes shots."""

    def network(self) -> CameraNetwork:
        """Its cameras, as they are now.

        Raises:
            Later: nobody answers.
        """

    def take(self, shot: Shot) -> Outcome:
        """Enrols a shot; once this returns, it is kept. The same shot again adds nothing.

        Raises:
            Later: nobody answers, or somebody else is writing.
            PassedOver: it can't be enrolled.
        """

    def upkeep(self) -> None:
        """What is due from time to time."""

    def close(self) -> None: ...


class InGallery:
    """A gallery of this machine, written to by this process for a moment at a time.

    Args:
        gallery: open; it is closed with this.
        encoder: of the gallery's model.
        keep_days: its rule from now on, where it has none.
        forever: somebody said that there is to be no rule.
        say: told what is worth knowing.

    Raises:
        GalleryMismatch: the gallery holds another model's embeddings.
        UsageError: nobody said how long people are kept, or the gallery's rule is another one.
    """

    def __init__(
        self, gallery: AnyGallery, encoder: Encoder, *, keep_days: int | None, forever: bool, say: Say
    ) -> None:
        gallery.expect(encoder.card)
        self._gallery, self._encoder, self._say = gallery, encoder, say
        _settle_retention(gallery, keep_days, forever)
        self._due, self._warned = 0.0, False

    def network(self) -> CameraNetwork:
        return self._gallery.network

    def take(self, shot: Shot) -> Outcome:
        digest = digest_of(shot.data, shot.box)
        try:
            image = decode(shot.data, f"the snapshot of {shot.event}", shot.box)
        except BadImage as error:
            raise PassedOver("unreadable", str(error)) from None
        [embedding] = self._encoder.embed([image], shot.modality)
        sighting = NewSighting(
            camera=shot.camera.id,
            embedding=embedding,
            digest=digest,
            source=shot.source,
            taken_at=shot.taken_at,
            track=shot.event,
            crop=crop_of(shot.data, image, as_given=False),
            since=shot.since,
            frame=shot.frame,
        )
        try:
            [was_new] = self._gallery.add([sighting])
            if was_new:
                return "added"
            return "erased" if self._gallery.bound([sighting]) else "present"
        except (GalleryBusy, GalleryFull) as error:
            raise Later(str(error)) from None

    def upkeep(self) -> None:
        """Erases what is older than the gallery's rule, every hour."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_S
        try:
            self._gallery.expire()
        except RetentionWaits as error:
            if not self._warned:
                self._say(str(error))
            self._warned = True
        except (GalleryBusy, GalleryFull) as error:
            self._due = 0.0
            raise Later(str(error)) from None

    def close(self) -> None:
        self._gallery.close()


def _settle_retention(gallery: AnyGallery, keep_days: int | None, forever: bool) -> None:
    """
    Raises:
        UsageError: see `InGallery`.
    """
    rule = gallery.keep_days
    change = f"`rgbir index retain --gallery {gallery.address}` changes it"
    if rule is not None and forever:
        raise UsageError(
            f"{gallery.address} keeps sightings for {rule} days, and --no-retention says for ever; {change}"
        )
    if rule is not None and keep_days not in (None, rule):
        raise UsageError(
            f"{gallery.address} keeps sightings for {rule} days, and --keep-days says {keep_days}; {change}"
        )
    if rule is None:
        expect_retention(keep_days, forever)
        gallery.set_keep_days(keep_days)


def expect_retention(keep_days: int | None, forever: bool) -> None:
    """
    Raises:
        UsageError: nobody said how long people are kept.
    """
    if keep_days is None and not forever:
        raise UsageError(
            "everybody who passes is enrolled, so somebody must say for how long: --keep-days 30, or --no-retention for ever"
        )

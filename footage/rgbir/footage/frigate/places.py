"""Who takes the people: a gallery here, or a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from PIL import Image

from rgbir.footage.frigate.errors import Closed, PassedOver
from rgbir.footage.retention import Expiry, settle
from rgbir.index import (
    AnyGallery,
    Box,
    Camera,
    CameraNetwork,
    Encoder,
    GalleryBusy,
    GalleryFull,
    Modality,
    NewSighting,
    crop_of,
    digest_of,
)

Outcome = Literal["added", "present", "erased"]
Say = Callable[[str], None]
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
        person: that part, without what the camera ignores.
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
    person: Image.Image
    taken_at: datetime
    since: int
    source: str
    frame: str


class Place(Protocol):
    """Who takes shots."""

    def network(self) -> CameraNetwork:
        """Its cameras, as they are now.

        Raises:
            Closed: nobody answers.
        """

    def take(self, shot: Shot) -> Outcome:
        """Enrols a shot; once this returns, it is kept. The same shot again adds nothing.

        Raises:
            Later: this shot can't be taken now.
            Closed: none can, since nobody answers, somebody else is writing, or there is no room.
            PassedOver: it can't be enrolled.
        """

    def upkeep(self) -> None:
        """What is due from time to time."""


class InGallery:
    """A gallery of this machine, written to by this process for a moment at a time.

    Args:
        gallery: open, and not closed with this.
        encoder: of the gallery's model.
        keep_days: its rule from now on, where it has none.
        forever: somebody said that there is to be no rule.
        say: told what is worth knowing.

    Raises:
        GalleryMismatch: the gallery holds another model's embeddings.
        UsageError: see `settle`.
    """

    def __init__(
        self, gallery: AnyGallery, encoder: Encoder, *, keep_days: int | None, forever: bool, say: Say
    ) -> None:
        gallery.expect(encoder.card)
        self._gallery, self._encoder = gallery, encoder
        self._keep_days = settle(gallery, keep_days, forever)
        self._expiry = Expiry(gallery, say)

    def network(self) -> CameraNetwork:
        return self._gallery.network

    def take(self, shot: Shot) -> Outcome:
        """
        Raises:
            Closed: somebody else is writing, or the disk is full.
            PassedOver: it is older than the gallery keeps.
        """
        if self._keep_days is not None and shot.taken_at < datetime.now(UTC) - timedelta(days=self._keep_days):
            raise PassedOver(
                "older than is kept", f"event {shot.event} is older than {self._keep_days} days, and isn't kept"
            )
        [embedding] = self._encoder.embed([shot.person], shot.modality)
        sighting = NewSighting(
            camera=shot.camera.id,
            embedding=embedding,
            digest=digest_of(shot.data, shot.box),
            source=shot.source,
            taken_at=shot.taken_at,
            track=shot.event,
            crop=crop_of(shot.data, shot.person, as_given=False),
            since=shot.since,
            frame=shot.frame,
        )
        try:
            [was_new] = self._gallery.add([sighting])
            if was_new:
                return "added"
            return "erased" if self._gallery.bound([sighting]) else "present"
        except (GalleryBusy, GalleryFull) as error:
            raise Closed(str(error)) from None

    def upkeep(self) -> None:
        """Erases what is older than the gallery's rule, every hour.

        Raises:
            Closed: somebody else is writing, or the disk is full.
        """
        try:
            self._expiry()
        except (GalleryBusy, GalleryFull) as error:
            raise Closed(str(error)) from None

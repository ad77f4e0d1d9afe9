"""Changes of a gallery's cameras: what is refused, and which sightings are touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from rgbir.index.cameras import Camera, CameraNetwork, Modality, Scene
from rgbir.index.errors import UsageError
from rgbir.index.gallery.model import CameraCount
from rgbir.index.recording import check_template
from rgbir.index.stays import Position, Span
from rgbir.index.words import listed
from rgbir.index.zones import Polygon, check_polygons

MOST_NAME = 200


@dataclass(frozen=True, slots=True)
class CameraEdit:
    """What to say of a camera; what is None stays as it is.

    Attributes:
        modalities: what its images may be; a new camera needs it.
        place: what it looks at, since a moment; a new camera's is its id if nobody says.
        since: from when on, with a zone, until its next move that is known; None is at all times.
        position: where it hangs on the network's plan, (x, y); at that place if one is named, else since its last move.
        scene: `indoor` or `outdoor`.
        name: what it is called from now on; its id and the names before stay its aliases.
        aliases: further names for it.
        recording: where its recordings are, an address with places; empty is nowhere.
        ignored: parts of its picture that nobody looks at from now on; empty is none.

    Raises:
        UsageError: `since` without a place, or a name or place that can't be printed or is too long.
    """

    modalities: frozenset[Modality] | None = None
    place: str | None = None
    since: datetime | None = None
    position: Position | None = None
    scene: Scene | None = None
    name: str | None = None
    aliases: frozenset[str] = frozenset()
    recording: str | None = None
    ignored: tuple[Polygon, ...] | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.place is None:
            raise UsageError("since says when a camera came to a place; name the place, too")
        for name in (self.name, *self.aliases):
            _check_name(name, "a camera", but=",")
        _check_name(self.place, "a place")
        check_template(self.recording or None)
        check_polygons(self.ignored or (), "zones")

    def added(self, network: CameraNetwork, camera: str) -> CameraNetwork:
        """The network with a new camera of that id.

        Raises:
            UsageError: there is one of that name, or no modality is given.
        """
        _check_name(camera, "a camera", but=",")
        if camera in network:
            raise UsageError(f"there is a camera {camera!r} already; edit it, or choose another id")
        if self.modalities is None:
            raise UsageError(f"camera {camera}: say whether its images are rgb, ir or both")
        if self.since is not None:
            raise UsageError(f"camera {camera} is new and was nowhere else before; leave since out")
        place = camera if self.place is None else self.place
        return network.with_camera(
            Camera(
                camera,
                self.modalities,
                place,
                self.scene,
                self.aliases,
                (),
                self.position,
                self.name,
                self.recording or None,
                self.ignored or (),
            )
        )

    def edited(self, network: CameraNetwork, camera: str) -> CameraNetwork:
        """The network with that camera as this says. Done again, it changes nothing more.

        Raises:
            UnknownCamera: no such camera.
            UsageError: a name that another camera has.
        """
        edited = network[camera]
        if self.place is not None:
            edited = edited.moved(self.place, self.since, self.position)
        elif self.position is not None:
            edited = edited.at([*edited.stays[:-1], replace(edited.stays[-1], position=self.position)])
        names = set(edited.aliases) | self.aliases
        if self.name is not None:
            names |= {edited.shown, self.name}
            edited = replace(edited, name=None if self.name == edited.id else self.name)
        aliases = frozenset(names - {edited.id, edited.name})
        modalities = edited.modalities if self.modalities is None else self.modalities
        scene = edited.scene if self.scene is None else self.scene
        recording = edited.recording if self.recording is None else self.recording or None
        ignored = edited.ignored if self.ignored is None else self.ignored
        edited = replace(edited, aliases=aliases, modalities=modalities, scene=scene)
        return network.with_camera(replace(edited, recording=recording, ignored=ignored))


def _check_name(name: str | None, whose: str, but: str = "") -> None:
    """Raises where a name can't be printed, or has one of the characters that keep names in a list apart."""
    if name is not None and not (
        0 < len(name) <= MOST_NAME and name.isprintable() and name.strip() == name and not set(name) & set(but)
    ):
        without = f", no {but!r}" if but else ""
        raise UsageError(
            f"{whose} has a name of 1 to {MOST_NAME} characters that can be printed{without} and no blank at its ends, not"
            f" {name[:80]!r}"
        )


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change means for the sightings of one camera.

    Attributes:
        camera: what it is called.
        sightings: how many it has.
        moved: how many of them were taken while it was elsewhere than was known before.
        untimed: how many have no time, and may be of other places than was known before.
        since: when the first place that changes begins; None if that is the first of all, or none does.
    """

    camera: str
    sightings: int
    moved: int = 0
    untimed: int = 0
    since: datetime | None = None


def check_change(before: CameraNetwork, after: CameraNetwork, counts: Sequence[CameraCount]) -> None:
    """Refuses what would leave sightings without their camera, or say that they are of the other modality.

    Raises:
        UsageError: a camera with sightings goes, or changes its modalities, or loses a name.
    """
    sightings = {count.camera: count.sightings for count in counts}
    there = {camera.id: camera for camera in after}
    for camera in before:
        count, new = sightings.get(camera.id, 0), there.get(camera.id)
        if count and new is None:
            raise UsageError(
                f"camera {camera.shown} has {count:,} sightings; erase them first (`rgbir index remove --camera"
                f" {camera.shown}`), then remove it"
            )
        if count and new is not None and new.modalities != camera.modalities:
            raise UsageError(
                f"camera {camera.shown} has {count:,} sightings, which were encoded as {'+'.join(sorted(camera.modalities))};"
                " nobody noted which is which, so its modality stays. Add a second camera at its place for the other one"
            )
        if new is not None and (lost := set(camera.names) - set(new.names)):
            raise UsageError(f"camera {camera.shown} is known as {listed(sorted(lost))}, and stays so; keep the alias")


def changed_spans(before: Camera, after: Camera) -> list[Span]:
    """When the camera is elsewhere than it was known to be."""
    ends = sorted({end for camera in (before, after) for span in camera.spans() for end in (span.since, span.until)})
    changed = []
    for since, until in pairwise(ends):
        places = [
            next(span.place for span in camera.spans() if span.since <= since < span.until)
            for camera in (before, after)
        ]
        if places[0] != places[1]:
            changed.append(Span(places[1], since, until))
    return changed


def moved_cameras(before: CameraNetwork, after: CameraNetwork) -> set[str]:
    """Ids of the cameras that both have, and whose places differ at some time."""
    there = {camera.id: camera for camera in after}
    return {camera.id for camera in before if camera.id in there and camera.spans() != there[camera.id].spans()}

"""A camera, the places it looks at, and a walk between two places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from rgbir.index import stays
from rgbir.index.errors import UsageError
from rgbir.index.recording import check_template
from rgbir.index.stays import Position, Span, Stay
from rgbir.index.zones import Polygon, check_polygons, declared_as

Scene = Literal["indoor", "outdoor"]


class Modality(StrEnum):
    """What a camera's sensor saw: colours, or infrared (near or thermal)."""

    RGB = "rgb"
    IR = "ir"

    @property
    def other(self) -> Modality:
        return Modality.IR if self is Modality.RGB else Modality.RGB


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera at a place. A day/night camera has both modalities.

    Cameras with the same `place` see the same people at the same moment, so a match between them tells nothing.

    Attributes:
        id: names it in a gallery's sightings, for good.
        modalities: what its images may be, one at least.
        place: what it looks at; the last of its places, if it moved. Another camera may look at it too.
        scene: None where nobody says.
        aliases: further names that it is known by.
        history: all its places in order, the last one too, if it moved; empty if it didn't.
        position: where it hangs, (x, y) in the units of the network's plan; the last one, if it moved.
        recording: where its recordings are, an address with places for a sighting's moment; see `check_template`. None where nobody says.
        name: what it is called since it was renamed; None if it is called by its id.
        ignored: parts of its picture that nobody looks at; see `Mask`.

    Raises:
        UsageError: no id, place or modality, a scene that is neither, or a history that doesn't end at the place.
    """

    id: str
    modalities: frozenset[Modality]
    place: str
    scene: Scene | None = None
    aliases: frozenset[str] = frozenset()
    history: tuple[Stay, ...] = ()
    position: Position | None = None
    name: str | None = None
    recording: str | None = None
    ignored: tuple[Polygon, ...] = ()

    def __post_init__(self) -> None:
        if not self.id or not self.place or self.name == "":
            raise UsageError(f"a camera needs an id and a place, not {self.id!r} and {self.place!r}")
        try:
            stays.check_position(self.position)
            stays.check_history(self.history)
            check_template(self.recording)
            check_polygons(self.ignored, "zones")
        except UsageError as error:
            raise UsageError(f"camera {self.id}: {error}") from None
        last = self.history[-1] if self.history else None
        if last is not None and (len(self.history) == 1 or (last.place, last.position) != (self.place, self.position)):
            raise UsageError(f"camera {self.id}: a history has two places at least, and the last is {self.place!r}")
        if not self.modalities:
            raise UsageError(f"camera {self.id}: modality must be 'rgb', 'ir' or both")
        if self.scene not in (None, "indoor", "outdoor"):
            raise UsageError(f"camera {self.id}: scene must be 'indoor' or 'outdoor', not {self.scene!r}")

    @property
    def shown(self) -> str:
        """What people call it: its name, or its id."""
        return self.name or self.id

    @property
    def names(self) -> tuple[str, ...]:
        """All that it answers to: id, name, aliases."""
        return tuple(dict.fromkeys((self.id, self.shown, *sorted(self.aliases))))

    @property
    def stays(self) -> tuple[Stay, ...]:
        """All its places in order, one at least."""
        return self.history or (Stay(self.place, None, self.position),)

    def at_moment(self, moment: datetime) -> Stay:
        """Where it was then."""
        return stays.at(self.stays, moment)

    def to_dict(self) -> dict[str, Any]:
        """As a network declares it; JSON can carry it."""
        entry: dict[str, Any] = {"id": self.id, "modality": sorted(self.modalities)}
        if self.history:
            entry["places"] = [stays.entry_of(stay) for stay in self.history]
        else:
            entry |= stays.entry_of(self.stays[0])
        if self.name:
            entry["name"] = self.name
        if self.scene:
            entry["scene"] = self.scene
        if self.aliases:
            entry["aliases"] = sorted(self.aliases)
        if self.recording:
            entry["recording"] = self.recording
        if self.ignored:
            entry["zones"] = declared_as(self.ignored)
        return entry

    def spans(self) -> tuple[Span, ...]:
        """The same as spans that cover all time; neighbours are at different places."""
        return tuple(stays.spans(self.stays))

    def places(self, moment: datetime | None) -> frozenset[str]:
        """Where it was at that moment; all places that it ever had where the moment isn't known."""
        if not self.history:
            return frozenset({self.place})
        if moment is None:
            return frozenset(stay.place for stay in self.history)
        return frozenset({stays.at(self.history, moment).place})

    def at(self, places: Sequence[Stay]) -> Camera:
        """This camera with other places."""
        history = stays.joined(places)
        last = history[-1]
        return replace(self, place=last.place, position=last.position, history=history if len(history) > 1 else ())

    def moved(self, place: str, since: datetime | None, position: Position | None = None) -> Camera:
        """At that place from a moment on, until the next move that is known; at all times without a moment.

        Without a position, it hangs where it hung if it was there already.
        """
        was = self.stays[-1] if since is None else stays.at(self.stays, since)
        position = was.position if position is None and was.place == place else position
        return self.at(stays.with_stay(self.stays, Stay(place, since, position)))


@dataclass(frozen=True, slots=True)
class Passage:
    """A walk between two places, either way.

    Attributes:
        origin, destination: the places; which one is which doesn't matter.
        soonest_s, latest_s: the seconds it takes at least and at most, 0 ≤ soonest_s ≤ latest_s.

    Raises:
        UsageError: the seconds aren't in that order.
    """

    origin: str
    destination: str
    soonest_s: float
    latest_s: float = math.inf

    def __post_init__(self) -> None:
        if not 0 <= self.soonest_s <= self.latest_s:
            raise UsageError(
                f"passage {self.origin} → {self.destination}: 0 ≤ soonest ≤ latest does not hold for {self.soonest_s},"
                f" {self.latest_s}"
            )

    def to_dict(self) -> dict[str, Any]:
        """As a network declares it; JSON can carry it."""
        entry: dict[str, Any] = {"from": self.origin, "to": self.destination, "soonest": self.soonest_s}
        return entry if self.latest_s == math.inf else {**entry, "latest": self.latest_s}

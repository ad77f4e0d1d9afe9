"""Cameras, the places they look at, and the rule that a place is never matched with itself."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

from rgbir.index import stays
from rgbir.index.errors import UnknownCamera, UsageError
from rgbir.index.stays import Position, Span, Stay
from rgbir.index.words import did_you_mean, listed

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
        name: what it is called since it was renamed; None if it is called by its id.

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

    def __post_init__(self) -> None:
        if not self.id or not self.place or self.name == "":
            raise UsageError(f"a camera needs an id and a place, not {self.id!r} and {self.place!r}")
        try:
            stays.check_position(self.position)
            stays.check_history(self.history)
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
        return _entry(self)

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


@dataclass(frozen=True)
class CameraNetwork:
    """All cameras of a site, by id, in the order of their declaration.

    Attributes:
        name: what people call the network.
        cameras: their ids, names and aliases all differ.
        passages: how long walks between its places take.
        plan: which plan positions are on, and in which units, in words; None where nobody says.

    Raises:
        UsageError: two cameras have a name in common, or a passage names a place without a camera.
    """

    name: str
    cameras: tuple[Camera, ...]
    passages: tuple[Passage, ...] = ()
    plan: str | None = None

    def __post_init__(self) -> None:
        places = {stay.place for camera in self.cameras for stay in camera.stays}
        for passage in self.passages:
            for place in (passage.origin, passage.destination):
                if place not in places:
                    raise UsageError(f"network {self.name}: a passage names the place {place!r}, where no camera is")
        seen: set[str] = set()
        for camera in self.cameras:
            for name in camera.names:
                if name in seen:
                    raise UsageError(f"network {self.name}: two cameras are called {name!r}; ids must differ")
                seen.add(name)

    def __iter__(self) -> Iterator[Camera]:
        return iter(self.cameras)

    def __len__(self) -> int:
        return len(self.cameras)

    @cached_property
    def _by_name(self) -> dict[str, Camera]:
        return {name: camera for camera in self.cameras for name in camera.names}

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Camera:
        """The camera of that id or alias.

        Raises:
            UnknownCamera: with the cameras there are, and the nearest name.
        """
        if camera := self._by_name.get(name):
            return camera
        known = listed(camera.shown for camera in self.cameras) if self.cameras else "none at all"
        raise UnknownCamera(
            f"no camera {name!r} in network {self.name!r}; it has: {known}{did_you_mean(name, self._by_name)}"
        )

    @cached_property
    def label(self) -> str:
        """What distinguishes it from other networks, for reports: its name, and the beginning of a sum of all it declares."""
        content = json.dumps({**self.to_dict(), "name": ""}, sort_keys=True)
        return f"{self.name} ({hashlib.sha256(content.encode()).hexdigest()[:8]})"

    def get(self, name: str) -> Camera | None:
        """The camera of that id, name or alias; None if there is none."""
        return self._by_name.get(name)

    def shown(self, name: str) -> str:
        """What people call a camera; the name as it is if there is no such camera."""
        camera = self.get(name)
        return name if camera is None else camera.shown

    def same_place(self, a: str, b: str, a_at: datetime | None = None, b_at: datetime | None = None) -> bool:
        """Whether what two cameras took at these moments may be of one place; a moment that isn't known may be any."""
        return not self[a].places(a_at).isdisjoint(self[b].places(b_at))

    @cached_property
    def ever(self) -> Mapping[str, frozenset[str]]:
        """By id: all places that the camera ever had."""
        return {camera.id: camera.places(None) for camera in self.cameras}

    @cached_property
    def moved(self) -> tuple[str, ...]:
        """Ids of the cameras that were at several places."""
        return tuple(camera.id for camera in self.cameras if len(camera.spans()) > 1)

    def expect_unmoved(self, cameras: Iterable[str], what: str) -> None:
        """Refuses cameras that moved, for what knows one place a camera.

        Args:
            what: what is refused, for the error.

        Raises:
            UsageError: one of the cameras moved.
        """
        moved = sorted({self[camera].shown for camera in cameras} & {self[camera].shown for camera in self.moved})
        if moved:
            raise UsageError(
                f"{what} knows one place a camera, and {listed(moved)} moved; declare a camera of its own for each of the"
                " places, and name it in the images' labels"
            )

    @cached_property
    def renamed(self) -> bool:
        """Whether a camera is called otherwise than by its id."""
        return any(camera.name for camera in self.cameras)

    def of(self, modality: Modality) -> tuple[Camera, ...]:
        return tuple(camera for camera in self.cameras if modality in camera.modalities)

    def extended(self, cameras: Iterable[Camera]) -> CameraNetwork:
        """This network and those of `cameras` it doesn't have yet."""
        return replace(self, cameras=(*self.cameras, *(new for new in cameras if new.id not in self)))

    def with_camera(self, camera: Camera) -> CameraNetwork:
        """With that camera in place of the one of its id, or behind all others."""
        if any(old.id == camera.id for old in self.cameras):
            return replace(self, cameras=tuple(camera if old.id == camera.id else old for old in self.cameras))
        return replace(self, cameras=(*self.cameras, camera))

    def without_camera(self, name: str) -> CameraNetwork:
        """Without that camera, and without passages to places that no other camera has.

        Raises:
            UnknownCamera: no such camera.
        """
        gone = self[name]
        left = tuple(camera for camera in self.cameras if camera.id != gone.id)
        places = {stay.place for camera in left for stay in camera.stays}
        walks = tuple(walk for walk in self.passages if {walk.origin, walk.destination} <= places)
        return replace(self, cameras=left, passages=walks)

    def with_passage(self, a: str, b: str, walk: Passage | None) -> CameraNetwork:
        """With that passage between two places, or with none.

        Raises:
            UsageError: a place where no camera is; or there is no passage to remove.
        """
        if walk is None and self.walk(a, b) is None:
            raise UsageError(f"no passage between {a!r} and {b!r}")
        others = tuple(other for other in self.passages if {other.origin, other.destination} != {a, b})
        return replace(self, passages=others if walk is None else (*others, walk))

    def on_plan(self, plan: str) -> CameraNetwork:
        """With positions on that plan."""
        return replace(self, plan=plan)

    def following(self, first: CameraNetwork) -> CameraNetwork:
        """As the first network says, and with this one's cameras that it doesn't have."""
        return first.extended(camera for camera in self.cameras if not set(camera.names) & first.names)

    @property
    def names(self) -> frozenset[str]:
        """All names that its cameras answer to."""
        return frozenset(self._by_name)

    def passage(self, a: str, b: str, a_at: datetime | None = None, b_at: datetime | None = None) -> Passage | None:
        """Between the places of two cameras at these moments, either way; None if it isn't known.

        A camera that moved is at its last place where the moment isn't given.
        """
        between = ((self[name], moment) for name, moment in ((a, a_at), (b, b_at)))
        places = [camera.place if moment is None else next(iter(camera.places(moment))) for camera, moment in between]
        return self.walk(*places)

    def walk(self, a: str, b: str) -> Passage | None:
        """Between two places, either way; None if it isn't known."""
        return next((walk for walk in self.passages if {walk.origin, walk.destination} == {a, b}), None)

    @classmethod
    def read(cls, source: str | Path) -> Self:
        """A built-in network by name (`sysu-mm01`, `regdb`, `llcm`, `market-1501`, `dukemtmc-reid`) or one from a TOML file.

        Raises:
            UsageError: no such name or file, or a file that doesn't describe a network.
        """
        built_in = files("rgbir.index") / "networks" / f"{source}.toml"
        if isinstance(source, str) and "/" not in source and built_in.is_file():
            return cls.from_toml(built_in.read_text(encoding="utf-8"), where=source)
        path = Path(source)
        if not path.is_file():
            raise UsageError(f"no network {str(source)!r}: give a TOML file or one of {listed(cls.built_in(), 'or')}")
        try:
            return cls.from_toml(path.read_text(encoding="utf-8-sig"), where=str(path))
        except UnicodeError as error:
            raise UsageError(f"{path} is not UTF-8 text, as TOML is: {error}") from error

    @staticmethod
    def built_in() -> list[str]:
        folder = files("rgbir.index") / "networks"
        return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))

    @classmethod
    def from_toml(cls, text: str, where: str = "network") -> Self:
        """The network that a TOML text declares.

        Args:
            where: what errors call the text.

        Raises:
            UsageError: it isn't TOML, or declares no network.
        """
        try:
            declared = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{where}: not TOML: {error}") from error
        return cls.from_dict(declared, where)

    @classmethod
    def from_dict(cls, declared: dict[str, Any], where: str = "network") -> Self:
        """The network of that declaration, the same in TOML and JSON.

        Args:
            where: what errors call the declaration.

        Raises:
            UsageError: it declares no network.
        """
        unknown = declared.keys() - {"name", "cameras", "passages", "plan"}
        if unknown or not isinstance(declared.get("cameras"), list):
            raise UsageError(
                f"{where}: expected `name` and a [[cameras]] table for each camera, got {sorted(declared)}"
            )
        cameras = tuple(_camera(entry, where) for entry in declared["cameras"])
        passages = tuple(_passage(entry, where) for entry in declared.get("passages", ()))
        plan = declared.get("plan")
        return cls(str(declared.get("name", Path(where).stem)), cameras, passages, None if plan is None else str(plan))

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads; JSON can carry it."""
        declared: dict[str, Any] = {"name": self.name, "cameras": [camera.to_dict() for camera in self.cameras]}
        if self.passages:
            declared["passages"] = [_walk(passage) for passage in self.passages]
        if self.plan is not None:
            declared["plan"] = self.plan
        return declared

    @property
    def plain(self) -> bool:
        """Whether a version that knows neither moves nor names nor positions reads it."""
        return self.plan is None and not any(c.history or c.position or c.name for c in self.cameras)


_KEYS = {"id", "modality", "place", "places", "position", "scene", "aliases", "name"}


def _camera(entry: dict[str, Any], where: str) -> Camera:
    if unknown := entry.keys() - _KEYS:
        raise UsageError(
            f"{where}: camera {entry.get('id')!r} has unknown keys {sorted(unknown)}; known: {sorted(_KEYS)}"
        )
    if "id" not in entry:
        raise UsageError(f"{where}: a camera without id: {entry}")
    modality = entry.get("modality", "rgb")
    try:
        modalities = frozenset(Modality(name) for name in ([modality] if isinstance(modality, str) else modality))
    except ValueError:
        raise UsageError(f"{where}: camera {entry['id']}: modality is 'rgb', 'ir' or both, not {modality!r}") from None
    camera, name = str(entry["id"]), entry.get("name")
    labels = entry.get("scene"), frozenset(entry.get("aliases", ()))
    history, position = _history(entry, f"{where}: camera {camera}")
    place = history[-1].place if history else str(entry.get("place", camera))
    return Camera(camera, modalities, place, *labels, history, position, None if name is None else str(name))


def _history(entry: dict[str, Any], where: str) -> tuple[tuple[Stay, ...], Position | None]:
    """The places of a camera that moved, and the last position."""
    if "places" not in entry:
        return (), stays.position_of(entry.get("position"), where)
    if {"place", "position"} & entry.keys() or not isinstance(entry["places"], list) or not entry["places"]:
        raise UsageError(f"{where}: say `place`, or `places` with a table for each, whose positions stand in them")
    history = tuple(stays.stay_of(stay, where) for stay in entry["places"])
    try:
        stays.check_history(history)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    if len(history) == 1:
        raise UsageError(f"{where}: `places` has two at least; say `place` for one")
    return history, history[-1].position


def _passage(entry: dict[str, Any], where: str) -> Passage:
    if not {"from", "to", "soonest"} <= entry.keys() <= {"from", "to", "soonest", "latest"}:
        raise UsageError(
            f"{where}: a passage is {{ from = PLACE, to = PLACE, soonest = SECONDS, latest = SECONDS }}, not {entry}"
        )
    try:
        times = float(entry["soonest"]), float(entry.get("latest", math.inf))
    except (TypeError, ValueError):
        raise UsageError(f"{where}: soonest and latest are seconds, not {entry}") from None
    return Passage(str(entry["from"]), str(entry["to"]), *times)


def _walk(passage: Passage) -> dict[str, Any]:
    entry: dict[str, Any] = {"from": passage.origin, "to": passage.destination, "soonest": passage.soonest_s}
    return entry if passage.latest_s == math.inf else {**entry, "latest": passage.latest_s}


def _entry(camera: Camera) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": camera.id, "modality": sorted(camera.modalities)}
    if camera.history:
        entry["places"] = [stays.entry_of(stay) for stay in camera.history]
    else:
        entry |= stays.entry_of(camera.stays[0])
    if camera.name:
        entry["name"] = camera.name
    if camera.scene:
        entry["scene"] = camera.scene
    if camera.aliases:
        entry["aliases"] = sorted(camera.aliases)
    return entry

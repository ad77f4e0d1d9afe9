"""Cameras, the places they look at, and the rule that a place is never matched with itself."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

from rgbir.index.errors import UnknownCamera, UsageError
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
        id: its name in the network, on the wire and in a gallery.
        modalities: what its images may be, one at least.
        place: what it looks at; another camera may look at it too.
        scene: None where nobody says.
        aliases: further names that it is known by.

    Raises:
        UsageError: no id, place or modality, or a scene that is neither.
    """

    id: str
    modalities: frozenset[Modality]
    place: str
    scene: Scene | None = None
    aliases: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.id or not self.place:
            raise UsageError(f"a camera needs an id and a place, not {self.id!r} and {self.place!r}")
        if not self.modalities:
            raise UsageError(f"camera {self.id}: modality must be 'rgb', 'ir' or both")
        if self.scene not in (None, "indoor", "outdoor"):
            raise UsageError(f"camera {self.id}: scene must be 'indoor' or 'outdoor', not {self.scene!r}")


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
        cameras: their ids and aliases all differ.
        passages: how long walks between its places take.

    Raises:
        UsageError: two cameras have a name in common, or a passage names a place without a camera.
    """

    name: str
    cameras: tuple[Camera, ...]
    passages: tuple[Passage, ...] = ()

    def __post_init__(self) -> None:
        places = {camera.place for camera in self.cameras}
        for passage in self.passages:
            for place in (passage.origin, passage.destination):
                if place not in places:
                    raise UsageError(f"network {self.name}: a passage names the place {place!r}, where no camera is")
        seen: set[str] = set()
        for camera in self.cameras:
            for name in (camera.id, *camera.aliases):
                if name in seen:
                    raise UsageError(f"network {self.name}: two cameras are called {name!r}; ids must differ")
                seen.add(name)

    def __iter__(self) -> Iterator[Camera]:
        return iter(self.cameras)

    def __len__(self) -> int:
        return len(self.cameras)

    @cached_property
    def _by_name(self) -> dict[str, Camera]:
        return {name: camera for camera in self.cameras for name in (camera.id, *camera.aliases)}

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Camera:
        """The camera of that id or alias.

        Raises:
            UnknownCamera: with the cameras there are, and the nearest name.
        """
        if camera := self._by_name.get(name):
            return camera
        known = listed(camera.id for camera in self.cameras) if self.cameras else "none at all"
        raise UnknownCamera(
            f"no camera {name!r} in network {self.name!r}; it has: {known}{did_you_mean(name, self._by_name)}"
        )

    @cached_property
    def label(self) -> str:
        """What distinguishes it from other networks, for reports: its name, and the beginning of a sum of all it declares."""
        content = json.dumps({**self.to_dict(), "name": ""}, sort_keys=True)
        return f"{self.name} ({hashlib.sha256(content.encode()).hexdigest()[:8]})"

    def same_place(self, a: str, b: str) -> bool:
        return self[a].place == self[b].place

    def of(self, modality: Modality) -> tuple[Camera, ...]:
        return tuple(camera for camera in self.cameras if modality in camera.modalities)

    def extended(self, cameras: Iterable[Camera]) -> CameraNetwork:
        """This network and those of `cameras` it doesn't have yet."""
        return CameraNetwork(self.name, (*self.cameras, *(new for new in cameras if new.id not in self)), self.passages)

    def passage(self, a: str, b: str) -> Passage | None:
        """Between the places of two cameras, either way; None if it isn't known."""
        between = {self[a].place, self[b].place}
        return next((passage for passage in self.passages if {passage.origin, passage.destination} == between), None)

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
        unknown = declared.keys() - {"name", "cameras", "passages"}
        if unknown or not isinstance(declared.get("cameras"), list):
            raise UsageError(
                f"{where}: expected `name` and a [[cameras]] table for each camera, got {sorted(declared)}"
            )
        cameras = tuple(_camera(entry, where) for entry in declared["cameras"])
        passages = tuple(_passage(entry, where) for entry in declared.get("passages", ()))
        return cls(str(declared.get("name", Path(where).stem)), cameras, passages)

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads; JSON can carry it."""
        declared: dict[str, Any] = {"name": self.name, "cameras": [_entry(camera) for camera in self.cameras]}
        if self.passages:
            declared["passages"] = [_walk(passage) for passage in self.passages]
        return declared


_KEYS = {"id", "modality", "place", "scene", "aliases"}


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
    camera = str(entry["id"])
    return Camera(
        camera, modalities, str(entry.get("place", camera)), entry.get("scene"), frozenset(entry.get("aliases", ()))
    )


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
    entry: dict[str, Any] = {"id": camera.id, "modality": sorted(camera.modalities), "place": camera.place}
    if camera.scene:
        entry["scene"] = camera.scene
    if camera.aliases:
        entry["aliases"] = sorted(camera.aliases)
    return entry

"""All cameras of a site, and the rule that a place is never matched with itself."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from rgbir.index.camera import Camera, Modality, Passage, Scene
from rgbir.index.declared import camera_of, passage_of
from rgbir.index.errors import UnknownCamera, UsageError
from rgbir.index.words import did_you_mean, listed, why

__all__ = ["Camera", "CameraNetwork", "Modality", "Passage", "Scene"]


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
            raise UsageError(f"{path} is no TOML: {why(error)}") from error

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
        cameras = tuple(camera_of(entry, where) for entry in declared["cameras"])
        passages = tuple(passage_of(entry, where) for entry in declared.get("passages", ()))
        plan = declared.get("plan")
        return cls(str(declared.get("name", Path(where).stem)), cameras, passages, None if plan is None else str(plan))

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads; JSON can carry it."""
        declared: dict[str, Any] = {"name": self.name, "cameras": [camera.to_dict() for camera in self.cameras]}
        if self.passages:
            declared["passages"] = [passage.to_dict() for passage in self.passages]
        if self.plan is not None:
            declared["plan"] = self.plan
        return declared

    @property
    def plain(self) -> bool:
        """Whether a version that knows neither moves nor names nor positions nor recordings nor zones reads it."""
        return self.plan is None and not any(
            c.history or c.position or c.name or c.recording or c.ignored for c in self.cameras
        )

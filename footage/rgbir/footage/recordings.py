"""A recording: a film, or a folder of numbered pictures, with what names it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

from rgbir.footage.decoding.apart import Film, Limits
from rgbir.footage.decoding.growing import Growing
from rgbir.footage.errors import BadFootage
from rgbir.footage.formats import GROWING, SUFFIXES
from rgbir.footage.pictures import Pictures, digest_of_folder, pictures_in
from rgbir.index import SUFFIXES as PICTURES
from rgbir.index import listed

CHUNK = 1 << 20
BEGINNING = 1 << 16
"""Bytes by which a film is named that grows."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Recording:
    """Something that holds frames.

    Attributes:
        path: a film's file, or a folder of numbered pictures.
        name: as sightings name it: the file's or the folder's name, without those above it.
        digest: sha256 of the film's bytes, or of the pictures' names and bytes: 64 hexadecimal digits.
        called: the path that it had where it was recorded, if that isn't where it lies now.
        grows: seconds without growth after which a film that is still being written counts as closed; 0 is a whole one. The digest of a
            film that grows is of its name and its first 64 KiB: its whole content isn't there yet, and a drive of the network gives it
            another inode from day to day.
    """

    path: Path
    name: str
    digest: str
    called: PurePath | None = None
    grows: float = 0.0

    @property
    def tells(self) -> PurePath:
        """The path whose names may tell its time."""
        return self.path.resolve() if self.called is None else self.called

    @classmethod
    def at(cls, path: Path) -> Recording:
        """
        Raises:
            BadFootage: nothing is there, or it can't be read, or its name isn't UTF-8.
        """
        if not path.exists():
            raise BadFootage(f"{path}: nothing is there; name a film, or a folder of numbered pictures")
        try:
            path.name.encode()
            digest = digest_of_folder(pictures_in(path)) if path.is_dir() else _digest(path)
        except UnicodeEncodeError:
            raise BadFootage(f"{path!r}: its name isn't UTF-8, and a gallery can't keep it; rename it") from None
        except OSError as error:
            raise BadFootage(f"{path}: {error.strerror}") from None
        return cls(path, path.resolve().name, digest)

    @classmethod
    def growing(cls, path: Path, closed_after: float, stopped: Callable[[], bool]) -> Recording | None:
        """A film that a recorder is still writing; None where it was stopped before its beginning was there.

        Raises:
            BadFootage: it can't be read, or its name isn't UTF-8, or it is of a kind that can be read only once it is closed.
        """
        if path.suffix.lower() not in GROWING:
            raise BadFootage(
                f"{path.name}: a film that is still being written can be read if its name ends in {listed(sorted(GROWING), 'or')}"
            )
        try:
            name = path.resolve().name
            content = hashlib.sha256(name.encode() + b"\0")
            with path.open("rb") as file:
                growing, missing = Growing(file, closed_after, stopped), BEGINNING
                while missing and (data := growing.read(missing)):
                    content.update(data)
                    missing -= len(data)
        except UnicodeEncodeError:
            raise BadFootage(f"{path!r}: its name isn't UTF-8, and a gallery can't keep it; rename it") from None
        except OSError as error:
            raise BadFootage(f"{path}: {error.strerror}") from None
        return None if stopped() else cls(path, name, content.hexdigest(), grows=closed_after)

    def opened(
        self,
        sample: float | None,
        rate: float | None = None,
        since: float = 0.0,
        limits: Limits = Limits(),
        stopped: Callable[[], bool] = _never,
    ) -> Film | Pictures:
        """To be read within a `with` block.

        Args:
            sample: frames a second; None is every frame.
            rate: of a folder of pictures, pictures a second.
            since: seconds from its beginning before which nothing is wanted.
            stopped: of a film: asked while nothing comes.

        Raises:
            BadFootage: a folder without a rate, or a film with one.
        """
        if self.path.is_dir():
            if rate is None:
                raise BadFootage(
                    f"{self.path}: a folder of pictures tells no time; say --rate, how many were taken a second"
                )
            return Pictures(self.path, rate, sample, since)
        if rate is not None:
            raise BadFootage(f"{self.path}: a film tells its own rate; leave --rate out")
        return Film(self.path, sample, since, grows=self.grows, limits=limits, stopped=stopped)


def recordings_in(paths: list[Path]) -> list[Path]:
    """The films and folders of frames that are meant: files as they are named, and all films in folders, in the order of their names.

    A folder that holds pictures and no films is itself a recording.

    Raises:
        BadFootage: nothing is there.
    """
    meant: list[Path] = []
    for path in paths:
        if not path.exists():
            raise BadFootage(f"{path}: nothing is there; name films, or folders of them")
        if not path.is_dir():
            meant.append(path)
            continue
        films = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        if films:
            meant += films
        elif any(file.suffix.lower() in PICTURES for file in path.iterdir()):
            meant.append(path)
        else:
            raise BadFootage(f"{path}: no films are in it, nor pictures; films end in {listed(sorted(SUFFIXES), 'or')}")
    return meant


def _digest(path: Path) -> str:
    content = hashlib.sha256()
    with path.open("rb") as film:
        while chunk := film.read(CHUNK):
            content.update(chunk)
    return content.hexdigest()

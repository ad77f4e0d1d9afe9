"""Resume points: how far a recording is worked through, so that a run that was killed goes on where nothing is lost.

A point is noted at a quiet moment only: nobody is in the picture, no frame waits to be judged, and everyone before is enrolled. What the
detector without a model has learnt of the background is noted with it, so the rest of the recording gives the very same tracks.
A recording that is worked through to its end keeps a note without any picture, and isn't looked at again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from rgbir.footage.motion import Motion
from rgbir.footage.people import People
from rgbir.index import Modality, replace_file

OLDEST_S = 30 * 86_400
"""Seconds after which the picture in the note of a run that was never taken up again is deleted."""


class Background(BaseModel):
    """What `Motion` has learnt, compressed.

    Attributes:
        shape: of the pictures: how many, rows, columns, channels.
        levels: uint8 values.
        frames: how many frames were seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, int, int, int]
    levels: str
    frames: int

    @classmethod
    def of(cls, history: list[NDArray[np.uint8]], frames: int) -> Background | None:
        """None where nothing is learnt yet.

        Args:
            history, frames: as `Motion.state` gives them: pictures, each uint8 (rows, columns, channels), and a count.
        """
        if not history:
            return None
        pictures = np.stack(history)
        count, rows, columns, channels = pictures.shape
        levels = base64.b64encode(zlib.compress(pictures.tobytes(), 1)).decode("ascii")
        return cls(shape=(count, rows, columns, channels), levels=levels, frames=frames)

    def restore(self, motion: Motion, light: Modality | None) -> None:
        levels = np.frombuffer(zlib.decompress(base64.b64decode(self.levels)), np.uint8)
        motion.restore(list(levels.reshape(self.shape)), light, self.frames)


class Point(BaseModel):
    """How far a recording is worked through.

    Attributes:
        at: seconds from its beginning; what is before is enrolled.
        since: the gallery's moment when the work began: who is erased after it isn't enrolled.
        tracks: tracks that were begun so far.
        light: what the last frame was.
        background: what `Motion` has learnt.
        last: the id of a sighting of it that was in the gallery then; None if there was none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    state: Literal["running", "done"] = "running"
    at: float = 0.0
    since: int
    tracks: int = 0
    light: Modality | None = None
    background: Background | None = None
    last: str | None = None

    def restore(self, people: People) -> None:
        """Brings people to where they were."""
        people.tracker.count = self.tracks
        people.daylight.now = people.modality = self.light
        if self.background is not None:
            self.background.restore(people.motion, self.light)
            people.resumed()


@dataclass(frozen=True, slots=True)
class Quiet:
    """A quiet moment, of which a point can be made later: what is needed is kept as it was.

    Attributes:
        at: seconds of the last frame that was looked at.
        tracks, light, background: as of a point; the background is not packed yet.
    """

    at: float
    tracks: int
    light: Modality | None
    background: tuple[list[NDArray[np.uint8]], int]

    @classmethod
    def of(cls, people: People, at: float) -> Quiet:
        return cls(at, people.tracker.count, people.daylight.now, people.motion.state)

    def point(self, since: int, last: str | None) -> Point:
        """
        Args:
            since, last: as of a point.
        """
        background = Background.of(*self.background)
        return Point(at=self.at, since=since, tracks=self.tracks, light=self.light, background=background, last=last)


class Points:
    """The notes of one gallery's runs, a file for each recording, camera and way of working.

    Args:
        folder: where they lie; it is made when it is needed. None keeps no notes.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def file(self, digest: str, camera: str, way: dict[str, Any]) -> Path | None:
        """Of a recording of that digest.

        Args:
            way: all that decides which sightings come of it.
        """
        if self.folder is None:
            return None
        name = hashlib.sha256(json.dumps([digest, camera, way], sort_keys=True).encode()).hexdigest()[:32]
        return self.folder / f"{name}.json"

    def read(self, file: Path | None) -> Point | None:
        """The point there; None where there is none that can be read."""
        if file is None:
            return None
        try:
            return Point.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, file: Path | None, point: Point) -> None:
        """Once this returns, the point is on disk.

        Raises:
            OSError: it isn't.
        """
        if file is not None:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(file, point.model_dump_json(), mode=0o600)

    def forget_old(self, now: float | None = None) -> int:
        """Deletes the pictures in notes that nobody has taken up for 30 days, and what isn't a whole note; returns how many.

        What says since when a recording is worked on stays, and that it is done: else the erased would come back.
        """
        if self.folder is None or not self.folder.is_dir():
            return 0
        before = (time.time() if now is None else now) - OLDEST_S
        forgotten = 0
        for note in [note for note in self.folder.glob("*.json*") if note.stat().st_mtime < before]:
            point = self.read(note) if note.suffix == ".json" else None
            if point is None:
                note.unlink(missing_ok=True)
            elif point.background is not None:
                self.write(note, Point(since=point.since))
            else:
                continue
            forgotten += 1
        return forgotten

"""The seconds around a sighting, where the recording is kept or mounted that it was found in."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from rgbir.index import Camera, Sighting
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.mounted import MountedFilms
from rgbir.server.engine.part import footage_part
from rgbir.server.errors import NoFootage, NotThere, TooBusy

_log = logging.getLogger(__name__)
LOOK_S, MOST_WAITING, SPOOLED = 60.0, 4, 8 << 20
"""Seconds between two looks at the mounted folders; clips that wait for one that is cut; bytes kept in memory."""


class Moment(NamedTuple):
    """Where in which recording somebody was seen.

    Attributes:
        sha256: of the recording: 64 hexadecimal digits.
        name: its file's.
        seconds: from its first frame.
    """

    sha256: str
    name: str
    seconds: float


def _file() -> BinaryIO:
    """In memory while it is small, then without a name on the disk."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(SPOOLED))


def moment_of(frame: str | None) -> Moment | None:
    """What a sighting's frame tells of its recording; None where it is of no film."""
    if frame is None:
        return None
    known = json.loads(frame)
    sha256, seconds = known.get("recording"), known.get("seconds")
    if not isinstance(sha256, str) or not isinstance(seconds, (int, float)):
        return None
    return Moment(sha256, str(known.get("name", "")), float(seconds))


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that was cut.

    Attributes:
        content: an MP4, to be read from its beginning, and closed.
        moment: which it is around.
        since, until: what it shows, in seconds of the recording.
        zero: what the clip's own time 0 is there.
        recoded: whether it was coded again.
    """

    content: BinaryIO
    moment: Moment
    since: float
    until: float
    zero: float
    recoded: bool


class Clips:
    """Cuts clips, one at a time, out of films that are kept or mounted."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        folders = engine.settings.footage
        file = engine.galleries.jobs.with_suffix(".films.json")
        self.mounted = MountedFilms(folders, file) if folders else None
        self._looking = ThreadPoolExecutor(1, "films")
        self._cutting = ThreadPoolExecutor(1, "clip")
        self._waiting = 0
        self._stop = threading.Event()

    async def go_on(self) -> None:
        """Looks at the mounted folders again and again, until it is cancelled."""
        if self.mounted is None:
            return
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Looks at the mounted folders."""
        mounted = self.mounted
        if mounted is None:
            return
        try:
            suffixes = footage_part().suffixes()
            renew = partial(mounted.renew, suffixes, self._stop) if self.engine.worker.leads else mounted.read_again
            await asyncio.get_running_loop().run_in_executor(self._looking, renew)
        except NoFootage as error:
            _log.error("--footage has no effect: %s", error)
        except Exception:  # whatever it was, the next minute tries again
            _log.exception("the mounted films couldn't be looked at; it is tried again in a minute")

    def close(self) -> None:
        self._stop.set()
        self._looking.shutdown()
        self._cutting.shutdown()

    def find(self, sha256: str) -> Path | None:
        """The film of that digest, if it is kept or mounted."""
        kept = None if self.engine.kept is None else self.engine.kept.find(sha256)
        return kept if kept is not None or self.mounted is None else self.mounted.find(sha256)

    def there(self, frame: str | None) -> bool:
        """Whether a clip can be had of what a sighting's frame tells."""
        moment = moment_of(frame)
        return moment is not None and self.find(moment.sha256) is not None

    async def cut(self, sighting: Sighting, before: float, after: float) -> Clip:
        """The seconds around a sighting.

        Raises:
            NotThere: it comes from no film, or that is neither kept nor mounted.
            NoFootage: nothing here opens films.
            TooBusy: enough clips are waited for.
            UsageError: the film can't be read.
        """
        moment = moment_of(sighting.frame)
        if moment is None:
            raise NotThere(f"sighting {sighting.id!r} was enrolled as a picture, so there is no film around it")
        part = footage_part()
        film = await self.engine.look(lambda: self.find(moment.sha256))
        if film is None:
            raise NotThere(self._absent(moment))
        if self._waiting >= MOST_WAITING:
            raise TooBusy(f"{MOST_WAITING} clips are being cut already; try again in a moment")
        camera: Camera = self.engine.gallery.network[sighting.camera]

        def work() -> Clip:
            content = _file()
            try:
                since = max(moment.seconds - before, 0.0)
                shown: dict[str, Any] = dict(
                    part.clip(film, since, moment.seconds + after, camera.ignored, content.write)
                )
            except BaseException:
                content.close()
                raise
            content.seek(0)
            return Clip(content, moment, **shown)

        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._cutting, work)
        finally:
            self._waiting -= 1

    def _absent(self, moment: Moment) -> str:
        if self.mounted is not None and not self.mounted.complete:
            return "the server still looks through its folders of films, and hasn't met this one yet; ask again in some minutes"
        return (
            f"the recording {moment.name!r} (sha256 {moment.sha256}) isn't here; whoever runs the server starts it with --keep-footage"
            " to keep films that are sent, or with --footage to show folders of recordings"
        )

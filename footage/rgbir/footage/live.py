"""Frames of a camera as they arrive, into a gallery: who passed is enrolled within seconds of the end of the track.

The time of a frame is this machine's clock when it arrived, less the camera's delay. Two clocks make it. The wall clock is read once, at a
session's first frame; from then on the monotonic clock counts. So the times of a session never run backwards, whatever becomes of the wall
clock. When the wall clock was moved by over a second, the tracks in hand end, and the next frame begins a session by the new clock. A
session also ends where the stream breaks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from rgbir.footage.clock import Clock, Correction
from rgbir.footage.destination import Destination
from rgbir.footage.enrolment import Manner
from rgbir.footage.frames import Frame
from rgbir.footage.people import Counts, People
from rgbir.footage.sightings import Origin
from rgbir.footage.sink import Sink
from rgbir.index import Camera, Detector, GalleryBusy, GalleryFull

MOVED_S = 1.0
"""Seconds by which the wall clock must have gone another way than the monotonic one to count as moved."""
LATEST_S = 5.0
"""Seconds for which a track that ended waits for others to be enrolled with."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What tells the time.

    Attributes:
        wall: seconds since 1970; somebody may move it.
        steady: seconds since whenever; it only goes on.
    """

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic

    @property
    def apart(self) -> float:
        return self.wall() - self.steady()


@dataclass(slots=True)
class Watched:
    """What came of a camera so far.

    Attributes:
        counts: what was seen.
        added, present, erased: sightings that are new; that were there; that were erased since.
        sessions: how often frames began to come, or the clock was moved.
        moved: how often the clock was moved.
        seconds: of frames, over all sessions.
    """

    counts: Counts = field(default_factory=Counts)
    added: int = 0
    present: int = 0
    erased: int = 0
    sessions: int = 0
    moved: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Session:
    """Frames that come one after the other, by one reading of the clock.

    Attributes:
        began: its first frame, on the monotonic clock.
        apart: the wall clock less the monotonic one at that moment.
        at: seconds of its last frame.
        number: of its next frame.
        ended: since when the oldest track waits to be enrolled, on the monotonic clock; None where none waits.
    """

    began: float
    apart: float
    sink: Sink
    at: float = 0.0
    number: int = 0
    ended: float | None = None


class Live:
    """Enrols who passes a camera. Give it the frames as they arrive.

    Args:
        camera: whose frames they are.
        destination: where people go.
        detector: finds people; None is `Motion`.
        manner: how frames are worked through; its clock is not asked.
        delay: seconds that a frame takes from the camera to here.
        clocks: what tells the time.
        stopped: whether to give up on a gallery that another process writes to all the time.
        say: told what is worth knowing.

    Attributes:
        watched: what came of it so far.
    """

    def __init__(
        self,
        camera: Camera,
        destination: Destination,
        detector: Detector | None,
        manner: Manner,
        *,
        delay: float = 0.0,
        clocks: Clocks = Clocks(),
        stopped: Callable[[], bool] = lambda: False,
        say: Callable[[str], None],
    ) -> None:
        self.watched = Watched()
        self.camera, self.clocks = camera, clocks
        self._destination, self._manner, self._delay = destination, manner, delay
        self._stopped, self._say = stopped, say
        self._people = People(
            camera, detector, manner.shots, manner.confidence, manner.trust_frames, counts=self.watched.counts
        )
        self._session: _Session | None = None

    def frame(self, frame: Frame, arrived: float) -> None:
        """Takes a frame in.

        Args:
            frame: its number and seconds are not asked: those of the session count.
            arrived: when it came, on the monotonic clock.

        Raises:
            IndexFailure: the gallery can't take people, and waiting wouldn't help.
        """
        session = self._session
        if session is not None and abs(self.clocks.apart - session.apart) > MOVED_S:
            self._say(f"{self.camera.shown}: the clock was moved by {self.clocks.apart - session.apart:+.1f} seconds")
            self.watched.moved += 1
            self.pause()
            session = None
        if session is None:
            session = self._session = self._begun(arrived)
        seconds = max(arrived - session.began, session.at)
        self.watched.seconds += seconds - session.at
        session.at = seconds
        passings = self._people.next(replace(frame, number=session.number, seconds=seconds))
        session.number += 1
        session.sink.waiting += passings
        self.settle()

    def settle(self) -> None:
        """Enrols who waits, once nobody is in the picture any more, or somebody has waited for long enough."""
        session = self._session
        if session is None or not session.sink.waiting:
            return
        now = self.clocks.steady()
        session.ended = now if session.ended is None else session.ended
        if self._people.quiet or now - session.ended >= LATEST_S:
            self._flush(session)

    def pause(self) -> None:
        """No more frames come for now: the tracks in hand end, and are enrolled.

        Raises:
            IndexFailure: as of `frame`.
        """
        session, self._session = self._session, None
        ended = list(self._people.end())
        if session is not None:
            session.sink.waiting += ended
            self._flush(session)

    def _begun(self, arrived: float) -> _Session:
        apart = self.clocks.apart
        start = datetime.fromtimestamp(arrived + apart, UTC)
        name = f"{start:%Y%m%dT%H%M%S.%fZ}"
        clock = Clock(start, "arrival", Correction(offset_s=-self._delay))
        origin = Origin(
            self.camera.id,
            f"stream/{self.camera.id}/{name}",
            f"{self.camera.id}-{name}",
            None,
            self._people.found_by,
            clock,
        )
        self.watched.sessions += 1
        sink = Sink(origin, self._destination, self._manner.keep_crops, self._destination.moment(), self.watched)
        return _Session(arrived, apart, sink)

    def _flush(self, session: _Session) -> None:
        """Nothing is lost while another process writes, or the disk is full: frames that come meanwhile are late.

        Raises:
            GalleryBusy, GalleryFull: it is so still when it is asked to stop; the text says how many tracks are lost.
        """
        announced = False
        while True:
            try:
                session.sink.flush()
                session.ended = None
                return
            except (GalleryBusy, GalleryFull) as error:
                if self._stopped():
                    lost = len([*session.sink.waiting, *self._people.end()])
                    raise type(error)(
                        f"{self.camera.shown}: tracks that aren't enrolled, and are lost: {lost:,}. It was asked to stop, and"
                        f" they can't be enrolled: {error}"
                    ) from error
                if not announced:
                    self._say(f"{self.camera.shown}: people wait to be enrolled: {error}")
                announced = True
                time.sleep(1.0)

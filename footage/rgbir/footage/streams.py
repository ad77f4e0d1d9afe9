"""A camera's stream, watched for ever: opened, read, and opened again after it broke."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rgbir.footage.addresses import StreamAddress
from rgbir.footage.decoding.apart import Film, Limits
from rgbir.footage.errors import BadFootage, Denied
from rgbir.footage.live import Live

FIRST_S, LONGEST_S = 1.0, 60.0
"""Between a break and the next try; it doubles until frames come."""
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Reading:
    """How a stream is read.

    Attributes:
        sample: frames a second that are looked at; None is every frame.
        transport: tcp or udp.
        verify, authority: see `Film`.
        limits: of the decoder.
    """

    sample: float | None = 5.0
    transport: str = "tcp"
    verify: bool = True
    authority: Path | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True)
class Openings:
    """How a stream went.

    Attributes:
        opened: how often frames began to come.
        broken: how often they ended.
        failed: how often it didn't open.
        late: frames that were dropped, since those before them were still looked at.
        damaged: packets that could not be decoded, of sessions that ended in order.
    """

    opened: int = 0
    broken: int = 0
    failed: int = 0
    late: int = 0
    damaged: int = 0


class Stream:
    """A stream and who takes its frames.

    Args:
        address: where it is.
        live: takes the frames.
        reading: how it is read.
        stopped: asked all the time; when it says so, the stream ends.
        upkeep: called several times a second, for what is due from time to time.
        say: told what is worth knowing.
        first_s: between a break and the next try.

    Attributes:
        openings: how it went so far.
    """

    def __init__(
        self,
        address: StreamAddress,
        live: Live,
        reading: Reading = Reading(),
        *,
        stopped: Callable[[], bool],
        upkeep: Callable[[], None] = lambda: None,
        say: Callable[[str], None],
        first_s: float = FIRST_S,
    ) -> None:
        self.openings = Openings()
        self._address, self._live, self._reading = address, live, reading
        self._stopped, self._upkeep, self._say, self._first_s = stopped, upkeep, say, first_s

    def watch(self) -> None:
        """Until it is stopped; the tracks in hand are enrolled then.

        Raises:
            Denied: the camera doesn't let this user in, and never did. A camera that did is asked again, once a minute.
            IndexFailure: the gallery can't take people, and waiting wouldn't help.
        """
        pause_s, known = self._first_s, ""
        while not self._asked():
            before = self.openings.opened
            try:
                reason = self._read()
            except Denied as error:
                if not self.openings.opened:
                    raise
                reason, pause_s = str(error), LONGEST_S
            except BadFootage as error:
                reason = str(error)
            self._live.pause()
            if self._asked():
                break
            if self.openings.opened > before:
                self.openings.broken += 1
                pause_s, known = self._first_s, ""
            else:
                self.openings.failed += 1
            if reason != known:
                self._say(f"{self._live.camera.shown}: {reason}; it is opened again, first in {pause_s:g} s")
            known = reason
            self._wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_S)

    def _read(self) -> str:
        """Reads it until it breaks; gives the reason.

        Raises:
            BadFootage: it doesn't open.
        """
        reading = self._reading
        with Film(
            self._address,
            reading.sample,
            transport=reading.transport,
            verify=reading.verify,
            authority=reading.authority,
            limits=reading.limits,
            stopped=self._asked,
        ) as film:
            arrived = film.about().arrived
            assert arrived is not None
            self.openings.opened += 1
            if self.openings.broken or self.openings.failed:
                self._say(f"{self._live.camera.shown}: the stream is back")
            late = self.openings.late
            for frame in film.frames():
                self._live.frame(frame, arrived + frame.seconds)
                self.openings.late = late + film.decoding.late
                if self._asked():
                    return "it was stopped"
        self.openings.damaged += film.decoding.damaged
        return film.decoding.cut or "the camera ended the stream"

    def _asked(self) -> bool:
        self._live.settle()
        self._upkeep()
        return self._stopped()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._asked():
            time.sleep(LOOK_S)

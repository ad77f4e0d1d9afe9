"""Starts the process that decodes a film, and hands its frames on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from rgbir.footage.addresses import StreamAddress
from rgbir.footage.decoding.messages import Messages, Silence, Stopped
from rgbir.footage.errors import BadFootage, Denied, NoDecoder
from rgbir.footage.frames import About, Chroma, Decoding, Frame

DECODER, CUTTER = "rgbir.footage.decoding.child", "rgbir.footage.decoding.cutting"


@dataclass(frozen=True, slots=True)
class Limits:
    """What decoding a film may take.

    Attributes:
        memory: bytes beside what the process has when it starts.
        processor: seconds of processor; 0 is no limit, for streams.
        silence: seconds for which it may say nothing.
    """

    memory: int = 2 << 30
    processor: int = 6 * 3600
    silence: float = 120.0


def _never() -> bool:
    return False


@dataclass(slots=True)
class Film:
    """A film or a stream that is decoded in a process of its own. Read its frames once, within a `with` block.

    Attributes:
        source: the film's file, or the stream's address.
        sample: frames a second that are handed on; None is every frame.
        since: seconds from the film's start before which nothing is handed on.
        until: seconds from the film's start behind which nothing is handed on.
        grows: for a file that is still being written: seconds without growth after which it counts as closed; 0 is a whole file.
        transport: of a stream: tcp or udp.
        verify: whether the certificate of a stream by rtsps must be trusted.
        authority: a file of certificates (PEM) to trust in place of the machine's own.
        stopped: asked while nothing comes; when it says so, the frames are at their end.
        threads: of the decoder; 0 is as many as it likes.
        limits: what decoding it may take.
        decoding: how it went, complete when the frames are at their end.
        clip: how a clip of it is written, in place of frames; see `clips.cut`.
    """

    source: Path | StreamAddress
    sample: float | None = 5.0
    since: float = 0.0
    until: float | None = None
    grows: float = 0.0
    transport: str = "tcp"
    verify: bool = True
    authority: Path | None = None
    stopped: Callable[[], bool] = _never
    threads: int = 1
    limits: Limits = field(default_factory=Limits)
    decoding: Decoding = field(default_factory=Decoding)
    clip: dict[str, Any] | None = None
    _process: subprocess.Popen[bytes] | None = None
    _messages: Messages | None = None
    _about: About | None = None
    _ended: str | None = None

    def __enter__(self) -> Film:
        if find_spec("av") is None:
            raise NoDecoder(
                "decoding films needs PyAV: pip install 'rgbir[footage]'; folders of pictures need nothing more"
            )
        streams = isinstance(self.source, StreamAddress)
        options = {
            "stream": streams, "verify": self.verify, "authority": None if self.authority is None else str(self.authority),
            "sample": self.sample, "since": self.since, "until": self.until,
            "clip": self.clip, "grows": self.grows, "transport": self.transport, "threads": self.threads,
            "memory": self.limits.memory, "processor": 0 if streams or self.grows else self.limits.processor,
        }  # fmt: skip
        stack = contextlib.ExitStack()
        with stack:
            content: Any = subprocess.PIPE
            if isinstance(self.source, Path):
                content = stack.enter_context(_readable(self.source))
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", DECODER if self.clip is None else CUTTER],
                env=_environment(json.dumps(options)),
                stdin=content,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        if isinstance(self.source, StreamAddress):
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError), self._process.stdin as given:
                given.write(self.source.full.encode() + b"\n")
        self._messages = Messages(cast(FileIO, self._process.stdout), self.limits.silence + self.grows, self.stopped)
        return self

    def __exit__(self, *failure: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def about(self) -> About:
        """What the film says of itself.

        Raises:
            BadFootage: it is none, or can't be read.
        """
        if self._about is None:
            self._about = _about(self._expect("about"))
        return self._about

    def frames(self) -> Iterator[Frame]:
        """The frames in the order in which they are shown.

        Raises:
            BadFootage: it is no film, or can't be read at all. Where the end is missing, `decoding.cut` says why.
        """
        self.about()
        while (message := self._next()) is not None and message["kind"] == "frame":
            shape = tuple(message["shape"])
            image = np.frombuffer(message["pixels"], np.uint8).reshape(shape)
            self.decoding.taken += 1
            self.decoding.late = message.get("late", 0)
            yield Frame(image, message["number"], message["seconds"], Chroma(*message["chroma"]))
        if message is None:
            self.decoding.cut = self._ending()
        elif message["kind"] == "refused":
            self.decoding.cut = self._cleaned(message["why"])
        else:
            self.decoding.frames, self.decoding.damaged = message["frames"], message["damaged"]
            self.decoding.cut = message["cut"] and self._cleaned(message["cut"])

    def messages(self) -> Iterator[dict[str, Any]]:
        """All that the process says, as it says it.

        Raises:
            BadFootage: it refused the film, or ended before it had said `end`.
        """
        while True:
            message = self._next()
            if message is None:
                raise BadFootage(f"{self._name()}: {self._ending()}")
            if message["kind"] == "refused":
                raise BadFootage(f"{self._name()}: {message['why']}")
            yield message
            if message["kind"] == "end":
                return

    def _expect(self, kind: str) -> dict[str, Any]:
        message = self._next()
        if message is None:
            raise BadFootage(f"{self._name()}: {self._ending()}")
        if message["kind"] != kind:
            reason = message.get("why") or message.get("cut") or "no frame of it can be decoded"
            kind_of = Denied if message.get("denied") else BadFootage
            raise kind_of(f"{self._name()}: {self._cleaned(reason)}")
        return message

    def _name(self) -> str:
        return self.source.name if isinstance(self.source, Path) else f"the stream of {self.source.shown}"

    def _cleaned(self, words: str) -> str:
        return words if isinstance(self.source, Path) else self.source.cleaned(words)

    def _next(self) -> dict[str, Any] | None:
        """The next message; None where the process ended without one. A process that says nothing for too long is ended."""
        assert self._messages is not None
        try:
            return self._messages.next()
        except Silence:
            self._end(f"its decoder said nothing for {self.limits.silence:g} seconds, and was ended")
        except Stopped:
            self._end("reading it was stopped")
        return None

    def _end(self, reason: str) -> None:
        self._ended = reason
        assert self._process is not None
        self._process.kill()

    def _ending(self) -> str:
        assert self._process is not None
        code = self._process.wait()
        if self._ended is not None:
            return self._ended
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and self.limits.processor):
            return (
                f"decoding it took more than {self.limits.processor:,} seconds of processor, or was ended from outside"
            )
        return f"its decoder {'crashed (' + signal.Signals(-code).name + ')' if code < 0 else f'ended with {code}'}"


def _readable(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadFootage(f"{path.name}: {error.strerror}") from None


def _environment(options: str) -> dict[str, str]:
    """Without our own variables, such as keys, and with the film's options."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RGBIR_")}
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**inherited, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "RGBIR_DECODING": options}


def _about(message: dict[str, Any]) -> About:
    return About(
        message["container"].split(",")[0], message["codec"], message["width"], message["height"], message["rate"],
        message["seconds"], message["rotation"], _moment(message["creation_time"]), message["timecode"], message["arrived"],
    )  # fmt: skip


def _moment(text: str | None) -> datetime | None:
    """A container's own time; None where it has none, says no zone, or a recorder without a clock wrote its first day."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None and moment.year > 1990 else None

"""The process in which a film is decoded. `apart.py` starts it and reads what it writes.

`python child.py OPTIONS` has the film as its standard input, and writes messages to its standard output: a line of JSON each,
behind that of a frame its pixels. It imports all it needs first, then takes limits upon itself: of memory, of processor time, and of
files, so that from then on it opens no file and no socket, whatever the film's content makes a decoder try.
A stream has no file: its standard input says the address, with name and password, which are so in no list of processes and in
nobody's environment. The child opens it by itself, and keeps the right to open sockets.
"""

from __future__ import annotations

import heapq
import importlib
import json
import os
import pkgutil
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np

from rgbir.footage.decoding.growing import Growing
from rgbir.footage.decoding.newest import Newest
from rgbir.footage.decoding.peers import addresses_of, peers
from rgbir.footage.formats import CONTAINERS
from rgbir.footage.frames import Chroma
from rgbir.footage.sampling import TICK, next_tick

MOST_PIXELS = 64_000_000
PEEK = 4_096
RAW_RATE = 25.0
"""Frames a second of a stream that says nothing of it."""
_PLANAR = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"}
_GREY = {"gray", "gray8", "gray10le", "gray12le"}


PROBE = {"analyzeduration": "500000", "fpsprobesize": "2"}
"""How long a stream is looked at before its first frame is shown: half a second. By itself FFmpeg takes up to five."""
SILENT_S = 15.0
"""Seconds for which a camera may be silent before its stream counts as broken."""


class Refused(Exception):
    """What the film is can't be decoded here; the text says why."""


class Denied(Refused):
    """The camera doesn't let this user in."""


def say(message: dict[str, Any], pixels: bytes | memoryview = b"") -> None:
    """Writes a message, and the pixels behind it, to standard output."""
    line = json.dumps({**message, "bytes": len(pixels)}).encode() + b"\n"
    for part in (line, pixels):
        view = memoryview(part)
        while view:
            view = view[os.write(1, view) :]


def limit(memory: int, seconds: int, sockets: bool) -> None:
    """Allows this process so many bytes beside what it has, and so many seconds of processor; no further file unless it reads a stream."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limits = [
        (resource.RLIMIT_AS, pages * resource.getpagesize() + memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ]
    if seconds:
        limits.append((resource.RLIMIT_CPU, seconds))
    if not sockets:
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
        limits.append((resource.RLIMIT_NOFILE, max(descriptors[:-1], default=2) + 1))
    for kind, most in limits:
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def chroma_of(frame: av.VideoFrame) -> Chroma:
    """Of the frame's own colour planes, every second sample each way."""
    name = frame.format.name
    if name in _GREY or name.startswith("gray"):
        return Chroma(0.0, 0.0)
    if name not in _PLANAR:
        frame = frame.reformat(frame.width // 2, frame.height // 2, "yuv420p")
    planes = []
    for plane in frame.planes[1:3]:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        planes.append(rows[: plane.height : 2, : plane.width : 2])
    return Chroma.of_planes(*planes)


class Numbers:
    """Which place in the recording a frame has: one more than the frames whose packets are shown before it.

    Packets are counted, not decoded frames, so a damaged packet and a frame that the decoder was told to leave out count, too.
    """

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.passed = 0

    def packet(self, pts: int | None) -> None:
        if pts is not None:
            heapq.heappush(self.waiting, pts)

    def of(self, pts: int) -> int:
        while self.waiting and self.waiting[0] <= pts:
            heapq.heappop(self.waiting)
            self.passed += 1
        return max(self.passed - 1, 0)

    def next(self) -> int:
        """The place of a frame that has no time."""
        self.passed += 1
        return self.passed - 1

    @property
    def all(self) -> int:
        return self.passed + len(self.waiting)


def opened(options: dict[str, Any]) -> Any:
    """The container: a file by its content alone, a stream by its address.

    Raises:
        Refused: it isn't one of ours.
    """

    def nothing_else(url: str, flags: int, given: dict[str, str]) -> Any:
        raise Refused("it names other files or addresses, which are not opened")

    if options.get("url"):
        return _stream(options)
    source: Any = os.fdopen(0, "rb", buffering=1 << 18)
    if options.get("grows"):
        source = Growing(source, options["grows"])
    settings = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "none"}
    try:
        return av.open(source, container_options=settings, io_open=nothing_else, metadata_errors="replace")
    except Refused:
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise Refused(_not_opened(error)) from None


def _stream(options: dict[str, Any]) -> Any:
    settings = {
        "protocol_whitelist": "rtsp,rtsps,tcp,udp,tls,rtp,srtp,crypto",
        "format_whitelist": "rtsp,rtp,sdp",
        "rtsp_transport": options["transport"],
        "tls_verify": "1" if options["verify"] else "0",
        **PROBE,
    }
    if options["authority"]:
        settings["ca_file"] = options["authority"]
    try:
        container = av.open(options["url"], timeout=(SILENT_S, SILENT_S), container_options=settings)
    except (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError):
        raise Denied("the camera doesn't let this user in") from None
    except (av.error.FFmpegError, OSError) as error:
        raise Refused(f"it does not open: {_words(error)}") from None
    if peers() - addresses_of(urlsplit(options["url"]).hostname or ""):
        container.close()
        raise Refused("the camera sends to another host, which is not followed; give that host's address")
    return container


def _words(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())[:300]


def _not_opened(error: Exception) -> str:
    size = os.fstat(0).st_size
    os.lseek(0, 0, os.SEEK_SET)
    beginning = os.read(0, PEEK)
    if not size:
        return "the file is empty"
    if beginning.lstrip()[:7] == b"#EXTM3U" or b"<MPD" in beginning or beginning[:8] == b"ffconcat":
        return "it is a playlist, which names other files; give the films themselves"
    if b"ftyp" in beginning[:16]:
        return f"no film can be read from it ({_words(error)}); an MP4 that is still being written has no index yet: wait until it is closed"
    return f"it is no film of a kind that is read here ({_words(error)})"


def video_of(container: Any) -> Any:
    """The stream that is looked at.

    Raises:
        Refused: there is none, or its frames are too large.
    """
    streams = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
    if not streams:
        kinds = sorted({s.type for s in container.streams})
        raise Refused(f"it has no video, only {' and '.join(kinds) or 'nothing that can be played'}")
    stream = streams[0]
    if stream.width * stream.height > MOST_PIXELS:
        raise Refused(f"its frames have {stream.width}x{stream.height} pixels, more than {MOST_PIXELS:,}")
    return stream


def run(options: dict[str, Any]) -> None:
    """Decodes one film, and says its frames.

    Raises:
        Refused: it can't be.
    """
    with opened(options) as container:
        _frames(container, video_of(container), options)


def late_enough(packets: Iterable[Any], since: float, base: Any, first: int | None) -> Iterator[Any]:
    """The packets from which frames from `since` seconds on can be decoded, and all behind them.

    Those before are counted by whoever hands them over, and need no decoding. Two groups of pictures are kept back, since the
    first frames of a group may lean on the group before.
    """
    if since <= 0:
        yield from packets
        return
    groups: list[list[Any]] = [[]]
    incoming = iter(packets)
    for packet in incoming:
        if packet.is_keyframe:
            groups = [groups[-1], []]
        groups[-1].append(packet)
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None or float((time - (first or 0)) * base) >= since:
            break
    for group in groups:
        yield from group
    yield from incoming


def _frames(container: Any, stream: Any, options: dict[str, Any]) -> None:
    sample, since, until = options["sample"], options["since"], options["until"]
    context = stream.codec_context
    context.thread_count = options["threads"]
    rate = float(stream.average_rate) if stream.average_rate else None
    if rate and sample and rate >= 3 * sample:
        context.skip_frame = "NONREF"
    live = bool(options.get("url"))
    numbers, base, damaged, taken, next_at, announced = Numbers(), stream.time_base, 0, 0, since, False
    first: int | None = None if live else stream.start_time
    newest, began = (Newest(say) if live else None), 0.0
    cut = None

    def said_about(frame: Any, rotation: int) -> None:
        turned = rotation % 180 == 90
        size = (frame.height, frame.width) if turned else (frame.width, frame.height)
        tags = {**container.metadata, **stream.metadata}
        length = container.duration / av.time_base if container.duration else None
        say(
            {
                "kind": "about", "container": container.format.name, "codec": context.name, "width": size[0], "height": size[1],
                "rate": rate, "seconds": length, "rotation": rotation, "creation_time": tags.get("creation_time"),
                "timecode": tags.get("timecode"), "arrived": began if live else None,
            }
        )  # fmt: skip

    def packets() -> Any:
        nonlocal damaged, cut
        incoming = container.demux(stream)
        while True:
            try:
                packet = next(incoming)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError) as error:
                cut = f"the rest can't be read: {_words(error)}"
                return
            if packet.is_corrupt:
                damaged += 1
            if not live:
                numbers.packet(packet.pts if packet.pts is not None else packet.dts)
            yield packet

    def decoded() -> Any:
        nonlocal damaged
        for packet in late_enough(packets(), since, base, first):
            try:
                yield from packet.decode()
            except MemoryError:
                raise Refused(f"decoding it takes more memory than {options['memory'] / 2**30:.1f} GiB") from None
            except av.error.FFmpegError:
                damaged += 1

    for frame in decoded():
        pts = frame.pts if frame.pts is not None else frame.dts
        if live:  # cameras' own times jump, and so they aren't trusted
            began = began or time.monotonic()
            number, seconds = numbers.next(), time.monotonic() - began
        elif pts is None:  # a raw stream has no times: its frames are counted, and are as far apart as its rate says
            number = numbers.next()
            seconds = number / (rate or RAW_RATE)
        else:
            first = pts if first is None else min(first, pts)
            number, seconds = numbers.of(pts), float((pts - first) * base)
        rotation = int(frame.rotation or 0) % 360
        if not announced:
            said_about(frame, rotation)
            announced = True
        if frame.is_corrupt:
            damaged += 1
            continue
        if until is not None and seconds > until + TICK:
            break
        if seconds < next_at - TICK:
            continue
        if sample:
            next_at = next_tick(seconds, sample)
        if frame.width * frame.height > MOST_PIXELS:
            raise Refused(f"its frames grow to {frame.width}x{frame.height} pixels, more than {MOST_PIXELS:,}")
        chroma = chroma_of(frame)
        image = frame.to_ndarray(format="rgb24")
        if rotation:
            image = np.rot90(image, rotation // 90)
        image = np.ascontiguousarray(image)
        taken += 1
        colour = [chroma.mean, chroma.spread]
        message = {"kind": "frame", "number": number, "seconds": seconds, "chroma": colour, "shape": image.shape}
        (say if newest is None else newest.put)(message, image.data.cast("B"))
    if newest is not None:
        newest.close()
    if not announced and cut is None:
        raise Refused("no frame of it can be decoded" + (f"; {damaged} packets are damaged" if damaged else ""))
    say({"kind": "end", "frames": numbers.all, "taken": taken, "damaged": damaged, "cut": cut})


def main(options: dict[str, Any], work: Callable[[dict[str, Any]], None] = run) -> None:
    av.logging.set_level(None)
    for module in pkgutil.walk_packages(av.__path__, "av."):  # what PyAV loads late is loaded before the limits
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    av.VideoFrame(32, 32, "yuv420p").to_ndarray(format="rgb24")
    if options["stream"]:
        options["url"] = sys.stdin.readline().rstrip("\n")
    limit(options["memory"], options["processor"], options["stream"])
    try:
        work(options)
    except Refused as error:
        say({"kind": "refused", "why": str(error), "denied": isinstance(error, Denied)})
    except MemoryError:
        say({"kind": "refused", "why": f"decoding it takes more memory than {options['memory'] / 2**30:.1f} GiB"})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        say({"kind": "refused", "why": f"{type(error).__name__}: {_words(error)}"})


if __name__ == "__main__":
    main(json.loads(os.environ.pop("RGBIR_DECODING")))

"""Writes pictures as a film: the films of synthetic footage, and those that tests take as a recorder's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from rgbir.footage.errors import BadFootage, NoDecoder

if TYPE_CHECKING:
    from av import VideoFrame

Images = Iterable[NDArray[np.uint8]]
Codec = Literal["h264", "mpeg4", "mjpeg"]
_ENCODERS: dict[Codec, tuple[str, dict[str, str]]] = {
    # With its macroblock tree, x264's own bytes differ from run to run.
    "h264": ("libx264", {"preset": "veryfast", "crf": "19", "threads": "1", "x264-params": "mbtree=0"}),
    "mpeg4": ("mpeg4", {"qmin": "2", "qmax": "4", "threads": "1"}),
    "mjpeg": ("mjpeg", {"qmin": "2", "qmax": "4", "threads": "1"}),
}
_TICKS = 1000
"""Ticks a second where the times of pictures are given."""
_TURNS: dict[int, tuple[int, int, int, int]] = {
    0: (1, 0, 0, 1),
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
}
"""How a player turns the picture, by degrees clockwise: the matrix of an MP4's track."""


def film_writer() -> Any:
    """`write_film`, for who finds it by the entry point `rgbir.film`.

    Raises:
        NoDecoder: PyAV isn't installed.
    """
    _av()
    return write_film


def write_film(
    file: Path,
    images: Images,
    rate: int = 10,
    began: datetime | None = None,
    *,
    times: Sequence[float] | None = None,
    codec: Codec = "h264",
    rotation: Literal[0, 90, 180, 270] = 0,
    timecode: str | None = None,
    full_range: bool = False,
    tint: tuple[int, int] = (0, 0),
) -> int:
    """Codes pictures one after the other, and gives back how many. The same pictures give the same film.

    Args:
        file: its name says the format: .mp4, .mov, .mkv, .avi.
        images: uint8 (height, width, 3), RGB, all of one size, sides of even numbers of pixels.
        rate: pictures a second.
        began: the film's `creation_time`; nothing says when it was taken if None.
        times: seconds of each picture from the film's beginning, rising; evenly by `rate` if None.
        codec: what the pictures are coded with; H.264 by x264.
        rotation: degrees clockwise by which a player turns the pictures, in MP4 and MOV.
        timecode: of the first picture, such as 16:20:00:00.
        full_range: luma from 0 to 255, as some recorders write it, in place of 16 to 235; MJPEG has no other.
        tint: what is added to Cb and Cr of every pixel: a colour cast, as some recorders store one in infrared.

    Raises:
        NoDecoder: PyAV isn't installed.
        BadFootage: no picture, odd sides, another number of pictures than of times, times that don't rise, a moment without
            a zone, or something that the format can't say.
    """
    av = _av()
    first, images = _first(file, images)
    for what, given, suffixes in (
        ("how it is turned", rotation, (".mp4", ".mov")),
        ("when it began", began, (".mp4", ".mov", ".mkv")),
        ("its time code", timecode, (".mp4", ".mov", ".mkv")),
    ):
        if given and file.suffix.lower() not in suffixes:
            raise BadFootage(
                f"{file}: a film says {what} in {' and '.join(suffixes)}, not in {file.suffix or file.name}"
            )
    if began is not None and began.tzinfo is None:
        raise BadFootage(f"{file}: when it began needs a zone or an offset, and {began.isoformat()} has none")
    if times is not None and any(b <= a for a, b in pairwise(times)):
        raise BadFootage(f"{file}: the times of pictures must rise")
    encoder, options = _ENCODERS[codec]
    full = full_range or codec == "mjpeg"
    with av.open(str(file), "w") as film:
        if began is not None:
            film.metadata["creation_time"] = (
                began.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            )
        base = Fraction(1, rate if times is None else _TICKS)
        stream = film.add_stream(encoder, rate=rate, options=options)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.time_base = stream.codec_context.time_base = base
        stream.codec_context.color_range = 2 if full else 1
        if timecode is not None:
            stream.metadata["timecode"] = timecode
        count = 0
        for count, image in enumerate(images, start=1):
            frame = _coloured(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"), full, tint)
            if times is not None and count > len(times):
                raise BadFootage(f"{file}: {len(times)} times, and more pictures")
            frame.pts = count - 1 if times is None else round(times[count - 1] * _TICKS)
            frame.time_base = base
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    if times is not None and count != len(times):
        raise BadFootage(f"{file}: {len(times)} times for {count} pictures")
    if rotation:
        _turn(file, rotation)
    return count


def write_sound(file: Path, seconds: float = 1.0) -> None:
    """A film without pictures: a second of silence, or several.

    Raises:
        NoDecoder: PyAV isn't installed.
    """
    av = _av()
    with av.open(str(file), "w") as film:
        stream = film.add_stream("aac", rate=16_000, layout="mono")
        for start in range(0, round(seconds * 16_000), 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, start
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise NoDecoder("films are written with PyAV, which isn't installed: pip install 'rgbir[footage]'") from error
    return av


def _first(file: Path, images: Images) -> tuple[NDArray[np.uint8], Images]:
    """The first picture, and all of them."""
    rest = iter(images)
    first = next(rest, None)
    if first is None:
        raise BadFootage(f"{file}: a film needs a picture at least, and none came")
    if first.shape[0] % 2 or first.shape[1] % 2:
        raise BadFootage(f"{file}: sides of films are even numbers of pixels, not {first.shape[1]} x {first.shape[0]}")
    return first, chain([first], rest)


def _coloured(picture: VideoFrame, full: bool, tint: tuple[int, int]) -> VideoFrame:
    """As luma and chroma."""
    frame = picture.reformat(format="yuv420p", dst_color_range="JPEG" if full else "MPEG")
    for plane, shift in zip(frame.planes[1:], tint, strict=True):
        if shift:
            values = np.frombuffer(memoryview(plane), np.uint8).astype(np.int16) + shift
            plane.update(np.clip(values, 0, 255).astype(np.uint8).tobytes())
    return frame


def _turn(file: Path, rotation: int) -> None:
    """Writes the matrix into the header of the film's track (ISO/IEC 14496-12, 8.3.2), as telephones do."""
    content = bytearray(file.read_bytes())
    a, b, c, d = _TURNS[rotation]
    start = content.index(b"tkhd") + 4
    version = content[start]
    matrix = start + (40 if version == 0 else 52)
    rows = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], ">i4")
    content[matrix : matrix + 36] = rows.tobytes()
    file.write_bytes(content)

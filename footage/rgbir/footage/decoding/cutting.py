"""What the process that opens films does to cut a clip: copies packets, or codes frames again, into an MP4 that it says."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from typing import Any

import av
import numpy as np

from rgbir.footage.decoding.child import Refused, main, opened, say, video_of
from rgbir.footage.sampling import TICK
from rgbir.index import Mask

PLAYABLE = {"h264", "hevc", "av1", "libdav1d", "vp9", "libvpx-vp9"}
"""Codecs, as their decoders are called, that an MP4 takes and players know."""
FRAGMENTS, CLIP_TICKS = "frag_keyframe+empty_moov+default_base_moof", 1000


class Told:
    """A file that can only be written to: all of it is said."""

    def write(self, data: bytes) -> int:
        say({"kind": "piece"}, data)
        return len(data)


def write_clip(options: dict[str, Any]) -> None:
    """Says an MP4 of what is shown from `since` to `until`: as it is coded where that can be played, and nothing is to be hidden.

    What is not coded again begins with the frame before `since` from which it can be decoded. Sound is left out.

    Raises:
        Refused: it can't be.
    """
    ignored = tuple(tuple(map(tuple, polygon)) for polygon in options["clip"]["ignored"])
    with opened(options) as container:
        stream = video_of(container)
        as_it_is = stream.codec_context.name in PLAYABLE and not ignored
        first = stream.start_time or 0
        container.seek(first + int(options["since"] / stream.time_base), stream=stream, backward=True)
        with av.open(Told(), "w", format="mp4", options={"movflags": FRAGMENTS}) as clip:
            shown = _copied(container, stream, clip, first, options) if as_it_is else _recoded(
                container, stream, clip, first, options, Mask(ignored)
            )  # fmt: skip
    since, until, zero = shown
    say({"kind": "end", "since": since, "until": until, "zero": zero, "recoded": not as_it_is})


def _copied(container: Any, stream: Any, clip: Any, first: int, options: dict[str, Any]) -> tuple[float, float, float]:
    """Packets as they are; from when to when they show something, and what the clip's own beginning is, in seconds."""
    copy = clip.add_stream_from_template(stream)
    began: int | None = None
    shown: list[float] = []
    for packet in container.demux(stream):
        if packet.dts is None or packet.pts is None:
            continue
        seconds = float((packet.pts - first) * stream.time_base)
        if began is None:
            if not packet.is_keyframe:
                continue
            began = packet.dts
        if packet.is_keyframe and seconds > options["until"] + TICK:
            break
        if seconds > options["until"] + TICK + 1:  # frames behind it in time may be needed by those before it
            break
        shown.append(seconds)
        packet.pts, packet.dts, packet.stream = packet.pts - began, packet.dts - began, copy
        clip.mux(packet)
    if not shown:
        raise Refused(f"nothing is shown at {options['since']:.1f} seconds")
    assert began is not None
    return min(shown), max(shown), float((began - first) * stream.time_base)


def _recoded(
    container: Any, stream: Any, clip: Any, first: int, options: dict[str, Any], mask: Mask
) -> tuple[float, float, float]:
    """Frames coded again, without what is to be hidden; see `_copied`."""
    copy: Any = None
    shown: list[float] = []
    last = -1
    for frame in container.decode(stream):
        if frame.pts is None:
            continue
        seconds = float((frame.pts - first) * stream.time_base)
        if seconds < options["since"] - TICK:
            continue
        if seconds > options["until"] + TICK:
            break
        image = frame.to_ndarray(format="rgb24")
        if frame.rotation:
            image = np.rot90(image, int(frame.rotation) % 360 // 90)
        image = mask.applied(np.ascontiguousarray(image))
        image = np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])
        if copy is None:
            copy = _encoder(clip, stream)
            copy.height, copy.width = image.shape[:2]
        place = round((seconds - (shown[0] if shown else seconds)) * CLIP_TICKS)
        shown.append(seconds)
        if place <= last or image.shape[:2] != (copy.height, copy.width):
            continue
        coded = av.VideoFrame.from_ndarray(image, format="rgb24")
        coded.pts, coded.time_base, last = place, Fraction(1, CLIP_TICKS), place
        clip.mux(copy.encode(coded))
    if copy is None:
        raise Refused(f"nothing is shown at {options['since']:.1f} seconds")
    clip.mux(copy.encode(None))
    return shown[0], shown[-1], shown[0]


def _encoder(clip: Any, stream: Any) -> Any:
    try:
        copy = clip.add_stream(
            "libx264", rate=stream.average_rate or 25, options={"preset": "veryfast", "crf": "23", "bf": "0"}
        )
    except (av.error.FFmpegError, ValueError):
        raise Refused("it must be coded again to be played here, and this FFmpeg has no encoder for H.264") from None
    copy.pix_fmt = "yuv420p"
    copy.time_base = copy.codec_context.time_base = Fraction(1, CLIP_TICKS)
    copy.codec_context.thread_count = 1
    return copy


if __name__ == "__main__":
    main(json.loads(os.environ.pop("RGBIR_DECODING")), write_clip)

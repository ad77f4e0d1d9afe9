"""What is decoded: containers and codecs by FFmpeg's names. What is not on the list is refused before a byte of it is interpreted.

Formats that name other files are left out on purpose: playlists (HLS, DASH, `concat`, `ffconcat`), `image2`, subtitles, devices.
"""

from __future__ import annotations

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "mov",
    "mp4",
    "matroska,webm",
    "matroska",
    "webm",
    "avi",
    "mpegts",
    "mpeg",
    "flv",
    "live_flv",
    "dhav",
    "h264",
    "hevc",
    "m4v",
    "mjpeg",
    "mpegvideo",
    "asf",
    "mxf",
    "ivf",
    "obu",
)
"""As `format_whitelist` takes them; a demuxer of several names is matched by any."""

SUFFIXES = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".3gp",
        ".mkv",
        ".webm",
        ".avi",
        ".ts",
        ".mts",
        ".m2ts",
        ".mpg",
        ".mpeg",
        ".ps",
        ".flv",
        ".dav",
        ".h264",
        ".264",
        ".avc",
        ".h265",
        ".265",
        ".hevc",
        ".mjpeg",
        ".mjpg",
        ".asf",
        ".wmv",
        ".mxf",
        ".ivf",
        ".obu",
    ]
)
"""How names of films end. A file of another name is decoded only where it is named by itself, not in a folder."""

GROWING = frozenset([".ts", ".mts", ".m2ts", ".mkv", ".flv", ".dav"])
"""Of those, films that can be read while they are being written. Others have their index at the end, or begin with how long they are."""

STREAMS = ("rtsp", "rtsps")
"""Schemes of streams."""

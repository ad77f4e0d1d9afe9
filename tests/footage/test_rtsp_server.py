"""The camera's double beside a real server: what is read from both is the same kind of thing, and so is what they refuse."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.footage.rtsp import CameraDouble
from tests.footage.scene import Scene

from rgbir.footage.addresses import StreamAddress
from rgbir.footage.decoding.apart import Film
from rgbir.footage.errors import Denied

SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("gstreamer.py")
PACKAGES = (
    "apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
    " gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"
)


@pytest.fixture(params=["double", "gstreamer"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Where a server has a picture of 140 x 240 pixels, ten a second, for anna."""
    if request.param == "double":
        with CameraDouble(Scene().show, user="anna", password="geheim").running() as camera:
            yield camera.port
        return
    try:
        process = subprocess.Popen(
            [SYSTEM_PYTHON, str(SERVER)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={}
        )
    except OSError:
        pytest.skip(f"no {SYSTEM_PYTHON}: the double was compared with nothing")
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.skip(f"GStreamer's RTSP server isn't installed ({PACKAGES}): the double was compared with nothing")
        try:
            yield int(line)
        finally:
            process.kill()


def read(port: int, word: str, **how: Any) -> tuple[tuple[Any, ...], list[float]]:
    with Film(StreamAddress.of(f"rtsp://anna:{word}@127.0.0.1:{port}/live", {}), **how) as film:
        about, frames = film.about(), film.frames()
        seconds = [next(frames).seconds for _ in range(8)]
    return (about.kind, about.codec, about.width, about.height, about.rate, about.seconds, about.rotation), seconds


@pytest.mark.slow
def test_a_stream_is_what_a_real_server_sends(port: int) -> None:
    about, seconds = read(port, "geheim", sample=None)

    assert about == ("rtsp", "h264", 240, 140, 10.0, None, 0)
    assert seconds == sorted(seconds)


@pytest.mark.slow
def test_a_wrong_password_is_refused(port: int) -> None:
    with pytest.raises(Denied, match="doesn't let this user in"):
        read(port, "other")

"""A stream that breaks and comes back, read from a camera's double by the true decoder."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.footage.rtsp import CameraDouble
from tests.footage.scene import Scene, Stepping
from tests.site.certificates import authority, made
from tests.waiting import until

from rgbir.footage.addresses import StreamAddress
from rgbir.footage.decoding.apart import Film, Limits
from rgbir.footage.decoding.newest import Newest
from rgbir.footage.errors import BadFootage, Denied
from rgbir.footage.streams import Reading, Stream
from rgbir.index import Gallery

NOBODY: dict[str, str] = {}


class Watching:
    """A stream that is watched in a thread of its own."""

    def __init__(self, url: str, gallery: Gallery, scene: Scene, reading: Reading, variables: dict[str, str]) -> None:
        self.words: list[str] = []
        self.ends = threading.Event()
        self.live = Stepping(gallery, scene, self.words, stopped=self.ends.is_set)
        self.stream = Stream(
            StreamAddress.of(url, variables),
            self.live,
            reading,
            stopped=self.ends.is_set,
            say=self.words.append,
            first_s=0.05,
        )
        self.failure: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.stream.watch()
        except BaseException as error:
            self.failure.append(error)

    def takes(self, frames: int) -> None:
        """Returns when so many more have been looked at."""
        wanted = self.live.taken + frames
        until(lambda: self.live.taken >= wanted or bool(self.failure), "a frame")
        assert not self.failure, self.failure

    def end(self) -> None:
        self.ends.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextmanager
def watched(
    camera: CameraDouble,
    gallery: Gallery,
    scene: Scene,
    reading: Reading = Reading(sample=None),
    variables: dict[str, str] = NOBODY,
) -> Iterator[Watching]:
    watching = Watching(camera.url, gallery, scene, reading, variables)
    try:
        yield watching
    finally:
        watching.end()


def _opened(watching: Watching, times: int) -> bool:
    return watching.stream.openings.opened >= times


def _sent(camera: CameraDouble, frames: int) -> bool:
    return camera.sent > frames


def tracks(gallery: Gallery) -> set[str]:
    return {str(each.track) for each in gallery.sightings()}


def somebody_walks(watching: Watching, scene: Scene) -> None:
    scene.walk()
    until(lambda: scene.empty or bool(watching.failure), "the end of a walk")
    watching.takes(15)


@pytest.mark.parametrize("cuts", [2, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_who_passes_outside_the_gaps_is_there_once(yard: Gallery, cuts: int) -> None:
    scene = Scene()
    with CameraDouble(scene.show, rate=25).running() as camera, watched(camera, yard, scene) as watching:
        watching.takes(12)
        somebody_walks(watching, scene)
        for cut in range(cuts):
            camera.drop()
            until(partial(_opened, watching, cut + 2), "the stream")
            watching.takes(3)
            somebody_walks(watching, scene)

    assert len(tracks(yard)) == cuts + 1
    assert len({track.rpartition("-")[0] for track in tracks(yard)}) == cuts + 1
    assert (watching.stream.openings.broken, watching.stream.openings.opened) == (cuts, cuts + 1)
    assert sum(words.endswith("the stream is back") for words in watching.words) == cuts


@pytest.mark.slow
def test_who_is_there_when_the_stream_breaks_is_enrolled_at_once(yard: Gallery) -> None:
    scene = Scene()
    with CameraDouble(scene.show, rate=25).running() as camera, watched(camera, yard, scene) as watching:
        watching.takes(12)
        scene.walk()
        watching.takes(15)
        assert not tracks(yard)
        camera.refuses = True
        camera.drop()
        until(lambda: watching.stream.openings.failed > 0, "a try")

        assert len(tracks(yard)) == 1
    assert any("does not open" in words for words in watching.words)


def test_a_camera_that_is_away_is_tried_ever_less_often(yard: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    watching = Stream(
        StreamAddress.of("rtsp://cam/live", NOBODY),
        Stepping(yard, Scene(), []),
        stopped=lambda: len(pauses) >= 12,
        say=(words := list[str]()).append,
    )

    def broken() -> str:
        if len(pauses) == 9:
            watching.openings.opened += 1
            return "the camera ended the stream"
        raise BadFootage("it does not open")

    monkeypatch.setattr(watching, "_read", broken)
    monkeypatch.setattr(watching, "_wait", pauses.append)
    watching.watch()

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 1, 2, 4]
    assert len(words) == 3  # a reason is said when it is new
    assert (watching.openings.failed, watching.openings.broken) == (11, 1)


def test_a_camera_that_refuses_the_password_later_is_asked_again_once_a_minute(
    yard: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    watching = Stream(
        StreamAddress.of("rtsp://cam/live", NOBODY),
        Stepping(yard, Scene(), []),
        stopped=lambda: len(pauses) >= 4,
        say=list[str]().append,
    )

    def refused() -> str:
        if not pauses:
            watching.openings.opened += 1
            return "the camera ended the stream"
        raise Denied("the camera doesn't let this user in")

    monkeypatch.setattr(watching, "_read", refused)
    monkeypatch.setattr(watching, "_wait", pauses.append)
    watching.watch()

    assert pauses == [1, 60, 60, 60]


@pytest.mark.parametrize("scheme", ["Digest", "Basic"])
@pytest.mark.slow
def test_the_camera_lets_in_who_knows_the_password(yard: Gallery, scheme: str) -> None:
    scene, who = Scene(), {"RGBIR_STREAM_USER": "anna", "RGBIR_STREAM_PASSWORD": "p@ss:w/%rd ä"}
    camera = CameraDouble(scene.show, user="anna", password="p@ss:w/%rd ä", scheme=scheme)
    with camera.running(), watched(camera, yard, scene, variables=who) as watching:
        watching.takes(3)


def test_a_password_that_is_refused_at_the_start_ends_it_and_is_not_repeated(yard: Gallery) -> None:
    scene, who = Scene(), {"RGBIR_STREAM_USER": "anna", "RGBIR_STREAM_PASSWORD": "geheim"}
    with CameraDouble(scene.show, user="anna", password="other").running() as camera:
        watching = Watching(camera.url, yard, scene, Reading(), who)
        until(lambda: bool(watching.failure), "the end")
        watching.end()

    assert isinstance(watching.failure[0], Denied)
    assert (
        str(watching.failure[0]) == f"the stream of rtsp://127.0.0.1:{camera.port}: the camera doesn't let this user in"
    )


@pytest.mark.slow
def test_a_camera_that_sends_to_another_host_is_not_followed(yard: Gallery) -> None:
    scene = Scene()
    with CameraDouble(scene.show).running() as other:
        there = other.url.replace(
            "127.0.0.1", "127.0.0.2"
        )  # the double listens on one address: a second one stands for a host
        with (
            CameraDouble(scene.show, address="127.0.0.2", port=other.port).running(),
            CameraDouble(scene.show, moved=there).running() as camera,
            watched(camera, yard, scene) as watching,
        ):
            until(lambda: watching.stream.openings.failed > 0, "a try")

    assert watching.live.taken == 0
    assert any("another host, which is not followed" in words for words in watching.words)


@pytest.mark.slow
def test_a_certificate_must_be_trusted(tmp_path: Path) -> None:
    site = authority(tmp_path / "site")
    files = made(tmp_path / "camera", site)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(files.cert, files.key)
    with CameraDouble(Scene().show, secure=secure).running() as camera:

        def opened(**how: Any) -> str:
            with Film(StreamAddress.of(camera.url, NOBODY), None, **how) as film:
                return film.about().codec

        assert opened(authority=site.cert) == "h264"
        assert opened(verify=False) == "h264"
        with pytest.raises(BadFootage, match="does not open"):
            opened()


@pytest.mark.slow
@pytest.mark.slow
def test_a_camera_that_falls_silent_has_a_broken_stream(yard: Gallery) -> None:
    scene = Scene()
    reading = Reading(sample=None, limits=Limits(silence=8.0))
    with CameraDouble(scene.show, rate=25).running() as camera, watched(camera, yard, scene, reading) as watching:
        watching.takes(3)
        camera.rate = 0.001
        until(lambda: watching.stream.openings.broken > 0, "a break")
        camera.rate = 25
        camera.drop()
        watching.takes(3)

    assert any("said nothing for 8 seconds" in words for words in watching.words)


def test_of_frames_that_wait_the_newest_is_taken() -> None:
    taken: list[int] = []
    begun, ready = threading.Event(), threading.Event()

    def slow(message: dict[str, Any], pixels: memoryview) -> None:
        begun.set()
        ready.wait(60)
        taken.append(message["number"])
        assert bytes(pixels) == bytes([message["number"]])

    newest = Newest(slow)
    for number in range(6):
        newest.put({"number": number}, memoryview(bytes([number])))
        begun.wait(60)  # the first is being written while the others come
    ready.set()
    newest.close()

    assert taken == [0, 5]
    assert newest.late == 4


@pytest.mark.slow
def test_frames_that_come_too_fast_are_late_and_take_no_memory() -> None:
    """The double sends as fast as it can, and whoever looks takes his time."""
    with CameraDouble(Scene().show, rate=0).running() as camera:
        with Film(StreamAddress.of(camera.url, NOBODY), None) as film:
            frames = film.frames()
            first = next(frames)
            assert film._process is not None
            memory = Path(f"/proc/{film._process.pid}/statm")
            sizes = []
            for _ in range(6):
                until(partial(_sent, camera, camera.sent + 100), "frames")
                last = next(frames)
                sizes.append(int(memory.read_text().split()[1]) * 4096)
            arrived = film.about().arrived
            assert arrived is not None
            asked = time.monotonic()
            newest = [next(frames) for _ in range(3)][-1]

        assert film.decoding.late > 400
        assert last.number - first.number > 400
        assert arrived + newest.seconds >= asked
        assert max(sizes[1:]) - min(sizes[1:]) < 20 * newest.image.nbytes + (4 << 20)


@pytest.mark.slow
def test_reading_is_stopped_while_nothing_comes() -> None:
    ends = threading.Event()
    with (
        CameraDouble(Scene().show, rate=25).running() as camera,
        Film(StreamAddress.of(camera.url, NOBODY), None, stopped=ends.is_set) as film,
    ):
        frames = film.frames()
        next(frames)
        camera.rate = 0.001
        threading.Timer(0.3, ends.set).start()
        rest = list(frames)
        camera.drop()

    assert len(rest) < 30
    assert film.decoding.cut == "reading it was stopped"

"""`rgbir watch stream` as a process: stopped, killed, and where its password is to be found."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any, cast

import pytest
from tests.commands import Done, run
from tests.conftest import BUNDLE
from tests.footage.conftest import NETWORK
from tests.footage.rtsp import CameraDouble
from tests.footage.scene import Scene
from tests.waiting import HANGS_AFTER_S, until

from rgbir.footage.cli.stream import _lock_of
from rgbir.footage.streams import Stream
from rgbir.index import AnyGallery, Bundle, Gallery

PASSWORD = "Geh3im-Wort"
SPEED = 50.0
"""Pixels a second: somebody is in the picture for over four seconds."""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """An empty gallery that nobody has open."""
    folder = tmp_path / "house"
    with Gallery.open_or_create(folder, Bundle(BUNDLE).card, NETWORK) as gallery:
        gallery.set_keep_days(30)
    return folder


@pytest.fixture
def scene() -> Scene:
    return Scene(SPEED)


@pytest.fixture
def camera(scene: Scene) -> Iterator[CameraDouble]:
    with CameraDouble(scene.show, user="anna", password=PASSWORD).running() as double:
        yield double


class Command:
    """A process of the command, whose password is in a variable, or in the address."""

    def __init__(self, house: Path, camera: CameraDouble, *more: object, in_address: bool = False) -> None:
        url = camera.url.replace("//", f"//anna:{PASSWORD}@") if in_address else camera.url
        variables = {} if in_address else {"RGBIR_STREAM_USER": "anna", "RGBIR_STREAM_PASSWORD": PASSWORD}
        words = (
            "watch",
            "stream",
            url,
            "--camera",
            "hall",
            "--gallery",
            house,
            "--bundle",
            BUNDLE,
            "--threads",
            1,
            "--json",
            "-v",
        )
        self.house = house
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from rgbir.client.cli import main; main()", *map(str, words), *map(str, more)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "1", **variables},
        )

    def children(self) -> list[int]:
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(word) for word in text.split()]

    def end(self) -> tuple[dict[str, Any], str]:
        self.process.send_signal(signal.SIGTERM)
        out, words = self.process.communicate(timeout=HANGS_AFTER_S)
        assert self.process.returncode == 0, words
        return json.loads(out), words


def playing(camera: CameraDouble, command: Command, connections: int = 1) -> None:
    until(lambda: camera.connections >= connections or command.process.poll() is not None, "the stream")
    assert command.process.poll() is None, command.process.communicate()
    seen = camera.sent
    until(lambda: camera.sent > seen + 12, "frames")


def sightings(house: Path) -> dict[str, set[str]]:
    """Ids by track."""
    tracks: dict[str, set[str]] = {}
    with Gallery(house) as gallery:
        for each in gallery.sightings():
            tracks.setdefault(str(each.track), set()).add(each.id)
    return tracks


@pytest.mark.parametrize("in_address", [False, True])
@pytest.mark.slow
def test_sigterm_enrols_who_is_there_and_the_password_is_nowhere(
    house: Path, camera: CameraDouble, scene: Scene, in_address: bool
) -> None:
    command = Command(house, camera, in_address=in_address)
    playing(camera, command)
    [decoder] = command.children()
    shown = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (command.process.pid, decoder)]
    shown.append(Path(f"/proc/{decoder}/environ").read_bytes())
    scene.walk()
    until(lambda: not scene.empty and scene._left is not None and scene._left > 100, "somebody in the middle")
    content, words = command.end()

    assert len(sightings(house)) == 1
    assert (content["tracks"], content["opened"], content["keep_days"]) == (1, 1, 30)
    assert f"hall: rtsp://127.0.0.1:{camera.port} is watched until SIGTERM" in words
    written = [path.read_bytes() for path in house.parent.rglob("*") if path.is_file()]
    assert len(written) > 3
    for place in (*shown, json.dumps(content).encode(), words.encode(), *written):
        assert PASSWORD.encode() not in place
        assert b"anna" not in place
        assert b"/live" not in place
    assert any("Digest" in request for request in camera.requests)  # it was asked for, and given


@pytest.mark.slow
def test_what_was_enrolled_stays_after_a_kill_and_the_next_run_has_tracks_of_its_own(
    house: Path, camera: CameraDouble, scene: Scene
) -> None:
    tracks: list[dict[str, set[str]]] = []
    for connections in (1, 2):
        command = Command(house, camera)
        playing(camera, command, connections)
        scene.walk()
        until(lambda: len(sightings(house)) == len(tracks) + 1, "a track")
        scene.walk()
        until(lambda: scene._left is not None and scene._left > 50, "somebody")
        command.process.send_signal(signal.SIGKILL)
        command.process.communicate()
        scene.vanish()
        tracks.append(sightings(house))

    assert tracks[0].items() <= tracks[1].items()
    assert len(tracks[1]) == 2
    with Gallery(house) as gallery:
        assert gallery.verify() == []


@pytest.mark.slow
def test_twenty_cuts_lose_nobody_and_double_nobody(house: Path, camera: CameraDouble, scene: Scene) -> None:
    command = Command(house, camera)
    for cut in range(21):
        playing(camera, command, cut + 1)
        scene.walk()
        until(lambda: scene.empty, "the end of a walk")
        until(lambda cut=cut: len(sightings(house)) > cut, "a track")  # type: ignore[misc]
        camera.drop()
    content, words = command.end()

    assert len(sightings(house)) == scene.walked == 21
    assert content["tracks"] == 21
    assert content["opened"] >= 21, words


@pytest.mark.slow
def test_another_process_that_watches_the_same_camera_is_refused(
    house: Path, camera: CameraDouble, tmp_path: Path
) -> None:
    command = Command(house, camera)
    playing(camera, command)
    (linked := tmp_path / "linked").symlink_to(house)

    seconds = [
        run("watch", "stream", camera.url, "--camera", "hall", "--gallery", gallery, "--bundle", BUNDLE, *more)
        for gallery, more in ((house, ()), (house, ("--state", tmp_path / "elsewhere")), (linked, ()))
    ]
    command.end()

    for second in seconds:
        assert second.code != 0
        assert str(command.process.pid) in second.stderr
    assert ["--state has no effect" in second.stderr for second in seconds] == [False, True, False]


@pytest.mark.parametrize(
    ("second", "refused"),
    [
        (("hall", "127.0.0.1:19530/lab"), True),
        (("hall", "localhost:19530/lab"), True),
        (("hall", "127.0.0.1:19530/lab?timeout=5"), True),
        (("gate", "127.0.0.1:19530/lab"), False),
        (("hall", "127.0.0.1:19530/annex"), False),
    ],
)
def test_another_process_on_this_machine_that_watches_the_same_camera_into_milvus_is_refused(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: tuple[str, str], refused: bool
) -> None:
    """Galleries in folders stand for those in Milvus, and the second command runs while the first one watches."""

    @contextmanager
    def in_a_folder(address: str, *given: Any) -> Iterator[Gallery]:
        folder = house if "/lab" in address else tmp_path / "annex"
        with Gallery.open_or_create(folder, Bundle(BUNDLE).card, NETWORK) as gallery:
            gallery.set_keep_days(30)
            yield gallery

    def watch(camera: str, place: str) -> Done:
        into = f"milvus://{place}"
        words = ("watch", "stream", "rtsp://cam/live", "--camera", camera, "--gallery", into, "--bundle", BUNDLE)
        return run(*words, XDG_STATE_HOME=str(tmp_path / "state"))

    runs: list[Done | None] = []

    def watched(stream: Stream) -> None:
        runs.append(None)
        if len(runs) == 1:
            runs[0] = watch(*second)

    monkeypatch.setattr("rgbir.footage.cli.stream.gallery_at", in_a_folder)
    monkeypatch.setattr(Stream, "watch", watched)

    assert watch("hall", "127.0.0.1:19530/lab").code == 0
    assert runs[0] is not None
    assert (runs[0].code, f"process {os.getpid()} is writing" in runs[0].stderr) == (
        (1, True) if refused else (0, False)
    )


def test_two_that_ask_a_gallery_first_at_the_same_moment_have_the_same_lock(tmp_path: Path) -> None:
    """As galleries of an older version are, which draw who they are when they are first asked."""
    entries: list[str] = []
    both = Barrier(2)

    class Drawing:
        def uid(self) -> str:
            if not entries:
                with suppress(BrokenBarrierError):
                    both.wait(0.5)  # without a turn, the other one comes here, too
                entries.append(drawn := secrets.token_hex(8))
                return drawn
            return entries[0]

    def lock(number: int) -> Path:
        return _lock_of(cast(AnyGallery, Drawing()), "milvus://127.0.0.1:19530/lab", "hall", tmp_path / "state")

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lock, range(2))

    assert first == second


@pytest.mark.slow
def test_a_wrong_password_ends_the_command_and_is_not_repeated(house: Path, camera: CameraDouble) -> None:
    url = camera.url.replace("//", "//anna:f4lsch@")

    done = run("watch", "stream", url, "--camera", "hall", "--gallery", house, "--bundle", BUNDLE)

    assert done.code == 2
    assert "the camera doesn't let this user in" in done.stderr
    assert "f4lsch" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("http://cam/live",), "begins with rtsp:// or rtsps://"),
        (("rtsp://cam/live", "--ca", "site.pem"), "--ca and --any-certificate are of rtsps"),
        (("rtsps://cam/live", "--ca", "none.pem"), "no such file"),
        (("rtsps://cam/live", "--ca", "none.pem", "--any-certificate"), "not both"),
        (("rtsp://cam/live", "--no-retention"), "--no-retention has no effect"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(house: Path, words: tuple[str, ...], reason: str) -> None:
    done = run("watch", "stream", *words, "--camera", "hall", "--gallery", house, "--bundle", BUNDLE)

    assert done.code == 2
    assert reason in " ".join(done.stderr.split())


def test_somebody_must_say_how_long_people_are_kept(tmp_path: Path) -> None:
    with Gallery.open_or_create(tmp_path / "new", Bundle(BUNDLE).card, NETWORK):
        pass

    done = run(
        "watch", "stream", "rtsp://cam/live", "--camera", "hall", "--gallery", tmp_path / "new", "--bundle", BUNDLE
    )

    assert done.code == 2
    assert "say how long they are kept" in " ".join(done.stderr.split())

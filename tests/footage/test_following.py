"""Recordings that a recorder is still writing: a film that grows, and a folder of films."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BUNDLE
from tests.footage.conftest import BEGAN, walkers
from tests.footage.test_enrolment import content, empty, run
from tests.waiting import HANGS_AFTER_S, until

from rgbir.footage.enrolment import Manner
from rgbir.footage.errors import BadFootage
from rgbir.footage.film import write_film
from rgbir.footage.following import Follower
from rgbir.footage.recordings import Recording
from rgbir.index import Gallery

START = "2026-11-02T21:15:00+00:00"


def put(file: Path, size: int) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(bytes(size))


def look(follower: Follower, folder: Path) -> list[str]:
    names = []
    for film in follower.closed():
        follower.settle(film)
        names.append(str(film.relative_to(folder)))
    return names


def test_films_are_given_in_the_order_of_names_once_they_are_closed(tmp_path: Path) -> None:
    now = [0.0]
    follower = Follower(tmp_path, 60, steady=lambda: now[0])
    put(tmp_path / "hour-1" / "b.mp4", 10)
    put(tmp_path / "hour-1" / "a.mp4", 10)
    put(tmp_path / "notes.txt", 10)
    assert look(follower, tmp_path) == []

    now[0] = 3.0  # a later one is there, so a.mp4 is closed after two seconds; nobody knows of b.mp4
    assert look(follower, tmp_path) == ["hour-1/a.mp4"]

    put(tmp_path / "hour-1" / "b.mp4", 20)
    now[0] = 62.0
    assert look(follower, tmp_path) == []
    now[0] = 121.0
    assert look(follower, tmp_path) == []
    now[0] = 123.0
    assert look(follower, tmp_path) == ["hour-1/b.mp4"]
    assert look(follower, tmp_path) == []


def test_a_film_that_is_written_holds_up_those_behind_it(tmp_path: Path) -> None:
    now = [0.0]
    follower = Follower(tmp_path, 60, steady=lambda: now[0])
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        put(tmp_path / name, 10)
    assert look(follower, tmp_path) == []
    put(tmp_path / "a.mp4", 20)
    now[0] = 3.0
    assert look(follower, tmp_path) == []
    now[0] = 6.0
    assert look(follower, tmp_path) == ["a.mp4", "b.mp4"]


def test_films_that_are_done_are_known_after_a_restart_unless_they_changed(tmp_path: Path) -> None:
    folder, notes = tmp_path / "films", tmp_path / "state" / "x.films"
    for name in ("a.mp4", "b.mp4", "gone.mp4"):
        put(folder / name, 10)

    def looked_at() -> list[str]:
        now = [0.0]
        follower = Follower(folder, 60, notes, steady=lambda: now[0])
        assert look(follower, folder) == []
        now[0] = 61.0
        return look(follower, folder)

    assert looked_at() == ["a.mp4", "b.mp4", "gone.mp4"]
    assert looked_at() == []
    put(folder / "b.mp4", 11)
    (folder / "gone.mp4").unlink()
    with notes.open("ab") as file:
        file.write(b'{"name": "half')  # what a crash left
    assert looked_at() == ["b.mp4"]
    assert looked_at() == []
    assert notes.stat().st_mode & 0o777 == 0o600
    assert b"gone" not in notes.read_bytes()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same minute with four people, in containers that can be read while they grow."""
    folder = tmp_path_factory.mktemp("growing")
    for suffix in (".ts", ".mkv", ".flv"):
        write_film(folder / f"hall{suffix}", walkers(60, (1.0, 12.0, 30.0, 45.0)), 5)
    return {file.suffix: file for file in folder.iterdir()}


class Recorder:
    """Writes a film bit by bit."""

    def __init__(self, film: Path, target: Path, parts: int = 12) -> None:
        self._data, self.target = film.read_bytes(), target
        self._step = len(self._data) // parts + 1
        self.written = 0

    def write(self) -> bool:
        """Writes a part; False once all is written."""
        with self.target.open("ab") as file:
            file.write(self._data[self.written : self.written + self._step])
        self.written += self._step
        return self.written < len(self._data)


def growing(film: Path, patience: float = 3.0, stopped: Any = lambda: False) -> Recording:
    recording = Recording.growing(film, patience, stopped)
    assert recording is not None
    return recording


@pytest.mark.parametrize("suffix", [".mkv", *(pytest.param(each, marks=pytest.mark.slow) for each in (".ts", ".flv"))])
@pytest.mark.slow
def test_a_film_that_grows_gives_the_sightings_of_the_whole_one(
    films: dict[str, Path], tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manner = Manner(start=datetime.fromisoformat(START))
    with empty(tmp_path / "whole") as gallery:
        run(films[suffix], gallery, manner=manner)
        whole = {key: value[:1] + value[2:4] for key, value in content(gallery).items()}
    target = tmp_path / f"hall{suffix}"
    recorder = Recorder(films[suffix], target)
    recorder.write()
    writing = threading.Thread(target=lambda: [threading.Event().wait(0.05) for _ in iter(recorder.write, False)])
    monkeypatch.setattr(Recording, "at", classmethod(lambda cls, film: growing(film)))
    with empty(tmp_path / "grown") as gallery:
        writing.start()
        report = run(target, gallery, manner=manner, points=tmp_path / "points")
        writing.join()
        grown = {key: value[:1] + value[2:4] for key, value in content(gallery).items()}
        frames = [json.loads(each.frame or "") for each in gallery.sightings()]
        again = run(target, gallery, manner=manner, points=tmp_path / "points")

    assert grown == whole
    assert report.finished
    assert len({frame["track_start"] for frame in frames}) == 4
    assert not any("recording" in frame for frame in frames)  # its content has no digest yet
    assert (again.added, again.finished) == (0, True)
    assert again.resumed_at > 50


def test_a_film_is_named_by_its_name_and_its_beginning(tmp_path: Path) -> None:
    data = os.urandom((1 << 16) + 10)
    for name in ("a.ts", "b.ts"):
        (tmp_path / name).write_bytes(data)
    first, other = growing(tmp_path / "a.ts", 0.5), growing(tmp_path / "b.ts", 0.5)
    (tmp_path / "a.ts").write_bytes(data + b"more")
    longer = growing(tmp_path / "a.ts", 0.5)
    (tmp_path / "a.ts").write_bytes(b"another" + data)

    assert first.digest == longer.digest != other.digest
    assert growing(tmp_path / "a.ts", 0.5).digest != first.digest
    assert Recording.growing(tmp_path / "a.ts", 60, lambda: True) is None
    with pytest.raises(BadFootage, match=r"ends in \.dav, "):
        growing(tmp_path / "a.mp4")


class Command:
    """A process of `rgbir watch file`."""

    def __init__(self, house: Path, path: Path, *more: object) -> None:
        words: list[object] = ["watch", "file", path, "--camera", "hall", "--gallery", house, "--bundle", BUNDLE]
        words += ["--threads", 1, "--no-retention", "--json", *more]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from rgbir.client.cli import main; main()", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, number: int = signal.SIGTERM, code: int = 0) -> dict[str, Any]:
        self.process.send_signal(number)
        return self.ended(code)

    def ended(self, code: int = 0) -> dict[str, Any]:
        out, words = self.process.communicate(timeout=HANGS_AFTER_S)
        assert self.process.returncode == code, words
        return json.loads(out) if out else {}


def enrolled(house: Path) -> int:
    with Gallery(house) as gallery:
        return len({each.track for each in gallery.sightings()})


def noted(house: Path) -> float:
    """Seconds from the beginning up to where a film is worked through."""
    notes = house.with_name(f"{house.name}.footage").glob("*.json")
    return max((float(json.loads(note.read_text())["at"]) for note in notes), default=0.0)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """An empty gallery that nobody has open."""
    empty(tmp_path / "house").close()
    return tmp_path / "house"


@pytest.mark.slow
def test_segments_of_a_recorder_are_enrolled_as_they_are_closed(house: Path, tmp_path: Path) -> None:
    segments = tmp_path / "segments"
    segments.mkdir()
    made = tmp_path / "made.mp4"
    write_film(made, walkers(12, (1.0,)), 5, BEGAN)
    other = tmp_path / "other.mp4"
    write_film(other, walkers(12, (2.0,)), 5, BEGAN)
    third = tmp_path / "third.mp4"
    write_film(third, walkers(12, (3.0,)), 5, BEGAN)
    data = other.read_bytes()

    command = Command(house, segments, "--closed-after", 3)
    shutil.copyfile(made, segments / "1.mp4")
    (segments / "2.mp4").write_bytes(data[: len(data) // 2])  # an MP4 that is being written has no index yet
    (segments / "0.txt").write_text("no film")
    until(lambda: enrolled(house) == 1 or command.process.poll() is not None, "the first")
    (segments / "2.mp4").write_bytes(data)
    until(lambda: enrolled(house) == 2 or command.process.poll() is not None, "the second")
    until(lambda: any((house.parent / "house.footage").glob("*.films")), "a note")
    done = command.end(code=0)

    assert [each["name"] for each in done["recordings"] if each["tracks"]] == ["1.mp4", "2.mp4"]
    command = Command(house, segments, "--closed-after", 1)
    shutil.copyfile(third, segments / "3.mp4")
    until(lambda: enrolled(house) == 3 or command.process.poll() is not None, "the third")
    assert "3.mp4" in [each["name"] for each in command.end()["recordings"]]


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_growing_film_is_taken_up_again_after_a_stop(
    house: Path, films: dict[str, Path], tmp_path: Path, number: int
) -> None:
    recorder = Recorder(films[".ts"], tmp_path / "hall.ts")
    for _ in range(7):
        recorder.write()
    command = Command(house, recorder.target, "--start", START, "--closed-after", 600)
    until(lambda: noted(house) > 5 or command.process.poll() is not None, "a resume point")
    assert command.process.poll() is None
    assert enrolled(house) >= 1
    command.end(number, 0 if number == signal.SIGTERM else -number)
    while recorder.write():
        pass

    done = Command(house, recorder.target, "--start", START, "--closed-after", 2).ended()

    assert enrolled(house) == 4
    assert done["recordings"][0]["resumed_at"] > 5
    with Gallery(house) as gallery, empty(tmp_path / "whole") as whole:
        run(films[".ts"], whole, manner=Manner(start=datetime.fromisoformat(START)))
        assert {(e.taken_at, e.source) for e in gallery.sightings()} == {
            (e.taken_at, e.source) for e in whole.sightings()
        }

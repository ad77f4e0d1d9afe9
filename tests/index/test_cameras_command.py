"""`rgbir cameras`: what it prints, what it refuses, and that a change is whole."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.index.yard import filled, model, network, sightings
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import CameraNetwork, Gallery, NewSighting, Query, UnknownCamera, UsageError

runner = CliRunner()
MAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """Ten sightings of `a`, an hour apart from the first of May on, and one without a time."""
    new = [s for n in range(10) for s in sightings(1, n, "a", taken_at=MAY + timedelta(hours=n))] + sightings(
        1, 50, "a"
    )
    filled(tmp_path / "g", new, network({"a": "hall", "b": "gate"})).close()
    return tmp_path / "g"


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wherever the tests run."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def run(gallery: Path | str, *arguments: str) -> str:
    result = runner.invoke(app, ["cameras", *arguments, "--gallery", str(gallery)])
    if isinstance(result.exception, UsageError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def as_json(gallery: Path | str, *arguments: str) -> Any:
    return json.loads(run(gallery, *arguments, "--json"))


def test_an_infrared_camera_is_added_to_a_gallery_that_began_without(gallery: Path) -> None:
    arguments = (
        "add",
        "n",
        "--modality",
        "ir",
        "--place",
        "hall",
        "--position",
        "1,2.5",
        "--plan",
        "metres",
        "--alias",
        "x",
    )
    assert "nothing was changed: it would be" in run(gallery, *arguments, "--dry-run")
    assert as_json(gallery, "list")["cameras"][-1]["id"] == "b"
    assert as_json(gallery, *arguments) == {
        "camera": {"id": "n", "modality": ["ir"], "place": "hall", "position": [1, 2.5], "aliases": ["x"]},
        "changed": True,
        "touched": [{"camera": "n", "sightings": 0, "moved": 0, "untimed": 0, "since": None}],
        "followed": [],
    }
    assert "positions: metres" in run(gallery, "list")
    with Gallery(gallery) as opened:
        assert opened.search(Query(np.zeros(16, np.float32), camera="x")).excluded_cameras[0].camera == "a"
    with pytest.raises(UsageError, match="there is a camera 'x' already"):
        run(gallery, "add", "x", "--modality", "ir")
    with pytest.raises(UsageError, match="say whether its images are rgb, ir or both"):
        run(gallery, "add", "y")
    with pytest.raises(UsageError, match=r"--position is X,Y such as 12.5,3, not 'here'"):
        run(gallery, "add", "y", "--modality", "ir", "--position", "here")


@pytest.mark.slow
def test_a_move_says_what_it_touches_and_wants_a_word(gallery: Path) -> None:
    move = ("edit", "a", "--place", "gate", "--since", "2026-05-01T06:00:00+00:00")
    with pytest.raises(UsageError, match=r"Of the 11 sightings of camera a, 4 were taken since 2026-05-01 06:00:00 UTC at another"
                       " place than was known, and 1 without a time may have been. Nothing was changed; say it again with --yes"):  # fmt: skip
        run(gallery, *move)
    assert as_json(gallery, *move, "--dry-run")["changed"] is False
    assert as_json(gallery, "show", "a")["camera"]["place"] == "hall"
    assert as_json(gallery, *move, "--yes")["touched"][0]["moved"] == 4
    assert as_json(gallery, *move)["changed"] is False  # again: nothing more
    assert as_json(gallery, "show", "a") == {
        "camera": {
            "id": "a", "modality": ["rgb"],
            "places": [{"place": "hall"}, {"place": "gate", "since": "2026-05-01T06:00:00+00:00"}],
        },
        "sightings": 11, "untimed": 1,
    }  # fmt: skip
    shown = run(gallery, "show", "a")
    assert "hall, from the beginning" in shown
    assert "gate, since 2026-05-01 06:00:00 UTC" in shown
    with pytest.raises(UsageError, match="since says when a camera came to a place"):
        run(gallery, "edit", "a", "--since", "2026-05-01T06:00:00+00:00")
    with pytest.raises(UsageError, match="say what to change"):
        run(gallery, "edit", "a")
    with pytest.raises(UnknownCamera):
        run(gallery, "edit", "nobody", "--place", "x")


def test_a_camera_is_renamed_and_removed_once_its_sightings_are_erased(gallery: Path) -> None:
    assert as_json(gallery, "edit", "a", "--id", "door")["camera"]["name"] == "door"
    listed = run(gallery, "list")
    assert "door" in listed
    with pytest.raises(UsageError, match="camera door has 11 sightings; erase them first"):
        run(gallery, "remove", "a")
    with Gallery(gallery) as opened:
        assert opened.remove(camera="door") == 11
    assert "changed" in run(gallery, "remove", "door")
    with Gallery(gallery) as opened:
        assert [camera.id for camera in opened.network] == ["b"]


@pytest.mark.slow
def test_passages_are_listed_set_and_removed(gallery: Path) -> None:
    assert run(gallery, "passages") == "no passages\n"
    run(gallery, "passages", "--from", "hall", "--to", "gate", "--soonest", "40", "--latest", "900")
    assert as_json(gallery, "passages", "--from", "gate", "--to", "hall", "--soonest", "50")["passages"] == [
        {"from": "gate", "to": "hall", "soonest": 50.0}
    ]
    assert run(gallery, "passages") == "gate – hall: 50 s to any time\n"
    assert as_json(gallery, "passages", "--from", "hall", "--to", "gate", "--remove") == {"passages": []}
    for wrong, message in [
        (["--from", "hall"], "give --from and --to"),
        (["--latest", "9"], "--latest is the end of what --soonest begins"),
        (
            ["--from", "hall", "--to", "gate", "--remove", "--latest", "9"],
            "--latest is the end of what --soonest begins",
        ),
        (["--from", "hall", "--to", "gate"], "or --remove; one of them"),
        (["--from", "hall", "--to", "gate", "--remove"], "no passage between 'hall' and 'gate'"),
        (["--from", "hall", "--to", "moon", "--soonest", "1"], "names the place 'moon', where no camera is"),
    ]:
        with pytest.raises(UsageError, match=message):
            run(gallery, "passages", *wrong)


def test_galleries_of_other_models_beside_it_go_by_the_same_cameras(gallery: Path) -> None:
    beside = gallery.with_name(f"g.{'0' * 16}")
    Gallery.create(beside, model(4), network({"a": "hall", "c": "yard"})).close()
    assert "of another model, goes by the same cameras" in run(gallery, "edit", "a", "--place", "gate", "--yes")
    with Gallery(beside) as opened:
        assert {camera.id: camera.place for camera in opened.network} == {"a": "gate", "b": "gate", "c": "yard"}


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from rgbir.index.gallery.changes import CameraEdit
from rgbir.index.gallery.folder import connection
from rgbir.index.gallery.folder.gallery import Gallery
origin, work = map(Path, sys.argv[1:])
execute, many = connection.Cursor.execute, connection.Cursor.executemany

def change_and_die(folder, at):
    gallery, seen = Gallery(folder), 0

    def dying(before):
        def run(self, sql, parameters=()):
            nonlocal seen
            seen += 1
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return before(self, sql, parameters)
        return run

    connection.Cursor.execute, connection.Cursor.executemany = dying(execute), dying(many)
    gallery.change_network(lambda network: CameraEdit(place="gate", name="door").edited(network, "a"))

at = 0
while True:
    at += 1
    folder = work / str(at)
    shutil.copytree(origin, folder)
    child = os.fork()
    if not child:
        change_and_die(folder, at)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(at)
"""


@pytest.mark.slow
def test_a_change_killed_at_any_statement_leaves_before_or_after(gallery: Path, tmp_path: Path) -> None:
    with Gallery(gallery) as opened:
        before = opened.network
    (tmp_path / "killed").mkdir()
    command = [sys.executable, "-c", KILLED, str(gallery), str(tmp_path / "killed")]
    statements = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    networks: list[CameraNetwork] = []
    for killed in (tmp_path / "killed" / str(number + 1) for number in range(statements)):
        with Gallery(killed) as opened:
            networks.append(opened.network)
            assert (opened._entry("format"), opened.network["a"].shown) in {("4", "a"), ("5", "door")}
            assert len(opened) == 11
    assert statements > 5
    assert networks[0] == before
    assert networks[-1]["a"].place == "gate"
    assert all(network in (before, networks[-1]) for network in networks)


def test_a_camera_that_went_meanwhile_gets_no_sighting(gallery: Path) -> None:
    with Gallery(gallery) as first, Gallery(gallery) as second:
        assert "b" in first.network
        second.change_network(lambda network: network.without_camera("b"))
        with pytest.raises(UnknownCamera):
            first.add([NewSighting("b", np.zeros(16, np.float32), "d")])

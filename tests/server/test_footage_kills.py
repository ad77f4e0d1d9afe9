"""Servers that are killed, and senders that leave, in the middle of a film."""

from __future__ import annotations

import random
import shutil
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.films import film_of
from tests.index.yard import network
from tests.site.events import EVENTS, deleted
from tests.site.server import FILM_FILES, Server, Site
from tests.waiting import HANGS_AFTER_S, until

from rgbir.footage.enrolment import Manner, enrol_recording
from rgbir.footage.recordings import Recording
from rgbir.index import Encoder, Gallery, Sighting
from rgbir.server.access.chain import problems

pytest.importorskip("av")
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


@pytest.fixture
def site(tmp_path: Path, encoder: Encoder) -> Site:
    folder = tmp_path / "site/gallery"
    folder.parent.mkdir()
    with Gallery.open_or_create(folder, encoder.card, network(["door", "yard"])) as gallery:
        gallery.set_keep_days(30)
    return Site(tmp_path / "site")


def sent(server: Server, film: Path) -> httpx2.Response:
    data = {"camera": "door", "start": BEGAN.isoformat()}
    return server.http.post("/gallery/footage", files={"film": (film.name, film.read_bytes())}, data=data)


def idle(server: Server) -> bool:
    try:
        return all(job["ended_at"] for job in server.http.get("/gallery/jobs").json()["jobs"])
    except httpx2.TransportError:
        return False


def sightings(folder: Path) -> dict[str, Sighting]:
    """By id, whatever their order is."""
    with Gallery(folder) as gallery:
        assert gallery.verify() == []
        return {sighting.id: replace(sighting, row=0) for sighting in gallery.sightings()}


@pytest.mark.parametrize("kills", [2, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_film_whose_server_is_killed_gives_the_sightings_of_an_undisturbed_run(
    site: Site, tmp_path: Path, encoder: Encoder, kills: int
) -> None:
    chance, killed, by_hand, films = random.Random(7), 0, tmp_path / "by-hand/gallery", count()
    with Gallery.open_or_create(by_hand, encoder.card, network(["door", "yard"])) as undisturbed:
        for _ in range(10 * kills):
            with site.server(killable=True) as server:
                if idle(server):
                    number = next(films)
                    film = film_of(tmp_path / f"{number}.mp4", 6, number)
                    recording, manner = Recording.at(film), Manner(start=BEGAN)
                    enrol_recording(recording, undisturbed.network["door"], undisturbed, encoder, manner=manner)
                    assert sent(server, film).status_code == 202
                    film.unlink()
                server.kill_at(chance.randrange(1, 80))
                until(lambda server=server: server.ended or idle(server), "the kill")  # type: ignore[misc]
                # The note goes last but one: without it the job is over.
                killed += server.ended and bool(list((site.root / "gallery.jobs").glob("*.json")))
            if killed == kills:
                break
    assert killed == kills
    with site.server() as server:
        until(lambda: idle(server), "the films' end")
        assert {job["state"] for job in server.http.get("/gallery/jobs").json()["jobs"]} <= {"done"}
        server.stop()
    assert sightings(site.gallery) == sightings(by_hand)
    assert list((site.root / "gallery.jobs").iterdir()) == []
    assert problems(site.audit) == []
    print(f"{killed} kills in the middle of {next(films)} films: the sightings are those of undisturbed runs")


@pytest.mark.slow
def test_who_leaves_in_the_middle_of_sending_a_film_leaves_nothing_behind(site: Site, tmp_path: Path) -> None:
    film = film_of(tmp_path / "clip.mp4", 1).read_bytes()
    edge = b"edge"
    head = b'--%s\r\nContent-Disposition: form-data; name="film"; filename="clip.mp4"\r\n\r\n' % edge
    with site.server() as server:
        with socket.create_connection(("127.0.0.1", server.port), HANGS_AFTER_S) as line:
            line.sendall(
                b"POST /gallery/footage HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
                b"Content-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n"
                % (server.token.encode(), edge, 10 * len(film))
            )
            line.sendall(head + film[: len(film) // 2])
        assert server.http.get("/gallery/jobs").json() == {"jobs": []}
        (tmp_path / "clip.mp4").write_bytes(film)
        assert sent(server, tmp_path / "clip.mp4").status_code == 202
        until(lambda: idle(server), "the film's end")
        (job,) = server.http.get("/gallery/jobs").json()["jobs"]
        assert (job["state"], job["added"] > 0) == ("done", True)
        server.stop()
    assert list((site.root / "gallery.jobs").iterdir()) == []


@pytest.mark.slow
def test_a_film_that_came_while_the_server_was_killed_is_deleted(site: Site, tmp_path: Path) -> None:
    folder = site.root / "gallery.jobs"
    folder.mkdir()
    shutil.copyfile(film_of(tmp_path / "clip.mp4", 1), folder / "half.film")
    (folder / "half.json.new").write_text("{")
    with site.server() as server:
        assert server.http.get("/gallery/jobs").json() == {"jobs": []}
        server.stop()
    assert list(folder.iterdir()) == []


def clip(server: Server, sighting: str) -> int:
    return server.http.get(f"/gallery/sightings/{sighting}/clip").status_code


QUICK = {("kept films", "emptied"), ("waiting films", "deleted")}
MATRIX = [
    pytest.param(name, event, id=f"{name}-{event}", marks=[] if (name, event) in QUICK else [pytest.mark.slow])
    for name in FILM_FILES
    for event in EVENTS
]


@pytest.mark.parametrize(("name", "event"), MATRIX)
@pytest.mark.slow
def test_whatever_happens_to_the_files_of_films_nobody_enrolled_is_lost_and_no_request_fails(
    site: Site, tmp_path: Path, name: str, event: str
) -> None:
    first, second = film_of(tmp_path / "first.mp4", 2, 1), film_of(tmp_path / "second.mp4", 6, 2)
    folders: dict[str, Any] = {"keep_footage": site.root / "films", "footage": site.root / "recorder"}
    folders["footage"].mkdir()
    shutil.copy(second, folders["footage"] / "second.mp4")
    path = site.root / FILM_FILES[name]
    with site.server(**folders) as server:
        assert sent(server, first).status_code == 202
        until(lambda: idle(server), "the first film's end")
        enrolled = sightings(site.gallery)
        assert enrolled
        until((site.root / "gallery.films.json").exists, "the index of recordings")
        shown = next(iter(enrolled))
        assert clip(server, shown) == 200
        assert sent(server, second).status_code == 202
        until(path.exists, name)

        EVENTS[event](path)

        assert clip(server, shown) in (200, 404, 422, 503), server.printed()
        assert sent(server, film_of(tmp_path / "third.mp4", 1, 3)).status_code in (202, 503), server.printed()
        assert server.http.get(f"/gallery/sightings/{shown}").status_code == 200
        assert not server.ended, server.printed()
        assert "Traceback" not in server.printed()
        server.kill()
    before = path.with_name(path.name + ".moved")
    if before.exists():
        if path.exists():
            deleted(path)
        before.rename(path)
    folders["footage"].mkdir(
        exist_ok=True
    )  # a server refuses to start without the folder that it was told to play from
    with site.server(**folders) as server:
        assert not server.ended, server.printed()
        until(lambda: idle(server), "the films' end")
        assert clip(server, shown) in (200, 404) if event in ("deleted", "emptied") else 200
        assert "Traceback" not in server.printed()
    assert enrolled.items() <= sightings(site.gallery).items()
    assert problems(site.audit) == []

"""Servers that are killed in the middle of an archive, and of a change of the model, at a step drawn by chance."""

from __future__ import annotations

import io
import random
import shutil
import zipfile
from pathlib import Path

import httpx2
import pytest
from tests.conftest import BUNDLE
from tests.site.server import Server, Site, another_model
from tests.waiting import until

from rgbir.index import Gallery, SysuMM01, digest_of
from rgbir.index.gallery.sightings import sighting_id
from rgbir.server.access.chain import problems


@pytest.fixture
def site(tmp_path: Path, gallery: Gallery) -> Site:
    gallery.close()
    shutil.copytree(gallery.folder, tmp_path / "site/gallery")
    return Site(tmp_path / "site", {"bundles": str(another_model(tmp_path / "site/bundles"))})


def packed(pictures: list[bytes], turn: int) -> tuple[bytes, dict[str, bytes]]:
    """An archive, and its images by the ids that they get."""
    content, images = io.BytesIO(), {}
    with zipfile.ZipFile(content, "w") as out:
        for number in range(48):
            data = pictures[number % len(pictures)] + turn.to_bytes(4, "big") + bytes([number])
            camera = "12"[number % 2]
            out.writestr(f"{camera}/{number}.jpg", data)
            images[sighting_id(camera, "", digest_of(data))] = data
    return content.getvalue(), images


def idle(server: Server) -> bool:
    try:
        return all(job["ended_at"] for job in server.http.get("/gallery/jobs").json()["jobs"])
    except httpx2.TransportError:
        return False


def verified_ids(site: Site) -> set[str]:
    with Gallery(site.gallery) as gallery:
        assert gallery.verify() == []
        return {sighting.id for sighting in gallery.sightings()}


@pytest.mark.parametrize("kills", [pytest.param(2, marks=pytest.mark.slow), pytest.param(40, marks=pytest.mark.slow)])
def test_an_archive_whose_server_is_killed_is_enrolled_but_for_what_was_erased(
    site: Site, people: SysuMM01, kills: int
) -> None:
    pictures = [record.path.read_bytes() for record in people.records("test", (1, 2))]
    chance, wanted, erased, killed = random.Random(4), verified_ids(site), set[str](), 0
    for turn in range(10 * kills):
        with site.server(killable=True) as server:
            content, images = packed(pictures, turn)
            job = server.archive(content)
            assert job.status_code == 202
            some = chance.choice(sorted(images))
            until(lambda some=some: server.http.get(f"/gallery/sightings/{some}").status_code == 200, "it")  # type: ignore[misc]
            assert server.erase(some).json()["removed"] == 1
            wanted |= images.keys() - {some}
            erased.add(some)
            if idle(server):
                continue
            server.kill_at(chance.randrange(1, 60))
            until(lambda: server.ended or idle(server), "the kill")
            # The note goes last but one: without it the archive is over.
            killed += server.ended and bool(list((site.root / "gallery.jobs").glob("*.json")))
        if killed == kills:
            break
    assert killed == kills
    with site.server() as server:
        until(lambda: idle(server), "the archives' end")
        server.stop()
    assert verified_ids(site) == wanted
    assert wanted & erased == set()
    assert list((site.root / "gallery.jobs").iterdir()) == []
    assert problems(site.audit) == []
    print(
        f"{killed} kills in the middle of an archive: acknowledged lost 0 of {len(wanted)}, erased back 0 of {len(erased)}"
    )


@pytest.mark.parametrize("kills", [1, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_track_whose_server_is_killed_is_there_whole_or_not_at_all_and_once_when_sent_again(
    site: Site, people: SysuMM01, kills: int
) -> None:
    picture = next(people.records("test", (1,))).path.read_bytes()
    chance, wanted, killed = random.Random(5), verified_ids(site), 0
    last: list[bytes] = []
    for turn in range(20 * kills):
        images = [picture + turn.to_bytes(4, "big") + bytes([number]) for number in range(6)]
        ids = {sighting_id("1", "", digest_of(data)) for data in images}
        with site.server(killable=True) as server:
            if last:
                again = server.track(last, f"t{turn - 1}").json()["results"]
                status = "present" if {result["id"] for result in again} <= wanted else "added"
                assert [result["status"] for result in again] == [status] * 6
                assert [result["reason"] for result in again] == [None] * 6
                wanted |= {result["id"] for result in again}
            server.kill_at(chance.randrange(1, 15))
            try:
                answered = server.track(images, f"t{turn}").status_code == 200
            except httpx2.TransportError:
                answered = False
                until(lambda: server.ended, "the kill")
        killed += not answered
        there = verified_ids(site)
        assert there in (wanted, wanted | ids)
        assert not answered or ids <= there
        wanted, last = there, images
        if killed == kills:
            break
    assert killed == kills
    assert problems(site.audit) == []
    print(f"{killed} kills in the middle of a track: acknowledged lost 0, half a track 0, twice 0 of {len(wanted)}")


@pytest.mark.parametrize("kills", [1, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_change_of_the_model_whose_server_is_killed_loses_nothing(site: Site, people: SysuMM01, kills: int) -> None:
    picture = next(people.records("test", (1,))).path.read_bytes()
    chance, wanted, erased, killed, answering = random.Random(6), verified_ids(site), set[str](), 0, {BUNDLE.name}
    for turn in range(10 * kills):
        with site.server(killable=True) as server:
            assert not server.ended, server.printed()
            models = server.http.get("/models").json()["models"]
            assert models[0]["name"] in answering
            other = "euclidean" if models[0]["name"] == BUNDLE.name else BUNDLE.name
            made = server.enrol(picture + turn.to_bytes(4, "big")).json()["results"][0]["id"]
            gone = chance.choice(sorted(wanted))
            assert server.erase(gone).json()["removed"] == 1
            wanted = wanted - {gone} | {made}
            erased.add(gone)
            filling = turn % 2 == 0
            try:
                if filling:
                    server.kill_at(chance.randrange(1, 80))
                server.http.post(f"/models/{other}/prepare")
                until(lambda: server.http.get("/models").json()["models"][1]["state"] == "ready", "the filling")
                if not filling:
                    server.kill_at(chance.randrange(1, 40))
                done = server.http.post(f"/models/{other}/activate").status_code == 200
            except httpx2.TransportError:
                done = False
            answering = {other} if done else {BUNDLE.name, "euclidean"}
            if done:
                continue
            until(lambda: server.ended, "the kill")
            killed += 1
        if killed == kills:
            break
    assert killed == kills
    with site.server() as server:
        sightings = server.http.get("/gallery").json()["sightings"]
        assert sightings == len(wanted)
        server.stop()
    for folder in site.root.glob("gallery*"):
        if (folder / "gallery.sqlite3").exists():
            with Gallery(folder) as gallery:
                assert gallery.verify() == []
                ids = {sighting.id for sighting in gallery.sightings()}
                assert ids & erased == set()
                if len(ids) == sightings:
                    assert ids == wanted
    assert problems(site.audit) == []
    print(f"{killed} kills in the middle of a change of the model: acknowledged lost 0, erased back 0 of {len(erased)}")

"""Keys: every role against every route, cameras, rotation without a restart, and what is never in a log."""

from __future__ import annotations

import io
import json
import logging
import re
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from tests.conftest import ROOT
from tests.waiting import until
from typer.testing import CliRunner

from rgbir.client import Client, Forbidden
from rgbir.client.cli import app as commands
from rgbir.index import Gallery, SysuMM01
from rgbir.server import Settings, create_app
from rgbir.server.access.clock import NotedClock
from rgbir.server.access.keys import Key, Keyring, Role
from rgbir.server.cli.serve import _check_keys
from rgbir.server.engine.work import Job
from rgbir.server.errors import BadSettings
from rgbir.server.http.guard import Allowed
from rgbir.server.http.log import JsonLines
from rgbir.server.http.routes import ROUTERS

OPEN = {"/health/live", "/health/ready", "/", "/page/{file:path}", "/docs"}
MAY = {
    ("POST", "/search"): {Role.SEARCH},
    ("POST", "/search/batch"): {Role.SEARCH},
    ("POST", "/distances"): {Role.SEARCH},
    ("POST", "/embed"): {Role.EXPORT},
    ("POST", "/explain"): {Role.SEARCH},
    ("POST", "/gallery/sightings"): {Role.ENROL},
    ("POST", "/gallery/tracks"): {Role.ENROL},
    ("POST", "/gallery/frames"): {Role.ENROL},
    ("POST", "/gallery/footage"): {Role.ENROL},
    ("POST", "/gallery/jobs"): {Role.ENROL},
    ("GET", "/gallery/jobs"): {Role.ENROL},
    ("GET", "/gallery/jobs/{job}"): {Role.ENROL},
    ("DELETE", "/gallery/jobs/{job}"): {Role.ENROL},
    ("GET", "/gallery"): {Role.SEARCH, Role.ENROL},
    ("GET", "/cameras"): {Role.SEARCH, Role.ENROL},
    ("GET", "/cameras/{camera:name}"): {Role.SEARCH, Role.ENROL},
    ("PUT", "/cameras/{camera:name}"): set(),
    ("DELETE", "/cameras/{camera:name}"): set(),
    ("GET", "/gallery/calibration"): {Role.SEARCH},
    ("GET", "/judgements"): {Role.SEARCH},
    ("POST", "/judgements"): {Role.SEARCH},
    ("GET", "/judgements/{judgement}"): {Role.SEARCH},
    ("GET", "/judgements/{judgement}/next"): {Role.SEARCH},
    ("POST", "/judgements/{judgement}/answers"): {Role.SEARCH},
    ("DELETE", "/judgements/{judgement}/answers/{pair}"): {Role.SEARCH},
    ("POST", "/judgements/{judgement}/use"): set(),
    ("DELETE", "/judgements/{judgement}"): set(),
    ("GET", "/keys"): set(),
    ("POST", "/keys"): set(),
    ("DELETE", "/keys/{name:name}"): set(),
    ("GET", "/queue"): {Role.SEARCH, Role.ENROL},
    ("GET", "/gallery/counts"): {Role.SEARCH, Role.ENROL},
    ("GET", "/gallery/sightings"): {Role.SEARCH},
    ("GET", "/gallery/sightings/{sighting}/neighbours"): {Role.SEARCH},
    ("GET", "/plan"): {Role.SEARCH, Role.ENROL},
    ("GET", "/me"): set(Role),
    ("GET", "/model"): {Role.SEARCH, Role.ENROL},
    ("GET", "/model/errors"): {Role.SEARCH, Role.ENROL},
    ("GET", "/metrics"): {Role.SEARCH, Role.ENROL, Role.MONITOR},
    ("GET", "/gallery/sightings/{sighting}"): {Role.SEARCH},
    ("GET", "/gallery/sightings/{sighting}/image"): {Role.SEARCH},
    ("GET", "/gallery/sightings/{sighting}/clip"): {Role.SEARCH},
    ("GET", "/samples"): {Role.SEARCH},
    ("GET", "/samples/{name}"): {Role.SEARCH},
    ("DELETE", "/gallery/sightings/{sighting}"): set(),
    ("DELETE", "/gallery/sightings"): set(),
    ("GET", "/reports"): {Role.SEARCH},
    ("GET", "/reports/{name}"): {Role.SEARCH},
    ("GET", "/audit"): set(),
    ("GET", "/cases"): {Role.SEARCH},
    ("POST", "/cases"): {Role.SEARCH},
    ("GET", "/cases/near"): set(),
    ("GET", "/cases/{case}"): {Role.SEARCH},
    ("PATCH", "/cases/{case}"): {Role.SEARCH},
    ("DELETE", "/cases/{case}"): {Role.SEARCH},
    ("POST", "/cases/{case}/look"): {Role.SEARCH},
    ("PUT", "/cases/{case}/hold"): set(),
    ("DELETE", "/cases/{case}/hold"): set(),
    ("POST", "/cases/{case}/approval"): {Role.SEARCH},
    ("POST", "/cases/{case}/marks"): {Role.SEARCH},
    ("DELETE", "/cases/{case}/marks/{number}"): {Role.SEARCH},
    ("POST", "/cases/{case}/notes"): {Role.SEARCH},
    ("GET", "/cases/{case}/searches/{number}"): {Role.SEARCH},
    ("GET", "/cases/{case}/pictures/{picture}/image"): {Role.SEARCH},
    ("DELETE", "/cases/{case}/pictures/{picture}"): {Role.SEARCH},
    ("POST", "/cases/{case}/pictures/{picture}/keep"): {Role.SEARCH},
    ("GET", "/erasures"): set(),
    ("POST", "/erasures"): set(),
    ("POST", "/erasures/{erasure}/approval"): set(),
    ("GET", "/audit/chain"): set(),
    ("GET", "/models"): set(),
    ("POST", "/models/{name}/prepare"): set(),
    ("POST", "/models/{name}/activate"): set(),
    ("DELETE", "/models/{name}"): set(),
    ("GET", "/cases/{case}/report"): {Role.SEARCH},
    ("GET", "/cases/{case}/evidence"): {Role.SEARCH},
}


@pytest.fixture
def http(settings: Settings, ring: Keyring) -> Iterator[TestClient]:
    ring.add("first", Role.ADMIN)
    settings = replace(settings, no_retention=True)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


def archive(people: SysuMM01) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr("1/a.jpg", next(people.records("test", (1,))).path.read_bytes())
    return buffer.getvalue()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.slow
def test_every_role_at_every_route(http: TestClient, ring: Keyring, people: SysuMM01, gallery: Gallery) -> None:
    tokens = {role: ring.add(role.value, role) for role in Role}
    routes = [
        (method, route.path) for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]  # fmt: skip
    assert {route for route in routes if route[1] not in OPEN} == set(MAY)
    infrared = next(people.records("test", (3,))).path.read_bytes()
    colour = next(people.records("test", (1,))).path.read_bytes()
    body: dict[str, dict[str, Any]] = {
        "/search": {"files": [("images", infrared)], "data": {"camera": "3"}},
        "/search/batch": {"files": [("images", infrared)], "data": {"camera": "3"}},
        "/distances": {"files": [("images", infrared)], "data": {"camera": "3"}},
        "/embed": {"files": [("images", infrared)], "data": {"modality": "ir"}},
        "/explain": {"files": [("images", infrared)], "data": {"modality": "ir"}},
        "/gallery/jobs": {"files": [("archive", archive(people))]},
        "/gallery/footage": {"files": [("film", b"x")], "data": {"camera": "1"}},
        "/gallery/sightings": {"files": [("images", colour)], "data": {"camera": "1"}},
        "/gallery/tracks": {"files": [("images", colour)], "data": {"camera": "1", "track": "t"}},
        "/gallery/frames": {"files": [("images", colour)], "data": {"camera": "1", "taken_at": "2026-11-02T22:15:00Z"}},
        "/cameras/{camera:name}": {"data": {"modalities": "ir"}},
        "/keys": {"data": {"name": "new"}},
        "/cases": {"data": {"number": "26-117", "title": "t", "purpose": "p"}},
        "/cases/{case}": {"data": {"title": "t"}},
        "/cases/{case}/look": {"data": {"search": "1"}},
        "/cases/{case}/hold": {"data": {"reason": "r"}},
        "/cases/{case}/approval": {"data": {"approved": "true"}},
        "/cases/{case}/marks": {"data": {"mark": "same", "sighting": "x"}},
        "/cases/{case}/notes": {"data": {"text": "t"}},
        "/erasures": {"data": {"reason": "r", "camera": "1"}},
        "/erasures/{erasure}/approval": {"data": {"approved": "true"}},
    }
    for method, path in sorted(routes, reverse=True):
        sighting = gallery.sightings()[0].id
        where = (
            path.replace("{sighting}", sighting)
            .replace("{file:path}", "app.js")
            .replace("{name}", "page.js")
            .replace("{camera:name}", "attic")
            .replace("{name:name}", "nobody")
        )
        rest = body.get(path, {}) if method in ("POST", "PUT", "PATCH") else {}
        if (method, path) == ("DELETE", "/gallery/sightings"):
            rest = {"params": {"identity": 99_999}}
        nobody = http.request(method, where, **rest)
        stranger = http.request(method, where, headers=bearer("rgbir_guess"), **rest)
        if path in OPEN:
            assert nobody.status_code == 200, path
            continue
        for refused in (nobody, stranger, http.request(method, where, headers={"Authorization": "Basic eA=="}, **rest)):
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer"), path
            assert refused.headers["Content-Type"] == "application/problem+json"
        for role in (Role.SEARCH, Role.ENROL, Role.EXPORT, Role.MONITOR, Role.ADMIN):
            status = http.request(method, where, headers=bearer(tokens[role]), **rest).status_code
            if role is Role.ADMIN or role in MAY[method, path]:
                # 501: the key may, and this server has no detector
                assert status in (200, 201, 202, 204, 404, 501), (role, method, path, status)
            else:
                assert status == 403, (role, method, path, status)


def allowed_of(route: APIRoute) -> Allowed | None:
    """Who may use a route; None is everybody."""
    asked = [needed.call for needed in route.dependant.dependencies if isinstance(needed.call, Allowed)]
    assert len(asked) <= 1
    return asked[0] if asked else None


def test_the_table_of_roles_is_that_of_the_application() -> None:
    table: dict[str, tuple[frozenset[Role], bool]] = {}
    text = (ROOT / "docs/server.md").read_text(encoding="utf-8").partition("| key | routes |")[2].partition("\n\n")[0]
    for line in text.splitlines()[2:]:
        _, key, routes, _ = line.split("|")
        roles = frozenset(Role) if key.strip() == "each" else frozenset(map(Role, re.findall(r"`(\w+)`", key)))
        for route in re.findall(r"`([A-Z]+ [^`]+)`", routes):
            assert table.setdefault(route, (roles - {Role.ADMIN}, "of all cameras" in key))
    application = {
        f"{method} {route.path_format}": (frozenset(allowed.roles) - {Role.ADMIN}, allowed.whole)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and (allowed := allowed_of(route)) is not None
        for method in route.methods or ()
    }
    assert table == application


def test_a_key_of_some_cameras_sees_and_adds_only_theirs(
    http: TestClient, ring: Keyring, people: SysuMM01, gallery: Gallery
) -> None:
    search = Client(http)
    infrared = next(people.records("test", (3,))).path
    by_camera = {sighting.camera: sighting.id for sighting in gallery.sightings()}
    http.headers.update(bearer(ring.add("hall", Role.SEARCH, ["1", "4"])))

    answer = search.search(infrared, camera="3", top_k=50)

    assert set(answer.searched_cameras) == {"1", "4"}
    assert {hit.camera for hit in answer.hits} == {"1", "4"}
    assert set(search.search(infrared, camera="3", cameras=["4"]).searched_cameras) == {"4"}
    with pytest.raises(Forbidden, match="is for cameras 1 and 4, not for 5"):
        search.search(infrared, camera="3", cameras=["4", "5"])
    assert search.sighting(by_camera["1"]).camera == "1"
    for camera in ("2", "5"):
        assert http.get(f"/gallery/sightings/{by_camera[camera]}").status_code == 404
        assert http.get(f"/gallery/sightings/{by_camera[camera]}/image").status_code == 404
        assert http.post("/search", data={"like": by_camera[camera]}).status_code == 404
    assert {count.camera for count in search.gallery().cameras} == {"1", "4"}
    assert search.gallery().sightings == sum(sighting.camera in ("1", "4") for sighting in gallery.sightings())
    assert {camera.id for camera in search.cameras().cameras} == {"1", "4"}
    assert {excluded.camera for excluded in answer.excluded_cameras} <= {"1", "4"}
    assert answer.query.place is None
    assert answer.coverage is not None
    assert sum(answer.coverage.model_dump().values()) == sum(s.camera in ("1", "4") for s in gallery.sightings())
    for form in ({"camera": "9"}, {"camera": "3", "cameras": "9"}):
        refused = http.post("/search", files=[("images", infrared.read_bytes())], data=form)
        assert refused.status_code == 403
        assert "it has:" not in refused.text
    by_alias = http.post("/search", files=[("images", infrared.read_bytes())], data={"camera": "3", "cameras": "cam5"})
    assert "not for cam5" in by_alias.json()["detail"]  # and not which camera that is
    assert http.get("/metrics").status_code == 403
    assert http.get("/health/ready").json()["detail"] == ""
    assert set(search.distances(infrared, camera="3").searched_cameras) == {"1", "4"}

    http.headers.update(bearer(ring.add("gate", Role.ENROL, ["1"])))
    colour = next(people.records("test", (1,))).path
    assert search.enrol(colour, camera="1")[0].status in ("added", "present")
    with pytest.raises(Forbidden, match="not for 4"):
        search.enrol(colour, camera="4")


def test_naming_a_hidden_camera_tells_of_its_place_and_modality_and_nothing_else(
    http: TestClient, ring: Keyring, people: SysuMM01, gallery: Gallery
) -> None:
    """Cameras 2 and 3 hang in room 2; camera 3 is the query's, and no key here sees it."""
    image = [("images", next(people.records("test", (3,))).path.read_bytes())]

    def named(text: str) -> set[str]:
        """Places in a text, but for words that are fields of answers."""
        return {camera.place for camera in gallery.network if camera.place in text.replace("passages", "")}

    def ask(cameras: list[str], path: str = "/search", **form: str) -> Any:
        http.headers.update(bearer(ring.add("+".join([*cameras, path, *form]), Role.SEARCH, cameras)))
        return http.post(path, files=image, data={"camera": "3", **form})

    for path in ("/search", "/search/batch", "/distances"):
        beside = ask(["2"], path)
        (answer,) = beside.json()["answers"] if path == "/search/batch" else [beside.json()]
        (excluded,) = answer["excluded_cameras"]
        assert (excluded["camera"], excluded["code"]) == ("2", "same_place")
        assert excluded["values"] == {"query_camera": "3", "place": "room 2"}
        assert answer["searched_cameras"] == []
        assert answer.get("query", {}).get("place") is None
        assert named(beside.text) == {"room 2"}

        elsewhere = ask(["1", "4"], path)
        assert elsewhere.status_code == 200
        assert named(elsewhere.text) <= {"room 1", "gate"}

    wrong = ask(["1", "4"], modality="rgb")
    assert wrong.status_code == 422
    assert "camera 3 gives ir images" in wrong.json()["detail"]
    assert named(wrong.text) == set()


def test_an_archive_of_a_key_of_some_cameras_adds_only_theirs(
    http: TestClient, ring: Keyring, people: SysuMM01, gallery: Gallery, tmp_path: Path
) -> None:
    colour = next(people.records("train", (1,))).path.read_bytes()
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as out:
        for camera in ("1", "4"):
            out.writestr(f"{camera}/a.jpg", colour + camera.encode())
        out.writestr("attic/a.jpg", colour)
    before = len(gallery)
    http.headers.update(bearer(ring.add("gate", Role.ENROL, ["1"])))
    client = Client(http)

    job = client.start_job(tmp_path / "both.zip")
    until(lambda: client.job(job.id).ended_at is not None, "the job's end")

    done = client.job(job.id)
    assert (done.added, done.skipped, len(gallery)) == (1, 2, before + 1)
    assert done.skipped_by == {"not this key's camera": 2}  # whether there is such a camera isn't told
    assert done.reasons == {
        "4/a.jpg": "this key may not add images of camera 4",
        "attic/a.jpg": "this key may not add images of camera attic",
    }


def test_an_administrator_of_some_cameras_erases_only_theirs(http: TestClient, ring: Keyring, gallery: Gallery) -> None:
    by_camera = {sighting.camera: sighting for sighting in gallery.sightings()}
    identity = by_camera["4"].identity
    http.headers.update(bearer(ring.add("hall", Role.ADMIN, ["1"])))
    before = len(gallery)

    assert http.delete(f"/gallery/sightings/{by_camera['4'].id}").status_code == 404
    for condition in (
        {"identity": identity},
        {"identity": identity, "camera": "4"},
        {"before": "2030-01-01T00:00:00Z"},
    ):
        assert http.delete("/gallery/sightings", params=condition).status_code == 403
    assert len(gallery) == before

    assert http.delete("/gallery/sightings", params={"identity": identity, "camera": "1"}).json()["removed"] > 0
    assert {sighting.camera for sighting in gallery.sightings() if sighting.identity == identity} == {"2", "4", "5"}


def test_an_erasure_names_the_archives_of_jobs_that_its_key_sees(
    http: TestClient, ring: Keyring, settings: Settings
) -> None:
    jobs = http.app.state.jobs  # type: ignore[attr-defined]
    jobs.folder.mkdir(exist_ok=True)
    for name, who in (("a", "hall"), ("b", "first"), ("c", "of another server")):
        (jobs.folder / f"{name}.json").write_text("{}")
        if who != "of another server":
            jobs._jobs[name] = Job(name, who, 1)
    for key, cameras, told in (("all", None, ["a", "b", "c"]), ("hall", ["1"], ["a"]), ("gate", ["1"], [])):
        http.headers.update(bearer(ring.add(key, Role.ADMIN, cameras)))
        for dry_run in (True, False):
            answer = http.delete("/gallery/sightings", params={"camera": "1", "identity": 10**6, "dry_run": dry_run})
            assert answer.json()["archives"] == told, key
    for note in jobs.folder.glob("*.json"):
        note.unlink()


def test_an_administrator_of_some_cameras_sees_nothing_of_the_others_and_changes_nothing_for_all(
    http: TestClient, ring: Keyring, people: SysuMM01
) -> None:
    whole = Client(http, key=None)
    http.headers.update(bearer(ring.add("all", Role.ADMIN)))
    infrared = next(people.records("test", (3,))).path
    assert whole.search(infrared, camera="3", cameras=["5"]).hits
    started = http.post("/gallery/jobs", files=[("archive", archive(people))]).json()["id"]
    until(lambda: whole.job(started).ended_at is not None, "the job's end")

    http.headers.update(bearer(ring.add("hall", Role.ADMIN, ["1"])))

    for method, path in (
        ("GET", "/audit"), ("GET", "/audit/chain"), ("GET", "/metrics"), ("GET", "/models"), ("POST", "/models/x/prepare"),
        ("POST", "/models/x/activate"), ("DELETE", "/models/x"), ("PUT", "/cameras/1"), ("DELETE", "/cameras/1"),
    ):  # fmt: skip
        refused = http.request(method, path)
        assert refused.status_code == 403, path
        assert "needs a key of all" in refused.text
    assert http.get("/gallery/jobs").json()["jobs"] == []
    assert http.get(f"/gallery/jobs/{started}").status_code == 404
    assert http.delete(f"/gallery/jobs/{started}").status_code == 404


def test_a_key_made_with_another_name_of_its_camera_is_a_key_of_that_camera(
    http: TestClient, ring: Keyring, people: SysuMM01, gallery: Gallery
) -> None:
    by_camera = {sighting.camera: sighting.id for sighting in gallery.sightings()}
    assert gallery.network["cam1"].id == "1"
    http.headers.update(bearer(ring.add("alias", Role.ADMIN, ["cam1", "cam4", "1"])))
    client = Client(http)

    answer = client.search(next(people.records("test", (3,))).path, camera="cam3", top_k=50)

    assert {hit.camera for hit in answer.hits} == set(answer.searched_cameras) == {"1", "4"}
    assert client.sighting(by_camera["1"]).camera == "1"
    assert client.enrol(next(people.records("test", (1,))).path, camera="cam1")[0].status in ("added", "present")
    assert {count.camera for count in client.gallery().cameras} == {"1", "4"}
    assert client.remove(by_camera["4"]) == 1


@pytest.mark.slow
def test_keys_that_are_made_at_once_all_work(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    code = "from rgbir.client.cli import main; main()"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, "keys", "add", f"desk {n}", "--keys", str(file)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    tokens = [process.communicate()[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * 3
    ring = Keyring(file)
    assert {key.name for token in tokens if (key := ring.find(token))} == {f"desk {n}" for n in range(3)}


def test_keys_that_nobody_should_believe_are_refused_with_words(ring: Keyring) -> None:
    runner = CliRunner()
    for days in ("0", "36501", "999999999"):
        result = runner.invoke(commands, ["keys", "add", "a", "--keys", str(ring.file), "--days", days])
        assert result.exit_code != 0
        assert not isinstance(result.exception, OverflowError)
    for name in ("", "  ", "a\nb", "x" * 201):
        with pytest.raises(BadSettings, match="a key's name has 1 to 200"):
            ring.add(name, Role.SEARCH)
    token = ring.add("a", Role.SEARCH)
    whole = json.loads(ring.file.read_text())
    harmed: list[dict[str, Any]] = [
        {"format": 0},
        {"keys": [{**whole["keys"][0], "sha256": "é" * 64}]},
        {"keys": [{**whole["keys"][0], "sha256": "ab"}]},
        {"keys": whole["keys"] * 2},
        {"keys": [{**whole["keys"][0], "made_at": "2026-01-01T00:00:00"}]},
        {"keys": [{**whole["keys"][0], "role": "root"}]},
    ]
    for change in harmed:
        ring.file.write_text(json.dumps({**whole, **change}))
        with pytest.raises(BadSettings, match="is no file of keys"):
            ring.find(token)
    ring.file.write_text(json.dumps({"format": 2, "people": whole["keys"]}))
    with pytest.raises(BadSettings, match=r"keys.json has format 2; this version reads format 1: update rgbir$"):
        ring.find(token)
    ring.file.write_text(json.dumps(whole))
    ring.file.chmod(0o602)
    with pytest.raises(BadSettings, match="chmod 600"):
        ring.find(token)
    ring.file.chmod(0o600)
    assert ring.find(token) is not None


def test_keys_are_rotated_and_revoked_without_a_restart(http: TestClient, ring: Keyring) -> None:
    token = ring.add("front desk", Role.SEARCH)
    assert http.get("/gallery", headers=bearer(token)).status_code == 200

    fresh = ring.rotate("front desk")

    assert http.get("/gallery", headers=bearer(token)).status_code == 401
    assert http.get("/gallery", headers=bearer(fresh)).status_code == 200
    ring.revoke("front desk")
    assert http.get("/gallery", headers=bearer(fresh)).status_code == 401
    ended = ring.add("visitor", Role.SEARCH, days=1)
    assert http.get("/gallery", headers=bearer(ended)).status_code == 200
    late = tuple(key.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)}) for key in ring.keys)
    ring._write(late)
    assert http.get("/gallery", headers=bearer(ended)).status_code == 401


NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def clocked(ring: Keyring, at: datetime) -> Keyring:
    """The keyring of a server that is started when its clock says that, and that looks at it once."""
    with time_machine.travel(at, tick=False):
        started = Keyring(ring.file)
        NotedClock(ring.file.with_name("gallery.clock"), started).note()
    return started


def test_a_key_that_ended_just_before_a_kill_stays_ended_when_the_clock_is_set_back(ring: Keyring) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        token = ring.add("visitor", Role.SEARCH, days=1)
        noted = NotedClock(ring.file.with_name("gallery.clock"), ring)
        clock.shift(timedelta(days=1, seconds=-30))
        noted.note()
        assert ring.find(token) is not None
        clock.shift(31)
        noted.note()
        assert ring.find(token) is None
    again = clocked(ring, NOON)
    with time_machine.travel(NOON, tick=False):
        assert again.find(token) is None


def test_a_clock_that_was_wrongly_ahead_is_forgotten_with_the_keys_that_were_made_by_it(
    ring: Keyring, caplog: pytest.LogCaptureFixture
) -> None:
    """As the documents say: rotate those keys, delete the note, and restart."""
    with time_machine.travel(NOON, tick=False):
        visitor = ring.add("visitor", Role.SEARCH, days=7)
    ahead = NOON + timedelta(days=365)
    with time_machine.travel(ahead, tick=False):
        ring.add("guard", Role.SEARCH)
        ring.add("desk", Role.SEARCH)
    clocked(ring, ahead)

    def welcome() -> bool:
        started = clocked(ring, NOON)
        with time_machine.travel(NOON, tick=False):
            return started.find(visitor) is not None

    assert not welcome()
    assert "if it was wrong, rotate or revoke the keys that were made then" in caplog.text
    with time_machine.travel(NOON, tick=False):
        guard = ring.rotate("guard")
        ring.revoke("desk")
    assert not welcome(), "a clock that is set back brings no key back by itself"
    ring.file.with_name("gallery.clock").unlink()
    assert welcome()
    with time_machine.travel(NOON, tick=False):
        assert ring.find(guard) is not None


def test_the_file_has_hashes_and_is_the_owners_alone(ring: Keyring) -> None:
    token = ring.add("a", Role.ENROL, ["1"], days=3)
    assert token not in ring.file.read_text()
    assert stat.S_IMODE(ring.file.stat().st_mode) == 0o600
    key = ring.find(token)
    assert isinstance(key, Key)
    assert (key.name, key.role, key.cameras) == ("a", Role.ENROL, ("1",))
    assert ring.find(token[:-1]) is None
    with pytest.raises(BadSettings, match="there is a key 'a' already"):
        ring.add("a", Role.SEARCH)
    with pytest.raises(BadSettings, match=r"no key 'b' in .*; it has: a"):
        ring.revoke("b")
    ring.file.write_text("{}x")
    with pytest.raises(BadSettings, match="is no file of keys"):
        Keyring(ring.file)


def test_keys_by_the_command_line(tmp_path: Path) -> None:
    runner, file = CliRunner(), str(tmp_path / "keys.json")

    made = runner.invoke(commands, ["keys", "add", "desk", "--role", "search", "--camera", "1", "--keys", file])

    token = made.stdout.splitlines()[0]
    assert token.startswith("rgbir_")
    assert "shown once" in made.output
    assert Keyring(Path(file)).find(token) is not None
    assert "desk" in runner.invoke(commands, ["keys", "list", "--keys", file]).output
    rotated = runner.invoke(commands, ["keys", "rotate", "desk", "--keys", file]).stdout.splitlines()[0]
    assert rotated != token
    assert "can't do anything" in runner.invoke(commands, ["keys", "revoke", "desk", "--keys", file]).output
    assert Keyring(Path(file)).keys == ()


def test_with_keys_a_server_may_listen_beyond_its_machine(settings: Settings) -> None:
    assert replace(settings, host="0.0.0.0").host == "0.0.0.0"
    with pytest.raises(BadSettings, match="make keys"):
        replace(settings, host="0.0.0.0", keys=None)


def test_logs_have_an_id_and_neither_keys_nor_forms(
    http: TestClient, ring: Keyring, people: SysuMM01, caplog: pytest.LogCaptureFixture
) -> None:
    token = ring.add("desk", Role.SEARCH)
    infrared = next(people.records("test", (3,))).path.read_bytes()
    with caplog.at_level(logging.INFO, "rgbir"):
        answer = http.post(
            "/search", files=[("images", infrared)], data={"camera": "3", "purpose": "a secret purpose"},
            headers={**bearer(token), "X-Request-Id": "abc-1"},
        )  # fmt: skip
    assert answer.headers["X-Request-Id"] == "abc-1"
    lines = [JsonLines().format(record) for record in caplog.records if record.name == "rgbir.requests"]
    entry = json.loads(lines[-1])
    assert (entry["request"], entry["route"], entry["status"]) == ("abc-1", "/search", 200)
    assert token not in caplog.text
    assert "secret" not in "".join(lines)
    assert http.get("/gallery", headers={"X-Request-Id": "a b\nc"}).headers["X-Request-Id"] != "a b\nc"


@pytest.mark.parametrize("content", ["", "{", '{"format": 1, "keys": [{"na', "[]", "\0" * 4096, '{"keys": 7}'])
def test_a_damaged_file_of_keys_lets_nobody_in_with_words_and_only_until_it_is_mended(
    http: TestClient, ring: Keyring, content: str
) -> None:
    headers = bearer(ring.add("desk", Role.SEARCH))
    whole = ring.file.read_text()
    assert http.get("/gallery", headers=headers).status_code == 200
    ring.file.write_text(content)
    for _ in range(2):
        refused = http.get("/gallery", headers=headers)
        assert (refused.status_code, refused.headers["Content-Type"]) == (503, "application/problem+json")
        assert "the server's keys can't be read now" in refused.json()["detail"]
        assert str(ring.file) not in refused.text
    ring.file.write_text(whole)
    assert http.get("/gallery", headers=headers).status_code == 200


def test_samples_of_cameras_that_a_key_does_not_see_are_none(
    settings: Settings, ring: Keyring, people: SysuMM01, tmp_path: Path
) -> None:
    (tmp_path / "samples").mkdir()
    for name in ("3_a.jpg", "6_b.jpg"):
        (tmp_path / "samples" / name).write_bytes(next(people.records("test", (3,))).path.read_bytes())
    token = ring.add("night", Role.SEARCH, ["cam3", "1"])
    application = create_app(replace(settings, samples=tmp_path / "samples"))
    with TestClient(application, base_url="http://127.0.0.1", headers=bearer(token)) as http:
        assert http.get("/samples").json() == [{"name": "3_a.jpg", "camera": "3"}]
        assert [http.get(f"/samples/{name}").status_code for name in ("3_a.jpg", "6_b.jpg", "x.jpg")] == [200, 404, 404]


def test_a_key_for_a_camera_that_nobody_has_is_told_of(
    ring: Keyring, gallery: Gallery, caplog: pytest.LogCaptureFixture
) -> None:
    ring.add("hall", Role.SEARCH, ["cam1", "hallway"])
    with caplog.at_level("INFO", logger="rgbir.remarks"):
        _check_keys(ring.file, gallery.network)
    assert caplog.messages == ["key 'hall' is for camera hallway, which the network 'sysu-mm01' doesn't have"]

"""Browsing, neighbours and counts over HTTP: the pages of both clients, what is noted, and nothing of cameras that a key doesn't see."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.server.test_keys import bearer

from rgbir.client import AsyncClient, Client, Forbidden, NotFound, Unprocessable, wire
from rgbir.index import Gallery, NewSighting
from rgbir.server import Settings, create_app
from rgbir.server.access.audit import entries
from rgbir.server.access.keys import Keyring, Role

NIGHT = datetime(2026, 10, 24, 20, tzinfo=UTC)
CAMERAS = ("1", "4", "5")
BERLIN = ZoneInfo("Europe/Berlin")


def timed(dimension: int) -> list[NewSighting]:
    """Sixty over eight hours of the night when the clocks are set back."""
    return [
        NewSighting(
            CAMERAS[n % 3],
            np.full(dimension, n + 1, np.float32),
            f"timed {n}",
            f"timed/{n}.jpg",
            NIGHT + timedelta(minutes=8 * n),
            track=None if n % 3 else f"t{n // 15}",
        )
        for n in range(60)
    ]


@pytest.fixture
def added(gallery: Gallery) -> list[NewSighting]:
    sightings = timed(gallery.model.dimension)
    gallery.add(sightings)
    return sightings


@pytest.fixture
def http(settings: Settings, ring: Keyring, added: list[NewSighting]) -> Iterator[TestClient]:
    token = ring.add("kim", Role.SEARCH)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        opened.headers.update(bearer(token))
        yield opened


def all_pages(client: Client, cameras: list[str] | None = None, limit: int = 25) -> list[wire.Sighting]:
    sightings, cursor = list[wire.Sighting](), None
    while True:
        page = client.browse(cameras=cameras, limit=limit, cursor=cursor)
        sightings += page.sightings
        if (cursor := page.next) is None:
            return sightings


@pytest.mark.slow
def test_every_sighting_comes_once_newest_first_and_is_noted(
    http: TestClient, gallery: Gallery, settings: Settings
) -> None:
    shown = all_pages(Client(http))

    assert sorted(sighting.id for sighting in shown) == sorted(sighting.id for sighting in gallery.sightings())
    times = [sighting.taken_at for sighting in shown if sighting.taken_at is not None]
    assert times == sorted(times, reverse=True)
    assert len(times) == 60
    assert all(sighting.taken_at is None for sighting in shown[60:])
    assert shown[-1].image_path == f"/gallery/sightings/{shown[-1].id}/image"
    assert settings.audit is not None
    noted = [entry for entry in entries(settings.audit) if entry["action"] == "browse"]
    assert [name for entry in noted for name in entry["sightings"]] == [sighting.id for sighting in shown]
    assert {entry["who"] for entry in noted} == {"kim"}


def test_filters_and_orders_are_kept_over_pages(http: TestClient, added: list[NewSighting]) -> None:
    client = Client(http)
    since, until = NIGHT + timedelta(hours=1), NIGHT + timedelta(hours=5)
    first = client.browse(cameras=["cam1", "4"], since=since, until=until, order="oldest", limit=10)
    second = client.browse(
        cameras=["1", "4"], since=since, until=until, order="oldest", limit=10, cursor=first.next
    )  # fmt: skip
    expected = [
        sighting.id
        for sighting in added
        if sighting.camera in ("1", "4") and sighting.taken_at is not None and since <= sighting.taken_at < until
    ]
    assert [sighting.id for sighting in (*first.sightings, *second.sightings)] == expected[:20]
    of_track = client.browse(track="t2", order="oldest").sightings
    assert [sighting.id for sighting in of_track] == [sighting.id for sighting in added if sighting.track == "t2"]
    assert client.browse(identity=10**6).sightings == []


def test_a_cursor_is_what_a_page_gave_and_for_its_order(http: TestClient) -> None:
    client = Client(http)
    cursor = client.browse(limit=1).next
    assert cursor is not None
    for changed, order in ((cursor, "oldest"), (cursor[:-3], "newest"), ("x", "newest"), ("bnVsbA", "newest")):
        with pytest.raises(Unprocessable, match="cursor is `next` of a page in the same order"):
            client.browse(order=order, cursor=changed)  # type: ignore[arg-type]
    for params, reason in (
        ({"since": "2026-01-01T00:00:00"}, "since needs a zone"),
        ({"limit": "501"}, "limit"),
        ({"cameras": "9"}, "no camera '9'"),
    ):
        refused = http.get("/gallery/sightings", params=params)
        assert (refused.status_code, reason in refused.json()["detail"]) == (422, True)


def test_neighbours_are_the_nearest_in_time_of_the_same_track_and_camera(
    http: TestClient, added: list[NewSighting], gallery: Gallery, settings: Settings
) -> None:
    client = Client(http)
    for number in (18, 20):
        here = added[number]
        row = [sighting for sighting in added if (sighting.camera, sighting.track) == (here.camera, here.track)]
        if here.track is None:
            row = [sighting for sighting in added if sighting.camera == here.camera]
        place = row.index(here)

        around = client.neighbours(here.id, limit=3)

        assert [s.id for s in around.before] == [s.id for s in row[max(place - 3, 0) : place]]
        assert [s.id for s in around.after] == [s.id for s in row[place + 1 : place + 4]]
        assert settings.audit is not None
        (*_, noted) = entries(settings.audit)
        assert (noted["action"], noted["conditions"]) == ("browse", {"neighbours": here.id})
        assert noted["sightings"] == [s.id for s in (*around.before, *around.after)]
    untimed = next(sighting.id for sighting in gallery.sightings() if sighting.taken_at is None)
    assert client.neighbours(untimed) == wire.Neighbours(before=[], after=[])


def test_counts_are_those_of_the_clocks_in_the_night_when_they_change(
    http: TestClient, added: list[NewSighting], gallery: Gallery
) -> None:
    client = Client(http)
    by_hour = client.counts(by="hour", zone="Europe/Berlin")
    by_day = client.counts(by="day", zone="Europe/Berlin", cameras=["4"], since=NIGHT + timedelta(hours=1))

    assert {camera.camera: camera.untimed for camera in by_hour.cameras} == dict(
        Counter(sighting.camera for sighting in gallery.sightings() if sighting.taken_at is None)
    )
    for camera in by_hour.cameras:
        local = [s.taken_at.astimezone(BERLIN) for s in added if s.camera == camera.camera and s.taken_at is not None]
        expected = Counter(moment.replace(minute=0, second=0, microsecond=0).isoformat() for moment in local)
        assert {bucket.at: bucket.sightings for bucket in camera.buckets} == expected
    twice = {bucket.at for camera in by_hour.cameras for bucket in camera.buckets}
    assert {"2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"} <= twice
    days = Counter(
        s.taken_at.astimezone(BERLIN).date().isoformat()
        for s in added
        if s.camera == "4" and s.taken_at is not None and s.taken_at >= NIGHT + timedelta(hours=1)
    )
    assert [{bucket.at: bucket.sightings for bucket in camera.buckets} for camera in by_day.cameras] == [days]
    with pytest.raises(Unprocessable, match="no time zone"):
        client.counts(zone="Mars/Base")


def test_counts_are_bounded(http: TestClient, gallery: Gallery) -> None:
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    row = np.ones(gallery.model.dimension, np.float32)
    gallery.add([NewSighting("1", row, "old", "old.jpg", long_ago)])
    with pytest.raises(Unprocessable, match="give since and until, or count by day"):
        Client(http).counts(by="hour")
    assert Client(http).counts(by="hour", since=NIGHT).cameras


def test_a_key_of_some_cameras_browses_and_counts_theirs_only(
    http: TestClient, ring: Keyring, gallery: Gallery, added: list[NewSighting]
) -> None:
    http.headers.update(bearer(ring.add("hall", Role.SEARCH, ["1", "4"])))
    client = Client(http)
    theirs = {sighting.id for sighting in gallery.sightings() if sighting.camera in ("1", "4")}

    assert {sighting.id for sighting in all_pages(client, limit=7)} == theirs
    assert {camera.camera for camera in client.counts().cameras} == {"1", "4"}
    for ask in (lambda: client.browse(cameras=["1", "5"]), lambda: client.counts(cameras=["cam5"])):
        with pytest.raises(Forbidden, match="is for cameras 1 and 4, not for"):
            ask()
    refused = http.get("/gallery/sightings", params={"cameras": "nowhere"})
    assert (refused.status_code, "it has:" in refused.text) == (403, False)
    with pytest.raises(NotFound):
        client.neighbours(next(sighting.id for sighting in added if sighting.camera == "5"))
    mine = next(sighting for sighting in added if sighting.camera == "4")
    around = client.neighbours(mine.id, limit=100)
    assert {sighting.camera for sighting in (*around.before, *around.after)} == {"4"}
    http.headers.update(bearer(ring.add("gate", Role.ENROL, ["1"])))
    assert {camera.camera for camera in client.counts().cameras} == {"1"}
    with pytest.raises(Forbidden):
        client.browse()


def test_both_clients_ask_the_same(http: TestClient) -> None:
    with pytest.raises(ValueError, match="leave them out for all"):
        Client(http).browse(cameras=[])
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        empty = {
            "/gallery/sightings": {"sightings": []},
            "/gallery/counts": {"by": "day", "zone": "UTC", "cameras": []},
        }
        return httpx2.Response(200, json=empty.get(request.url.path, {"before": [], "after": []}))

    transport = httpx2.MockTransport(answer)
    client = Client(httpx2.Client(base_url="http://s", transport=transport))

    async def ask() -> None:
        async with AsyncClient(httpx2.AsyncClient(base_url="http://s", transport=transport)) as other:
            await other.browse(cameras=["1", "b c"], since=NIGHT)
            await other.neighbours("a/b")
            await other.counts(by="hour", cameras=["1"])

    client.browse(cameras=["1", "b c"], since=NIGHT)
    client.neighbours("a/b")
    client.counts(by="hour", cameras=["1"])
    asyncio.run(ask())
    assert asked[:3] == asked[3:]
    assert "cameras=1&cameras=b+c" in asked[0].replace("%20", "+")

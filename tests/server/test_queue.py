"""What a page tells who waits, and what it tells of the calibration."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.server.test_batching import Model, image
from tests.server.test_keys import bearer
from tests.waiting import reached, until

from rgbir.client import Client, wire
from rgbir.index import Gallery, NewSighting, SysuMM01
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.engine.batching import Batcher
from rgbir.server.engine.engine import Engine


@pytest.fixture
def http(settings: Settings, ring: Keyring) -> Iterator[TestClient]:
    token = ring.add("kim", Role.SEARCH)
    application = create_app(settings)
    with TestClient(application, base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        opened.headers.update(bearer(token))
        yield opened


def test_what_waits_takes_as_long_as_the_last_batches_did() -> None:
    """The clock moves by three seconds a look, so the batches of two images and of one take three seconds each."""

    async def run() -> None:
        model, ticks = Model(), itertools.count(0, 3)
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(model, pool, most=2, clock=lambda: next(ticks))
            assert batcher.expected_s is None
            model.gate.set()
            await batcher([image(1), image(2)])
            await batcher([image(3)])
            assert batcher.expected_s == 0
            model.gate.clear()
            model.running = False
            running = asyncio.create_task(batcher([image(4), image(5)]))
            await reached(lambda: model.running)
            waiting = [
                asyncio.create_task(batcher([image(6), image(7), image(8)])),
                asyncio.create_task(batcher([image(9)])),
            ]
            await reached(lambda: batcher.waiting == 4)
            assert (batcher.requests, batcher.running) == (2, 2)
            assert batcher.expected_s == pytest.approx((4 + 2) * (3 + 3) / (2 + 1))
            model.gate.set()
            await asyncio.gather(running, *waiting)
            assert (batcher.requests, batcher.running) == (0, 0)
            assert batcher.expected_s == 0.0

    asyncio.run(run())


def test_a_batch_that_fails_is_no_longer_under_way() -> None:
    async def run() -> None:
        model = Model()
        model.gate.set()
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(model, pool)
            with pytest.raises(ValueError, match="six and six"):
                await batcher([image(66)])
            assert batcher.running == 0
            assert batcher.expected_s is None

    asyncio.run(run())


def test_the_queue_is_told_while_searches_wait(http: TestClient, people: SysuMM01, settings: Settings) -> None:
    client, infrared = Client(http), next(people.records("test", (3,))).path
    client.search(infrared, camera="3")
    engine: Engine = http.app.state.engine  # type: ignore[attr-defined]
    gate = threading.Event()
    blocked = engine.submit_model(lambda: gate.wait(60))
    searches = [threading.Thread(target=lambda: client.search([infrared] * 3, camera="3")) for _ in range(2)]
    try:
        searches[0].start()
        until(lambda: any(batcher.running == 3 for batcher in engine.now.queues.values()), "the first one's batch")
        searches[1].start()
        until(lambda: client.queue().images == 3, "a search that waits for the model")
        busy = client.queue()
    finally:
        gate.set()
        for search in searches:
            search.join()
        blocked.result()

    assert (busy.in_flight, busy.most_in_flight, busy.most_images) == (2, settings.max_in_flight, settings.max_waiting)
    assert (busy.requests, busy.images) == (1, 3)
    assert busy.seconds is not None
    assert busy.seconds > 0
    until(lambda: client.queue().in_flight == 0, "the end of the searches")


def test_the_calibration_tells_pairs_of_the_keys_cameras(http: TestClient, ring: Keyring, gallery: Gallery) -> None:
    client, rng = Client(http), np.random.default_rng(0)
    assert client.calibration() == wire.CalibrationInfo()
    persons = 3 * rng.standard_normal((30, gallery.model.dimension))
    gallery.add(
        [
            NewSighting(camera, (person + rng.standard_normal(len(person))).astype(np.float32), f"{camera} {n} {shot}", "", None, 1000 + n)
            for camera in ("1", "4", "5") for n, person in enumerate(persons) for shot in range(2)
        ]
    )  # fmt: skip
    gallery.calibrate()

    calibration = client.calibration()

    by_camera = {
        camera: [sighting for sighting in gallery.sightings() if sighting.camera == camera]
        for camera in ("1", "2", "4", "5")
    }
    for pair in calibration.pairs:
        first, second = (by_camera[camera] for camera in pair.cameras)
        rows = [gallery.embeddings([sighting.id for sighting in side]).astype(np.float64) for side in (first, second)]
        distances = 1 - rows[0] @ rows[1].T
        same = np.array([[a.identity == b.identity for b in second] for a in first])
        assert (pair.genuine, pair.strangers) == (same.sum(), (~same).sum())
        for share, distance in ((0.01, pair.distance_1_percent), (0.001, pair.distance_01_percent)):
            assert (distances[~same] <= distance).mean() == pytest.approx(share, abs=0.003)
    assert {tuple(pair.cameras) for pair in calibration.pairs} >= {("1", "4"), ("1", "5"), ("4", "5")}
    known = gallery.calibration()
    assert known is not None
    assert calibration.generation == known[0].generation
    http.headers.update(bearer(ring.add("hall", Role.SEARCH, ["1", "4"])))
    assert [pair.cameras for pair in client.calibration().pairs] == [["1", "4"]]

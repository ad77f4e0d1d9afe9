"""What Prometheus sees, and that the dashboard asks for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import BUNDLE, ROOT

from rgbir.index import Gallery, SysuMM01
from rgbir.server import Settings, create_app


@pytest.fixture
def http(gallery: Gallery) -> Iterator[TestClient]:
    with TestClient(
        create_app(Settings(gallery.folder, BUNDLE, threads=1)),
        base_url="http://127.0.0.1",
        raise_server_exceptions=False,
    ) as opened:
        yield opened


def samples(http: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(http.get("/metrics").text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_searches_are_counted_and_timed_and_their_scores_kept(
    http: TestClient, people: SysuMM01, gallery: Gallery
) -> None:
    image = next(people.records("test", (3,))).path.read_bytes()
    for _ in range(3):
        http.post("/search", files=[("images", image)], data={"camera": "3"})
    http.post("/search", files=[("images", image)], data={"camera": "3", "identity": "999"})
    http.post("/search", files=[("images", b"x")], data={"camera": "3"})

    seen = samples(http)

    route = (("method", "POST"), ("route", "/search"))
    assert seen["rgbir_requests_total", (*route, ("status", "200"))] == 4
    assert seen["rgbir_requests_total", (*route, ("status", "422"))] == 1
    assert seen["rgbir_request_seconds_count", route] == 5
    assert seen["rgbir_stage_seconds_count", (("stage", "encode"),)] == 4
    assert seen["rgbir_searches_without_hits_total", ()] == 1
    assert (
        sum(v for (name, labels), v in seen.items() if name == "rgbir_best_score_count" and ("query", "3") in labels)
        == 3
    )
    assert seen["rgbir_device_bytes", ()] == 0
    assert seen["process_resident_memory_bytes", ()] > 1e7
    assert [dict(labels)["name"] for name, labels in seen if name == "rgbir_model"] == [BUNDLE.name]
    assert seen["rgbir_model_images", (("modality", "ir"),)] == 4
    enrolled = {count.camera: count.sightings for count in gallery.counts()}
    assert {dict(labels)["camera"]: v for (name, labels), v in seen.items() if name == "rgbir_sightings"} == enrolled
    gallery.remove(camera="1")
    assert ("rgbir_sightings", (("camera", "1"),)) not in samples(http)


def test_searches_by_like_and_batches_are_counted_as_well(http: TestClient, people: SysuMM01, gallery: Gallery) -> None:
    image = next(people.records("test", (3,))).path.read_bytes()
    sighting = next(sighting for sighting in gallery.sightings() if sighting.camera == "1")

    assert http.post("/search", data={"like": sighting.id, "cameras": "2,4,5"}).status_code == 200
    batch = http.post("/search/batch", files=[("images", image)] * 2, data={"camera": "3"})
    assert len(batch.json()["answers"]) == 2

    counted = {name: value for (name, labels), value in samples(http).items() if ("stage", "search") in labels}
    assert counted["rgbir_stage_seconds_count"] == 3


def test_the_dashboard_asks_for_what_there_is(http: TestClient, people: SysuMM01) -> None:
    image = next(people.records("test", (3,))).path.read_bytes()
    http.post("/search", files=[("images", image)], data={"camera": "3"})
    known = {name for name, _ in samples(http)}
    board = json.loads((ROOT / "deploy/grafana/rgbir.json").read_text())
    asked = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"rgbir_\w+", target["expr"])
    }
    assert len(asked) > 10
    assert asked <= known, asked - known

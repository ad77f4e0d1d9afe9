"""What Prometheus sees, and that the dashboard asks for nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import BUNDLE, ROOT
from tests.programs import needs
from tests.site.certificates import made

from rgbir.index import Gallery, SysuMM01
from rgbir.server import Settings, create_app
from rgbir.server.http.certificate import Certificate
from rgbir.server.http.metrics import Metrics

RULES = ROOT / "deploy/prometheus/rules.yaml"


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
    assert [dict(labels)["name"] for name, labels in seen if name == "rgbir_model_info"] == [BUNDLE.name]
    assert seen["rgbir_model_images_total", (("modality", "ir"),)] == 4
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
    asked = named(*(target["expr"] for panel in board["panels"] for target in panel["targets"]))
    assert len(asked) > 10
    assert asked <= known, asked - known


def named(*expressions: str) -> set[str]:
    """The metrics in expressions, without those that the rules record."""
    return {name for expression in expressions for name in re.findall(r"(?<![:\w])rgbir_\w+", expression)}


def test_the_rules_ask_for_what_there_is(http: TestClient, people: SysuMM01, tmp_path: Path) -> None:
    image = next(people.records("test", (3,))).path.read_bytes()
    http.post("/search", files=[("images", image)], data={"camera": "3"})
    with_tls = Metrics(Certificate(*made(tmp_path / "pair"))).text(http.app.state.engine).decode()  # type: ignore[attr-defined]
    known = {name for name, _ in samples(http)} | named(with_tls)
    groups = yaml.safe_load(RULES.read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    asked = named(*(rule["expr"] for rule in rules))
    assert len(asked) > 5
    assert asked <= known, asked - known
    recorded = {rule["record"] for rule in rules if "record" in rule}
    assert {name for rule in rules for name in re.findall(r"rgbir:[\w:]+", rule["expr"])} <= recorded


@pytest.mark.parametrize(
    "words",
    [
        ["test", "rules", str(RULES.with_name("rules.test.yaml"))],
        ["check", "rules", str(RULES)],
        ["check", "config", "--syntax-only", str(ROOT / "deploy/prometheus.yml")],
    ],
)
def test_promtool_agrees(words: list[str]) -> None:
    needs("promtool", "what deploy/prometheus holds")
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    tested = [
        case
        for test in yaml.safe_load(RULES.with_name("rules.test.yaml").read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {rule["alert"] for rule in rules if "alert" in rule} == {
        case["alertname"] for case in tested if case.get("exp_alerts")
    }


def test_what_only_grows_is_a_counter_and_every_metric_says_what_it_is(http: TestClient, people: SysuMM01) -> None:
    image = next(people.records("test", (3,))).path.read_bytes()
    http.post("/search", files=[("images", image)], data={"camera": "3"})
    families = [
        each for each in text_string_to_metric_families(http.get("/metrics").text) if each.name.startswith("rgbir")
    ]
    kinds = {each.name: each.type for each in families}
    assert all(each.documentation for each in families)
    for name in ("requests", "connections_closed", "model_batches", "model_images", "model_refused", "poor_queries"):
        assert kinds[f"rgbir_{name}"] == "counter"
    for family in families:
        endings = {sample.name.removeprefix(family.name) for sample in family.samples}
        if family.type == "counter":
            assert endings <= {"_total", "_created"}, family.name
        else:
            assert not family.name.endswith("_total")
        if (
            family.type == "gauge"
            and all(sample.value == 1 for sample in family.samples)
            and len(family.samples[0].labels) > 0
        ):
            assert family.name.endswith("_info") or family.name == "rgbir_sightings", family.name
    info = {name: dict(labels) for name, labels in samples(http) if name.endswith("_info") and name.startswith("rgbir")}
    assert info["rgbir_build_info"] == {"version": version("rgbir")}
    assert set(info["rgbir_model_info"]) == {"name", "fingerprint"}

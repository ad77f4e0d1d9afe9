"""Saved evaluation reports over HTTP: what `rgbir evaluate` wrote, of one folder, and nothing else of the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from rgbir.client import Client, Forbidden, NotFound
from rgbir.index import Encoder, Metric, SysuMM01
from rgbir.index.evaluation import PROTOCOLS, Report, evaluate, measure
from rgbir.index.evaluation.sources import encoded
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.engine.reports import MOST_BYTES


def made(people: int = 70) -> Report:
    """Two trials of random distances, so that the curve has more ranks than are told."""
    rng, identities = np.random.default_rng(3), np.arange(people)
    trials = tuple(measure(rng.random((people, people)), identities, identities) for _ in range(2))
    return Report(PROTOCOLS["sysu"], {"mode": "all"}, Metric.EUCLIDEAN, trials, {"model": "m", "data": "yard"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "reports").mkdir()
    return tmp_path / "reports"


@pytest.fixture
def http(settings: Settings, folder: Path) -> Iterator[TestClient]:
    with TestClient(create_app(replace(settings, keys=None, reports=folder)), base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.mark.slow
def test_a_report_is_told_as_it_was_written(http: TestClient, folder: Path, people: SysuMM01, encoder: Encoder) -> None:
    task = people.task(PROTOCOLS["sysu"])
    features = encoded(task.images, encoder)
    real = evaluate(task, features, features, PROTOCOLS["sysu"], encoder.card.metric)
    client = Client(http)
    for name, report in (("drawn 1.json", made()), ("people.json", real)):
        (folder / name).write_text(report.to_json())
        told = client.report(name)
        assert told.cmc == {k: report.rank(k) for k in (1, 5, 10, 20)}
        assert told.curve == report.curve.tolist()[:50]
        assert (told.mean_ap, told.mean_inp, told.trials) == (report.mean_ap, report.mean_inp, len(report.trials))
        assert told.protocol["name"] == "sysu"
        assert told.protocol["indoor_probes"] == "3, 6"
        assert told.about == report.about
        first = report.trials[0]
        counted = (told.queries, told.valid_queries, told.gallery_rows, told.gallery_identities)
        assert counted == (first.queries, first.valid_queries, first.gallery_rows, first.gallery_identities)
    assert "by_query" not in http.get("/reports/people.json").text


def test_reports_are_listed_by_when_they_were_written(http: TestClient, folder: Path) -> None:
    for age, name in enumerate(("b.json", "a.json", "c.json")):
        (folder / name).write_text(made().to_json())
        os.utime(folder / name, (2e9 - age, 2e9 - age))
    listed = Client(http).reports()
    assert [report.name for report in listed] == ["b.json", "a.json", "c.json"]
    assert [report.bytes for report in listed] == [(folder / report.name).stat().st_size for report in listed]
    assert listed[0].written_at.timestamp() == 2e9


def test_no_path_leads_out_of_the_folder_and_links_and_other_files_are_none(
    http: TestClient, folder: Path, tmp_path: Path
) -> None:
    secret = made().to_json()
    (tmp_path / "outside.json").write_text(secret)
    (folder / "below").mkdir()
    (folder / "below/inside.json").write_text(secret)
    (folder / "link.json").symlink_to(tmp_path / "outside.json")
    (folder / "dangling.json").symlink_to(tmp_path / "nothing.json")
    for name in (".hidden.json", "keys.txt", "-rf.json"):
        (folder / name).write_text(secret)
    with (folder / "large.json").open("wb") as large:
        large.truncate(MOST_BYTES + 1)
    (folder / "dir.json").mkdir()
    client = Client(http)
    assert client.reports() == []
    for name in (
        "../outside.json", "..%2Foutside.json", "below/inside.json", "link.json", "dangling.json", ".hidden.json", "keys.txt", "-rf.json",
        "large.json", "dir.json", str(tmp_path / "outside.json"), "outside.json", "a\0.json", "x" * 400 + ".json",
    ):  # fmt: skip
        with pytest.raises(NotFound):
            client.report(name)
        assert http.get(f"/reports/{name}".replace("\0", "%00")).status_code == 404, name


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"{}", b"null", b"\xff\xfe", b"[" * 100_000, made(3).to_json().replace('"mAP": ', '"mAP": 7').encode(),
        made(3).to_json().replace('"mAP": ', '"mAP": NaN, "x": ').encode(), json.dumps({**made(3).to_dict(), "about": []}).encode(),
        json.dumps({**made(3).to_dict(), "curve": ["high"]}).encode(),
    ],
)  # fmt: skip
def test_a_file_that_is_no_report_is_told_as_such(http: TestClient, folder: Path, content: bytes) -> None:
    (folder / "odd.json").write_bytes(content)
    with pytest.raises(NotFound, match="is no report that `rgbir evaluate --report` wrote"):
        Client(http).report("odd.json")


def test_searchers_and_administrators_may_look_and_without_a_folder_the_option_is_named(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    (folder / "a.json").write_text(made().to_json())
    ring = Keyring(tmp_path / "more.json")
    tokens = {role: ring.add(role.value, role) for role in Role}
    with TestClient(create_app(replace(settings, keys=ring.file, reports=folder)), base_url="http://127.0.0.1") as http:
        for role, token in tokens.items():
            http.headers["Authorization"] = f"Bearer {token}"
            if role in (Role.SEARCH, Role.ADMIN):
                assert Client(http).report("a.json").queries == 70
            else:
                with pytest.raises(Forbidden):
                    Client(http).reports()
    with TestClient(create_app(replace(settings, keys=None)), base_url="http://127.0.0.1") as http:
        for ask in (lambda: Client(http).reports(), lambda: Client(http).report("a.json")):
            with pytest.raises(NotFound, match="--reports FOLDER"):
                ask()

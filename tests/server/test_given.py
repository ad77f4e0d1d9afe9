"""What is given is used, or refused by name: at every route, an unknown, a contradictory and an inapplicable thing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE, ROOT
from tests.server.test_keys import bearer

from rgbir.index import Gallery, SysuMM01
from rgbir.server import Settings, create_app
from rgbir.server.access.audit import entries
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.http.routes import ROUTERS

ROUTES = sorted(
    (method, route.path) for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)
    for method in route.methods or ()
)  # fmt: skip


@pytest.fixture
def http(gallery: Gallery, ring: Keyring, tmp_path: Path) -> Iterator[TestClient]:
    token = ring.add("chief", Role.ADMIN)
    settings = Settings(
        gallery.folder, BUNDLE, threads=1, max_images=4, keys=ring.file, audit=tmp_path / "audit.jsonl", cases=tmp_path / "cases", erase_under_hold=True,
        no_retention=True,
    )  # fmt: skip
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        opened.headers.update(bearer(token))
        yield opened


@pytest.fixture
def infrared(people: SysuMM01) -> bytes:
    return next(people.records("test", (3,))).path.read_bytes()


def bodies(infrared: bytes) -> dict[str, dict[str, Any]]:
    image = [("images", ("q.jpg", infrared))]
    return {
        "/search": {"files": image, "data": {"camera": "3"}},
        "/search/batch": {"files": image, "data": {"camera": "3"}},
        "/distances": {"files": image, "data": {"camera": "3"}},
        "/embed": {"files": image, "data": {"modality": "ir"}},
        "/explain": {"files": image, "data": {"modality": "ir"}},
        "/gallery/jobs": {"files": [("archive", ("a.zip", b"PK"))]},
        "/gallery/footage": {"files": [("film", ("a.mp4", b"x"))], "data": {"camera": "6", "sample": "2"}},
        "/gallery/sightings": {"files": image, "data": {"camera": "6"}},
        "/gallery/tracks": {"files": image, "data": {"camera": "6", "track": "t"}},
        "/gallery/frames": {"files": image, "data": {"camera": "6", "taken_at": ["2026-11-02T22:15:00Z"]}},
        "/cameras/{camera:name}": {"data": {"place": "hall"}},
        "/keys": {"data": {"name": "kim"}},
        "/cases": {"data": {"number": "26-117", "title": "t", "purpose": "p"}},
        "/cases/{case}": {"data": {"title": "t"}},
        "/cases/{case}/look": {"data": {"search": "1"}},
        "/cases/{case}/hold": {"data": {"reason": "r"}},
        "/cases/{case}/approval": {"data": {"approved": "true"}},
        "/cases/{case}/marks": {"data": {"mark": "same"}},
        "/cases/{case}/notes": {"data": {"text": "t"}},
        "/judgements": {"data": {"query_camera": "1", "other_camera": "5"}},
        "/judgements/{judgement}/answers": {"data": {"pair": "1", "answer": "same"}},
        "/judgements/{judgement}/use": {"data": {"in_place_of_labels": "true"}},
        "/erasures": {"data": {"reason": "r", "camera": "1"}},
        "/erasures/{erasure}/approval": {"data": {"approved": "true"}},
    }


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_takes_what_it_doesn_t_know(
    http: TestClient, gallery: Gallery, infrared: bytes, method: str, path: str
) -> None:
    where = (
        path.replace("{sighting}", gallery.sightings()[0].id)
        .replace("{file:path}", "app.js")
        .replace("{name:name}", "x")
        .replace("{name}", "x.js")
        .replace("{job}", "x")
    )
    named = path if "camera" not in path else "/cameras/{camera:name}"
    form = bodies(infrared).get(named, {}) if method in ("POST", "PUT", "PATCH") else {}
    before = len(gallery)

    unknown = http.request(method, where, params={"camra": "1"}, **form)
    assert unknown.status_code == 422, unknown.text
    assert "no query parameter 'camra' here" in unknown.json()["detail"]
    if form:
        extra = {**form, "data": {**form.get("data", {}), "topk": "3"}}
        detail = http.request(method, where, **extra).json()["detail"]
        assert "no form field 'topk' here" in detail
        for name, value in form.get("data", {}).items():
            if isinstance(value, list):
                continue  # it may be repeated
            twice = {**form, "data": {name: [value, value]}}
            assert f"form field {name!r} came 2 times" in http.request(method, where, **twice).json()["detail"]
            elsewhere = http.request(method, where, params={name: value}, **form).json()["detail"]
            assert f"{name!r} is a form field here, and came as a query parameter" in elsewhere
        as_json = http.request(method, where, json={"camera": "3"}).json()["detail"]
        assert "the body is a form" in as_json
    else:
        body = http.request(method, where, data={"camera": "1"})
        assert body.status_code == 422
        assert "takes no body" in body.json()["detail"]
    assert len(gallery) == before


@pytest.mark.parametrize(
    ("path", "form", "reason"),
    [
        ("/search", {"topk": "3"}, "did you mean 'top_k'?"),
        ("/gallery/sightings", {"boxes": "0,0,10,10"}, "did you mean 'box'?"),
        ("/gallery/sightings", {"modality": "rgb"}, "no form field 'modality' here"),
        ("/search", {"like": "SIGHTING"}, "one of them"),
        ("/search", {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "is no time at all"),
        ("/search", {"since": "2026-03-02T00:00:00Z", "until": "2026-03-02T01:00:00+01:00"}, "is no time at all"),
        ("/search", {"group_by": "camera", "rerank": "aim"}, "not both"),
        ("/search", {"modality": "rgb"}, "correct one of them"),
        ("/search/batch", {"rerank": "aim"}, "neither re-ranks nor groups"),
        ("/search", {"box": "0,0," + "9" * 900 + ",1"}, "box is left,top,right,bottom"),
        ("/search", {"box": "0,0," + "9" * 5000 + ",1"}, "at most 1000 characters"),
        ("/search", {"box": "٠,٠,١,١"}, "box is left,top,right,bottom"),
        ("/search", {"hours": "22:00-05:30 Europe"}, "no time zone 'Europe'"),
        ("/search", {"hours": "22:00-05:30 ../../etc/passwd"}, "no time zone"),
        ("/search", {"hours": "22:00-05:30 " + "A" * 900}, "no time zone"),
        ("/search", {"hours": "22:00-05:30 " + "A" * 5000}, "hours: "),
        ("/search", {"hours": "22:00+01:00-05:30"}, "hours have no offset"),
        ("/search", {"hours": "22:00-05:30+01:00"}, "hours have no offset"),
        ("/search", {"track": "x" * 1001}, "track: "),
        ("/search", {"identity": "9" * 30}, "identity"),
        ("/gallery/sightings", {"identity": "9" * 30}, "identity"),
        ("/gallery/sightings", {"track": "x" * 1001}, "track.0: "),
    ],
)  # fmt: skip
def test_what_contradicts_itself_or_is_garbage_is_refused(
    http: TestClient, gallery: Gallery, infrared: bytes, path: str, form: dict[str, str], reason: str
) -> None:
    before = len(gallery)
    given = {name: value.replace("SIGHTING", gallery.sightings()[0].id) for name, value in form.items()}
    camera = {"camera": "6" if path == "/gallery/sightings" else "3"}
    refused = http.post(path, files=[("images", infrared)], data={**camera, **given})
    assert refused.status_code == 422, refused.text
    assert reason in refused.json()["detail"]
    assert len(gallery) == before


def moments() -> Iterator[tuple[str, str, str, bool]]:
    """Method, path, name and whether it is a form's, of every moment that a request may hold, from the document itself."""
    document = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))

    def is_moment(schema: dict[str, Any]) -> bool:
        return '"format": "date-time"' in json.dumps(schema)

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield from (
                (method, path, parameter["name"], False)
                for parameter in operation.get("parameters", [])
                if is_moment(parameter["schema"])
            )
            for body in operation.get("requestBody", {}).get("content", {}).values():
                form = document["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
                yield from (
                    (method, path, name, True) for name, field in form["properties"].items() if is_moment(field)
                )


@pytest.mark.parametrize(("method", "path", "name", "in_form"), sorted(moments()))
def test_a_moment_is_written_out_with_its_zone_at_every_route(
    http: TestClient, gallery: Gallery, infrared: bytes, method: str, path: str, name: str, in_form: bool
) -> None:
    """A number alone would be read as seconds since 1970, or as milliseconds."""
    before = len(gallery)
    form = bodies(infrared).get(path if "camera" not in path else "/cameras/{camera:name}", {}) if in_form else {}
    for value, reason in (
        ("5", "is ISO 8601 with a zone"),
        ("1700000000", "not '1700000000'"),
        ("1700000000.5", "is ISO 8601 with a zone"),
        ("yesterday {", "not 'yesterday {'"),
        ("2026-03-01T10:00:00", f"{name} needs a zone"),
        ("20260301", f"{name} needs a zone"),
    ):
        sent = {**form, "data": {**form.get("data", {}), name: value}} if in_form else {"params": {name: value}}
        refused = http.request(method, path.replace("{camera}", "6"), **sent)
        assert refused.status_code == 422, (value, refused.text)
        detail = refused.json()["detail"]
        assert detail.startswith(name), detail
        assert reason in detail
        assert "Value error" not in detail
    assert len(gallery) == before


def test_what_is_sent_isn_t_sent_back_whole(http: TestClient, infrared: bytes) -> None:
    for path, form in (
        ("/search", {"camera": "c" * 60_000}),
        ("/search", {"camera": "3", "cameras": "c" * 19_000}),
        ("/gallery/sightings", {"camera": "c" * 60_000}),
        ("/search", {"camera": "3", "like" * 15_000: "x"}),
    ):
        refused = http.post(path, files=[("images", infrared)], data=form)
        assert refused.status_code in (400, 422)
        assert len(refused.content) < 5_000


def test_a_search_like_a_sighting_takes_no_camera_and_no_box(http: TestClient, gallery: Gallery) -> None:
    sighting = gallery.sightings()[0].id
    for name, value in (("camera", "3"), ("box", "0,0,9,9")):
        refused = http.post("/search", data={"like": sighting, name: value})
        assert (refused.status_code, refused.json()["detail"].split(" ")[0]) == (422, name)
    assert http.post("/search", data={"like": sighting}).json()["hits"]


def test_what_had_no_effect_is_told(http: TestClient, gallery: Gallery, infrared: bytes) -> None:
    def warnings(**form: str) -> str:
        answer = http.post("/search", files=[("images", infrared)], data={"camera": "3", **form})
        assert answer.status_code == 200, answer.text
        return "; ".join(answer.json()["warnings"])

    searched = sum(count.sightings for count in gallery.counts() if count.camera in ("1", "4", "5"))
    untimed = f"{searched} of the {searched} sightings searched have no time, so"
    assert untimed not in warnings()
    assert f"{untimed} since left them out" in warnings(since="2026-01-01T00:00:00Z")
    assert f"{untimed} until and hours left" in warnings(until="2026-01-01T00:00:00Z", hours="22:00-05:00")
    assert "knows no passage" in warnings(taken_at="2026-01-01T00:00:00Z")
    assert "passages ranked nothing" in warnings(passages="rank")
    assert "no camera was searched" in warnings(cameras="2")
    form = {"camera": "3", "since": "2026-01-01T00:00:00Z"}
    answer = http.post("/search", files=[("images", infrared)], data=form).json()
    assert [remark["text"] for remark in answer["remarks"]] == answer["warnings"]
    counted = {"untimed": searched, "total": searched, "filters": ["since"]}
    assert [remark["values"] for remark in answer["remarks"] if remark["code"] == "no_times"] == [counted]


def test_a_purpose_that_nobody_notes_is_told(gallery: Gallery, infrared: bytes) -> None:
    with TestClient(create_app(Settings(gallery.folder, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        form = {"camera": "3", "purpose": "a theft"}
        answer = http.post("/search", files=[("images", infrared)], data=form).json()
    assert any("noted nowhere" in warning for warning in answer["warnings"])


@pytest.mark.parametrize("asked", [None, ["1"], ["2", "4"], ["cam1", "1"], ["3", "6"], ["6"], [*"123456"]])
@pytest.mark.parametrize("query", [{"camera": "3"}, {"camera": "1"}, {"modality": "ir"}, {"modality": "rgb"}])
@pytest.mark.parametrize("visible", [None, ("1", "4"), ("2",), ("6",)])
def test_cameras_that_are_asked_for_are_searched_or_left_out_for_a_true_reason(
    gallery: Gallery, query: dict[str, str], asked: list[str] | None, visible: tuple[str, ...] | None
) -> None:
    """The rule in plain words, told again here; the gallery holds cameras 1, 2, 4 and 5, and 2 and 3 share a place."""
    import numpy as np

    from rgbir.index import Modality, Query

    network, enrolled = gallery.network, {count.camera for count in gallery.counts()}
    given: dict[str, Any] = {**query, **({"modality": Modality(query["modality"])} if "modality" in query else {})}
    row = np.ones(gallery.model.dimension, np.float32)
    answer = gallery.search(Query(row, cameras=asked, visible=visible, **given))

    taken_by = network[query["camera"]] if "camera" in query else None
    infrared = query.get("modality") == "ir" or query.get("camera") == "3"
    wanted = enrolled if asked is None else {network[name].id for name in asked}
    reasons = {excluded.camera: excluded.reason for excluded in answer.excluded_cameras}
    codes = {excluded.camera: excluded.code for excluded in answer.excluded_cameras}
    assert not reasons.keys() & set(answer.searched_cameras)
    for camera in network:
        place = taken_by is not None and camera.place == taken_by.place
        other = asked is not None or (Modality.RGB if infrared else Modality.IR) in camera.modalities
        if (visible is not None and camera.id not in visible) or (
            camera.id not in enrolled and camera.id not in wanted
        ):
            assert camera.id not in (*answer.searched_cameras, *reasons)
        elif camera.id in enrolled and camera.id in wanted and not place and other:
            assert camera.id in answer.searched_cameras
        elif taken_by is not None and camera.id == taken_by.id:
            assert (codes[camera.id], reasons[camera.id]) == ("own_camera", "the query's own camera")
        elif place:
            assert codes[camera.id] == "same_place"
            assert reasons[camera.id].startswith("same place as the query's camera")
        elif camera.id not in wanted:
            assert (codes[camera.id], reasons[camera.id]) == ("not_chosen", "not among the cameras asked for")
        elif not other:
            assert reasons[camera.id].startswith("gives rgb images only" if not infrared else "gives ir images only")
        else:
            assert (codes[camera.id], reasons[camera.id]) == ("nothing_enrolled", "nothing of it is enrolled")


def test_a_purpose_is_something_that_can_be_read(gallery: Gallery, infrared: bytes, tmp_path: Any) -> None:
    settings = replace(Settings(gallery.folder, BUNDLE, threads=1), audit=tmp_path / "log.jsonl", need_purpose=True)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        for purpose, status in (("\u200b\u2060\u200d", 422), (" \t ", 422), ("—", 200), ("窃盗", 200), ("26-117", 200)):
            form = {"camera": "3", "purpose": purpose}
            assert http.post("/search", files=[("images", infrared)], data=form).status_code == status, purpose


@pytest.mark.slow
def test_a_purpose_is_wanted_where_people_are_searched_and_nowhere_else(
    gallery: Gallery, infrared: bytes, tmp_path: Any
) -> None:
    """docs/server.md has the list; what is looked at without a purpose is noted without one."""
    log = tmp_path / "log.jsonl"
    settings = replace(Settings(gallery.folder, BUNDLE, threads=1), audit=log, need_purpose=True, no_retention=True)
    sighting = gallery.sightings()[0].id
    wanting = set()
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as http:
        for method, path in ROUTES:
            form = bodies(infrared).get(path, {}) if method == "POST" else {}
            where = path.replace("{sighting}", sighting)
            if method in ("GET", "POST") and "{" not in where:
                answer = http.request(method, where, **form)
                if "wants to know why" in answer.text:
                    wanting.add(path)
                elif path in ("/embed", "/explain") or ("sighting" in path and not path.endswith("/clip")):
                    assert answer.is_success, answer.text
        assert "wants to know why" in http.post("/search", data={"like": sighting}).text

    assert wanting == {"/search", "/search/batch", "/distances", "/gallery/footage"}
    text = (ROOT / "docs/server.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"`--need-purpose` refuses searches without a purpose: .*?\.\s", text, re.DOTALL)
    assert set(re.findall(r"POST (/[a-z/]+)", sentence)) == wanting
    noted = [entry["action"] for entry in entries(log) if entry.get("query") or entry["action"] in ("browse", "look")]
    assert sorted(noted) == [
        "browse",
        "embed",
        "explain",
        "look",
    ]  # this sighting has no time, and so no neighbours to show


def test_one_bad_image_of_a_batch_fails_alone(http: TestClient, infrared: bytes) -> None:
    def batch(*images: bytes) -> Any:
        return http.post("/search/batch", files=[("images", data) for data in images], data={"camera": "3"})

    alone = batch(infrared).json()["answers"][0]
    first, bad, last = batch(infrared, b"no image", infrared).json()["answers"]
    assert first["hits"] == last["hits"] == alone["hits"] != []
    assert (bad["hits"], bad["searched_cameras"]) == ([], [])
    assert "not an image of a known format" in bad["error"]
    assert first["error"] is None
    nothing = batch(b"no", b"image")
    assert nothing.status_code == 200
    assert [(answer["hits"], answer["query"]["camera"]) for answer in nothing.json()["answers"]] == [([], "3")] * 2
    assert all("not an image of a known format" in answer["error"] for answer in nothing.json()["answers"])


@pytest.mark.parametrize("disposition", ["name=\"images\"; filename*=UTF-8''a.jpg", 'name="images"'])
def test_a_part_that_is_no_file_is_told_how_to_be_one(http: TestClient, infrared: bytes, disposition: str) -> None:
    body = f"--X\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + infrared + b"\r\n--X--\r\n"
    refused = http.post("/search/batch", content=body, headers={"Content-Type": "multipart/form-data; boundary=X"})
    assert refused.status_code == 422
    assert 'in a part with filename="…"' in refused.json()["detail"]

"""The OpenAPI document makes working clients: names that stay, files that are files, keys, examples; and the page made of it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator, FormatChecker
from tests.conftest import BUNDLE, ROOT
from tests.programs import needs
from tests.server.processes import process

from rgbir.client import calls, case_calls
from rgbir.index import Gallery
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.http.api_page import api_page, curl
from rgbir.server.http.openapi import TAGS, completed

DOCUMENT = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
FROZEN = {
    "search", "search_each", "distances", "embed", "explain", "enrol", "enrol_track", "enrol_frames", "enrol_footage", "gallery", "sighting", "image", "clip", "erase", "erase_sighting",
    "browse", "neighbours", "counts", "calibration", "plan", "me", "keys", "add_key", "end_key", "queue",
    "jobs", "start_job", "job", "cancel_job", "cameras", "camera", "put_camera", "remove_camera", "model", "model_errors", "models", "prepare_model",
    "cases", "case", "add_case", "change_case", "delete_case", "look_at_case", "hold_case", "lift_hold", "approve_case", "mark",
    "case_report", "evidence", "withdraw_mark", "add_note", "case_search", "case_image", "remove_picture", "keep_picture", "near_erased", "asked_erasures", "ask_erasure", "decide_erasure",
    "judgements", "judgement", "add_judgement", "next_pair", "answer_pair", "take_answer_back", "use_judgement", "delete_judgement",
    "activate_model", "forget_model", "audit", "audit_chain", "reports", "report", "live", "ready", "metrics",
}  # fmt: skip
"""Generated clients call them so: a line is added for a new route, and none is changed without a word in the changelog."""


def test_operations_keep_their_names() -> None:
    assert set(OPERATIONS) == FROZEN
    assert len(OPERATIONS) == sum(len(methods) for methods in DOCUMENT["paths"].values())


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (calls.search(b"x"), "search"), (calls.search_each([b"x"]), "search_each"), (calls.enrol(b"x", camera="1"), "enrol"),
        (calls.enrol_track(b"x", camera="1", track="t"), "enrol_track"), (calls.enrol_frames(b"x", camera="1", taken_at=datetime(2026, 1, 1, tzinfo=UTC)), "enrol_frames"), (calls.start_job("x"), "start_job"),
        (calls.enrol_footage("x", camera="1"), "enrol_footage"), (calls.clip("x"), "clip"),
        (calls.job("sighting"), "job"), (calls.cancel_job("x"), "cancel_job"), (calls.models(), "models"), (calls.model_errors(), "model_errors"),
        (calls.prepare_model("x"), "prepare_model"), (calls.activate_model("x"), "activate_model"),
        (calls.forget_model("x"), "forget_model"), (calls.embed(b"x", modality="ir"), "embed"), (calls.explain(b"x", modality="ir"), "explain"),
        (calls.distances(b"x"), "distances"), (calls.sighting("x"), "sighting"), (calls.image("x"), "image"),
        (calls.erase("x"), "erase_sighting"), (calls.erase(camera="1"), "erase"), (calls.gallery(), "gallery"),
        (calls.cameras(), "cameras"), (calls.camera("x"), "camera"), (calls.put_camera("x"), "put_camera"),
        (calls.remove_camera("x"), "remove_camera"), (calls.model(), "model"), (calls.audit(), "audit"),
        (case_calls.cases(), "cases"), (case_calls.case("x"), "case"), (case_calls.add_case("x", title="t", purpose="p"), "add_case"),
        (case_calls.change_case("x", readers=[]), "change_case"), (case_calls.delete_case("x"), "delete_case"),
        (case_calls.look_at_case("x", search=1), "look_at_case"), (case_calls.hold_case("x", reason="r"), "hold_case"),
        (case_calls.lift_hold("x"), "lift_hold"), (case_calls.approve_case("x", approved=True), "approve_case"),
        (case_calls.mark("x", "same", sighting="y"), "mark"), (case_calls.withdraw_mark("x", 1), "withdraw_mark"),
        (case_calls.add_note("x", "t"), "add_note"), (case_calls.case_search("x", 1), "case_search"),
        (case_calls.case_image("x", "y"), "case_image"), (case_calls.remove_picture("x", "y"), "remove_picture"),
        (case_calls.keep_picture("x", "y"), "keep_picture"), (case_calls.near_erased(), "near_erased"),
        (case_calls.asked_erasures(), "asked_erasures"), (case_calls.ask_erasure(reason="r", camera="1"), "ask_erasure"),
        (case_calls.decide_erasure("x", approved=True), "decide_erasure"),
        (calls.audit_chain(), "audit_chain"), (calls.reports(), "reports"), (calls.report("x"), "report"),
    ],
)  # fmt: skip
def test_an_operation_is_called_as_the_client_s_method_is(call: Any, name: str) -> None:
    method, path, _ = OPERATIONS[name]
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))

    assert call.method.lower() == method
    assert re.fullmatch(pattern, call.path), (call.path, path)


def parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from parts(inner)


def test_files_are_binary_and_no_form_field_is_null() -> None:
    bodies = {name: schema for name, schema in DOCUMENT["components"]["schemas"].items() if name.startswith("Body_")}
    files = {
        (name, field)
        for name, schema in bodies.items()
        for field, of in schema["properties"].items()
        if any(part.get("format") == "binary" for part in parts(of))
    }
    images = {
        f"Body_{name}"
        for name in ("search", "search_each", "distances", "embed", "explain", "enrol", "enrol_track", "enrol_frames")
    }
    assert files == {(name, "images") for name in images} | {
        ("Body_start_job", "archive"),
        ("Body_enrol_footage", "film"),
    }
    assert not any("contentMediaType" in part for part in parts(DOCUMENT))
    fields = [field for schema in bodies.values() for field in schema["properties"].values()]
    fields += [each["schema"] for _, _, operation in OPERATIONS.values() for each in operation.get("parameters", ())]
    assert not any(part.get("type") == "null" for field in fields for part in parts(field))


def examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Where an example stands, its schema, and the example."""
    for name, (_, _, operation) in OPERATIONS.items():
        for parameter in operation.get("parameters", ()):
            if "example" in parameter:
                yield f"{name} {parameter['name']}", parameter["schema"], parameter["example"]
        for kind in [operation.get("requestBody", {}), *operation["responses"].values()]:
            for content in kind.get("content", {}).values():
                if "example" in content:
                    yield name, content["schema"], content["example"]
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if "example" in schema:
            yield name, schema, schema["example"]


def test_examples_obey_their_schemas() -> None:
    count = 0
    for place, schema, example in examples():
        whole = {**schema, "components": DOCUMENT["components"]}
        faults = list(Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(example))
        assert not faults, (place, faults[0].message)
        count += 1
    assert count > 40


def test_every_operation_has_a_tag_that_is_described_and_its_problems() -> None:
    assert {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]} == TAGS
    for name, (_, _, operation) in OPERATIONS.items():
        assert len(operation["tags"]) == 1, name
        assert operation["tags"][0] in TAGS
        assert {"401", "403", "422", "429", "500", "503"} <= set(operation["responses"]), name


def test_the_operations_that_a_key_is_needed_for_are_those_that_are_refused_without(
    settings: Settings, ring: Keyring
) -> None:
    ring.add("admin", Role.ADMIN)
    scheme = DOCUMENT["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "asks for none" in scheme["description"]
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        for name, (method, path, operation) in OPERATIONS.items():
            refused = http.request(method, re.sub(r"\{\w+\}", "x", path)).status_code == 401
            assert operation["security"] == ([{"key": []}, {}] if refused else []), name


@pytest.mark.slow
def test_the_document_says_where_the_server_is(gallery: Gallery) -> None:
    for root_path, url in (("", "/"), ("/site", "/site")):
        app = create_app(Settings(gallery.folder, BUNDLE, root_path=root_path))
        assert app.openapi()["servers"] == [{"url": url}]
        assert app.openapi() is app.openapi()


def test_a_field_of_several_kinds_loses_null_alone() -> None:
    several = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}
    document: dict[str, Any] = {"paths": {}, "components": {"schemas": {"Body_x": {"properties": {"a": several}}}}}
    completed(document, ())
    assert several == {"anyOf": [{"type": "string"}, {"type": "integer"}]}


# --- the page


class Page(HTMLParser):
    """links: the addresses it names; anchors: what can be pointed to in it; unsafe: what its policy wouldn't let run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.unsafe: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "iframe", "form", "base"):
            self.unsafe.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.unsafe.append(name)
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "id":
                self.anchors.add(value or "")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize(("root_path", "passed_on"), [("", ""), ("/site", "/site"), ("/site", "")])
@pytest.mark.slow
def test_the_page_has_every_route_and_takes_nothing_from_outside(
    settings: Settings, ring: Keyring, root_path: str, passed_on: str
) -> None:
    """Without a key, too: it tells what openapi.json tells."""
    ring.add("admin", Role.ADMIN)
    outer = f"http://host{root_path}/docs"

    def inner(address: str) -> str:
        path = urlsplit(urljoin(outer, address)).path
        assert path.startswith(f"{root_path}/")
        return passed_on + path.removeprefix(root_path)

    app = create_app(Settings(settings.gallery, BUNDLE, threads=1, keys=settings.keys, root_path=root_path))
    with TestClient(app, base_url="http://127.0.0.1") as http:
        response = http.get(inner("docs"))
        page = Page(response.text)
        for link in page.links:
            assert link.startswith("#") or http.get(inner(link)).status_code == 200, link

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"].startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'"
    )
    assert page.unsafe == []
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.anchors
    assert page.anchors >= FROZEN
    for method, path, _ in OPERATIONS.values():
        assert f"{method.upper()} {path}" in page.text
    assert {"openapi.json", "page/api.css"} <= set(page.links)


def test_whatever_the_document_says_is_text_on_the_page() -> None:
    evil = json.loads(
        json.dumps(DOCUMENT).replace("the camera that took", "<script>alert(1)</script>&lt; the camera that took")
    )
    evil["paths"]["/search"]["post"]["responses"]["200"]["content"]["application/json"]["example"] = (
        "</pre><img onerror=x>"
    )

    page = Page(api_page(evil))

    assert page.unsafe == []
    assert any("<script>alert(1)</script>&lt;" in text for text in page.text)


@pytest.mark.slow
def test_a_link_of_another_site_leads_to_the_page(gallery: Gallery) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with TestClient(create_app(Settings(gallery.folder, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        assert http.get("/docs", headers=headers).status_code == 200
        assert http.get("/docs", headers=headers | {"Sec-Fetch-Mode": "no-cors"}).status_code == 403
        assert http.get("/gallery", headers=headers).status_code == 403
        assert 'href="docs"' in http.get("/page/shell/shell.js").text


def test_a_command_of_the_page_is_the_example() -> None:
    words = shlex.split(curl(*OPERATIONS["enrol_track"]))
    assert words == [
        "curl", "-H", "Authorization: Bearer $KEY", "-X", "POST", "-F", "camera=4", "-F", "track=gate-17", "-F", "box=2,0,50,120", "-F",
        "box=0,0,48,120", "-F", "taken_at=2026-11-02T22:15:00+01:00", "-F", "taken_at=2026-11-02T22:15:02+01:00",
        "-F", "images=@hall.jpg", "-F", "images=@gate.jpg", "$SERVER/gallery/tracks",
    ]  # fmt: skip
    assert shlex.split(curl(*OPERATIONS["erase"]))[-1] == "$SERVER/gallery/sightings?identity=7"
    assert shlex.split(curl(*OPERATIONS["put_camera"]))[-1] == "$SERVER/cameras/yard-ir"


@pytest.mark.slow
def test_a_browser_shows_the_page_without_a_complaint(gallery: Gallery, tmp_path: Path) -> None:
    needs("chromium", "the API page in a browser")
    with process(gallery.folder) as (_, port):
        done = subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=3000",
                f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom", f"http://127.0.0.1:{port}/docs",
            ],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    assert 'id="search_each"' in done.stdout

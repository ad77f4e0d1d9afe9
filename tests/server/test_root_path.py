"""A server below a path of its host: behind a proxy that passes the path on, one that takes it off, and asked directly."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE, ROOT

from rgbir.client import Client
from rgbir.index import Gallery, SysuMM01
from rgbir.server import Settings, create_app
from rgbir.server.errors import BadSettings

PAGE = ROOT / "server/rgbir/server/page"


@pytest.fixture
def http(gallery: Gallery, people: SysuMM01, tmp_path: Path) -> Iterator[TestClient]:
    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "3_one.jpg").write_bytes(next(people.records("test", (3,))).path.read_bytes())
    settings = Settings(
        gallery.folder, BUNDLE, threads=1, root_path="/site/rgbir", samples=samples, max_archive_bytes=9
    )
    with TestClient(create_app(settings), base_url="http://127.0.0.1", follow_redirects=False) as opened:
        yield opened


def links(html: str) -> list[str]:
    found: list[str] = []

    class Page(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attrs if name in ("href", "src", "action") and value)

    Page().feed(html)
    return found


def asked_by_the_script() -> list[str]:
    """What the page's modules ask for, as it stands there."""
    modules = (path.read_text() for path in PAGE.rglob("*.js") if "vendor" not in path.parts)
    return re.findall(r"""\b(?:ask|request|fetch)\(\s*["`]([^"`]+)["`]""", "\n".join(modules))


def modules_after(name: str) -> set[str]:
    """The modules that one imports, and those that they import, by their paths below the page."""
    found, waiting = set[str](), [name]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        text = re.sub(r"/\*.*?\*/", "", (PAGE / module).read_text(), flags=re.DOTALL)  # types are imported in comments
        for other in re.findall(r"""(?:from|import)\s*\(?\s*"(\.[^"]+)\"""", text):
            waiting.append(os.path.relpath((PAGE / module).parent / other, PAGE))
    return found


@pytest.mark.parametrize("passed_on", ["/site/rgbir", ""])
@pytest.mark.slow
def test_page_api_and_document_are_found_below_the_path(
    http: TestClient, people: SysuMM01, gallery: Gallery, passed_on: str
) -> None:
    """passed_on: what the proxy leaves of the path; a browser knows the outer address alone, and the proxy turns it."""
    outer = "http://host/site/rgbir/"

    def inner(address: str) -> str:
        path = urlsplit(urljoin(outer, address)).path
        assert path.startswith("/site/rgbir/"), f"{address} leads out of the root path"
        return passed_on + path.removeprefix("/site/rgbir")

    page = http.get(inner(outer))
    assert page.status_code == 200
    assert len(links(page.text)) > 5
    for link in links(page.text):
        assert http.get(inner(link)).status_code == 200, link
    asked = asked_by_the_script()
    assert {"me", "cameras", "gallery", "samples", "search"} <= set(asked)
    for address in asked:
        answer = http.get(inner(re.sub(r"\$\{.*\}", "x", address)))
        assert answer.status_code in (200, 405) or answer.json()["code"] == "not-found", address
    for module in modules_after("app.js"):
        assert http.get(inner(f"page/{module}")).status_code == 200, module

    image = next(people.records("test", (3,))).path.read_bytes()
    given = {"files": [("images", ("q.jpg", image))], "data": {"camera": "3"}}
    answers = [http.post(inner("search"), **given).json(), *http.post(inner("search/batch"), **given).json()["answers"]]  # type: ignore[arg-type]
    for hit in (hit for answer in answers for hit in answer["hits"]):
        assert http.get(inner(hit["image"])).headers["content-type"].startswith("image/")
    sighting = http.get(inner(f"gallery/sightings/{gallery.sightings()[0].id}")).json()
    assert http.get(inner(sighting["image"])).status_code == 200

    document = http.get(inner("openapi.json")).json()
    assert document["servers"] == [{"url": "/site/rgbir"}]
    assert http.get(inner("health/ready")).status_code == 200
    assert http.post(inner("gallery/jobs"), files={"archive": b"x" * 10_000}).status_code == 413  # by path, too


def test_the_client_takes_a_url_with_a_path(http: TestClient, gallery: Gallery) -> None:
    http.base_url = "http://127.0.0.1/site/rgbir"
    client = Client(http)
    assert client.ready()
    assert client.image(gallery.sightings()[0].id)


def test_the_path_alone_leads_to_the_page_and_neighbours_are_no_part_of_it(http: TestClient) -> None:
    for asked in (http.get("/site/rgbir"), http.head("/site/rgbir")):
        assert (asked.status_code, asked.headers["location"]) == (308, "/site/rgbir/")
    for path in (
        "/site",
        "/site/",
        "/site/rgbirs/health/live",
        "/site/rgbir/site/rgbir/health/live",
        "/rgbir/health/live",
    ):
        assert http.get(path).status_code == 404, path


@pytest.mark.slow
def test_without_a_root_path_nothing_is_told_of_one(gallery: Gallery) -> None:
    with TestClient(create_app(Settings(gallery.folder, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        assert http.get("/openapi.json").json()["servers"] == [{"url": "/"}]
        sighting = gallery.sightings()[0].id
        assert http.get(f"/gallery/sightings/{sighting}").json()["image"] == f"/gallery/sightings/{sighting}/image"


@pytest.mark.parametrize(
    "path", ["rgbir", "/", "/rgbir/", "//rgbir", "/a//b", "/../x", "/.", "/a b", "/a%2fb", "http://x/rgbir", "/ä"]
)
def test_what_is_no_root_path_is_refused_in_words(path: str) -> None:
    with pytest.raises(BadSettings, match=r"--root-path begins with a slash, ends without one.*such as /rgbir; not"):
        Settings("g", BUNDLE, root_path=path)


@pytest.mark.parametrize("path", ["/gallery", "/search/x", "/page", "/openapi.json", "/health"])
def test_a_root_path_that_begins_as_a_route_does_is_refused(path: str) -> None:
    with pytest.raises(BadSettings, match="begins as the server's own path"):
        create_app(Settings("g", BUNDLE, root_path=path))

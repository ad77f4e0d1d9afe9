"""A browser, and a server of synthetic people at night with times, walking times and a calibration."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.conftest import BUNDLE, made_once
from tests.programs import needs

from rgbir.index import Bundle, Camera, CameraEdit, CameraNetwork, Encoder, Gallery, Modality, SysuMM01, enrol
from rgbir.index.cameras import Passage
from rgbir.index.synthetic import Split, synthesize
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role

NIGHT = datetime(2026, 11, 12, 21, 41, 6, tzinfo=UTC)
"""When the query's picture was taken."""

_LOOKS = [(theme, language) for language in ("en", "de", "zh") for theme in ("light", "dark")]
LOOKS = pytest.mark.parametrize(
    ("theme", "language"),
    [pytest.param(*look, marks=[] if look == ("light", "en") else [pytest.mark.slow]) for look in _LOOKS],
)
"""One of six is looked at by default, all in the long run."""


def widths(*pixels: int) -> pytest.MarkDecorator:
    """The narrowest by default, all in the long run."""
    first, *others = pixels
    marked = [pytest.param(width, marks=[pytest.mark.slow]) for width in others]
    return pytest.mark.parametrize("width", [first, *marked])


AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"


def night_network() -> CameraNetwork:
    """SYSU-MM01's cameras under a hospital's names, with what can be walked between the places."""
    cameras = [
        Camera("1", frozenset({Modality.RGB}), "Lobby", "indoor", position=(20, 60)),
        Camera("2", frozenset({Modality.RGB}), "Ward 2", "indoor", position=(50, 20)),
        Camera("3", frozenset({Modality.IR}), "Ward 2", "indoor", position=(50, 20)),
        Camera("4", frozenset({Modality.RGB}), "Main gate", "outdoor", position=(80, 60)),
        Camera("5", frozenset({Modality.RGB}), "Garden", "outdoor", position=(50, 90)),
        Camera("6", frozenset({Modality.IR}), "Yard", "outdoor", position=(90, 90)),
    ]
    walks = (
        Passage("Ward 2", "Lobby", 240),
        Passage("Ward 2", "Main gate", 540),
        Passage("Ward 2", "Garden", 360, 2700),
    )
    return CameraNetwork("hospital", tuple(cameras), walks)


def make_night(folder: Path, people: int = 12, seed: int = 5, step: int = 1) -> None:
    """Synthetic people, and a calibrated gallery of all their pictures, which were taken within eight hours of one night.

    Args:
        step: how far apart in time neighbours of a camera are, in sightings; without a common factor with their number.
    """
    synthesize(folder / "people", Split(0, 0, people), images=4, seed=seed, workers=1)
    encoder = Encoder(Bundle(BUNDLE), threads=1)
    with Gallery.open_or_create(folder / "gallery", encoder.card, night_network()) as gallery:
        records = list(SysuMM01(folder / "people").records("test", (1, 2, 3, 4, 5, 6)))
        apart = 1.7 * 288 / len(records)
        timed = [
            replace(
                record,
                taken_at=NIGHT + timedelta(minutes=place * step % len(records) * apart - 120, seconds=place % 50),
                track=f"{record.camera}-{record.identity}",
            )
            for place, record in enumerate(records)
        ]
        enrol(timed, encoder, gallery)
        gallery.calibrate()


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twelve people and a calibrated gallery of all their pictures, a minute or so between two of a camera."""
    return made_once(tmp_path_factory, "night", make_night)


@contextmanager
def serving(settings: Settings, port: int = 0) -> Iterator[str]:
    """A real server on a socket of this machine, a free one if none is named; its address."""
    with socket.create_server(("127.0.0.1", port)) as free:
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def settings(night: Path, tmp_path: Path) -> Settings:
    """Of a server on a copy of the night's gallery."""
    shutil.copytree(night / "gallery", tmp_path / "gallery")
    samples = tmp_path / "samples"
    samples.mkdir()
    for path in sorted((night / "people/cam3").glob("*/*.jpg"))[:3]:
        shutil.copy(path, samples / f"3_{path.parent.name}{path.name}")
    return Settings(tmp_path / "gallery", BUNDLE, threads=1, samples=samples, audit=tmp_path / "audit.jsonl")


@pytest.fixture
def address(settings: Settings) -> Iterator[str]:
    with serving(settings) as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's own browser, driven by playwright."""
    needs("chromium", "the page")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright isn't installed, so the page wasn't tried"
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def tab(chromium: Any, **more: Any) -> Iterator[Any]:
    """A page in a tab of its own, which may complain of nothing and run no script of a name."""
    context = chromium.new_context(locale="en-GB", timezone_id="Europe/Berlin", reduced_motion="reduce", **more)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message) if dialog.type == "alert" else None)
    opened.on(
        "console",
        lambda message: complaints.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield opened
    context.close()
    assert complaints == []


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    with tab(chromium, viewport={"width": 1440, "height": 900}) as opened:
        yield opened


@pytest.fixture
def phone(chromium: Any) -> Iterator[Any]:
    """A page in a browser of 390 by 844 pixels that is touched."""
    with tab(chromium, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as opened:
        yield opened


@pytest.fixture
def picture(night: Path) -> Path:
    """Taken by camera 3."""
    return sorted((night / "people/cam3").glob("*/*.jpg"))[0]


SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
"""A name that would be heard of if a page took it for more than text."""


def call_camera(settings: Settings, camera: str, name: str = SCRIPT) -> None:
    """From now on that camera of the gallery is called so."""
    with Gallery(settings.gallery) as gallery:
        gallery.change_network(lambda network: CameraEdit(name=name).edited(network, camera))


def call_place(page: Any, place: str, name: str = SCRIPT) -> None:
    """From now on the server seems to call that place so."""

    def named(route: Any) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=response.text().replace(place, name))

    page.route("**/cameras", named)


def ask(page: Any, address: str, picture: Path, question: str = "camera=3") -> None:
    """Opens Search with the question in the address, gives the picture, and asks."""
    page.goto(f"{address}#/search?{question}")
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#go").click()
    page.locator(".card, .mark").first.wait_for()


def keyed(settings: Settings, folder: Path, role: Role, cameras: tuple[str, ...] | None = None) -> tuple[Settings, str]:
    """The same server with a key of that role, and the key."""
    keys = folder / "keys.json"
    token = Keyring(keys).add("Weber", role, cameras)
    return replace(settings, keys=keys), token


def small_targets(page: Any, within: str) -> list[str]:
    """Buttons that a finger would miss: below 44 pixels and no words in a sentence."""
    small: list[str] = page.evaluate(
        f"[...document.querySelectorAll('{within} button')].filter(button => button.offsetParent &&"
        " !button.classList.contains('link') && (button.offsetHeight < 44 || button.offsetWidth < 44)).map(button => button.outerHTML)"
    )
    return small


def violations(page: Any) -> list[str]:
    """What axe finds in the page as it stands."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {json.dumps([node['html'] for node in each['nodes']])[:500]}" for each in found["violations"]
    ]


def drawn(page: Any) -> None:
    """Waits until what was done before is on the screen."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))")


def settled(page: Any) -> None:
    """Waits until nothing of the view is loading any more."""
    until(page, "document.querySelector('main .state, main .ghosts, main [role=status] progress') === null")
    drawn(page)


def let_go(page: Any, held: Sequence[Any]) -> None:
    """Lets the first request go that a route holds, once it came: the page may show that it asks before it does."""
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()


def until(page: Any, expression: str, seconds: float = 30) -> None:
    """Waits for an expression to be true. Playwright's own waiting evaluates in the page, which its policy forbids."""
    end = time.monotonic() + seconds

    def true() -> bool:
        try:
            return bool(page.evaluate(expression))
        except Exception as error:
            if "Cannot read properties of null" not in str(error):
                raise
            return False  # what it is about isn't there yet

    while not true():
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(20)

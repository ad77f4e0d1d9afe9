"""The gallery in a browser: counts, sightings, selecting, erasing, and taking one as a query."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BUNDLE
from tests.page.conftest import (
    LOOKS,
    NIGHT,
    SCRIPT,
    call_camera,
    keyed,
    let_go,
    night_network,
    serving,
    small_targets,
    until,
    violations,
    widths,
)

from rgbir.index import Bundle, Encoder, Gallery, SysuMM01, enrol
from rgbir.server import Settings
from rgbir.server.access.keys import Role

pytestmark = pytest.mark.browser
ALL = 288
"""Sightings of the night: 12 people, 4 pictures, 6 cameras."""


def opened(page: Any, address: str, filters: str = "") -> None:
    page.goto(f"{address}#/gallery{filters}")
    page.locator(".sighting").first.wait_for()
    page.locator(".heat table").wait_for()


def selected(page: Any) -> int:
    return int(page.locator(".sighting[aria-selected=true]").count())


def held(settings: Settings) -> int:
    with Gallery(settings.gallery) as gallery:
        return len(gallery)


def test_counts_blocks_and_filters_agree(page: Any, address: str) -> None:
    opened(page, address)
    assert f"{ALL} sightings of 6 cameras" in page.locator(".gallery-head").inner_text()
    assert page.locator(".sighting").count() == 120
    times = page.evaluate(
        "[...document.querySelectorAll('.sighting-text > div:first-child')].map(each => each.textContent)"
    )
    assert times[0].startswith("13 Nov"), "the newest comes first"
    for shown in (240, ALL):
        page.get_by_role("button", name=re.compile("^Show .* more$")).click()
        until(page, f"document.querySelectorAll('.sighting').length === {shown}")
    assert page.get_by_role("button", name=re.compile("^Show .* more$")).count() == 0
    assert (
        page.evaluate(
            "new Set([...document.querySelectorAll('[data-sighting]')].map(each => each.dataset.sighting)).size"
        )
        == ALL
    )
    page.get_by_role("button", name="Show as table").click()
    total = page.locator(".heat tr").last.locator("td").last
    assert total.inner_text() == str(ALL)
    page.get_by_role("button", name="Show as strip").click()
    cell = page.get_by_role("button", name=re.compile(r"^camera 4, 13 Nov, 01:00: \d+ sightings$"))
    count = int(re.findall(r"(\d+) sightings", cell.get_attribute("aria-label"))[0])
    cell.click()
    until(page, f"document.querySelectorAll('.sighting').length === {count}")
    page.get_by_text(f"{count} sightings", exact=True).wait_for()
    assert (
        page.evaluate("location.hash")
        == "#/gallery?camera=4&since=2026-11-13T00%3A00%3A00.000Z&until=2026-11-13T01%3A00%3A00.000Z"
    )
    page.get_by_role("button", name="Track").click()
    page.get_by_label("Only sightings of this track").fill("nothing of the kind")
    page.keyboard.press("Enter")
    page.get_by_text("No sighting fits these filters.").wait_for()
    page.get_by_role("button", name="Without the filter Track").click()
    until(page, f"document.querySelectorAll('.sighting').length === {count}")


def test_cameras_that_saw_nobody_while_others_did_are_named(page: Any, address: str) -> None:
    opened(page, address)
    assert "Camera 1 has no sightings from 12 Nov, 23:00 to 13 Nov, 05:00." in page.locator(".heat .note").inner_text()
    assert page.locator(".cell.level-0").count() > 0


def test_selecting_by_mouse_and_by_keys(page: Any, address: str) -> None:
    opened(page, address)
    cards = page.locator(".sighting")
    cards.nth(2).click()
    cards.nth(6).click(modifiers=["Shift"])
    assert selected(page) == 5
    cards.nth(4).click()
    assert selected(page) == 4
    page.get_by_role("button", name="Select nothing").click()
    assert selected(page) == 0
    cards.nth(10).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert selected(page) == 3
    page.keyboard.press("Shift+ArrowLeft")
    assert selected(page) == 2
    assert page.get_by_role("button", name="Erase 2 selected").is_enabled()
    assert page.get_by_role("button", name="Find similar").is_disabled(), "of one only"


def test_by_keys_alone_from_the_strip_to_an_erasure(page: Any, settings: Settings) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "DELETE" else None)
    with serving(settings) as address:
        opened(page, address)
        page.locator(".cell[tabindex='0']").focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowDown")
        until(page, "document.activeElement?.dataset.cell === '1 0'")
        page.locator(".sighting").first.focus()
        page.keyboard.press("Space")
        for _ in range(5):
            page.keyboard.press("Shift+ArrowRight")
        last = page.evaluate("document.activeElement.dataset.sighting")
        page.get_by_role("button", name="Erase 6 selected").focus()
        page.keyboard.press("Enter")
        page.locator("#erase-word").wait_for()
        button = page.get_by_role("button", name="Erase 6 sightings")
        for wrong in ("erase", "Erase 6", "erase 6 ", "erase 60"):
            page.locator("#erase-word").fill(wrong)
            assert button.is_disabled(), wrong
        page.keyboard.press("Escape")
        page.locator(".sheet").wait_for(state="detached")
        assert "Erase 6 selected" in page.evaluate("document.activeElement.textContent")
        page.keyboard.press("Enter")
        page.locator("#erase-word").fill("erase 6")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="6 sightings erased").wait_for()
        page.keyboard.press("Escape")
        until(page, "document.activeElement.matches('.sighting')")
        until(page, f"!document.querySelector('[data-sighting=\"{last}\"]')")
        page.get_by_text(f"{ALL - 6} sightings", exact=True).wait_for()
    assert held(settings) == ALL - 6
    assert [url.count("sighting=") for url in sent] == [6] * 4, "twice counted, counted again, and erased: all at once"
    assert [url.endswith("dry_run=true") for url in sent] == [True, True, True, False]


def test_opening_and_cancelling_the_sheet_erases_nothing(page: Any, settings: Settings) -> None:
    asked: list[str] = []
    with serving(settings) as address:
        opened(page, address)
        page.on("request", lambda request: asked.append(request.url) if request.method == "DELETE" else None)
        page.locator(".sighting").first.click()
        page.get_by_role("button", name="Erase 1 selected").click()
        page.locator("#erase-word").wait_for()
        page.mouse.click(100, 300)
        assert page.locator(".sheet").is_visible(), "a click beside it doesn't close it"
        page.get_by_role("button", name="Cancel").click()
        page.locator(".sheet").wait_for(state="detached")
    assert len(asked) == 1
    assert all(url.endswith("&dry_run=true") for url in asked)
    assert held(settings) == ALL


def test_an_erasure_whose_count_changed_meanwhile_asks_again_and_erases_nothing(page: Any, settings: Settings) -> None:
    with serving(settings) as address:
        opened(page, address)
        page.locator(".sighting").first.click()
        page.locator(".sighting").nth(2).click(modifiers=["Shift"])
        page.get_by_role("button", name="Erase 3 selected").click()
        page.locator("#erase-word").fill("erase 3")
        gone = page.locator(".sighting").first.get_attribute("data-sighting")
        page.evaluate(f"fetch('gallery/sightings/{gone}', {{ method: 'DELETE' }}).then(answer => answer.json())")
        page.get_by_role("button", name="Erase 3 sightings").click()
        page.get_by_text("The gallery has changed meanwhile: now it is 2 sightings. Nothing was erased.").wait_for()
        assert page.locator("#erase-word").input_value() == ""
        assert page.get_by_role("button", name="Erase 2 sightings").is_disabled()
        page.locator("#erase-word").fill("erase 2")
        page.get_by_role("button", name="Erase 2 sightings").click()
        page.get_by_role("heading", name="2 sightings erased").wait_for()
    assert held(settings) == ALL - 3


def test_the_sheet_stays_while_it_erases_whatever_closes_it(page: Any, address: str) -> None:
    waiting: list[Any] = []
    opened(page, address)
    page.locator(".sighting").first.click()
    page.get_by_role("button", name="Erase 1 selected").click()
    page.locator("#erase-word").fill("erase 1")
    erasing = re.compile(r"/sightings\?(?!.*dry_run=true)")
    page.route(erasing, lambda route: waiting.append(route))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Stop").wait_for()
    page.evaluate("document.querySelector('.sheet').close()")
    until(page, "document.querySelector('.sheet').open")
    until(page, "document.querySelector('.sheet progress') !== null")
    let_go(page, waiting)
    page.get_by_role("heading", name="1 sighting erased").wait_for()
    page.evaluate("document.querySelector('.sheet').close()")
    page.locator(".sheet").wait_for(state="detached")


def test_backups_and_other_models_that_an_erasure_leaves_are_told(page: Any, address: str) -> None:
    opened(page, address)
    told = {
        "removed": 1,
        "dry_run": True,
        "backups": [{"name": "before <b>", "made_at": "2026-11-10T02:00:00Z"}],
        "others": {"older": 2},
        "archives": ["job"],
        "unreached": [],
    }
    page.route(
        "**/*dry_run=true",
        lambda route: route.fulfill(status=200, content_type="application/json", body=json.dumps(told)),
    )
    page.locator(".sighting").first.click()
    page.get_by_role("button", name="Erase 1 selected").click()
    also = page.locator(".also")
    also.wait_for()
    assert "2 of them in the gallery of model older go too." in also.inner_text()
    assert "1 backup may still hold them: before <b> (10 Nov, 03:00)" in also.inner_text()
    assert "1 archive isn't enrolled yet" in also.inner_text()


@contextmanager
def signed_in(page: Any, settings: Settings, tmp_path: Path, role: Role) -> Iterator[str]:
    settings, token = keyed(settings, tmp_path, role)
    with serving(settings) as address:
        page.goto(f"{address}#/gallery")
        page.get_by_label("Your key").fill(token)
        page.keyboard.press("Enter")
        page.locator(".who button").wait_for()
        yield address


def test_a_key_without_the_right_sees_no_erase(page: Any, settings: Settings, tmp_path: Path) -> None:
    with signed_in(page, settings, tmp_path, Role.SEARCH):
        page.locator(".sighting").first.click()
        assert page.get_by_role("button", name=re.compile("^Erase")).count() == 0
        assert page.get_by_role("button", name="Find similar").is_enabled()
        until(page, "[...document.querySelectorAll('.sighting img')].some(image => image.naturalWidth > 0)")


def test_an_enroller_sees_counts_only(page: Any, settings: Settings, tmp_path: Path) -> None:
    with signed_in(page, settings, tmp_path, Role.ENROL):
        page.get_by_text("may see counts, not the sightings themselves").wait_for()
        page.locator(".cell").first.wait_for()
        assert page.locator(".sighting").count() == 0
        assert violations(page) == []


def test_a_monitor_is_told_that_its_key_may_not(page: Any, settings: Settings, tmp_path: Path) -> None:
    with signed_in(page, settings, tmp_path, Role.MONITOR):
        page.get_by_text("Your key (monitor) may not do this.").wait_for()
        assert page.locator("nav a[href='#/gallery']").count() == 0


def test_one_is_taken_as_a_query(page: Any, address: str) -> None:
    page.goto(address)
    page.locator("#from-gallery").click()
    page.locator(".picker .sighting").first.wait_for()
    assert page.locator(".picker").get_by_role("button", name=re.compile("^Erase")).count() == 0
    assert violations(page) == []
    page.locator(".picker .sighting").nth(3).focus()
    taken = page.evaluate("document.activeElement.dataset.sighting")
    page.keyboard.press("Enter")
    page.locator(".picker").wait_for(state="detached")
    assert f"like={taken}" in page.evaluate("location.hash")
    until(page, "document.activeElement.id === 'from-gallery'")
    page.locator("#go").click()
    page.locator(".card").first.wait_for()
    page.locator(".card").first.click()
    page.locator(".compare").wait_for()
    until(page, "[...document.querySelectorAll('.pane img')].filter(image => image.naturalWidth).length === 2")


def test_find_similar_asks_and_back_returns_to_the_gallery(page: Any, address: str) -> None:
    opened(page, address, "?camera=3")
    page.locator(".sighting").first.click()
    page.get_by_role("button", name="Find similar").click()
    page.locator(".card").first.wait_for()
    assert re.fullmatch(r"#/search\?like=\w+", page.evaluate("location.hash")), "no filter of the gallery is asked with"
    page.go_back()
    page.locator(".sighting").first.wait_for()
    assert page.evaluate("location.hash") == "#/gallery?camera=3"


def test_what_fails_is_told_and_tried_again(page: Any, address: str) -> None:
    page.route(
        "**/gallery/sightings?*",
        lambda route: route.fulfill(status=503, body='{"detail": "the disk is full", "status": 503}'),
    )
    page.goto(f"{address}#/gallery")
    page.get_by_text("the disk is full").wait_for()
    assert violations(page) == []
    page.unroute("**/gallery/sightings?*")
    page.get_by_role("button", name="Try again").click()
    page.locator(".sighting").first.wait_for()


def test_an_empty_gallery_says_what_to_do(page: Any, settings: Settings, tmp_path: Path) -> None:
    encoder = Encoder(Bundle(BUNDLE), threads=1)
    with Gallery.open_or_create(tmp_path / "empty", encoder.card, night_network()):
        pass
    with serving(replace(settings, gallery=tmp_path / "empty")) as address:
        page.goto(f"{address}#/gallery")
        page.get_by_text("Nothing is enrolled yet.").wait_for()
        assert violations(page) == []


def test_without_pictures_sightings_are_rows_and_tracks_with_scripts_are_text(
    page: Any, night: Path, settings: Settings, tmp_path: Path
) -> None:
    encoder = Encoder(Bundle(BUNDLE), threads=1)
    records = list(SysuMM01(night / "people").records("test", (1, 3)))[:3]
    with Gallery.open_or_create(tmp_path / "bare", encoder.card, night_network()) as gallery:
        timed = [
            replace(record, taken_at=NIGHT + timedelta(minutes=place), track=SCRIPT)
            for place, record in enumerate(records)
        ]
        enrol(timed, encoder, gallery, keep_crops=False)
    settings = replace(settings, gallery=tmp_path / "bare")
    call_camera(settings, "1")
    with serving(settings) as address:
        opened(page, address)
        assert page.locator(".as-rows .sighting").count() == 3
        assert SCRIPT in page.locator(".sighting").first.inner_text()
        assert SCRIPT in page.locator(".heat").inner_text()
        assert page.locator("img[src=x]").count() == 0
        page.locator(".sighting").first.click()
        page.get_by_role("button", name="Erase 1 selected").click()
        page.locator("#erase-word").wait_for()
        assert SCRIPT in page.locator(".sheet").inner_text()
        assert page.locator("img[src=x]").count() == 0
        assert violations(page) == []


@widths(320, 390, 768, 1920)
def test_nothing_is_wider_than_the_window(page: Any, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    opened(page, address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator(".sighting").first.click()
    page.get_by_role("button", name="Erase 1 selected").click()
    page.locator("#erase-word").wait_for()
    assert page.evaluate("document.querySelector('.sheet').scrollWidth") <= width


@widths(320, 390)
def test_on_a_phone_nothing_is_too_wide_and_targets_are_large(phone: Any, address: str, width: int) -> None:
    phone.set_viewport_size({"width": width, "height": 844})
    opened(phone, address, "?camera=4")
    phone.locator(".sighting").first.tap()
    assert selected(phone) == 1
    assert phone.evaluate("document.documentElement.scrollWidth") <= width
    assert small_targets(phone, ".gallery") == []
    assert violations(phone) == [], "gallery"
    phone.get_by_role("button", name="Erase 1 selected").tap()
    phone.locator("#erase-word").wait_for()
    assert small_targets(phone, ".sheet") == []
    assert violations(phone) == [], "erasing"


@LOOKS
def test_axe_finds_nothing(page: Any, address: str, theme: str, language: str) -> None:
    page.goto(address)
    page.evaluate(f"sessionStorage.setItem('theme', '{theme}'); sessionStorage.setItem('language', '{language}')")
    page.reload()
    opened(page, address, "?camera=4&since=2026-11-12T22:00:00.000Z")
    page.locator(".sighting").first.click()
    assert violations(page) == [], "opened"
    page.locator(".heat-head .link").last.click()
    page.locator(".heat .table-scroll").wait_for()
    assert violations(page) == [], "table"
    page.locator(".chip").nth(1).click()
    assert violations(page) == [], "dates"
    page.keyboard.press("Escape")
    page.locator("button.erase").click()
    page.locator("#erase-word").fill({"en": "erase 1", "de": "löschen 1", "zh": "删除 1"}[language])
    assert page.locator(".danger").is_enabled()
    assert violations(page) == [], "erasing"

"""What an answer says of itself in a browser: what was looked at, what nobody could have walked, and whether it still holds."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BUNDLE
from tests.page.conftest import NIGHT, ask, keyed, let_go, serving, until

from rgbir.server import Settings
from rgbir.server.access.keys import Role

pytestmark = pytest.mark.browser
AT = NIGHT.strftime("%Y-%m-%dT%H:%M:%S.000Z")
RANKED = f"camera=3&at={AT}&passages=rank"
WALKS = {"1": (240.0, float("inf")), "4": (540.0, float("inf")), "5": (360.0, 2700.0)}
"""Seconds from Ward 2, by the cameras of the places that a walk leads to."""


def idle(page: Any) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.tagName"))


def test_a_key_of_some_cameras_is_told_that_no_other_was_looked_at(
    page: Any, settings: Settings, picture: Path, tmp_path: Path
) -> None:
    settings, token = keyed(settings, tmp_path, Role.SEARCH, ("1", "3", "4"))
    with serving(settings) as address:
        page.goto(address)
        page.get_by_label("Your key").fill(token)
        page.keyboard.press("Enter")
        page.locator(".who button").wait_for()
        ask(page, address, picture)
        assert (
            "Your key sees cameras 1, 3, and 4 only; no other one was looked at."
            in page.locator(".left-out").inner_text()
        )
        assert "Nothing was left out" not in page.locator(".left-out").inner_text()


def test_what_was_put_last_is_judged_hit_by_hit_and_counted(page: Any, address: str, picture: Path) -> None:
    page.goto(f"{address}#/search?{RANKED}")
    page.locator("input[type=file]").set_input_files(picture)
    with page.expect_response("**/search") as answered:
        page.locator("#go").click()
    page.locator(".card").first.wait_for()
    hits = answered.value.json()["hits"]

    def walked(hit: dict[str, Any]) -> bool:
        least, most = WALKS[hit["camera"]]
        return bool(least <= abs((datetime.fromisoformat(hit["taken_at"]) - NIGHT) / timedelta(seconds=1)) <= most)

    far = [hit["id"] for hit in hits if not walked(hit)]
    assert 0 < len(far) < len(hits), "the night has some of both"
    marked = page.locator(".card:has(.far)").evaluate_all("cards => cards.map(card => card.dataset.hit)")
    assert marked == far == [hit["id"] for hit in hits[-len(far) :]]
    assert page.locator(".line.walk").inner_text() == f"Nobody could have walked here in time: {len(far)} hits"
    after = page.locator(".line.walk + .row .card").first.get_attribute("data-hit")
    assert after == far[0]
    assert f"Ranked last: {len(far)} sightings nobody could have walked to" in page.locator(".left-out").inner_text()
    page.get_by_role("radio", name="By camera").click()
    page.locator(".by-camera .card .far").first.wait_for()


def test_a_gallery_that_changed_is_told_and_the_answer_made_anew(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    first = page.locator(".card").first.get_attribute("data-hit")
    page.evaluate(f"fetch('gallery/sightings/{first}', {{ method: 'DELETE' }}).then(answer => answer.json())")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")
    page.get_by_text("The gallery has changed since this answer.").wait_for()
    page.get_by_role("button", name="Search again").click()
    until(page, f"document.querySelector('.card') && !document.querySelector('[data-hit=\"{first}\"]')")
    assert page.locator(".bar.stale").count() == 0


def test_an_answer_newer_than_what_is_known_of_the_gallery_is_no_old_one(
    page: Any, address: str, picture: Path
) -> None:
    page.goto(f"{address}#/search?camera=3")
    page.locator(".samples").wait_for()
    info = page.evaluate("fetch('gallery').then(answer => answer.json())")
    asked: list[str] = []

    def changed(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(json={**info, "fingerprint": "of another model"} if len(asked) == 1 else info)

    page.route("**/gallery", changed)
    page.reload()
    ask(page, address, picture)
    until(page, "document.querySelector('.bar.stale') === null")
    assert len(asked) == 2, "it was read again"


@pytest.mark.parametrize("with_key", [False, True])
def test_a_picture_that_was_erased_says_so(
    page: Any, settings: Settings, picture: Path, tmp_path: Path, with_key: bool
) -> None:
    token = ""
    if with_key:
        settings, token = keyed(settings, tmp_path, Role.ADMIN)
    with serving(settings) as address:
        page.goto(address)
        if with_key:
            page.evaluate(f"sessionStorage.setItem('key', '{token}')")
        page.route(
            re.compile(r"/image$"),
            lambda route: route.fulfill(status=404, json={"detail": "no such sighting", "status": 404}),
        )
        page.reload()
        ask(page, address, picture)
        page.locator(".card .picture", has_text="erased since").first.wait_for()
        page.unroute(re.compile(r"/image$"))
        page.route(re.compile(r"/image$"), lambda route: route.fulfill(status=503, body="busy"))
        page.get_by_role("radio", name="By camera").click()
        page.locator(".card .picture", has_text="try again").first.wait_for()


def test_what_is_seen_is_from_when_the_answer_was_made(page: Any, settings: Settings, picture: Path) -> None:
    with serving(settings) as address:
        page.clock.set_system_time("2026-11-13T07:20:00+01:00")
        ask(page, address, picture)
    page.clock.set_system_time("2026-11-13T08:45:00+01:00")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")
    page.get_by_role("link", name="Gallery").click()
    page.get_by_text("The server hasn't answered since 08:45.").wait_for()
    page.go_back()
    page.get_by_text("The server doesn't answer. What you see is from 07:20.").wait_for()


def test_chips_say_their_zone_and_their_times(page: Any, address: str) -> None:
    page.goto(
        f"{address}#/search?hours=22%3A00-05%3A30+Asia%2FTokyo&since=2026-11-12T21:00:00.000Z&until=2026-11-13T05:30:00.000Z"
    )
    page.locator("#camera").wait_for()
    chips = page.locator(".chip.set").all_inner_texts()
    assert [" ".join(chip.split()) for chip in chips] == [
        "Dates 12 Nov, 22:00 – 13 Nov, 06:30",
        "Hours 22:00–05:30 Asia/Tokyo",
    ]
    page.get_by_role("button", name="Hours").click()
    assert "Times are those of Asia/Tokyo." in page.locator("dialog").inner_text()
    page.get_by_label("To", exact=True).fill("06:00")
    page.get_by_role("button", name="Apply").click()
    assert "22:00–06:00 Asia/Tokyo" in page.get_by_role("button", name="Hours").inner_text()


@pytest.mark.parametrize(
    ("clipboard", "words"), [("null", "no clipboard"), ("{writeText: async () => {}}", "is copied")]
)
def test_copying_says_what_happened(page: Any, address: str, picture: Path, clipboard: str, words: str) -> None:
    page.add_init_script(f"Object.defineProperty(navigator, 'clipboard', {{ value: {clipboard} }})")
    ask(page, address, picture)
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Copy the link").click()
    page.locator(".menu-list .note", has_text=words).wait_for()


def test_below_the_verdict_stands_where_the_model_s_errors_are_read(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    link = page.locator(".verdict .errors a", has_text="How often this model errs, and on what")
    with page.expect_popup() as opened:
        link.click()
    opened.value.get_by_role("heading", name="Errors that you must know").wait_for()
    opened.value.get_by_role("heading", name="False leads").first.wait_for()


def test_with_a_key_the_errors_are_handed_over_as_a_file(
    page: Any, settings: Settings, picture: Path, tmp_path: Path
) -> None:
    settings, token = keyed(settings, tmp_path, Role.SEARCH)
    with serving(settings) as address:
        page.goto(address)
        page.get_by_label("Your key").fill(token)
        page.keyboard.press("Enter")
        page.locator(".who button").wait_for()
        ask(page, address, picture)
        with page.expect_download() as handed:
            page.locator(".verdict .errors button").click()
        assert "Errors that you must know" in Path(handed.value.path()).read_text(encoding="utf-8")


def test_where_nobody_measured_the_errors_the_command_stands_there(
    page: Any, settings: Settings, picture: Path, tmp_path: Path
) -> None:
    shutil.copytree(BUNDLE, tmp_path / "unmeasured", ignore=shutil.ignore_patterns("errors.json"))
    with serving(replace(settings, bundle=tmp_path / "unmeasured")) as address:
        ask(page, address, picture)
        page.locator(".verdict .errors code", has_text="rgbir evaluate --report robustness").wait_for()


def test_after_a_search_the_verdict_has_the_focus_unless_one_types(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    until(page, "document.activeElement.id === 'verdict'")
    page.get_by_role("button", name="Hours").click()
    page.get_by_label("From").fill("20:00")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Search again").click()
    page.locator(".card").first.wait_for()
    until(page, "document.activeElement.id === 'verdict'")
    page.locator("#case").fill("7")
    page.keyboard.press("Enter")
    page.locator("#go", has_text="Cancel").wait_for(state="detached")
    page.locator(".card").first.wait_for()
    assert idle(page) == "case"


def test_no_deed_lets_the_focus_fall_out_of_the_page(page: Any, address: str, picture: Path) -> None:
    page.goto(f"{address}#/search?camera=3&track=t&since=2026-11-12T21:00:00.000Z")
    page.locator("input[type=file]").set_input_files([picture, picture])
    page.get_by_role("button", name="Remove shot 2").focus()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.closest('.shots') !== null")
    page.get_by_role("button", name="Track").click()
    page.get_by_role("button", name="Clear").click()
    until(page, "document.activeElement.closest('.chips') !== null")
    page.locator(".samples button").first.focus()
    page.keyboard.press("Enter")
    page.get_by_text("No sighting fits these filters").wait_for() if page.locator(".verdict.none").count() else None
    until(page, "document.activeElement.id === 'verdict'")
    page.get_by_role("link", name="Gallery").focus()
    page.keyboard.press("Enter")
    page.locator(".sighting").first.wait_for()
    assert page.evaluate("document.activeElement.textContent.trim()") == "Gallery"
    page.locator(".heat .link").last.focus()
    page.go_back()
    page.locator("#go").wait_for()
    until(page, "document.activeElement.closest('main') !== null")


def test_a_slow_search_tells_how_many_wait(page: Any, address: str, picture: Path) -> None:
    waits = {"in_flight": 9, "most_in_flight": 64, "requests": 3, "images": 3, "most_images": 256, "seconds": 40}
    page.route("**/queue", lambda route: route.fulfill(json=waits))
    held: list[Any] = []
    page.route("**/search", lambda route: held.append(route))
    page.goto(f"{address}#/search?camera=3")
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#go").click()
    page.locator("#go", has_text="Cancel").wait_for()
    page.evaluate("Date.now = (real => () => real.call(Date) + 9000)(Date.now)")
    page.get_by_text("3 searches wait for the model. All are through in about 40s.").wait_for()
    let_go(page, held)
    page.locator(".card").first.wait_for()


def test_hits_are_reranked_by_choice_and_say_both_ranks(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("button", name="Re-rank").click()
    page.get_by_label("by affinity (aim)").check()
    page.get_by_role("button", name="Apply").click()
    assert " ".join(page.locator(".chip.set").inner_text().split()) == "Re-rank by affinity (aim)"
    page.get_by_role("button", name="Search again").click()
    page.locator(".reordered", has_text=re.compile(r"Re-ranked by aim\(4,1\): all \d+ sightings")).wait_for()
    cards = page.locator(".card-text").all_inner_texts()
    assert all("by distance alone" in card for card in cards)
    assert any("by distance alone 1" in card for card in cards)
    assert "rerank=aim" in page.url

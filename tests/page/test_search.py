"""Search in a browser: ask, see, and what goes wrong."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.detectors import scene_of, written
from tests.page.conftest import (
    LOOKS,
    SCRIPT,
    ask,
    call_camera,
    drawn,
    keyed,
    serving,
    settled,
    until,
    violations,
    widths,
)

from rgbir.server import Settings
from rgbir.server.access.keys import Role

pytestmark = pytest.mark.browser


def test_a_sample_is_tried_with_one_click_and_the_verdict_stands_above_the_hits(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Try a picture of camera 3").first.click()
    page.locator(".card").first.wait_for()
    assert page.locator(".verdict h2").inner_text() in (
        "Worth checking: 1 hit stands out",
        "Probably not in this gallery",
    ) or re.match(r"Worth checking: \d+ hits stand out", page.locator(".verdict h2").inner_text())
    assert "camera 2, same place as camera 3 (Ward 2)" in page.locator(".left-out").inner_text()
    assert page.locator(".card").count() == 40
    assert page.evaluate("location.hash").startswith("#/search?camera=3")


def test_by_keyboard_alone_from_the_question_to_a_hit_and_back(page: Any, address: str, picture: Path) -> None:
    page.goto(address)
    page.get_by_role("button", name="Add a picture").wait_for()
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#camera").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Filter the cameras").fill("ward")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert "3 Ward 2" in page.locator("#camera").inner_text()
    page.locator("#at").focus()
    page.keyboard.press("Enter")
    page.locator(".card").first.wait_for()
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    for key in ("ArrowRight", "ArrowDown", "End", "Home"):
        page.keyboard.press(key)
        drawn(page)
    assert page.evaluate("document.activeElement.dataset.at") is not None
    opened = page.evaluate("document.activeElement.dataset.hit")
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    until(page, f"document.activeElement?.dataset.hit === '{opened}'")


def test_what_is_lacking_is_said_at_its_field_which_gets_the_focus(page: Any, address: str, picture: Path) -> None:
    page.goto(address)
    page.locator("#go").click()
    assert page.get_by_role("alert").inner_text() == "Add a picture first."
    until(page, "document.activeElement.id === 'add'")
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#go").click()
    assert "Say which camera took it" in page.get_by_role("alert").inner_text()
    until(page, "document.activeElement.id === 'camera'")


def test_the_address_keeps_the_question_and_no_picture(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    page.get_by_role("radio", name="By camera").click()
    kept = page.evaluate("location.href")
    assert "view=cameras" in kept
    page.reload()
    assert "The picture was not kept" in page.locator(".shots").inner_text()
    until(page, "document.querySelector('#camera').textContent.includes('3 Ward 2')")
    assert page.locator(".card").count() == 0
    page.go_back()
    assert "view=" not in page.evaluate("location.hash")


def test_an_answer_is_grey_once_its_question_has_changed_and_gone_once_a_search_fails(
    page: Any, address: str, picture: Path
) -> None:
    ask(page, address, picture)
    page.get_by_role("button", name="Hours").click()
    page.get_by_label("From").fill("20:00")
    assert page.locator(".old").count() == 0, "an editor's draft changes nothing"
    page.get_by_role("button", name="Apply").click()
    assert page.locator(".old").count() == 1
    page.route("**/search", lambda route: route.fulfill(status=500, body='{"detail": "x", "status": 500}'))
    page.get_by_role("button", name="Search again").click()
    page.locator(".verdict.failed").wait_for()
    assert page.locator(".card").count() == 0


def test_a_busy_server_is_asked_again_when_it_says(page: Any, address: str, picture: Path) -> None:
    times: list[int] = []

    def busy(route: Any) -> None:
        times.append(1)
        if len(times) == 1:
            route.fulfill(status=503, headers={"Retry-After": "1"}, body='{"detail": "busy", "status": 503}')
        else:
            route.continue_()

    page.goto(f"{address}#/search?camera=3")
    page.route("**/search", busy)
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#go").click()
    page.get_by_text("Trying again in 1 s").wait_for()
    page.locator(".card").first.wait_for()
    assert len(times) == 2


def test_a_server_that_stops_is_told_and_what_is_seen_stays(page: Any, settings: Settings, picture: Path) -> None:
    with serving(settings) as address:
        ask(page, address, picture)
    page.locator("#go").click()
    page.locator(".bar.away").wait_for()
    assert page.locator(".verdict.failed").is_visible()


def test_names_with_scripts_in_them_are_text(page: Any, settings: Settings, picture: Path) -> None:
    call_camera(settings, "5")
    with serving(settings) as address:
        ask(page, address, picture)
        assert page.locator("img[src=x]").count() == 0
        assert SCRIPT in page.locator(".answer").inner_text()


def test_a_key_is_asked_for_lives_in_the_tab_and_a_search_that_waited_goes_on(
    page: Any, settings: Settings, picture: Path, tmp_path: Path
) -> None:
    settings, token = keyed(settings, tmp_path, Role.SEARCH)
    with serving(replace(settings, need_purpose=True)) as address:
        page.goto(f"{address}#/search?camera=3")
        page.get_by_label("Your key").fill("rgbir_wrong")
        page.keyboard.press("Enter")
        assert "Nobody has this key" in page.get_by_role("alert").inner_text()
        page.get_by_label("Your key").fill(token)
        page.keyboard.press("Enter")
        page.get_by_text("Weber").wait_for()
        page.locator("input[type=file]").set_input_files(picture)
        page.locator("#go").click()
        assert page.get_by_role("alert").inner_text() == "This server wants to know why."
        page.locator("#purpose").fill("missing patient")
        page.keyboard.press("Enter")
        page.locator(".card img").first.wait_for()
        until(page, "[...document.querySelectorAll('.card img')].some(image => image.naturalWidth > 0)")
        assert page.evaluate("localStorage.length") == 0
        page.locator(".who button").click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Your key").wait_for()
        assert page.locator(".card").count() == 0
        assert page.evaluate("sessionStorage.getItem('key')") is None


@LOOKS
def test_axe_finds_nothing_in_any_state(page: Any, address: str, picture: Path, theme: str, language: str) -> None:
    page.goto(address)
    page.evaluate(f"sessionStorage.setItem('theme', '{theme}'); sessionStorage.setItem('language', '{language}')")
    page.reload()
    page.locator(".samples").wait_for()
    assert violations(page) == [], "empty"
    page.locator("#go").click()
    assert violations(page) == [], "lacking"
    page.locator("#camera").click()
    assert violations(page) == [], "cameras"
    page.keyboard.press("Escape")
    page.locator(".samples button").first.click()
    page.locator(".card").first.wait_for()
    assert violations(page) == [], "answer"
    for view in ("cameras", "timeline", "plan", "table"):
        page.evaluate(f"location.hash += '&view={view}'")
        settled(page)
        assert violations(page) == [], view
        page.go_back()


@widths(320, 390, 768, 1280, 3840)
def test_nothing_is_wider_than_the_window(page: Any, address: str, picture: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    ask(page, address, picture)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_person_of_a_whole_scene_is_found_and_another_one_can_be_taken(
    page: Any, settings: Settings, night: Path, tmp_path: Path
) -> None:
    shown = sorted((night / "people/cam3").glob("*/*.jpg"))
    scene = tmp_path / "scene.png"
    scene.write_bytes(scene_of([shown[0].read_bytes(), shown[-1].read_bytes()]))
    detector = written(tmp_path / "detector").folder

    with serving(replace(settings, detector=detector)) as address:
        page.goto(f"{address}#/search?camera=3")
        page.locator("input[type=file]").set_input_files(scene)
        page.get_by_label("Whole scene: find the person").check()
        with page.expect_response("**/search") as answered:
            page.locator("#go").click()
        page.locator(".card, .mark").first.wait_for()
        assert len(answered.value.json()["detected"][0]["people"]) == 2
        assert "2 people were found; the search took the largest" in page.locator(".shots").inner_text()
        assert page.get_by_label("Whole scene").count() == 0, "boxes are asked with from now on"

        page.get_by_role("button", name="Change the box").click()
        first, second = (page.get_by_role("button", name=f"Person {i}") for i in (1, 2))
        assert first.get_attribute("aria-pressed") == "true"
        assert violations(page) == []
        second.click()
        assert int(page.get_by_label("Left", exact=True).input_value()) > 200
        page.get_by_role("button", name="Use this box").click()
        with page.expect_response("**/search") as again:
            page.locator("#go").click()
        assert again.value.json()["detected"] == []
    assert settings.audit is not None
    first, last = (json.loads(line) for line in settings.audit.read_text().splitlines() if '"search"' in line)
    assert (first["box"][0] < 100, last["box"][0] > 200) == (True, True)
    assert ("found_by" in first, "found_by" in last) == (True, False)


def test_without_a_detector_nobody_is_offered_to_be_found(page: Any, address: str, picture: Path) -> None:
    page.goto(f"{address}#/search?camera=3")
    page.locator("input[type=file]").set_input_files(picture)
    page.get_by_role("button", name="Draw a box").wait_for()
    assert page.get_by_label("Whole scene").count() == 0

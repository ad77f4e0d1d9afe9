"""Compare in a browser: two pictures in step, by keys, mouse and fingers."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BUNDLE
from tests.films import WIDTH, film_of
from tests.page.conftest import (
    LOOKS,
    SCRIPT,
    call_camera,
    drawn,
    keyed,
    serving,
    small_targets,
    until,
    violations,
    widths,
)

from rgbir.client import Client
from rgbir.server import Settings
from rgbir.server.access.keys import Role

pytestmark = pytest.mark.browser
NIGHT_BEGAN = datetime(2026, 11, 12, 22, tzinfo=UTC)
TIMED = "#/search?at=2026-11-12T21:41:06.000Z"


def answered(page: Any, address: str, question: str = TIMED) -> None:
    page.goto(f"{address}{question}")
    page.locator(".samples button").first.click()
    page.locator(".card").first.wait_for()


def opened(page: Any, address: str, place: int = 3) -> None:
    """Compare with the hit at that place, once both pictures are there."""
    answered(page, address)
    page.locator(".card").nth(place).click()
    loaded(page)


def loaded(page: Any) -> None:
    until(
        page,
        "[...document.querySelectorAll('.pane img')].filter(image => image.naturalWidth && !image.className && image.parentElement.clientHeight > 50).length === 2",
    )


def frames(page: Any) -> list[dict[str, float]]:
    """Where both pictures lie, as fractions of their panes."""
    places: list[dict[str, float]] = page.evaluate(
        "[...document.querySelectorAll('.pane-frame')].map(frame => { const room = frame.parentElement;"
        " const [left, top, width, height] = ['left', 'top', 'width', 'height'].map(edge => parseFloat(frame.style[edge]));"
        " return { x: (room.clientWidth / 2 - left) / width, y: (room.clientHeight / 2 - top) / height, width, height }; })"
    )
    return places


def hit(page: Any) -> str:
    return str(page.evaluate("new URLSearchParams(location.hash.split('?')[1]).get('hit')"))


def heading(page: Any) -> str:
    return str(page.locator("#compare-title").inner_text())


def test_by_keys_alone_through_hits_and_back_to_the_card_of_the_last_one(page: Any, address: str) -> None:
    answered(page, address)
    page.locator(".card").nth(3).focus()
    before = page.evaluate("history.length")
    page.keyboard.press("Enter")
    loaded(page)
    until(page, "document.activeElement?.id === 'compare-title'")
    assert heading(page) == "Hit 4 of 40"
    for key in ("ArrowRight", "j", "j", "k"):
        page.keyboard.press(key)
    until(page, "document.querySelector('#compare-title').textContent === 'Hit 6 of 40'")
    last = hit(page)
    assert page.evaluate("history.length") == before + 1, "opening is a step of its own, stepping is none"
    page.keyboard.press("Escape")
    page.locator(".compare").wait_for(state="detached")
    until(page, f"document.activeElement.dataset.hit === '{last}'")
    assert "hit=" not in page.evaluate("location.hash")
    page.keyboard.press("ArrowRight")
    until(page, "document.activeElement?.dataset.at === '6'")
    page.keyboard.press("Enter")
    loaded(page)
    page.go_back()
    page.locator(".compare").wait_for(state="detached")
    until(page, "document.activeElement.dataset.at === '6'")


def test_steps_stop_at_the_first_and_the_last_hit(page: Any, address: str) -> None:
    opened(page, address, 0)
    assert page.get_by_role("button", name="Previous hit").get_attribute("aria-disabled") == "true"
    page.keyboard.press("ArrowLeft")
    assert heading(page) == "Hit 1 of 40"


def test_zoom_and_pan_act_on_both_as_fractions_and_stay_when_the_next_hit_comes(page: Any, address: str) -> None:
    opened(page, address)
    whole = frames(page)
    for _ in range(3):
        page.keyboard.press("+")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    drawn(page)
    near = frames(page)
    for before, after in zip(whole, near, strict=True):
        assert after["height"] == pytest.approx(3 * before["height"], abs=0.5)
        assert (after["x"], after["y"]) == pytest.approx((0.5 + 0.1 / 3, 0.5 + 0.1 / 3), abs=1e-3)
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('#compare-title').textContent === 'Hit 5 of 40'")
    loaded(page)
    following = frames(page)
    assert [each["y"] for each in following] == pytest.approx([each["y"] for each in near], abs=1e-3)
    assert following[1]["height"] == pytest.approx(near[1]["height"], rel=0.3)
    page.keyboard.press("0")
    drawn(page)
    assert [each["y"] for each in frames(page)] == pytest.approx([0.5, 0.5], abs=1e-3)


def test_switched_off_one_moves_alone_and_on_again_the_shift_stays(page: Any, address: str) -> None:
    opened(page, address)
    page.keyboard.press("+")
    page.get_by_role("button", name="In step").click()
    room = page.locator(".pane-room").nth(1).bounding_box()
    middle = (room["x"] + room["width"] / 2, room["y"] + room["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0], middle[1] - 60, steps=4)
    page.mouse.up()
    drawn(page)
    query, other = frames(page)
    assert query["y"] == pytest.approx(0.5, abs=1e-3)
    shift = other["y"] - query["y"]
    assert shift == pytest.approx(60 / other["height"], abs=1e-2)
    page.get_by_role("button", name="In step").click()
    page.keyboard.press("Shift+ArrowDown")
    drawn(page)
    query, other = frames(page)
    assert query["y"] > 0.5
    assert other["y"] - query["y"] == pytest.approx(shift, abs=1e-3)


def test_a_wheel_keeps_what_is_under_the_pointer_and_above_four_pixels_are_squares(page: Any, address: str) -> None:
    opened(page, address)
    room = page.locator(".pane-room").nth(0).bounding_box()
    page.mouse.move(room["x"] + room["width"] / 2, room["y"] + room["height"] * 0.2)
    page.mouse.wheel(0, -400)
    until(page, f"parseFloat(document.querySelector('.pane-frame').style.height) > {1.5 * room['height']}")
    drawn(page)
    for frame in frames(page):
        # The point at 0.2 stays: 0.5 - (0.5 - 0.2) (1 - 1 / zoom) is in the middle.
        zoom = frame["height"] / room["height"]
        assert frame["y"] == pytest.approx(0.5 - 0.3 * (1 - 1 / zoom), abs=0.02)
    assert page.locator(".squares").count() == 0
    page.mouse.wheel(0, -900)
    page.locator(".squares").nth(1).wait_for()
    assert page.locator(".squares").count() == 2
    assert page.evaluate("getComputedStyle(document.querySelector('.squares img')).imageRendering") == "pixelated"


def test_a_ruler_follows_the_pointer_in_both_and_both_turn_grey(page: Any, address: str) -> None:
    opened(page, address)
    room = page.locator(".pane-room").nth(1).bounding_box()
    page.mouse.move(room["x"] + 30, room["y"] + 120)
    assert page.evaluate(
        "[...document.querySelectorAll('.ruler')].map(ruler => [ruler.hidden, Math.round(parseFloat(ruler.style.top))])"
    ) == [
        [False, 120],
        [False, 120],
    ]
    page.keyboard.press("g")
    drawn(page)
    assert (
        page.evaluate("[...document.querySelectorAll('.pane img')].map(image => getComputedStyle(image).filter)")
        == ["grayscale(1)"] * 2
    )


def test_neighbours_where_and_when_and_what_the_model_says(page: Any, address: str) -> None:
    opened(page, address)
    page.locator(".film").nth(1).locator("button").nth(3).wait_for()
    facts = page.locator(".facts").inner_text()
    assert re.search(r"at least 9 min: possible|4 min: possible|to 45 min: ", facts)
    assert re.search(r"later|earlier", facts)
    assert re.search(r"\d+-\d+, 4 sightings", facts)
    assert "Distance" not in page.locator(".says").inner_text(), "folded until somebody asks"
    page.keyboard.press("i")
    page.get_by_text(re.compile(r"calibrated on [\d,]+ pairs of one person, [\d,]+ of two")).wait_for()
    assert re.search(r"Strangers as near\s+.* among 96", page.locator(".says").inner_text())
    shown = page.locator(".pane img").nth(1).get_attribute("src")
    page.keyboard.press(
        "." if page.locator(".film").nth(1).locator("button").first.get_attribute("aria-current") else ","
    )
    until(page, f"document.querySelectorAll('.pane img')[1]?.getAttribute('src') !== '{shown}'")
    assert "Near hit 4" in page.locator(".pane").nth(1).inner_text()
    page.get_by_role("button", name="Back to hit 4").click()
    loaded(page)
    assert "Near hit" not in page.locator(".pane").nth(1).inner_text()


def test_a_hit_becomes_a_shot_and_compare_stays_usable(page: Any, address: str) -> None:
    opened(page, address)
    page.get_by_role("button", name="Use as shot").click()
    page.get_by_text("Added to your shots").wait_for()
    assert page.locator(".film").nth(0).locator("button").count() == 2
    page.keyboard.press("]")
    page.locator(".film").nth(0).locator("button[aria-current]", has_text="shot 2").wait_for()
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('#compare-title').textContent === 'Hit 5 of 40'")
    page.keyboard.press("Escape")
    page.locator(".compare").wait_for(state="detached")
    assert page.locator(".shot").count() == 2
    assert page.locator(".bar.stale").is_visible()


def shadings(page: Any) -> list[list[float]]:
    """How opaque the places of both maps are, of 255, row by row."""
    drawn: list[list[float]] = page.evaluate(
        "[...document.querySelectorAll('.shading')].map(canvas => [...canvas.getContext('2d')"
        ".getImageData(0, 0, canvas.width, canvas.height).data].filter((_, place) => place % 4 === 3))"
    )
    return drawn


def test_where_the_network_reacted_is_shown_over_both_when_somebody_asks(
    page: Any, settings: Settings, address: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/explain") else None)
    opened(page, address)
    button = page.get_by_role("button", name="Reaction")
    button.wait_for()
    assert (button.get_attribute("aria-pressed"), asked) == ("false", [])
    assert shadings(page) == []
    stepper = page.get_by_role("button", name="Next hit").bounding_box()
    assert stepper["y"] == button.bounding_box()["y"], "one row of buttons"
    button.click()
    page.get_by_text("Where the network reacted, not why.").wait_for()
    until(page, "document.querySelectorAll('.shading').length === 2")
    with Client(address) as client:
        of_hit = client.explain(sighting=hit(page), modality="rgb")
        sample = sorted((settings.samples or Path()).iterdir())[0]
        of_query = client.explain(sample, modality="ir")
    for shading, expected in zip(shadings(page), (of_query, of_hit), strict=True):
        flat = [value for row in expected.values for value in row]
        assert shading == pytest.approx([255 * (value - min(flat)) / (1 - min(flat)) for value in flat], abs=1)
    picture, shading = (page.locator(f".pane {each}").nth(1).bounding_box() for each in ("img", ".shading"))
    assert shading == pytest.approx(picture, abs=1), "over the whole picture"
    page.get_by_label("Strength").fill("20")
    assert page.evaluate("[...document.querySelectorAll('.shading')].map(each => each.style.opacity)") == ["0.2"] * 2
    assert violations(page) == []
    before = shadings(page)[1]
    page.keyboard.press("Escape")
    page.locator(".card").nth(4).click()
    loaded(page)
    assert shadings(page) == [], "off at first"
    page.get_by_role("button", name="Reaction").click()
    until(page, "document.querySelectorAll('.shading').length === 2")
    assert shadings(page)[1] != before, "another picture has another map"
    page.get_by_role("button", name="Reaction").click()
    assert shadings(page) == []


def test_a_bundle_without_maps_offers_none(page: Any, settings: Settings, tmp_path: Path) -> None:
    shutil.copytree(BUNDLE, tmp_path / "plain")
    card = json.loads((BUNDLE / "card.json").read_text())
    for name in card.pop("reaction")["graphs"].values():
        del card["files"][name]
    (tmp_path / "plain/card.json").write_text(json.dumps(card))
    with serving(replace(settings, bundle=tmp_path / "plain")) as address:
        with page.expect_response(re.compile("/model$")):
            opened(page, address)
        page.wait_for_timeout(100)
        assert page.get_by_role("button", name="Grey both").is_visible()
        assert page.get_by_role("button", name="Reaction").count() == 0


def test_a_map_that_does_not_come_is_told(page: Any, address: str) -> None:
    opened(page, address)
    page.route(
        re.compile("/explain$"), lambda route: route.fulfill(status=503, body='{"detail": "full", "status": 503}')
    )
    page.get_by_role("button", name="Reaction").click()
    page.get_by_text("The map of one picture can't be shown.").wait_for()


def test_find_similar_replaces_the_question_and_back_returns_to_it(page: Any, address: str) -> None:
    opened(page, address)
    similar = hit(page)
    page.keyboard.press("f")
    page.locator(".compare").wait_for(state="detached")
    until(page, "location.hash.includes('like=')")
    page.locator(".card").first.wait_for()
    assert page.evaluate("new URLSearchParams(location.hash.split('?')[1]).get('like')") == similar
    assert page.locator(".shot").count() == 1
    page.go_back()
    page.go_back()
    until(page, "!location.hash.includes('like=') && !location.hash.includes('hit=')")
    assert page.locator(".shot").count() == 1
    page.locator("#go").click()
    until(page, "!document.querySelector('.bar.stale')")
    page.locator(".card").first.wait_for()
    assert page.locator(".card").count() == 40


def test_letters_can_be_switched_off(page: Any, address: str) -> None:
    opened(page, address)
    page.keyboard.press("?")
    assert page.locator(".pane img").nth(1).is_visible()
    page.get_by_label("Single letters work").uncheck()
    page.locator("#compare-title").focus()
    page.keyboard.press("g")
    assert page.locator(".pane-frame.grey").count() == 0
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('#compare-title').textContent === 'Hit 5 of 40'")


def test_pictures_beside_are_fetched_ahead_with_a_key_too(page: Any, settings: Settings, tmp_path: Path) -> None:
    settings, token = keyed(settings, tmp_path, Role.SEARCH)
    with serving(settings) as address:
        page.goto(address)
        page.get_by_label("Your key").fill(token)
        page.keyboard.press("Enter")
        page.locator(".samples button").first.click()
        page.locator(".card").nth(5).wait_for()
        until(
            page,
            "[...document.querySelectorAll('.card')].slice(4, 7).every(card => card.querySelector('img')?.naturalWidth)",
        )
        following = page.locator(".card").nth(6).get_attribute("data-hit")
        with page.expect_response(lambda response: f"/{following}/image" in response.url):
            page.locator(".card").nth(5).click()
        loaded(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.keyboard.press("ArrowRight")
        loaded(page)
        following = hit(page)
        assert page.locator(".pane img").nth(1).get_attribute("src").startswith("blob:")
        assert page.evaluate("document.querySelector('#compare-title').textContent") == "Hit 7 of 40"
        shown = [url for url in asked if f"/{following}/image" in url]
        assert len(shown) <= 1, "its strip may fetch it, its pane has it"


def test_a_hit_that_was_erased_since_is_told(page: Any, settings: Settings, address: str) -> None:
    opened(page, address)
    page.route(
        re.compile(r".*/neighbours.*"),
        lambda route: route.fulfill(status=404, body='{"detail": "gone", "status": 404}'),
    )
    page.keyboard.press("ArrowRight")
    page.get_by_text("This sighting has been erased since.").wait_for()


def test_names_and_tracks_with_scripts_are_text(page: Any, settings: Settings) -> None:
    call_camera(settings, "5")
    with serving(settings) as address:
        answered(page, address, "#/search")
        page.locator(".card").first.click()
        loaded(page)
        for _ in range(39):
            if SCRIPT in page.locator(".compare-where").inner_text():
                break
            page.keyboard.press("ArrowRight")
            drawn(page)
        assert SCRIPT in page.locator(".compare-where").inner_text()
        assert page.locator("img[src=x]").count() == 0


def touch(fingers: Any, kind: str, points: list[tuple[float, float]]) -> None:
    fingers.send(
        "Input.dispatchTouchEvent",
        {"type": kind, "touchPoints": [{"x": x, "y": y, "id": place} for place, (x, y) in enumerate(points)]},
    )


def test_fingers_swipe_pinch_and_tap_twice(phone: Any, address: str) -> None:
    opened(phone, address)
    room = phone.locator(".pane-room").nth(1).bounding_box()
    x, y = room["x"] + room["width"] / 2, room["y"] + room["height"] / 2
    fingers = phone.context.new_cdp_session(phone)
    touch(fingers, "touchStart", [(x + 50, y)])
    for step in range(5):
        touch(fingers, "touchMove", [(x + 50 - 25 * step, y)])
    touch(fingers, "touchEnd", [])
    until(phone, "document.querySelector('#compare-title').textContent === 'Hit 5 of 40'")
    loaded(phone)
    before = frames(phone)[1]["height"]
    for _ in range(2):
        touch(fingers, "touchStart", [(x, y)])
        touch(fingers, "touchEnd", [])
    until(phone, f"parseFloat(document.querySelectorAll('.pane-frame')[1].style.height) > {2.9 * before}")
    assert frames(phone)[1]["height"] == pytest.approx(3 * before, rel=0.01)
    touch(fingers, "touchStart", [(x, y)])
    touch(fingers, "touchMove", [(x - 60, y)])
    touch(fingers, "touchEnd", [])
    assert heading(phone) == "Hit 5 of 40", "what is near is panned, not stepped"
    for _ in range(2):
        touch(fingers, "touchStart", [(x, y)])
        touch(fingers, "touchEnd", [])
    until(phone, f"parseFloat(document.querySelectorAll('.pane-frame')[1].style.height) < {1.1 * before}")
    assert frames(phone)[1]["height"] == pytest.approx(before, rel=0.01)
    touch(fingers, "touchStart", [(x - 20, y), (x + 20, y)])
    touch(fingers, "touchMove", [(x - 40, y), (x + 40, y)])
    touch(fingers, "touchEnd", [])
    until(phone, f"parseFloat(document.querySelectorAll('.pane-frame')[0].style.height) > {1.8 * before}")
    assert frames(phone)[0]["height"] == pytest.approx(2 * before, rel=0.1)


@widths(320, 390)
def test_on_a_phone_nothing_is_too_wide_and_targets_are_large(phone: Any, address: str, width: int) -> None:
    phone.set_viewport_size({"width": width, "height": 844})
    opened(phone, address)
    rooms = [phone.locator(".pane-room").nth(place).bounding_box() for place in (0, 1)]
    assert (rooms[0]["y"], rooms[0]["height"]) == (rooms[1]["y"], rooms[1]["height"])
    phone.get_by_role("button", name="More", exact=True).last.click()
    phone.get_by_role("button", name="Reaction").click()
    phone.locator(".reaction").wait_for()
    assert phone.evaluate("document.querySelector('.compare').scrollWidth") <= width
    assert violations(phone) == []
    assert small_targets(phone, ".compare") == []


@LOOKS
def test_axe_finds_nothing(page: Any, address: str, theme: str, language: str) -> None:
    page.goto(address)
    page.evaluate(f"sessionStorage.setItem('theme', '{theme}'); sessionStorage.setItem('language', '{language}')")
    page.reload()
    opened(page, address)
    assert violations(page) == [], "opened"
    page.keyboard.press("?")
    page.keyboard.press("i")
    page.keyboard.press("+")
    page.keyboard.press("g")
    page.locator(".toggle").first.click()
    page.locator(".toggle").last.click()
    page.locator(".reaction").wait_for()
    page.locator(".film").nth(1).locator("button:not([aria-current])").first.click()
    assert violations(page) == [], "all that can be open is open"
    page.set_viewport_size({"width": 900, "height": 800})
    assert page.evaluate("document.querySelector('.compare').scrollWidth") <= 900
    assert violations(page) == [], "without a third column"


def test_the_seconds_around_a_hit_are_played_and_where_they_can_not_be_words_say_so(
    page: Any, settings: Settings, tmp_path: Path
) -> None:
    pytest.importorskip("av")
    film = film_of(tmp_path / "clip.mp4", 2)
    given = replace(settings, no_retention=True, samples=tmp_path / "samples")
    with serving(replace(given, keep_footage=tmp_path / "films")) as address, Client(address) as client:
        for camera, hours in (("1", 0), ("4", 1)):
            began = NIGHT_BEGAN + timedelta(hours=hours)
            client.wait_for_job(client.enrol_footage(film, camera=camera, start=began))
        filmed = client.browse(cameras=["1"], since=NIGHT_BEGAN, until=NIGHT_BEGAN + timedelta(seconds=20))
        like = next(sighting for sighting in filmed.sightings if sighting.clip_path).id
        page.goto(f"{address}#/search?like={like}")
        page.locator("#go").click()
        page.locator(".card").first.wait_for()
        page.locator(".card").first.click()
        page.get_by_role("button", name="Play the seconds around it").click()
        until(page, "document.querySelector('video')?.readyState >= 2")
        assert page.locator("video").evaluate("video => video.videoWidth") == WIDTH
        violations(page)
    with serving(given) as address:
        page.goto(f"{address}#/search?like={like}")
        page.locator("#go").click()
        page.locator(".card").first.wait_for()
        page.locator(".card").first.click()
        page.get_by_text("Its recording isn't on this server, so it can't be played.").wait_for()
        assert page.locator("video").count() == 0

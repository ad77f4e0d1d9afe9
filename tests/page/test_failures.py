"""What goes wrong in a browser, and is told: keys, a server that can't, an address with nonsense in it, dialogs that close."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.page.conftest import ask, keyed, serving, until

from rgbir.server import Settings
from rgbir.server.access.keys import Role

pytestmark = pytest.mark.browser
MEMORY = """Promise.all(["shell/state.js", "enrol/run.js"].map(file => import(`/page/${file}`))).then(([{ store }, { enrolment }]) =>
    [store.get().answer, store.get().shots.length, store.get().purpose, store.get().case, store.get().network, enrolment.get().rows.length, enrolment.get().labels.track])"""


def signed_in(page: Any, address: str, token: str) -> None:
    page.goto(address)
    page.get_by_label("Your key").fill(token)
    page.keyboard.press("Enter")
    page.locator(".who button").wait_for()


def test_signing_out_forgets_all_and_a_button_lets_one_in_again(
    page: Any, settings: Settings, picture: Path, tmp_path: Path
) -> None:
    settings, token = keyed(settings, tmp_path, Role.ADMIN)
    with serving(settings) as address:
        signed_in(page, address, token)
        page.get_by_role("link", name="Enrol").click()
        page.locator("#enrol-files").wait_for()
        page.locator("input[type=file]").set_input_files(picture)
        page.locator("#enrol-track").fill("t7")
        page.evaluate("location.hash = '#/search?camera=3'")
        page.locator("#purpose").fill("missing patient")
        page.locator("#case").fill("7/26")
        page.locator("input[type=file]").set_input_files(picture)
        page.locator("#go").click()
        page.locator(".card").first.wait_for()
        url = page.locator(".shot img").get_attribute("src")
        page.locator(".who button").click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Your key").wait_for()
        assert page.evaluate(MEMORY) == [None, 0, "", "", None, 0, ""]
        assert (
            page.evaluate(f"Object.assign(new Image(), {{ src: '{url}' }}).decode().then(() => true, () => false)")
            is False
        ), "the picture is let go"
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")
        assert page.locator(".shot").count() == 0
        page.locator("header").get_by_role("button", name="Sign in").click()
        page.get_by_label("Your key").fill(token)
        page.keyboard.press("Enter")
        page.locator(".who button").wait_for()
        assert page.locator("#purpose").input_value() == ""


def test_what_another_part_showed_is_gone_after_signing_out(page: Any, settings: Settings, tmp_path: Path) -> None:
    settings, token = keyed(settings, tmp_path, Role.ADMIN)
    with serving(settings) as address:
        signed_in(page, address, token)
        page.evaluate("location.hash = '#/manage/models'")
        page.locator(".manage-part .box").first.wait_for()
        page.locator(".who button").click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Your key").wait_for()
        assert page.locator(".manage-part .box").count() == 0


@pytest.mark.parametrize("status", [502, 503])
def test_a_start_that_fails_is_told_and_tried_again(page: Any, address: str, status: int) -> None:
    page.route("**/me", lambda route: route.fulfill(status=status, body="<html>from a proxy</html>"))
    page.goto(address)
    page.get_by_text(f"The server can't be reached just now ({status}).").wait_for()
    page.unroute("**/me")
    page.get_by_role("button", name="Try again").click()
    page.locator("#go").wait_for()
    assert page.locator(".bar.away").count() == 0


def test_cameras_that_fail_once_are_told_and_read_again(page: Any, address: str) -> None:
    page.route(
        "**/cameras", lambda route: route.fulfill(status=500, json={"detail": "the index failed", "status": 500})
    )
    page.goto(address)
    page.get_by_text("Not everything could be read. the index failed").wait_for()
    page.locator("#camera").click()
    page.get_by_text("The cameras couldn't be read.").wait_for()
    page.unroute("**/cameras")
    page.locator(".panel").get_by_role("button", name="Try again").click()
    page.locator("dialog").get_by_role("listbox").wait_for()


def test_signing_in_at_a_server_that_can_t_isn_t_a_wrong_key(page: Any, settings: Settings, tmp_path: Path) -> None:
    settings, token = keyed(settings, tmp_path, Role.SEARCH)
    with serving(settings) as address:
        page.goto(address)
        page.get_by_label("Your key").fill(token)
        page.route(
            "**/me", lambda route: route.fulfill(status=503, json={"detail": "keys can't be read", "status": 503})
        )
        page.keyboard.press("Enter")
        page.locator("dialog").get_by_text("keys can't be read").wait_for()
        page.unroute("**/me")
        page.get_by_label("Your key").press("Enter")
        page.locator(".who button").wait_for()


def test_a_sample_that_can_t_be_had_is_a_failure_in_words(page: Any, address: str) -> None:
    page.goto(address)
    page.locator(".samples button").first.wait_for()
    page.route(
        "**/samples/*", lambda route: route.fulfill(status=404, json={"detail": "no such sample", "status": 404})
    )
    page.locator(".samples button").first.click()
    page.locator(".verdict.failed", has_text="no such sample").wait_for()
    until(page, "document.activeElement.id === 'verdict'")


def test_what_a_key_may_not_do_says_what_the_server_says(
    page: Any, settings: Settings, picture: Path, tmp_path: Path
) -> None:
    settings, token = keyed(settings, tmp_path, Role.SEARCH, ("1", "3"))
    with serving(settings) as address:
        signed_in(page, address, token)
        page.goto(f"{address}#/search?camera=3&cameras=5")
        page.locator("input[type=file]").set_input_files(picture)
        with page.expect_response("**/search") as answered:
            page.locator("#go").click()
        detail = answered.value.json()["detail"]
        page.locator(".verdict.failed", has_text=detail).wait_for()


NONSENSE = [
    "/search?camera=3&at=abc&since=abc&until=%25&k=1e9&hours=soon&view=constructor",
    "/search?camera=3&k=0&rerank=x&least=7&group=toString&passages=__proto__&view=%",
    "/search?camera=3&view=timeline&from=x&to=y&hit=%22]&size=9",
    "/enrol/jobs/%",
    "/gallery?since=abc&until=x&identity=1e9&order=up",
    "/manage/constructor?after=x",
    "/searching",
]


@pytest.mark.parametrize("route", NONSENSE)
def test_nonsense_in_the_address_breaks_nothing(page: Any, address: str, picture: Path, route: str) -> None:
    page.goto(f"{address}#{route}")
    page.locator("main").locator("h2, h3, .state").first.wait_for()
    page.wait_for_load_state("networkidle")
    if route.startswith("/search?"):
        ask(page, address, picture, route.partition("?")[2])
        assert page.locator(".verdict").is_visible()
    assert page.get_by_text("This part of the page failed").count() == 0


def test_a_view_that_fails_says_so_and_the_others_go_on(page: Any, address: str, picture: Path) -> None:
    def broken(route: Any) -> None:
        route.fulfill(json={**route.fetch().json(), "verdict": None})

    page.route("**/search", broken)
    page.goto(f"{address}#/search?camera=3")
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#go").click()
    page.get_by_text("This part of the page failed").wait_for()
    page.get_by_role("link", name="Gallery").click()
    page.locator(".sighting").first.wait_for()
    assert page.locator(".trouble").count() == 0


def test_escape_pressed_twice_is_no_way_past_the_page(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    for opener in ("#camera", ".chip"):
        page.locator(opener).first.click()
        page.locator("dialog").wait_for()
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")
        page.locator(opener).first.click()
        page.locator("dialog[open]").wait_for()
        page.evaluate("document.querySelector('dialog').close()")
        page.locator("dialog").wait_for(state="detached")
    page.locator(".card").first.click()
    page.locator("dialog.compare[open]").wait_for()
    page.evaluate("document.querySelector('dialog').close()")
    page.locator("dialog").wait_for(state="detached")
    assert "hit=" not in page.evaluate("location.hash")
    assert page.locator(".card").count() == 40


def test_enter_in_a_dialog_asks_nothing(page: Any, address: str, picture: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/search") else None)
    page.goto(f"{address}#/search?camera=3")
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#camera").click()
    page.get_by_label("Filter the cameras").press("Enter")
    page.keyboard.press("Escape")
    page.locator(".shot .under").click()
    page.get_by_label("Left", exact=True).press("Enter")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Hours").click()
    page.get_by_label("From").fill("20:00")
    page.get_by_label("From").press("Enter")
    page.locator("dialog").wait_for(state="detached")
    assert asked == []
    assert page.locator(".state .ghosts").count() == 0


def test_a_number_that_is_being_typed_stays_as_it_is_typed(page: Any, address: str) -> None:
    page.goto(f"{address}#/search?k=200")
    page.get_by_role("button", name="Most hits").click()
    field = page.get_by_label("From 1 to 1,000")
    field.press("End")
    for _ in range(3):
        field.press("Backspace")
    assert field.input_value() == "", "no default jumps in"
    field.press_sequentially("75")
    page.keyboard.press("Enter")
    assert "k=75" in page.evaluate("location.hash")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("button", name="Least score").click()
    page.locator("dialog input").fill("")
    page.locator("dialog input").press_sequentially("0.05")
    assert page.locator("dialog input").input_value() == "0.05"
    page.keyboard.press("Enter")
    assert "least=0.05" in page.evaluate("location.hash")


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    Image.new("RGB", (200, 100), "grey").save(tmp_path / "frame.png")
    return tmp_path / "frame.png"


def boxed(page: Any) -> list[int]:
    return [int(field.input_value()) for field in page.locator(".fields input").all()]


def test_a_box_is_drawn_by_two_taps_a_drag_or_numbers(phone: Any, address: str, frame: Path) -> None:
    phone.goto(f"{address}#/search?camera=3")
    phone.locator("input[type=file]").set_input_files(frame)
    phone.locator(".shot .under").tap()
    phone.locator(".frame img").wait_for()
    until(phone, "document.querySelector('.frame img').naturalWidth === 200")
    area = phone.locator(".frame").bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        return area["x"] + x * area["width"], area["y"] + y * area["height"]

    phone.touchscreen.tap(*at(0.75, 0.9))
    phone.get_by_text("One corner is set").wait_for()
    assert phone.get_by_role("button", name="Use this box").is_disabled()
    phone.touchscreen.tap(*at(0.25, 0.1))
    assert boxed(phone) == pytest.approx([50, 10, 150, 90], abs=2)
    phone.mouse.move(*at(0.1, 0.2))
    phone.mouse.down()
    phone.mouse.move(*at(0.6, 0.8), steps=3)
    phone.mouse.up()
    assert boxed(phone) == pytest.approx([20, 20, 120, 80], abs=2)
    right = phone.get_by_label("Right", exact=True)
    right.fill("")
    right.press_sequentially("150")
    right.press("Tab")
    assert boxed(phone)[2] == 150
    assert boxed(phone)[0] == pytest.approx(20, abs=2), "typing swaps no edges"
    phone.get_by_role("button", name="Use this box").tap()
    phone.locator("dialog").wait_for(state="detached")


def test_the_search_button_is_above_the_bar_of_a_phone(phone: Any, address: str) -> None:
    phone.goto(address)
    phone.locator("#go").wait_for()
    for down in (0, 300, 9999):
        phone.evaluate(f"scrollTo(0, {down})")
        hit = "(() => { const {left, top, width, height} = document.querySelector('#go').getBoundingClientRect(); return document.elementFromPoint(left + width / 2, top + height - 2)?.closest('#go') !== null && top + height <= innerHeight; })()"
        until(phone, hit, seconds=5)


DROP = """([name, type]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["x"], name, { type }));
    const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
    return event.defaultPrevented;
}"""


def test_a_file_dropped_anywhere_goes_to_the_view_and_never_replaces_the_page(page: Any, address: str) -> None:
    page.goto(address)
    page.locator("#go").wait_for()
    assert page.evaluate(DROP, ["a.jpg", "image/jpeg"])
    page.locator(".shot").wait_for()
    page.evaluate("location.hash = '#/enrol'")
    page.locator("#enrol-files").wait_for()
    assert page.evaluate(DROP, ["b.jpg", "image/jpeg"])
    page.locator(".enrol-rows li").wait_for()
    page.evaluate("location.hash = '#/gallery'")
    page.locator(".sighting").first.wait_for()
    assert page.evaluate(DROP, ["c.jpg", "image/jpeg"]), "where nobody takes it, it isn't opened"
    page.evaluate("location.hash = '#/search'")
    page.locator("#go").wait_for()
    assert page.locator(".shot").count() == 1
    page.evaluate(DROP, ["notes.txt", "text/plain"])
    page.get_by_text("notes.txt is not a picture").wait_for()
    page.get_by_label("Language").select_option("de")
    page.get_by_text("notes.txt ist kein Bild").wait_for()

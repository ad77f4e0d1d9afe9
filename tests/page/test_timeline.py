"""The timeline in a browser: lanes, keyboard, zoom, what it tells, and how many nodes it takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.page.conftest import LOOKS, NIGHT, SCRIPT, call_place, drawn, until, violations, widths

pytestmark = pytest.mark.browser

AT = NIGHT.strftime("%Y-%m-%dT%H:%M:%S.000Z")
Change = Callable[[dict[str, Any]], None]


def ask(page: Any, address: str, picture: Path, more: str = "", change: Change | None = None) -> dict[str, Any]:
    """Asks with a moment and opens the timeline; `change` is done to the server's answer, which the page then gets when it asks again."""
    page.goto(f"{address}#/search?camera=3&at={AT}&passages=rank&view=timeline{more}")
    page.locator("#add").wait_for()
    page.locator("input[type=file]").set_input_files(picture)
    with page.expect_response("**/search") as answered:
        page.locator("#go").click()
    answer: dict[str, Any] = answered.value.json()
    page.locator(".timeline .mark").first.wait_for()
    if change is not None:
        change(answer)
        answer["model"]["name"] = "changed"
        page.route("**/search", lambda route: route.fulfill(json=answer))
        page.locator("#go").click()
        page.locator(".cost", has_text="changed").wait_for()
        page.locator(".timeline .mark").first.wait_for()
    return answer


WRITTEN = """(() => {
    const params = new URLSearchParams(location.hash.split("?")[1]);
    const thumbs = [...document.querySelectorAll(".overview [role=slider]")];
    return thumbs.length === 2 && thumbs.every((thumb, place) => {
        const at = Math.round(Date.parse(params.get(["from", "to"][place])) / 1000);
        const [least, most, now] = ["min", "max", "now"].map((name) => Number(thumb.getAttribute(`aria-value${name}`)));
        return Math.min(Math.max(at, least), most) === now;
    });
})()"""


def window(page: Any) -> tuple[datetime, datetime]:
    """The window as the address keeps it, once it is the one that is shown."""
    drawn(page)
    until(page, WRITTEN)
    params = page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.split('?')[1]))")
    return datetime.fromisoformat(params["from"]), datetime.fromisoformat(params["to"])


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.dataset.key ?? document.activeElement.id"))


def test_lanes_come_in_walking_order_with_what_can_be_walked(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    heads = [text.replace("\n", " ") for text in page.locator(".lane .lane-head").all_inner_texts()]
    assert [head.split(" cam")[0] for head in heads] == ["Ward 2", "Lobby", "Garden", "Main gate"]
    assert "same place: left out" in heads[0]
    assert "walk: at least 4 min" in heads[1]
    assert "walk: 6 min to 45 min" in heads[2]
    shades = [lane.locator(".shade").count() for lane in page.locator(".lane").all()]
    assert shades == [0, 3, 5, 3], "before and after, and in the garden's the longest walk too"
    assert "Query" in page.locator(".mark.query").get_attribute("aria-label")


def test_a_hit_stands_where_its_time_is(page: Any, address: str, picture: Path) -> None:
    answer = ask(page, address, picture)
    page.locator("#scale-3h").click()
    begin, end = window(page)
    assert end - begin == timedelta(hours=3)
    width = page.locator(".time-labels").evaluate("element => element.clientWidth")
    taken = {hit["id"]: datetime.fromisoformat(hit["taken_at"]) for hit in answer["hits"]}
    single = page.locator(".mark:not(:has(.pill)):not(.query)").first
    expected = (taken[single.get_attribute("data-hit")] - begin) / (end - begin) * width
    assert abs(float(single.evaluate("element => parseFloat(element.style.left)")) - expected) < 1


def test_by_keyboard_alone_through_hits_to_compare_and_back(page: Any, address: str, picture: Path) -> None:
    answer = ask(page, address, picture)
    hits = {hit["id"]: hit for hit in answer["hits"]}
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert hits[focused(page)]["rank"] == 1, "one tab stop, the best hit"
    page.keyboard.press("End")
    last = focused(page)
    page.keyboard.press("ArrowLeft")
    before = focused(page)
    assert hits[before]["camera"] == hits[last]["camera"]
    assert hits[before]["taken_at"] < hits[last]["taken_at"]
    page.keyboard.press("ArrowUp")
    assert hits[focused(page)]["camera"] == "5", "the lane above is the garden's"
    page.keyboard.press("q")
    assert focused(page) == "query"
    page.keyboard.press("ArrowDown")
    assert hits[focused(page)]["camera"] == "1"
    page.keyboard.press("0")
    begin, end = window(page)
    page.keyboard.press("Shift+ArrowRight")
    moved, _ = window(page)
    assert moved - begin == pytest.approx((end - begin) / 4, abs=timedelta(milliseconds=2))
    page.keyboard.press("-")
    farther = window(page)
    assert farther[1] - farther[0] == pytest.approx(2 * (end - begin), abs=timedelta(milliseconds=4))
    for _ in range(12):
        if page.locator("dialog").count():
            break
        page.keyboard.press("Enter")
        drawn(page)
    opened = focused_before = page.evaluate("new URLSearchParams(location.hash.split('?')[1]).get('hit')")
    assert focused_before in hits
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    until(page, f"document.activeElement?.dataset.hit === '{opened}'")
    assert page.evaluate("document.activeElement.closest('.lane-track') !== null")


def test_focus_is_never_lost_when_what_had_it_leaves_the_window(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    for _ in range(14):
        page.keyboard.press("Shift+ArrowRight")
        assert page.evaluate("document.activeElement.closest('.lanes') !== null")
    assert page.get_by_text("No hit was taken in this window").is_visible()
    page.keyboard.press("0")
    assert page.evaluate("document.activeElement.classList.contains('mark')")


def test_the_window_is_in_the_address_and_panning_is_no_step_back(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture, "&from=2026-11-12T21:00:00.000Z&to=2026-11-12T22:00:00.000Z")
    assert page.locator(".time-title").inner_text() == "12 Nov, 22:00 – 12 Nov, 23:00"
    assert page.locator("#scale-1h").get_attribute("aria-checked") == "true"
    steps = page.evaluate("history.length")
    page.get_by_role("button", name="Later", exact=True).click()
    assert window(page)[0] == datetime(2026, 11, 12, 21, 15, tzinfo=UTC)
    page.locator(".time-title").click()
    page.get_by_label("From", exact=True).fill("2026-11-12T20:00:00")
    page.get_by_role("button", name="Apply").click()
    assert window(page)[0] == datetime(2026, 11, 12, 19, tzinfo=UTC)
    assert page.evaluate("history.length") == steps


def test_the_hour_that_comes_twice_says_which_it_is(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    page.evaluate("location.hash += '&from=2026-10-24T23:45:00.000Z&to=2026-10-25T02:15:00.000Z'")
    page.get_by_text("02:30 +1").wait_for()
    labels = page.locator(".time-labels span").all_inner_texts()
    assert [label for label in labels if ":30" in label] == ["02:30 +2", "02:30 +1"]


def test_the_wheel_and_a_drag_move_the_window(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture, "&from=2026-11-12T20:00:00.000Z&to=2026-11-12T22:00:00.000Z")
    box = page.locator(".lane-track").nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 110)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -50)
    page.keyboard.up("Control")
    begin, end = window(page)
    assert end - begin < timedelta(minutes=100)
    middle = begin + (end - begin) / 2
    assert abs(middle - datetime(2026, 11, 12, 21, tzinfo=UTC)) < timedelta(seconds=20), (
        "what is under the pointer stays"
    )
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 110, steps=4)
    page.mouse.up()
    after, _ = window(page)
    assert abs((after - begin) - (end - begin) / 4) < timedelta(seconds=20)


def test_the_whole_gallery_is_a_slider_of_two_thumbs(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    thumbs = page.locator(".overview [role=slider]")
    thumbs.first.wait_for()
    assert thumbs.count() == 2
    begin, end = (thumbs.nth(place).get_attribute("aria-valuenow") for place in (0, 1))
    thumbs.first.focus()
    page.keyboard.press("ArrowRight")
    assert int(thumbs.first.get_attribute("aria-valuenow")) > int(begin)
    assert thumbs.nth(1).get_attribute("aria-valuenow") == end
    page.keyboard.press("Home")
    low = int(thumbs.first.get_attribute("aria-valuemin"))
    assert int(thumbs.first.get_attribute("aria-valuenow")) == low


def test_a_server_that_tells_no_counts_has_no_overview(page: Any, address: str, picture: Path) -> None:
    page.route("**/gallery/counts*", lambda route: route.fulfill(status=404, body='{"detail": "x", "status": 404}'))
    with page.expect_response("**/gallery/counts*"):
        ask(page, address, picture)
    drawn(page)
    assert page.locator(".overview").count() == 0


def test_hits_without_time_are_counted_and_lead_to_the_grid(page: Any, address: str, picture: Path) -> None:
    def untimed(answer: dict[str, Any]) -> None:
        for hit in answer["hits"][3:5]:
            hit["taken_at"] = None

    ask(page, address, picture, change=untimed)
    assert "2 of 40 hits have no time and are not drawn." in page.locator(".verdict").inner_text()
    page.get_by_role("button", name="Show them in the grid").click()
    assert page.locator(".card").count() == 40


def test_hits_of_one_moment_open_as_a_list(page: Any, address: str, picture: Path) -> None:
    def together(answer: dict[str, Any]) -> None:
        for hit in answer["hits"]:
            hit["taken_at"] = AT

    ask(page, address, picture, change=together)
    pill = page.locator(".mark:has(.pill)").first
    count = int(pill.locator(".pill").inner_text().removeprefix("×"))
    pill.click()
    page.locator(".cluster-list").wait_for()
    assert page.locator(".cluster-list li").count() == count
    assert violations(page) == []
    page.locator(".cluster-list button").nth(1).click()
    until(page, "location.hash.includes('hit=')")


def thousand(answer: dict[str, Any]) -> None:
    """Each hit twenty-five times, over three weeks."""
    first = answer["hits"]
    answer["hits"] = [
        {
            **first[place % len(first)],
            "rank": place + 1,
            "id": f"{first[place % len(first)]['id']}-{place}",
            "taken_at": (NIGHT + timedelta(seconds=(place * 7919) % 1814400 - 907200)).isoformat(),
        }
        for place in range(1000)
    ]


def test_a_thousand_hits_take_few_nodes_at_every_scale(page: Any, address: str, picture: Path) -> None:
    answer = ask(page, address, picture, change=thousand)
    assert len(answer["hits"]) == 1000
    lanes, free = 3, 0.6 * 36
    for scale in ("all", "week", "day", "3h", "10min"):
        page.locator(f"#scale-{scale}").click()
        page.locator(f"#scale-{scale}[aria-checked=true]").wait_for()
        width = page.locator(".time-labels").evaluate("element => element.clientWidth")
        marks = page.locator(".mark:not(.query)").count()
        assert marks <= lanes * ((width + 2 * 36) / free + 1), scale
        assert page.locator(".timeline *").count() <= 2500, scale
    page.locator("#scale-all").click()
    page.locator("#scale-all[aria-checked=true]").wait_for()
    shown = sum(int(text[1:].replace(",", "")) for text in page.locator(".mark .pill").all_inner_texts())
    assert shown + page.locator(".mark:not(:has(.pill)):not(.query)").count() == 1000, "every hit is in some cluster"


def test_names_with_scripts_in_them_are_text(page: Any, address: str, picture: Path) -> None:
    call_place(page, "Garden")
    ask(page, address, picture)
    assert page.locator("img[src=x]").count() == 0
    assert SCRIPT in page.locator(".lanes").inner_text()
    assert page.locator(".lane").nth(2).locator(".shade").count() == 5, "its walks are known by that name"


@LOOKS
def test_axe_finds_nothing_in_any_state(page: Any, address: str, picture: Path, theme: str, language: str) -> None:
    page.goto(address)
    page.evaluate(f"sessionStorage.setItem('theme', '{theme}'); sessionStorage.setItem('language', '{language}')")
    page.goto("about:blank")
    ask(page, address, picture)
    page.locator(".overview").wait_for()
    assert violations(page) == [], "timeline"
    page.locator(".time-foot button").click()
    assert violations(page) == [], "table"
    page.locator("#scale-week").click()
    page.locator("#scale-week[aria-checked=true]").wait_for()
    assert violations(page) == [], "week"
    page.locator(".time-title").click()
    assert violations(page) == [], "window"


@widths(320, 390)
def test_on_a_phone_it_fits_is_touched_and_pinched(phone: Any, address: str, picture: Path, width: int) -> None:
    phone.set_viewport_size({"width": width, "height": 800})
    ask(phone, address, picture, "&from=2026-11-12T20:00:00.000Z&to=2026-11-12T22:00:00.000Z")
    assert phone.evaluate("document.documentElement.scrollWidth") <= width
    small = phone.evaluate(
        "[...document.querySelectorAll('.timeline button, .timeline [role=slider]')].filter(element => element.offsetParent !== null)"
        ".map(element => element.getBoundingClientRect()).filter(box => box.width < 43.9 || box.height < 43.9)"
    )
    assert small == [], "targets are 44 pixels for a finger"
    box = phone.locator(".lane-track").nth(1).evaluate("element => element.getBoundingClientRect().toJSON()")
    phone.evaluate(f"scrollBy(0, {box['y'] - 300})")
    box = phone.locator(".lane-track").nth(1).evaluate("element => element.getBoundingClientRect().toJSON()")
    middle, down = box["x"] + box["width"] / 2, box["y"] + 80
    fingers = phone.context.new_cdp_session(phone)

    def touch(kind: str, apart: float) -> None:
        points = (
            []
            if kind == "touchEnd"
            else [{"x": middle - apart, "y": down, "id": 0}, {"x": middle + apart, "y": down, "id": 1}]
        )
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 30)
    for apart in (40, 50, 60):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    begin, end = window(phone)
    assert end - begin == pytest.approx(timedelta(hours=1), abs=timedelta(minutes=8)), "fingers twice as far apart"

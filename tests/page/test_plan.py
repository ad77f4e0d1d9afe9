"""The plan in a browser: nodes and walks, the list beside it, its picture, and the plan as a picker of a camera."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.page.conftest import LOOKS, NIGHT, SCRIPT, call_place, serving, until, violations, widths

from rgbir.server import Settings

pytestmark = pytest.mark.browser

AT = NIGHT.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def ask(page: Any, address: str, picture: Path) -> dict[str, Any]:
    page.goto(f"{address}#/search?camera=3&at={AT}&passages=rank&view=plan")
    page.locator("#add").wait_for()
    page.locator("input[type=file]").set_input_files(picture)
    with page.expect_response("**/search") as answered:
        page.locator("#go").click()
    answer: dict[str, Any] = answered.value.json()
    page.locator(".plan .node").first.wait_for()
    return answer


def drawn(settings: Settings, tmp_path: Path, width: int, height: int) -> Settings:
    """With a picture of the plan."""
    file = tmp_path / "plan.png"
    Image.new("RGB", (width, height), "white").save(file)
    return replace(settings, plan=file)


def test_places_tell_hits_and_what_was_left_out_and_walks_their_least_time(
    page: Any, address: str, picture: Path
) -> None:
    answer = ask(page, address, picture)
    assert "They say nothing about certainty" in page.locator(".verdict").inner_text()
    counts = Counter(hit["camera"] for hit in answer["hits"])
    for place, camera in (("Lobby", "1"), ("Main gate", "4"), ("Garden", "5")):
        node = page.locator(f'.node[data-place="{place}"]')
        assert node.inner_text() == str(counts[camera])
        assert "is-searched" in node.get_attribute("class")
    assert "is-query" in page.locator('.node[data-place="Ward 2"]').get_attribute("class")
    assert page.locator('.node[data-place="Yard"]').get_attribute("aria-label") == "Yard, camera 6: left out"
    assert sorted(
        page.locator(".walk-pill").evaluate_all("pills => pills.map(pill => pill.lastChild.textContent)")
    ) == ["4 min", "6 min", "9 min"]
    assert page.locator(".walks line.dashed").count() == 0
    positions = [
        page.locator(f'.node[data-place="{place}"]').bounding_box()
        for place in ("Ward 2", "Lobby", "Main gate", "Garden")
    ]
    ward, lobby, gate, garden = ((box["x"], box["y"]) for box in positions)
    assert ward[1] < lobby[1] == gate[1] < garden[1]
    assert lobby[0] < ward[0] == garden[0] < gate[0]


def test_by_keyboard_alone_a_place_is_chosen_and_its_hits_are_shown(page: Any, address: str, picture: Path) -> None:
    answer = ask(page, address, picture)
    best = next(hit["camera"] for hit in answer["hits"] if hit["rank"] == 1)
    assert f"camera {best}" in page.locator(".place.chosen h3").inner_text()
    page.locator('.node[tabindex="0"]').focus()
    page.keyboard.press("Home")
    until(page, "document.activeElement?.dataset.place === 'Ward 2'")
    assert "the place is left out" in page.locator(".place.chosen").inner_text()
    assert "same place as camera 3" in page.locator(".place.chosen").inner_text()
    page.keyboard.press("ArrowDown")
    until(page, "document.activeElement?.dataset.place === 'Lobby'")
    until(page, "document.activeElement?.getAttribute('aria-checked') === 'true'")
    assert "Walk from Ward 2: at least 4 min" in page.locator(".place.chosen").inner_text()
    page.get_by_role("button", name="Show these hits").focus()
    page.keyboard.press("Enter")
    page.locator(".card").first.wait_for()
    assert page.evaluate("new URLSearchParams(location.hash.split('?')[1]).getAll('cameras')") == ["1"]
    assert all("cam 1" in text for text in page.locator(".card .card-place").all_inner_texts())


def test_a_place_is_left_out_and_then_its_walk_is_dashed(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    page.locator('.node[data-place="Garden"]').click()
    page.get_by_role("button", name="Leave out").click()
    page.locator('.node.is-out[data-place="Garden"]').wait_for()
    assert page.evaluate("new URLSearchParams(location.hash.split('?')[1]).getAll('cameras')") == ["1", "4"]
    assert page.locator(".walks line.dashed").count() == 1
    page.locator('.node[data-place="Garden"]').click()
    assert "not among the cameras you chose" in page.locator(".place.chosen").inner_text()


def test_the_list_has_all_that_the_plan_has(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    names = {text.split(",")[0] for text in page.locator(".places h3").all_inner_texts()}
    assert names == {"Ward 2", "Lobby", "Main gate", "Garden", "Yard"}
    page.locator(".places h3 button", has_text="Garden").focus()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.tagName === 'H3' && document.activeElement.textContent.startsWith('Garden')")
    assert page.locator('.node[data-place="Garden"]').get_attribute("aria-checked") == "true"
    page.locator(".place.chosen .best button").first.click()
    page.locator("dialog").wait_for()
    opened = page.evaluate("new URLSearchParams(location.hash.split('?')[1]).get('hit')")
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    until(page, f"document.activeElement?.dataset.hit === '{opened}'")


def test_the_picture_lies_under_it_where_positions_are_on_it(
    page: Any, settings: Settings, picture: Path, tmp_path: Path
) -> None:
    with serving(drawn(settings, tmp_path, 100, 100)) as address:
        ask(page, address, picture)
        until(page, "document.querySelector('.sheet img')?.naturalWidth === 100")
        assert page.locator(".sheet").evaluate("element => getComputedStyle(element).opacity") == "0.55"
        stage = page.locator(".stage").bounding_box()
        lobby = page.locator('.node[data-place="Lobby"]').bounding_box()
        assert (lobby["x"] + lobby["width"] / 2 - stage["x"]) / stage["width"] == pytest.approx(0.2, abs=0.005)
        assert (lobby["y"] + lobby["height"] / 2 - stage["y"]) / stage["height"] == pytest.approx(0.6, abs=0.005)


def test_positions_are_pixels_of_the_picture_from_its_top_left(
    page: Any, settings: Settings, picture: Path, tmp_path: Path
) -> None:
    with serving(drawn(settings, tmp_path, 250, 400)) as address:
        ask(page, address, picture)
        until(page, "document.querySelector('.sheet img')?.naturalWidth === 250")
        stage = page.locator(".stage").bounding_box()
        assert stage["width"] / stage["height"] == pytest.approx(250 / 400, abs=0.01)
        for place, (x, y) in {"Lobby": (20, 60), "Ward 2": (50, 20), "Yard": (90, 90)}.items():
            node = page.locator(f'.node[data-place="{place}"]').bounding_box()
            assert (node["x"] + node["width"] / 2 - stage["x"]) / stage["width"] == pytest.approx(x / 250, abs=0.005)
            assert (node["y"] + node["height"] / 2 - stage["y"]) / stage["height"] == pytest.approx(y / 400, abs=0.005)


def test_a_picture_that_positions_are_not_on_is_not_drawn_and_that_is_said(
    page: Any, settings: Settings, picture: Path, tmp_path: Path
) -> None:
    with serving(drawn(settings, tmp_path, 60, 60)) as address:
        ask(page, address, picture)
        assert page.locator(".sheet").count() == 0
        assert "positions lie outside it" in page.locator(".plan-foot").inner_text()


def test_without_positions_places_stand_on_a_circle(page: Any, address: str, picture: Path) -> None:
    def unplaced(route: Any) -> None:
        network = route.fetch().json()
        for camera in network["cameras"]:
            for stay in camera["places"]:
                stay["position"] = None
        route.fulfill(json=network)

    page.route("**/cameras", unplaced)
    ask(page, address, picture)
    assert "Nobody has said where these places are" in page.locator(".plan-foot").inner_text()
    boxes = [node.bounding_box() for node in page.locator(".node").all()]
    assert len({(round(box["x"]), round(box["y"])) for box in boxes}) == 5
    assert page.locator('.node[data-place="Ward 2"]').bounding_box()["y"] == min(box["y"] for box in boxes)


def test_the_camera_is_picked_on_the_plan_by_keyboard(page: Any, address: str) -> None:
    page.goto(address)
    page.locator("#camera").focus()
    page.keyboard.press("Enter")
    page.locator("#camera-tab-list").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".picker .node").first.wait_for()
    until(page, "document.activeElement?.id === 'camera-tab-plan'")
    assert violations(page) == []
    page.locator('.picker .node[tabindex="0"]').focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    until(page, "document.activeElement?.dataset.place === 'Ward 2'")
    assert page.get_by_role("button", name="Choose a place first").is_disabled(), "it has two cameras"
    page.locator("[name=plan-camera]").nth(1).focus()
    page.keyboard.press("Space")
    assert violations(page) == []
    page.get_by_role("button", name="Use camera 3").focus()
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for(state="detached")
    assert "3 Ward 2" in page.locator("#camera").inner_text()
    until(page, "document.activeElement?.id === 'camera'")


MOUNT = """async () => {
    const [{ html, render }, { Plan }, { nodesOf }] = await Promise.all(["core/html.js", "plan/plan.js", "plan/model.js"].map((file) => import(`/page/${file}`)));
    const network = await (await fetch("cameras")).json();
    const nodes = nodesOf(network, null, null);
    const room = document.createElement("div");
    room.id = "room";
    document.querySelector("main").append(room);
    window.moves = [];
    render(html`<${Plan} network=${network} nodes=${nodes} chosen="Lobby" label="Places" onChoose=${() => {}} onMove=${(place, position) => window.moves.push([place, position])} />`, room);
}"""


def test_whoever_may_moves_a_place_by_arrows_fields_and_drag(page: Any, settings: Settings, tmp_path: Path) -> None:
    with serving(drawn(settings, tmp_path, 100, 100)) as address:
        page.goto(address)
        page.locator("#add").wait_for()
        page.evaluate(MOUNT)
        lobby = page.locator('#room .node[data-place="Lobby"]')
        lobby.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowUp")
        page.get_by_label("From the left").fill("33.5")
        page.keyboard.press("Tab")
        page.locator(".stage").scroll_into_view_if_needed()
        stage, node = page.locator(".stage").bounding_box(), lobby.bounding_box()
        page.mouse.move(node["x"] + 28, node["y"] + 28)
        page.mouse.down()
        page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 4, steps=3)
        page.mouse.up()
        moves = page.evaluate("window.moves")
        assert moves[:3] == [["Lobby", [21, 60]], ["Lobby", [20, 55]], ["Lobby", [33.5, 60]]]
        assert moves[3][1] == pytest.approx([50, 25], abs=0.3)
        assert len(moves) == 4
        assert violations(page) == []


def test_names_with_scripts_in_them_are_text(page: Any, address: str, picture: Path) -> None:
    call_place(page, "Garden")
    ask(page, address, picture)
    assert page.locator("img[src=x]").count() == 0
    assert SCRIPT in page.locator(".stage").inner_text()
    assert SCRIPT in page.locator(".places").inner_text()


@LOOKS
def test_axe_finds_nothing_in_any_state(page: Any, address: str, picture: Path, theme: str, language: str) -> None:
    page.goto(address)
    page.evaluate(f"sessionStorage.setItem('theme', '{theme}'); sessionStorage.setItem('language', '{language}')")
    page.goto("about:blank")
    ask(page, address, picture)
    assert violations(page) == [], "plan"
    page.locator('.node[data-place="Ward 2"]').click()
    page.locator(".plan-foot button").nth(1).click()
    assert violations(page) == [], "larger, query chosen"


@widths(320, 390, 768)
def test_it_fits_a_phone_and_fingers(phone: Any, address: str, picture: Path, width: int) -> None:
    phone.set_viewport_size({"width": width, "height": 800})
    ask(phone, address, picture)
    assert phone.evaluate("document.documentElement.scrollWidth") <= width
    small = phone.evaluate(
        "[...document.querySelectorAll('.plan button, .places button')].map(element => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])"
        ".filter(([, box]) => box.width < 43.9 || box.height < 43.9)"
    )
    assert small == []

"""Judging pairs in a browser: draw, look at one pair after the other, take back, read the result, use it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.page.conftest import LOOKS, drawn, let_go, serving, small_targets, until, violations, widths
from tests.page.test_shell import missing_texts

from rgbir.client import Client
from rgbir.client.casework import Mark
from rgbir.client.judgements import JudgedEstimate
from rgbir.server import Settings
from rgbir.server.access.keys import Keyring, Role

pytestmark = pytest.mark.browser
COUNT = 20
LETTERS = {"same": "s", "unsure": "u", "different": "d"}
BLIND = (
    "All draws Same person? 0 of 20 Same S Unsure U Different D Undo last Z"
    " Chance chose the order and the sides. If you can't tell, say unsure: no pair is skipped."
)
"""All words that stand beside a draw's first pair."""
IN_GROUP = "document.activeElement.closest('.judge .mark-buttons') !== null"


@pytest.fixture
def kept(settings: Settings, tmp_path: Path) -> Settings:
    """Of a server that keeps cases, and so draws."""
    return replace(settings, cases=tmp_path / "cases")


@pytest.fixture
def address(kept: Settings) -> Iterator[str]:
    """Without keys: whoever is on this machine may do everything."""
    with serving(kept) as url:
        yield url


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, retries=0) as asking:
        yield asking


def draw(client: Client, seed: int = 1) -> str:
    return client.add_judgement("1", "5", count=COUNT, seed=seed).id


def truth(client: Client, left: str, right: str) -> Mark:
    """What the labels say of two pictures, by their paths."""
    whom = [client.sighting(path.split("/")[-2]).identity for path in (left, right)]
    return "same" if whom[0] == whom[1] else "different"


def judge(client: Client, judgement: str, most: int = COUNT) -> None:
    shown = client.next_pair(judgement)
    while shown.pair is not None and shown.answered < most:
        assert shown.left is not None
        assert shown.right is not None
        shown = client.answer_pair(judgement, shown.pair, truth(client, shown.left, shown.right))


def opened(page: Any, address: str, judgement: str) -> None:
    """The draw's next pair, as soon as both pictures are there."""
    page.goto(f"{address}#/judge/{judgement}")
    pictured(page)


def pictured(page: Any) -> None:
    until(
        page, "[...document.querySelectorAll('.judge-pictures img')].filter(image => image.naturalWidth).length === 2"
    )


def at(page: Any, done: int) -> None:
    page.locator(".judge .progress").get_by_text(f"{done} of {COUNT}", exact=True).wait_for()


def sides(page: Any) -> list[str]:
    return [image.get_attribute("src") for image in page.locator(".judge-pictures img").all()]


def percent(share: float) -> str:
    """With two digits, as C's `%.2g` writes them."""
    return f"{float(f'{share * 100:.2g}'):g}%"


def sentence(estimate: JudgedEstimate) -> str:
    """What the page should say in words, from the numbers that the server measured."""
    point = next(point for point in estimate.points if point.same >= 0.5)
    strangers = percent(point.strangers) if point.strangers >= estimate.least else f"< {percent(estimate.least)}"
    return (
        f"At a distance of {float(f'{point.distance:.3g}'):g} or less are {percent(point.same)} of one person's pairs"
        f" ({percent(point.same_low)} to {percent(point.same_high)}) and {strangers} of strangers' pairs"
        f" ({percent(point.strangers_low)} to {percent(point.strangers_high)})."
    )


def test_pairs_are_drawn_and_judged_by_keys_and_what_was_measured_is_used(
    page: Any, address: str, client: Client
) -> None:
    page.goto(f"{address}#/manage/evaluation")
    page.get_by_role("link", name="Judge pairs").click()
    page.get_by_text("Nothing was drawn yet.").wait_for()
    assert page.locator(".bar-top nav [aria-current]").inner_text() == "Manage"
    page.get_by_role("button", name="New draw").click()
    dialog = page.locator("dialog")
    dialog.locator("button[type=submit]").click()
    assert dialog.get_by_role("alert").inner_text() == "Choose a camera."
    dialog.locator("#draw-query").select_option("2")
    options = dialog.locator("#draw-other option").evaluate_all("all => all.map(option => option.value)")
    assert options == ["", "1", "4", "5", "6"], "camera 3 is at the place of camera 2"
    dialog.locator("#draw-query").select_option("1")
    dialog.locator("#draw-other").select_option("5")
    dialog.locator("#draw-count").fill("19")
    dialog.locator("button[type=submit]").click()
    assert dialog.get_by_role("alert").inner_text() == "A whole number from 20 to 500."
    page.locator("#draw-count:focus").fill("20")
    page.keyboard.press("Enter")

    pictured(page)
    assert " ".join(page.locator(".judge").inner_text().split()) == BLIND, "nothing else is shown"
    (task,) = client.judgements().judgements
    for done in range(COUNT):
        at(page, done)
        pictured(page)
        assert page.evaluate(IN_GROUP)
        page.keyboard.press(LETTERS[truth(client, *sides(page))])
        until(page, f"document.querySelector('#app [role=status].unseen').textContent.includes('{done + 1}')")

    page.locator("h2:focus").get_by_text("What was measured").wait_for()
    until(page, "document.querySelector('#app [role=status].unseen').textContent === 'All 20 are judged.'")
    result = client.judgement(task.id)
    assert result.estimate is not None
    told = page.locator(".judge-told")
    told.wait_for()
    assert sentence(result.estimate) in told.inner_text()
    assert f"One person: {result.estimate.same} pairs. Two people: {result.estimate.different}. Unsure: 0." in (
        told.inner_text()
    )
    told.locator("summary").click()
    assert told.locator("tbody tr").count() == len(result.estimate.points)

    page.get_by_role("button", name="Use it").click()
    page.get_by_role("alert").get_by_text("calibrated on").wait_for()
    assert all(not pair.judged_by for pair in client.calibration().pairs), "labels say more"
    page.get_by_role("button", name="Use it in place of labels").click()
    page.get_by_text("In use since").wait_for()
    assert [sorted(pair.cameras) for pair in client.calibration().pairs if pair.judged_by] == [["1", "5"]]
    page.get_by_role("link", name="All draws").click()
    row = page.locator("tbody tr")
    row.wait_for()
    assert "20 of 20" in row.inner_text()
    assert "in use" in row.inner_text()
    assert row.get_by_role("link").all_inner_texts() == ["Result"]


def test_answers_are_taken_back_one_by_one_after_a_reload_and_after_the_last_one(
    page: Any, address: str, client: Client
) -> None:
    task = draw(client)
    opened(page, address, task)
    first = sides(page)
    page.keyboard.press("z")
    until(page, "document.querySelector('#app [role=status].unseen').textContent === 'There is nothing to undo.'")
    page.keyboard.press("u")
    at(page, 1)
    pictured(page)
    second = sides(page)
    assert second != first
    page.get_by_role("button", name="Different").click()
    at(page, 2)
    page.keyboard.press("z")
    at(page, 1)
    pictured(page)
    assert sides(page) == second
    page.reload()
    pictured(page)
    page.get_by_role("button", name="Undo last").click()
    at(page, 0)
    pictured(page)
    assert sides(page) == first
    judge(client, task, COUNT - 1)
    page.reload()
    pictured(page)
    page.keyboard.press("s")
    page.locator(".judge-told").wait_for()
    page.keyboard.press("z")
    at(page, COUNT - 1)
    until(page, IN_GROUP)
    assert client.next_pair(task).answered == COUNT - 1


def test_a_key_that_is_held_or_pressed_twice_answers_one_pair(page: Any, address: str, client: Client) -> None:
    task = draw(client)
    opened(page, address, task)
    waiting: list[Any] = []
    page.route("**/answers", lambda route: waiting.append(route))
    page.keyboard.down("s")
    page.keyboard.down("s")
    page.keyboard.up("s")
    page.keyboard.press("d")
    while not waiting:
        page.wait_for_timeout(20)
    drawn(page)
    assert len(waiting) == 1
    let_go(page, waiting)
    at(page, 1)
    page.unroute("**/answers")
    page.get_by_role("button", name="Same").focus()
    page.keyboard.down("Enter")
    at(page, 2)
    for _ in range(3):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    drawn(page)
    assert client.next_pair(task).answered == 2
    page.evaluate("sessionStorage.setItem('letter-keys', 'off')")
    page.keyboard.press("d")
    page.get_by_role("button", name="Unsure").click()
    at(page, 3)
    assert client.next_pair(task).answered == 3, "letters are switched off"


def test_a_server_that_refuses_is_told_and_the_pair_stays(page: Any, address: str, client: Client) -> None:
    task = draw(client)
    opened(page, address, task)
    first = sides(page)
    problem = {"status": 503, "title": "Busy", "detail": "The gallery is being written."}
    page.route("**/answers", lambda route: route.fulfill(status=503, json=problem), times=1)
    page.keyboard.press("s")
    page.get_by_role("alert").get_by_text("The gallery is being written.").wait_for()
    assert sides(page) == first
    assert page.evaluate(IN_GROUP)
    assert client.next_pair(task).answered == 0
    page.keyboard.press("s")
    at(page, 1)
    assert page.get_by_role("alert").count() == 0

    judge(client, task, 3)  # in another tab
    page.keyboard.press("u")
    page.get_by_role("alert").get_by_text("you said").wait_for()
    page.get_by_role("alert").get_by_role("button", name="Try again").click()
    at(page, 3)
    until(page, IN_GROUP)

    page.goto(f"{address}#/judge/nothing")
    page.get_by_role("alert").get_by_text("no judgement").wait_for()
    page.goto(f"{address}#/judge")
    page.get_by_role("button", name="New draw").click()
    page.locator("#draw-query").select_option("1")
    page.locator("#draw-other").select_option("5")
    page.route("**/judgements", lambda route: route.fulfill(status=422, json=problem | {"status": 422}), times=1)
    page.locator("dialog button[type=submit]").click()
    page.locator("dialog").get_by_role("alert").get_by_text("The gallery is being written.").wait_for()
    page.locator("dialog button[type=submit]").click()
    pictured(page)


def test_each_key_judges_for_itself_and_administrators_use_the_result(
    page: Any, kept: Settings, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    ring = Keyring(keys)
    roles = {"Weber": Role.SEARCH, "Lindner": Role.ADMIN, "Vogt": Role.ENROL}
    tokens = {name: ring.add(name, role) for name, role in roles.items()}

    def sit(name: str, path: str) -> None:
        page.goto(f"{address}docs")
        page.evaluate(f"sessionStorage.setItem('key', '{tokens[name]}')")
        page.goto(f"{address}{path}")
        page.locator(".who button").wait_for()

    with serving(replace(kept, keys=keys)) as address:
        with Client(address, key=tokens["Lindner"], retries=0) as lindner:
            task = draw(lindner)
            judge(lindner, task)
        sit("Weber", "#/judge")
        row = page.locator("tbody tr")
        row.wait_for()
        assert "0 of 20" in row.inner_text()
        assert "Lindner: 20 of 20" in row.inner_text()
        assert row.get_by_role("link").all_inner_texts() == ["Judge", "Result"]
        row.get_by_role("link", name="Result").click()
        page.get_by_text("An administrator of all cameras can use it.").wait_for()
        assert page.get_by_role("button", name="Use it").count() == 0
        page.goto(f"{address}#/judge/{task}")
        pictured(page)
        page.keyboard.press("u")
        at(page, 1)
        page.goto(f"{address}#/judge/{task}/result")
        pictured(page)
        assert page.locator(".judge-told").count() == 0, "nothing is told to who is in the middle"
        with Client(address, key=tokens["Weber"], retries=0) as weber:
            judge(weber, task)
        sit("Lindner", f"#/judge/{task}")
        page.get_by_text("Lindner and Weber gave one answer to 95% of the pairs; Cohen's kappa is").wait_for()
        page.get_by_role("button", name="Use it").wait_for()
        sit("Vogt", "#/judge")
        page.get_by_text("may not do this.").wait_for()


def test_a_server_without_cases_has_no_pairs_to_judge(page: Any, settings: Settings) -> None:
    with serving(settings) as address:
        page.goto(f"{address}#/manage/evaluation")
        page.locator("#reports-title").wait_for()
        assert page.get_by_role("link", name="Judge pairs").count() == 0
        page.goto(f"{address}#/judge")
        page.get_by_text("may not do this.").wait_for()


@widths(320, 390)
def test_on_a_phone_both_pictures_and_all_answers_are_in_reach(
    phone: Any, address: str, client: Client, width: int
) -> None:
    phone.set_viewport_size({"width": width, "height": 700})
    task = draw(client)
    opened(phone, address, task)
    left, right = (picture.bounding_box() for picture in phone.locator(".judge-pictures .picture").all())
    assert left["y"] == right["y"], "side by side"
    assert left["x"] + left["width"] <= right["x"]
    bar = phone.locator(".bar-top nav").bounding_box()
    for button in phone.locator(".judge .mark-buttons button").all():
        box = button.bounding_box()
        assert box["y"] + box["height"] <= bar["y"], "seen without scrolling"
    assert small_targets(phone, ".judge") == []
    phone.get_by_role("button", name="Different").tap()
    at(phone, 1)
    judge(client, task)
    for path in ("", f"/{task}"):
        phone.goto(f"{address}#/judge{path}")
        phone.locator(".judge tbody, .judge-told").first.wait_for()
        assert phone.evaluate("document.documentElement.scrollWidth") <= width, path
        assert small_targets(phone, ".judge") == [], path


@LOOKS
def test_axe_finds_nothing(page: Any, address: str, client: Client, theme: str, language: str) -> None:
    task, done = draw(client), draw(client, seed=2)
    judge(client, done)
    page.goto(address)
    page.evaluate(f"sessionStorage.setItem('theme', '{theme}'); sessionStorage.setItem('language', '{language}')")
    page.goto(f"{address}#/judge")
    page.reload()
    page.locator(".judge tbody").wait_for()
    assert violations(page) == [], "list"
    assert missing_texts(page) == [], "list"
    page.locator(".judge-head .primary").click()
    page.locator("#draw-form").wait_for()
    page.locator("dialog button[type=submit]").click()
    page.locator("dialog .problem").wait_for()
    assert violations(page) == [], "new"
    assert missing_texts(page) == [], "new"
    page.keyboard.press("Escape")
    opened(page, address, task)
    assert violations(page) == [], "pair"
    assert missing_texts(page) == [], "pair"
    page.goto(f"{address}#/judge/{done}")
    page.locator(".judge-told summary").click()
    assert violations(page) == [], "result"
    assert missing_texts(page) == [], "result"

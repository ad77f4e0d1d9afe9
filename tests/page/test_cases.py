"""Cases in a browser: choose one, decide, ask again with what was decided, hand over, approve, hold, delete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.page.conftest import LOOKS, serving, small_targets, until, violations, widths
from tests.page.test_shell import missing_texts

from rgbir.client import Client
from rgbir.client.casework import Mark
from rgbir.index import read_bytes
from rgbir.server import Settings
from rgbir.server.access.keys import Keyring, Role

pytestmark = pytest.mark.browser
TIMED = "#/search?camera=3&at=2026-11-12T21:41:06.000Z"
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
NAMES = {"Weber": Role.SEARCH, "Okafor": Role.SEARCH, "Lindner": Role.ADMIN, "Vogt": Role.ENROL}


@pytest.fixture
def picture(night: Path) -> Path:
    return sorted((night / "people/cam3").glob("*/*.jpg"))[0]


@pytest.fixture
def kept(settings: Settings, tmp_path: Path) -> Settings:
    """Of a server that keeps cases."""
    return replace(settings, cases=tmp_path / "cases")


@dataclass
class Office:
    """A server that keeps cases, and everybody's key."""

    address: str
    tokens: dict[str, str]

    def __call__(self, name: str) -> Client:
        return Client(self.address, key=self.tokens[name], retries=0)

    def sit(self, page: Any, name: str, path: str = "#/cases") -> None:
        """Somebody opens the page there with their key."""
        page.goto(f"{self.address}docs")
        page.evaluate(f"sessionStorage.setItem('key', '{self.tokens[name]}')")
        page.goto(f"{self.address}{path}")
        page.locator(".who button").wait_for()


@contextmanager
def office(kept: Settings, tmp_path: Path, **more: Any) -> Iterator[Office]:
    keys = tmp_path / "keys.json"
    ring = Keyring(keys)
    tokens = {name: ring.add(name, role) for name, role in NAMES.items()}
    tokens["Scoped"] = ring.add("Scoped", Role.SEARCH, ("1", "2", "3"))
    with serving(replace(kept, keys=keys, **more)) as address:
        yield Office(address, tokens)


@pytest.fixture
def address(kept: Settings) -> Iterator[str]:
    """Without keys: whoever is on this machine may do everything."""
    with serving(kept) as url:
        yield url


def ask(page: Any, address: str, picture: Path, where: str = TIMED) -> None:
    page.goto(f"{address}{where}")
    page.locator(".case-button").wait_for()
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#go").click()
    page.locator(".card").first.wait_for()


def make_case(page: Any, number: str = "26-117", title: str = "Missing patient, ward 2") -> None:
    """Fills the dialog for a new case in and sends it."""
    page.locator("#new-number").fill(number)
    page.locator("#new-title").fill(title)
    page.locator("#new-purpose").fill("find missing patient")
    page.get_by_role("button", name="Make the case").click()
    page.locator("#case-form").wait_for(state="detached")


def in_a_case(page: Any, address: str, picture: Path) -> str:
    """An answer of a new case's first search; the case's id."""
    page.goto(f"{address}{TIMED}")
    page.locator(".case-button").click()
    page.get_by_role("button", name="New case").click()
    make_case(page)
    until(page, "location.hash.includes('case=')")
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#go").click()
    page.locator(".card").first.wait_for()
    until(page, "location.hash.includes('search=1')")
    return str(param(page, "case"))


def param(page: Any, name: str) -> str | None:
    value: str | None = page.evaluate(f"new URLSearchParams(location.hash.split('?')[1]).get('{name}')")
    return value


def press(page: Any, place: int, key: str) -> None:
    page.locator(".card").nth(place).focus()
    page.keyboard.press(key)


def marks(address: str, case: str) -> list[tuple[str | None, int | None, str]]:
    """The mark that holds for each hit, with rank and note."""
    with Client(address, retries=0) as client:
        there = {mark.picture: mark for mark in client.case(case).marks if mark.withdrawn_at is None}
    return [(mark.mark, mark.rank, mark.note) for mark in there.values()]


def settled(page: Any, address: str, case: str, expected: list[tuple[str, int | None, str]]) -> None:
    """Waits until these marks hold at the server."""
    for _ in range(100):
        if marks(address, case) == expected:
            return
        page.wait_for_timeout(50)
    assert marks(address, case) == expected


def test_the_first_mark_asks_once_into_which_case_and_the_hit_is_kept_in_it(
    page: Any, address: str, picture: Path
) -> None:
    ask(page, address, picture)
    first = page.locator(".card").first.get_attribute("data-hit")
    press(page, 0, "s")
    page.get_by_role("heading", name="Into which case?").wait_for()
    assert page.locator(".card.marked").count() == 0, "nothing is marked before that is said"
    page.locator("dialog").get_by_role("button", name="New case").click()
    make_case(page)
    page.locator(f'.card.marked.same[data-hit="{first}"]').wait_for()
    assert "26-117" in page.locator(".case-button").inner_text()
    page.locator(".card").nth(1).get_by_role("button", name="Different").click()
    page.locator(".card.marked.different").wait_for()
    assert page.locator("dialog").count() == 0, "it is asked once"
    assert "isn't part of case 26-117 yet" in page.locator(".answer").inner_text()
    settled(page, address, str(param(page, "case")), [("same", None, ""), ("different", None, "")])


def test_marks_only_for_this_tab_reach_no_server(page: Any, address: str, picture: Path) -> None:
    ask(page, address, picture)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method != "GET" else None)
    press(page, 0, "u")
    page.get_by_role("button", name="Only for this tab").click()
    page.locator(".card.marked.unsure").wait_for()
    press(page, 1, "s")
    page.keyboard.press("z")
    until(page, "document.querySelectorAll('.card.marked').length === 1")
    assert sent == []
    assert page.get_by_role("button", name=re.compile("Search again with")).count() == 0


def test_a_mark_is_one_in_all_views_with_frame_and_badge_and_is_taken_back(
    page: Any, address: str, picture: Path
) -> None:
    case = in_a_case(page, address, picture)
    for place, key in enumerate("sud"):
        press(page, place, key)
    until(page, "document.querySelectorAll('.card.marked').length === 3")
    settled(page, address, case, [("same", 1, ""), ("unsure", 2, ""), ("different", 3, "")])
    styles = page.evaluate(
        "['same', 'unsure', 'different'].map(kind => getComputedStyle(document.querySelector('.card.' + kind)).borderTopStyle)"
    )
    assert styles == ["solid", "dotted", "dashed"], "each is told without its colour"
    assert page.evaluate("getComputedStyle(document.querySelector('.card.different .picture img')).opacity") == "0.45"
    badges = page.locator(".card .mark-badge").all_inner_texts()
    assert badges == ["marked: Same", "marked: Unsure", "marked: Different"]
    for view, where in (("cameras", ".card.marked"), ("timeline", ".mark.marked"), ("plan", ".best .marked")):
        page.locator(f"#view-{view}").click()
        page.locator(where).first.wait_for()
        assert page.locator(f"{where}.same").count() >= 1, view
    page.locator("#view-grid").click()
    page.locator(".card").first.focus()
    page.keyboard.press("z")
    page.get_by_text("The mark was taken back.").wait_for()
    assert page.locator(".card.different").count() == 0
    page.locator(".card").nth(1).focus()
    page.keyboard.press("d")
    page.locator(".card.different").wait_for()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    page.locator(".toast").get_by_text("Marked again: Unsure").wait_for()
    settled(page, address, case, [("same", 1, ""), ("unsure", 2, "")])


def test_by_keys_alone_a_hit_is_marked_with_a_note_in_compare(page: Any, address: str, picture: Path) -> None:
    case = in_a_case(page, address, picture)
    page.locator(".card").nth(3).focus()
    page.keyboard.press("F2")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Unsure"
    page.keyboard.press("Enter")
    page.locator(".card.unsure").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    until(page, "document.activeElement?.id === 'compare-title'")
    assert page.locator("#says-what dl").count() == 0, "the model's numbers wait for the decision"
    page.keyboard.press("n")
    until(page, "document.activeElement?.id === 'mark-note'")
    page.keyboard.type("sand shoes, zipped up")
    page.keyboard.press("Escape")
    until(page, "document.activeElement?.id === 'compare-title'")
    page.keyboard.press("s")
    until(page, "document.querySelector('.decision .same').ariaPressed === 'true'")
    page.locator("#says-what dl").wait_for()
    assert "1 same, 0 unsure, 0 different" in page.locator(".decision").inner_text(), (
        "the note's mark is on its way, too"
    )
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('#compare-title').textContent === 'Hit 5 of 40'")
    assert page.locator("#says-what dl").count() == 0
    assert page.locator("#mark-note").input_value() == ""
    page.keyboard.press("d")
    until(page, "document.querySelector('.decision .different').ariaPressed === 'true'")
    page.keyboard.press("z")
    until(page, "document.querySelector('.decision .different').ariaPressed === 'false'")
    page.keyboard.press("ArrowLeft")
    until(page, "document.querySelector('#mark-note').value === 'sand shoes, zipped up'")
    settled(page, address, case, [("same", 4, "sand shoes, zipped up")])


def test_going_on_by_itself_leads_to_the_next_hit_without_a_mark(page: Any, address: str, picture: Path) -> None:
    in_a_case(page, address, picture)
    press(page, 1, "u")
    page.locator(".card").first.click()
    page.get_by_label("Go on by itself to the next unmarked hit").check()
    page.locator("#compare-title").focus()
    page.keyboard.press("s")
    until(page, "document.querySelector('#compare-title').textContent === 'Hit 3 of 40'")


def test_letters_do_nothing_where_they_are_switched_off(page: Any, address: str, picture: Path) -> None:
    in_a_case(page, address, picture)
    page.evaluate("sessionStorage.setItem('letter-keys', 'off')")
    press(page, 0, "s")
    page.wait_for_timeout(200)
    assert page.locator(".card.marked").count() == 0


def test_asked_again_with_what_was_confirmed_ranks_are_told_before_and_after(
    page: Any, address: str, picture: Path
) -> None:
    case = in_a_case(page, address, picture)
    before = page.evaluate("[...document.querySelectorAll('.card')].map(card => card.dataset.hit)")
    for place, key in ((0, "s"), (1, "s"), (5, "d")):
        press(page, place, key)
    page.get_by_role("button", name="Search again with 2 confirmed").click()
    page.get_by_text("With 2 confirmed shots:").wait_for()
    assert len(marks(address, case)) == 3, "whatever was marked had arrived before"
    after = page.evaluate("[...document.querySelectorAll('.card')].map(card => card.dataset.hit)")
    words = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.card')].map(card => [card.dataset.hit, card.querySelector('.was')?.textContent ?? '']))"
    )
    # What stands on each card follows from the two orders alone.
    for rank, hit in enumerate(after):
        expected = "new" if hit not in before else "" if before.index(hit) == rank else f"was {before.index(hit) + 1}"
        assert words[hit] == expected
    summary = page.locator(".refined").inner_text()
    assert f"{sum(word == 'new' for word in words.values())} new" in summary
    assert f"{sum(word.startswith('was') for word in words.values())} moved" in summary
    assert before[5] not in after or after.index(before[5]) > after.index(before[0])
    assert page.locator(".line").count() == 0, "the order isn't the distance's own"
    page.get_by_role("button", name="What changed").click()
    rows = page.locator("dialog tbody tr")
    assert rows.count() == len(after)
    cells = rows.nth(4).locator("th, td").all_inner_texts()
    assert cells[:2] == ["5", str(before.index(after[4]) + 1) if after[4] in before else "no hit"]
    page.keyboard.press("Escape")
    page.get_by_role("button", name="How").click()
    assert page.locator("#refine-how").inner_text() == (
        "Hits marked same are further shots. A hit marked different goes behind all others. Just before it stands who is among its"
        " five nearest and it among theirs; among few hits fewer count."
    )
    assert page.get_by_role("button", name=re.compile("Search again with")).count() == 0, "these marks are heeded"
    page.get_by_role("button", name="As before my marks").click()
    until(page, "document.querySelectorAll('.was').length === 0")
    assert page.evaluate("[...document.querySelectorAll('.card')].map(card => card.dataset.hit)") == before
    page.get_by_role("button", name="Search again with 2 confirmed").wait_for()


def test_after_a_reload_the_case_s_picture_and_answer_are_back(page: Any, address: str, picture: Path) -> None:
    case = in_a_case(page, address, picture)
    press(page, 0, "s")
    settled(page, address, case, [("same", 1, "")])
    hits = page.evaluate("[...document.querySelectorAll('.card')].map(card => card.dataset.hit)")
    page.reload()
    page.locator(".card.marked.same").wait_for()
    assert page.evaluate("[...document.querySelectorAll('.card')].map(card => card.dataset.hit)") == hits
    assert page.locator(".shot img").count() == 1
    assert "as it was answered then" in page.locator(".answer").inner_text()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None)
    page.locator("#go").click()
    until(page, "location.hash.includes('search=2')")
    assert 'name="query"' in sent[0], "the case has the picture: it is named"
    assert 'name="images"' not in sent[0]
    with Client(address, retries=0) as client:
        found = client.case(case)
    assert [search.queries for search in found.searches] == [found.searches[0].queries] * 2
    assert sum(kept.kind == "query" for kept in found.pictures) == 1


def test_a_case_has_its_course_in_order_of_time_and_leads_back_to_hits_and_searches(
    page: Any, address: str, picture: Path
) -> None:
    case = in_a_case(page, address, picture)
    for place, key in enumerate("susd"):
        press(page, place, key)
    settled(page, address, case, [("same", 1, ""), ("unsure", 2, ""), ("same", 3, ""), ("different", 4, "")])
    page.goto(f"{address}#/cases")
    row = page.get_by_role("row", name=re.compile("26-117"))
    row.wait_for()
    row.get_by_role("link", name="26-117").click()
    page.locator(".event").first.wait_for()
    assert page.locator(".case-parts a").all_inner_texts() == [
        "Course",
        "Hits 4",
        "Searches 1",
        "Notes 0",
        "People and rights",
    ]
    times = page.evaluate(
        "[...document.querySelectorAll('.event-time')].map(each => each.innerText.split(/\\s+/).slice(0, 3).join(' '))"
    )
    ordered = sorted(times, key=lambda text: (int(text.split()[1]), text))
    assert times == ordered
    assert len(times) == 4, "three hits and the query, without what was ruled out"
    assert page.locator(".event-words strong", has_text="the query").count() == 1
    assert page.locator(".contact .case-picture").count() == 1
    for view, where in (("Timeline", ".course .mark.marked"), ("Plan", ".course .best .marked")):
        page.get_by_role("radio", name=view).click()
        page.locator(where).first.wait_for()
        # Those that stand too close together on the timeline are one.
        assert page.locator(where).count() == 3 or view == "Timeline"
    page.get_by_role("radio", name="List").click()
    page.locator(".event").filter(has_text="unsure").get_by_role("link", name="Compare").click()
    until(page, "document.querySelector('#compare-title')?.textContent === 'Hit 2 of 40'")
    until(page, "document.querySelector('.decision .unsure').ariaPressed === 'true'")
    page.goto(f"{address}#/cases/{case}/hits")
    page.locator(".case-card").first.wait_for()
    assert page.locator(".case-main h2").all_inner_texts() == [
        "Marked same: 2",
        "Marked unsure: 1",
        "Marked different: 1",
    ]
    page.goto(f"{address}#/cases/{case}/searches")
    page.get_by_role("link", name="Open again").click()
    page.locator(".card").first.wait_for()
    assert page.locator(".card").count() == 40
    assert "3 Ward 2" in page.locator("#camera").inner_text()


def test_what_is_new_since_the_last_look_is_told_until_it_was_looked_at(
    page: Any, kept: Settings, tmp_path: Path, picture: Path
) -> None:
    with office(kept, tmp_path) as people:
        with people("Weber") as weber:
            case = weber.add_case("26-117", title="Missing patient", purpose="x", workers=["Okafor"])
            first = weber.search(read_bytes(picture), camera="3", top_k=10, case=case.id)
            weber.look_at_case(case.id, search=1)
        assert first.case is not None
        with people("Okafor") as okafor:
            okafor.search(query=first.case.queries, top_k=13, case=case.id)
        people.sit(page, "Weber")
        row = page.get_by_role("row", name=re.compile("26-117"))
        row.wait_for()
        assert row.locator("td").nth(3).inner_text() == "3"
        row.get_by_role("link", name="26-117").click()
        page.get_by_role("heading", name="3 new since your last look").wait_for()
        assert "Okafor searched" in page.locator(".fresh").inner_text()
        page.get_by_role("button", name="Look at the 3 new").click()
        page.locator(".card").first.wait_for()
        until(page, "document.querySelectorAll('.card').length === 13")
        assert page.locator(".was", has_text="new").count() == 3
        page.goto(f"{people.address}#/cases/{case.id}")
        page.locator(".event").first.wait_for()
        assert page.locator(".fresh").count() == 0


def test_a_case_that_waits_is_searched_for_once_a_second_person_approves(
    page: Any, kept: Settings, tmp_path: Path, picture: Path
) -> None:
    rules = {"need_approval": True, "need_basis": True, "bases": ("protection of life", "court order")}
    with office(kept, tmp_path, **rules) as people:
        people.sit(page, "Weber", TIMED)
        page.locator("input[type=file]").set_input_files(picture)
        page.locator("#go").click()
        assert page.get_by_role("alert").inner_text() == "This server searches for cases only. Choose one, or make one."
        until(page, "document.activeElement.id === 'case'")
        page.keyboard.press("Enter")
        page.locator("dialog").get_by_role("button", name="New case").click()
        page.get_by_role("button", name="Make the case").click()
        assert page.locator("#new-number-problem").inner_text() == "A case needs a number."
        until(page, "document.activeElement.id === 'new-number'")
        page.locator("#new-number").fill("26-118")
        page.locator("#new-title").fill("Missing patient")
        page.locator("#new-purpose").fill("find missing patient")
        page.get_by_role("button", name="Make the case").click()
        assert page.locator("#new-basis-problem").inner_text() == "This server wants each case's legal basis."
        page.locator("#new-basis").select_option("protection of life")
        page.locator("#new-approver").fill("Lindner")
        page.get_by_role("button", name="Make the case").click()
        page.locator(".barred").wait_for()
        assert re.match(r"Lindner must approve the first search\. Asked \d+ \w+", page.locator(".barred").inner_text())
        assert page.get_by_role("button", name="Search Enter").count() == 0
        people.sit(page, "Lindner")
        page.get_by_text("Waiting for approval: 1").wait_for()
        assert "asks you" in page.get_by_role("row", name=re.compile("26-118")).inner_text()
        page.get_by_role("link", name="26-118").click()
        page.get_by_text("Weber asks to search. Purpose: find missing patient").wait_for()
        page.get_by_role("button", name="Approve").click()
        page.get_by_text("Approved. The case may be searched for.").wait_for()
        page.locator(".barred").wait_for(state="detached")
        people.sit(page, "Weber", f"{TIMED}&case=26-118")
        page.locator("input[type=file]").set_input_files(picture)
        until(page, "document.querySelector('.case-button')?.textContent.includes('26-118')")
        page.locator("#go").click()
        page.locator(".card").first.wait_for()


def test_a_refused_case_is_closed_for_good(page: Any, kept: Settings, tmp_path: Path) -> None:
    with office(kept, tmp_path, need_approval=True) as people:
        with people("Weber") as weber:
            case = weber.add_case("26-119", title="t", purpose="p")
        people.sit(page, "Lindner", f"#/cases/{case.id}")
        page.get_by_role("button", name="Refuse").click()
        page.get_by_role("button", name="Refuse and close").click()
        page.get_by_text("This case is closed: nothing is added to it.").wait_for()
        page.goto(f"{people.address}#/cases/{case.id}/rights")
        page.get_by_text("Refused by Lindner").wait_for()
        assert page.get_by_role("button", name="Open it again").count() == 0


def test_each_role_has_what_it_may(page: Any, kept: Settings, tmp_path: Path, picture: Path) -> None:
    with office(kept, tmp_path) as people:
        with people("Weber") as weber:
            case = weber.add_case("26-117", title="Missing patient", purpose="x", readers=["Okafor"])
            answer = weber.search(read_bytes(picture), camera="3", top_k=8, case=case.id)
            weber.mark(case.id, "same", sighting=answer.hits[0].id)
        people.sit(page, "Okafor", f"#/cases/{case.id}")
        page.locator(".event").first.wait_for()
        assert page.get_by_role("button", name="Note").count() == 0
        assert page.get_by_role("button", name="Search again").count() == 0
        page.goto(f"{people.address}#/cases/{case.id}/rights")
        page.get_by_role("heading", name="People", exact=True).wait_for()
        assert page.locator("main form").count() == 0
        assert "An administrator of all cameras puts a hold" in page.locator(".rights").inner_text()
        page.goto(f"{people.address}#/search?case={case.id}&search=1&camera=3")
        page.locator(".card.marked.same").wait_for()
        assert page.locator(".card .mark-buttons").count() == 0
        page.locator(".barred").get_by_text("You may look at this case").wait_for()
        press(page, 1, "d")
        page.wait_for_timeout(200)
        assert page.locator(".card.marked").count() == 1
        people.sit(page, "Vogt", "#/enrol")
        page.locator("main h2").first.wait_for()
        assert page.get_by_role("link", name="Cases").count() == 0
        assert page.locator(".case-button").count() == 0
        page.goto(f"{people.address}#/cases")
        page.get_by_text("Your key (enrol) may not do this.").wait_for()
        people.sit(page, "Scoped", f"#/cases/{case.id}")
        page.get_by_text("There is no such case, or you weren't let into it.").wait_for()


def test_people_are_let_in_a_case_is_handed_over_held_and_deleted(page: Any, kept: Settings, tmp_path: Path) -> None:
    with office(kept, tmp_path) as people:
        with people("Weber") as weber:
            case = weber.add_case("26-117", title="Missing patient", purpose="x")
        people.sit(page, "Weber", f"#/cases/{case.id}/rights")
        page.locator("#people-workers").fill("Okafor")
        page.locator("#people-readers").fill("Okafor")
        page.locator("#people-readers").press("Enter")
        page.locator(".toast.bad", has_text="a worker reads, too").wait_for()
        page.locator("#people-readers").fill("Lindner, Vogt")
        page.locator("#people-readers").press("Enter")
        until(page, "document.querySelector('.case-facts').textContent.includes('Let in3')")
        page.locator("#people-readers").fill("")
        page.locator("#people-readers").press("Enter")
        until(page, "document.querySelector('.case-facts').textContent.includes('Let in1')")
        page.locator("#keep-days").fill("0")
        page.locator("#keep-days").press("Enter")
        assert "from 1 to 36,500" in page.get_by_role("alert").first.inner_text()
        page.locator("#owner-name").fill("Okafor")
        page.locator("#owner-name").press("Enter")
        page.get_by_text("There is no such case, or you weren't let into it.").wait_for()
        people.sit(page, "Lindner", f"#/cases/{case.id}/rights")
        page.locator("#hold-why").press("Enter")
        page.get_by_text("A hold needs a reason.").wait_for()
        page.locator("#hold-why").fill("court order 7")
        page.locator("#hold-why").press("Enter")
        page.locator(".case-facts .held").wait_for()
        assert re.search(r"Legal hold since \d+ \w+ \d+, by Lindner", page.locator(".case-facts").inner_text())
        assert page.locator(".confirm").count() == 0, "what is held isn't deleted"
        assert (
            "it can't be deleted. An administrator of all cameras lifts the hold."
            in page.locator(".rights").inner_text()
        )
        page.get_by_role("button", name="Lift the hold").click()
        page.get_by_role("button", name="Lift it now").click()
        page.locator(".confirm").wait_for()
        with people("Okafor") as okafor:
            there = okafor.case(case.id)
        assert (there.owner, there.hold, [person.name for person in there.people]) == ("Okafor", None, [])
        people.sit(page, "Okafor", f"#/cases/{case.id}/rights")
        word = page.locator(".confirm input")
        word.fill("delete 26-11")
        assert page.get_by_role("button", name="Delete the case").is_disabled()
        word.fill("delete 26-117")
        word.press("Enter")
        page.get_by_text("Case 26-117 was deleted.").first.wait_for()
        page.get_by_text("No case yet.").wait_for()


def test_notes_are_added_and_never_changed(page: Any, address: str) -> None:
    with Client(address, retries=0) as client:
        case = client.add_case("26-117", title="t", purpose="p")
    page.goto(f"{address}#/cases/{case.id}")
    page.get_by_role("button", name="Note").click()
    until(page, "document.activeElement?.id === 'note-text'")
    page.get_by_role("button", name="Add the note").click()
    assert page.get_by_role("alert").inner_text() == "A note needs a text."
    page.locator("#note-text").fill("The nurse on duty called.\nNobody was at the gate.")
    page.get_by_role("button", name="Add the note").click()
    page.locator(".case-notes .lines").wait_for()
    assert page.locator(".case-notes .lines").inner_text() == "The nurse on duty called.\nNobody was at the gate."
    assert page.locator(".case-parts a").nth(3).inner_text() == "Notes 1"


def test_blank_and_erased_pictures_have_cards_of_their_own(
    page: Any, kept: Settings, tmp_path: Path, picture: Path
) -> None:
    with office(kept, tmp_path) as people:
        with people("Weber") as weber:
            case = weber.add_case("26-117", title="t", purpose="p", readers=["Scoped"])
            answer = weber.search(read_bytes(picture), camera="3", top_k=40, case=case.id)
            lobby = next(hit for hit in answer.hits if hit.camera == "1")
            gate = next(hit for hit in answer.hits if hit.camera == "4")
            weber.mark(case.id, "same", sighting=lobby.id, note="backpack")
            weber.mark(case.id, "unsure", sighting=gate.id)
        people.sit(page, "Scoped", f"#/cases/{case.id}/hits")
        page.locator(".case-card").first.wait_for()
        assert page.locator(".case-card .gone").all_inner_texts() == ["not of your key"]
        assert "Marked, not for your key: 1" in page.locator("section.box h2").all_inner_texts()
        with people("Lindner") as lindner:
            lindner.remove(lobby.id)
        people.sit(page, "Weber", f"#/cases/{case.id}/hits")
        page.locator(".case-card").first.wait_for()
        erased = page.locator(".case-card", has_text="backpack")
        assert re.match(r"erased \d+ \w+", erased.locator(".gone").inner_text()), "its mark and its note stay"
        assert erased.locator("img").count() == 0


def test_the_erase_sheet_tells_what_cases_hold_and_a_hold_keeps_it(
    page: Any, kept: Settings, tmp_path: Path, picture: Path
) -> None:
    with office(kept, tmp_path) as people:
        with people("Weber") as weber:
            case = weber.add_case("26-117", title="t", purpose="p")
            answer = weber.search(read_bytes(picture), camera="3", top_k=40, case=case.id)
            truth = next(hit.identity for hit in answer.hits)
            hits = [hit for hit in answer.hits if hit.identity == truth][:3]
            for hit in hits:
                weber.mark(case.id, "same", sighting=hit.id)
        with people("Lindner") as lindner:
            expected = {each.number: each for each in lindner.erase(hits[0].id, dry_run=True).cases}["26-117"]
            lindner.hold_case(case.id, reason="court order")
        assert expected.pictures == 1
        sheet(page, people, hits[0])
        page.locator(".in-cases").wait_for()
        text = page.locator(".in-cases").inner_text()
        assert "Case 26-117: 1 picture shows them and goes, too." in text
        assert (f"At least {expected.near} look" in text) is (expected.near > 0)
        page.get_by_role("alert").get_by_text("A legal hold keeps pictures of them: Case 26-117.").wait_for()
        assert "Ask an administrator of all cameras" in page.get_by_role("alert").inner_text()
        assert page.locator("#erase-word").count() == 0
        assert violations(page) == []
        with people("Lindner") as lindner:
            lindner.lift_hold(case.id)
        sheet(page, people, hits[0])
        page.locator("#erase-word").fill("erase 1")
        page.locator("#erase-word").press("Enter")
        page.get_by_role("heading", name="1 sighting erased").wait_for()
        with people("Lindner") as lindner:
            near = lindner.near_erased()
        assert len(near.pictures) == expected.near
        if not near.pictures:
            pytest.fail("nothing looks like the erased: the test shows nothing")
        page.goto(f"{people.address}#/cases/near")
        page.locator(".case-card.near").first.wait_for()
        assert page.locator(".case-card.near").count() == expected.near
        assert violations(page) == []
        page.get_by_role("button", name="Keep: somebody else").first.click()
        until(page, f"document.querySelectorAll('.case-card.near').length === {expected.near - 1}")
        for left in range(expected.near - 2, -1, -1):
            page.get_by_role("button", name="Erase", exact=True).first.click()
            page.get_by_role("button", name="Erase it for good").click()
            until(page, f"document.querySelectorAll('.case-card.near').length === {left}")
        page.get_by_text("Nothing waits for a decision.").wait_for()
        with people("Weber") as weber:
            gone = [each for each in weber.case(case.id).pictures if each.erased_at]
        assert len(gone) == expected.near, "the erased one, and all near ones but the one that was kept"


def sheet(page: Any, people: Office, hit: Any) -> None:
    """Lindner opens the sheet that erases that sighting."""
    people.sit(page, "Lindner", f"#/gallery?camera={hit.camera}")
    card = page.locator(f'[data-sighting="{hit.id}"]')
    card.wait_for()
    card.click()
    page.get_by_role("button", name="Erase 1 selected").click()


def test_scripts_in_numbers_titles_notes_and_names_are_text(
    page: Any, address: str, picture: Path, tmp_path: Path
) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    with Client(address, retries=0) as client:
        case = client.add_case(SCRIPT.replace("/", ""), title=SCRIPT, purpose=SCRIPT, basis=SCRIPT, readers=[SCRIPT])
        client.add_note(case.id, SCRIPT)
        named = tmp_path / f"{SCRIPT.replace('/', '')}.jpg"
        named.write_bytes(picture.read_bytes())
        answer = client.search(named, camera="3", case=case.id)
        client.mark(case.id, "same", sighting=answer.hits[0].id, note=SCRIPT)
        client.mark(case.id, "different", sighting=answer.hits[1].id, note=SCRIPT)
        client.hold_case(case.id, reason=SCRIPT)
    for path in ("", "/hits", "/searches", "/notes", "/rights"):
        page.goto(f"{address}#/cases/{case.id}{path}")
        page.locator(".case-parts").wait_for()
        page.wait_for_timeout(300)
        assert SCRIPT in page.locator(".case-head").inner_text()
    page.goto(f"{address}#/cases")
    page.get_by_text(SCRIPT).first.wait_for()
    page.goto(f"{address}#/search?case={case.id}&search=1&camera=3")
    page.locator(".card.marked").first.wait_for()
    page.locator(".case-button").click()
    page.locator(".case-list button").first.wait_for()
    page.keyboard.press("Escape")
    page.locator(".card").first.click()
    until(page, "document.querySelector('#mark-note') !== null")
    assert page.locator("#mark-note").input_value() == SCRIPT
    assert page.locator("img[src=x]").count() == 0


def test_another_key_in_the_same_tab_has_no_case_and_no_marks(
    page: Any, kept: Settings, tmp_path: Path, picture: Path
) -> None:
    with office(kept, tmp_path) as people:
        with people("Weber") as weber:
            case = weber.add_case("26-117", title="Missing patient", purpose="x")
            answer = weber.search(read_bytes(picture), camera="3", top_k=8, case=case.id)
            weber.mark(case.id, "same", sighting=answer.hits[0].id)
        people.sit(page, "Weber", f"#/search?case={case.id}&search=1&camera=3")
        page.locator(".card.marked").wait_for()
        page.evaluate("location.hash = '#/cases'")
        page.locator("td").first.wait_for()
        page.locator(".who button").click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Your key").fill(people.tokens["Okafor"])
        page.keyboard.press("Enter")
        page.get_by_text("No case yet.").wait_for()
        assert "No case" in page.locator(".case-button").inner_text()
        assert "26-117" not in page.locator("body").inner_text()


def test_without_cases_the_page_is_as_before(page: Any, settings: Settings) -> None:
    with serving(settings) as address:
        page.goto(address)
        page.locator(".samples button").first.click()
        page.locator(".card").first.wait_for()
        assert page.get_by_role("link", name="Cases").count() == 0
        assert page.locator(".case-button, .mark-buttons").count() == 0
        assert page.locator("input#case").count() == 1, "a case is a word for the log"


@widths(320, 390)
def test_on_a_phone_the_decision_is_in_reach_and_nothing_is_too_wide(
    phone: Any, address: str, picture: Path, width: int
) -> None:
    phone.set_viewport_size({"width": width, "height": 844})
    case = in_a_case(phone, address, picture)
    assert phone.locator(".card .mark-buttons").count() == 0, "they would be under 44 px"
    phone.locator(".card").nth(3).click()
    buttons = phone.locator(".decision .mark-buttons")
    buttons.wait_for()
    box = buttons.bounding_box()
    assert box["y"] + box["height"] == pytest.approx(844, abs=1), "at the bottom edge"
    assert small_targets(phone, ".compare .decision") == []
    buttons.get_by_role("button", name="Same").click()
    until(phone, "document.querySelector('.decision .same').ariaPressed === 'true'")
    assert phone.evaluate("document.querySelector('dialog.compare').scrollWidth") <= width
    phone.get_by_role("button", name="Back to hits").click()
    phone.locator(".card.marked.same .mark-badge").wait_for()
    settled(phone, address, case, [("same", 4, "")])
    assert phone.evaluate("document.documentElement.scrollWidth") <= width
    for path in (
        "",
        f"/{case}",
        f"/{case}/hits",
        f"/{case}/searches",
        f"/{case}/notes",
        f"/{case}/rights",
        f"/{case}?view=timeline",
        f"/{case}?view=plan",
    ):
        phone.goto(f"{address}#/cases{path}")
        phone.locator("main h2").first.wait_for()
        phone.wait_for_timeout(300)
        assert phone.evaluate("document.documentElement.scrollWidth") <= width, path
        assert small_targets(phone, ".cases") == [], path


@LOOKS
def test_axe_finds_nothing(page: Any, address: str, picture: Path, theme: str, language: str) -> None:
    with Client(address, retries=0) as client:
        case = client.add_case("26-117", title="Missing patient", purpose="x")
        first = client.search(read_bytes(picture), camera="3", top_k=20, case=case.id)
        kinds: list[Mark] = ["same", "same", "unsure", "different"]
        for hit, mark in zip(first.hits, kinds, strict=False):
            client.mark(case.id, mark, sighting=hit.id, note="seen", search=1)
        assert first.case is not None
        client.search(query=first.case.queries, top_k=40, case=case.id, refine=True)
        client.add_note(case.id, "x")
    page.goto(address)
    page.evaluate(f"sessionStorage.setItem('theme', '{theme}'); sessionStorage.setItem('language', '{language}')")
    page.goto(f"{address}#/cases")
    page.reload()
    page.locator("td").first.wait_for()
    assert violations(page) == [], "list"
    page.locator(".cases-head .primary").click()
    page.locator("#case-form").wait_for()
    assert violations(page) == [], "new"
    page.keyboard.press("Escape")
    for part in ("", "/hits", "/searches", "/notes", "/rights", "?view=timeline", "?view=plan"):
        page.goto(f"{address}#/cases/{case.id}{part}")
        page.locator(".case-parts").wait_for()
        page.wait_for_timeout(400)
        assert violations(page) == [], part
        assert missing_texts(page) == [], part
    page.goto(f"{address}#/search?case={case.id}&query={first.case.queries[0]}&search=2&camera=3")
    page.locator(".card.marked").first.wait_for()
    page.wait_for_timeout(200)
    assert violations(page) == [], "refined"
    page.locator(".case-button").click()
    page.locator(".case-list button").first.wait_for()
    assert violations(page) == [], "menu"
    page.keyboard.press("Escape")
    page.locator(".card").first.click()
    page.locator(".decision").wait_for()
    page.keyboard.press("u")
    page.locator(".toast").wait_for()
    assert violations(page) == [], "compare"

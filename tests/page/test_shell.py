"""Wherever one begins, the page is whole: no text is missing, nothing is complained of, and the way back works."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.page.conftest import serving, settled, until

from rgbir.server import Settings

pytestmark = pytest.mark.browser
TEXTS = ROOT / "server/rgbir/server/page/texts"
BEGINNINGS = {
    code.partition(".")[0]
    for table in TEXTS.glob("*.js")
    for code in re.findall(r'^  "([a-z][\w.-]*\.[\w.-]+)":', table.read_text(encoding="utf-8"), re.MULTILINE)
}
ROUTES = [
    "search", "gallery", "enrol", "manage/cameras", "manage/models", "manage/evaluation", "manage/audit", "manage/keys",
    "manage/system",
]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_no_text_is_missing_wherever_one_begins(page: Any, address: str, route: str) -> None:
    page.goto(f"{address}#/{route}")
    until(page, "document.querySelector('main h2, main h1:not(.unseen)') !== null", seconds=10)
    settled(page)
    assert missing_texts(page) == []
    assert page.title().endswith("rgbir")


def missing_texts(page: Any) -> list[str]:
    """Codes that stand where a text should."""
    shown = page.locator("body").inner_text()
    labels = page.evaluate(
        "[...document.querySelectorAll('[aria-label],[title]')].map(e => (e.ariaLabel ?? '') + ' ' + e.title).join(' ')"
    )
    # A text that isn't there stands as its code; the codes' beginnings are those of the tables.
    missing = re.findall(r"(?<![\w./:#-])(?:[a-z]+\.)+[a-zA-Z_-]+(?![\w./:(-])", f"{shown} {labels}")
    return [text for text in missing if text.partition(".")[0] in BEGINNINGS and not text.endswith((".json", ".jsonl"))]


def test_a_path_that_there_is_not_leads_to_search(page: Any, address: str) -> None:
    page.goto(f"{address}#/nowhere")
    page.get_by_text("There is no such page here.").wait_for()
    page.locator("main").get_by_role("link", name="Search").click()
    page.locator("#go").wait_for()


def test_language_and_colours_are_chosen_and_kept_in_the_tab(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Suchen").wait_for()
    assert page.evaluate("document.documentElement.lang") == "de"
    page.get_by_role("button", name="Dunkle Farben").click()
    page.reload()
    page.get_by_role("button", name="Suchen").wait_for()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("localStorage.length") == 0


def test_a_part_that_can_t_be_fetched_comes_once_the_server_is_back(page: Any, settings: Settings) -> None:
    with serving(settings) as address:
        page.goto(address)
        page.locator("#go").wait_for()
    page.evaluate("location.hash = '#/gallery'")
    page.locator(".bar.away").wait_for()
    with serving(settings, port=int(address.rstrip("/").rpartition(":")[2])):
        page.locator(".sighting").first.wait_for()
    assert page.locator(".bar.away").count() == 0

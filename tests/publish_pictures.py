"""Draws the pictures of the page in the documents, still and moving: synthetic people of one night, in chromium.

Run it after a change of the page: `python -m tests.publish_pictures`. It needs chromium and playwright, which
`make test-browser` installs. With names, such as `film`, only those are drawn.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import sync_playwright

from rgbir.client import Client
from rgbir.server import Settings
from tests.conftest import BUNDLE, ROOT
from tests.page.conftest import NIGHT, make_night, serving

FOLDER = ROOT / "docs/images"
QUESTION = "#/search?camera=3&at=2026-11-12T21%3A41%3A06.000Z"


def asked(page: Any, address: str, picture: Path) -> None:
    """The answer to one infrared picture of the night."""
    page.goto(f"{address}{QUESTION}")
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#go").click()
    page.locator(".card").first.wait_for()


def worked(address: str, picture: Path) -> tuple[str, str]:
    """A case with a search, marks, and a search with what was confirmed; its id, and the last search's address."""
    with Client(address) as client:
        about = {"title": "Missing patient, ward 2", "purpose": "find missing patient", "basis": "protection of life"}
        case = client.add_case("26-117", **about).id  # type: ignore[arg-type]
        first = client.search(picture, camera="3", taken_at=NIGHT, top_k=40, case=case)
        notes = {0: "Walks towards the ward, bag in the left hand.", 1: "Leaves through the revolving door."}
        for place, hit in enumerate(first.hits[:9]):
            truth = hit.identity == first.hits[0].identity
            mark: Any = "unsure" if place == 2 else "same" if truth else "different"
            client.mark(case, mark, sighting=hit.id, search=1, note=notes.get(place))
        client.look_at_case(case, search=1)
        assert first.case is not None
        client.search(query=first.case.queries, top_k=40, case=case, refine=True)
        client.add_note(case, "The nurse on duty saw the patient at 22:30.")
    return case, f"{QUESTION}&case={case}&query={first.case.queries[0]}&search=2"


def at(where: str, then: Callable[[Any], None] = lambda page: None) -> Callable[[Any, str, str, str], None]:
    """Opens a part of the case, or its last search."""

    def step(page: Any, address: str, case: str, search: str) -> None:
        page.goto(f"{address}{search if where == 'search' else f'#/cases/{case}{where}'}")
        page.locator(".card, .event").first.wait_for()
        then(page)

    return step


def view(name: str) -> Callable[[Any], None]:
    return lambda page: page.locator(f"#view-{name}").click()


def compare(page: Any) -> None:
    page.locator(".card").nth(1).click()


PICTURES: dict[str, tuple[tuple[int, int], Literal["light", "dark"], Callable[[Any], None]]] = {
    "page": ((1280, 800), "light", view("grid")),
    "page-timeline": ((1280, 800), "light", view("timeline")),
    "page-plan": ((1280, 800), "light", view("plan")),
    "page-compare": ((1280, 800), "light", compare),
    "page-dark": ((1280, 800), "dark", view("grid")),
    "page-phone": ((390, 844), "light", view("grid")),
}


OF_A_CASE: dict[str, tuple[tuple[int, int], Literal["light", "dark"], Callable[[Any, str, str, str], None]]] = {
    "page-case": ((1280, 800), "light", at("")),
    "page-refined": ((1280, 800), "light", at("search", lambda page: page.mouse.wheel(0, 120))),
    "page-decide": ((1280, 800), "light", at("search", lambda page: page.locator(".card").nth(4).click())),
    "page-decide-phone": ((390, 844), "light", at("search", lambda page: page.locator(".card").nth(4).click())),
}


FILM: tuple[tuple[int, Callable[[Any, Path], object]], ...] = (
    (1800, lambda page, _: page.locator("input[type=file]").wait_for(state="attached")),
    (1800, lambda page, picture: page.locator("input[type=file]").set_input_files(picture)),
    (1800, lambda page, _: page.evaluate(f"location.hash = {QUESTION!r}")),
    (3000, lambda page, _: (page.locator("#go").click(), page.locator(".card").first.wait_for())),
    (2000, lambda page, _: page.mouse.wheel(0, 320)),
    (2500, lambda page, _: page.locator(".card").first.click()),
    (3500, lambda page, _: (page.keyboard.press("Escape"), page.locator("#view-timeline").click())),
    (3000, lambda page, _: page.locator("#view-plan").click()),
)
"""What is done before each picture of the film, and how many milliseconds it stands."""


def clear(address: str, pictures: list[Path]) -> Path:
    """The first picture whose hits stand out: a doubtful answer shows little of what there is to see."""
    with Client(address) as client:
        answers = ((picture, client.search(picture, camera="3", taken_at=NIGHT, top_k=40)) for picture in pictures)
        return next(picture for picture, answer in answers if answer.doubtful is False)


def film(page: Any, address: str, picture: Path) -> None:
    """A question, its hits, one of them beside the query, and the course of the night: an animation that goes round."""
    page.goto(f"{address}#/search")
    frames = []
    for _, step in FILM:
        step(page, picture)
        page.wait_for_timeout(1500)
        frames.append(drawn(page).resize((960, 600), Image.Resampling.LANCZOS))
    durations = [stands for stands, _ in FILM]
    frames[0].save(
        FOLDER / "film.webp", save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=80, method=6
    )


def drawn(page: Any) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as made, sync_playwright() as driver:
        folder = Path(made)
        make_night(folder, people=40, seed=7, step=29)
        pictures = sorted((folder / "people/cam3").glob("*/*.jpg"))
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        settings = Settings(folder / "gallery", BUNDLE, threads=1, audit=folder / "audit.jsonl", cases=folder / "cases")
        with serving(settings) as address:
            picture = clear(address, pictures)
            case, search = worked(address, picture)
            sizes = {name: (size, theme) for name, (size, theme, _) in (PICTURES | OF_A_CASE).items()}
            for name in names or ["film", *sizes]:
                (width, height), theme = sizes.get(name, ((1280, 800), "light"))
                context = browser.new_context(
                    viewport={"width": width, "height": height}, locale="en-GB", timezone_id="Europe/Berlin",
                    color_scheme=theme, reduced_motion="reduce",
                )  # fmt: skip
                page = context.new_page()
                if name == "film":
                    film(page, address, picture)
                elif name in OF_A_CASE:
                    OF_A_CASE[name][2](page, address, case, search)
                else:
                    asked(page, address, picture)
                    PICTURES[name][2](page)
                if name != "film":
                    page.wait_for_timeout(1500)
                    still = drawn(page).quantize(128, dither=Image.Dither.NONE)
                    still.save(FOLDER / f"{name}.png", optimize=True)
                context.close()


if __name__ == "__main__":
    main(sys.argv[1:])

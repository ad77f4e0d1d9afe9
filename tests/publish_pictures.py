"""Draws the pictures of the page in the documents: synthetic people of one night, in chromium. Run it after a change of the page.

Needs chromium and playwright (`make test-browser` installs them): `python -m tests.publish_pictures`.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import sync_playwright

from rgbir.server import Settings
from tests.conftest import BUNDLE, ROOT
from tests.page.conftest import make_night, serving

FOLDER = ROOT / "docs/images"
QUESTION = "#/search?camera=3&at=2026-11-12T21%3A41%3A06.000Z"


def asked(page: Any, address: str, picture: Path) -> None:
    """The answer to one infrared picture of the night."""
    page.goto(f"{address}{QUESTION}")
    page.locator("input[type=file]").set_input_files(picture)
    page.locator("#go").click()
    page.locator(".card").first.wait_for()


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


def main() -> None:
    with tempfile.TemporaryDirectory() as made, sync_playwright() as driver:
        folder = Path(made)
        make_night(folder, people=40, seed=7, step=29)
        picture = sorted((folder / "people/cam3").glob("*/*.jpg"))[0]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with serving(Settings(folder / "gallery", BUNDLE, threads=1, audit=folder / "audit.jsonl")) as address:
            for name, ((width, height), theme, step) in PICTURES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height}, locale="en-GB", timezone_id="Europe/Berlin",
                    color_scheme=theme, reduced_motion="reduce",
                )  # fmt: skip
                page = context.new_page()
                asked(page, address, picture)
                step(page)
                page.wait_for_timeout(1500)
                drawn = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                drawn.quantize(128, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)
                context.close()


if __name__ == "__main__":
    main()

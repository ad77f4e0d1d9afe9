"""Measures the page in chromium: what is loaded, first paint, 1,000 hits, memory. `python -m tests.page.measure`.

The hits are those of a real answer, repeated under other ids; their pictures come from a real server on this machine.
"""

from __future__ import annotations

import gzip
import shutil
import statistics
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from tests.conftest import BUNDLE
from tests.page.conftest import NIGHT, make_night, serving

from rgbir.server import Settings

HITS = 1000
QUESTION = "#/search?camera=3&at=2026-11-12T21%3A41%3A06.000Z&passages=rank"
SETTLED = "await new Promise(done => requestAnimationFrame(() => setTimeout(done)));"
ASK = f"""async (hits) => {{
  const tasks = []; new PerformanceObserver(list => tasks.push(...list.getEntries().map(task => task.duration))).observe({{entryTypes: ['longtask']}});
  const began = performance.now(); document.getElementById('go').click();
  while (document.querySelectorAll('.card').length < 60) await new Promise(done => requestAnimationFrame(done));
  {SETTLED} const painted = performance.now() - began;
  while (document.querySelectorAll('.card').length < hits) await new Promise(done => setTimeout(done, 20));
  {SETTLED} return {{painted, all: performance.now() - began, nodes: document.querySelectorAll('*').length, longest: Math.max(0, ...tasks)}};
}}"""
SCROLL = """async () => { const frames = []; let last = performance.now();
  for (let down = 0; down < 60; down += 1) { scrollBy(0, 400); await new Promise(done => requestAnimationFrame(done));
    const now = performance.now(); frames.push(now - last); last = now; } return frames; }"""
SHOW = f"async (id) => {{ const began = performance.now(); document.getElementById(id).click(); {SETTLED} return performance.now() - began; }}"


def main() -> None:
    with tempfile.TemporaryDirectory() as made, sync_playwright() as driver:
        folder = Path(made)
        make_night(folder, people=20, seed=7, step=29)
        picture = sorted((folder / "people/cam3").glob("*/*.jpg"))[0]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with serving(Settings(folder / "gallery", BUNDLE, threads=1)) as address:
            _loading(browser, address)
            _answer(browser, address, picture)


def _loading(browser: Any, address: str) -> None:
    """What a first visit fetches, and when it paints; the middle of five visits."""
    paints, ready = [], []
    for _ in range(5):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        files: list[bytes] = []
        page.on(
            "response",
            lambda response, files=files: files.append(response.body()) if "/page/" in response.url else None,
        )
        page.goto(f"{address}#/search")
        page.locator("#go").wait_for()
        page.locator("#camera").wait_for()
        ready.append(page.evaluate("performance.now()"))
        paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"))
        page.wait_for_timeout(300)
        page.close()
    size = sum(len(gzip.compress(file, 9)) for file in files)
    print(f"Search: {len(files)} files, {size / 1000:.1f} kB compressed one by one")
    print(
        f"first paint {statistics.median(paints):.0f} ms, question there {statistics.median(ready):.0f} ms (median of 5)"
    )


def _answer(browser: Any, address: str, picture: Path) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page.goto(f"{address}{QUESTION}")
    page.locator("#add").wait_for()
    page.locator("input[type=file]").set_input_files(picture)
    with page.expect_response("**/search") as response:
        page.locator("#go").click()
    answer = response.value.json()
    first = answer["hits"]
    for place in range(len(first), HITS):
        moment = NIGHT + timedelta(seconds=(place * 7919) % 1_814_400 - 907_200)
        answer["hits"].append(
            {**first[place % len(first)], "rank": place + 1, "id": f"{place:024x}", "taken_at": moment.isoformat()}
        )
    page.route("**/search", lambda route: route.fulfill(json=answer))
    page.locator(".card").first.wait_for()
    page.wait_for_timeout(500)
    told = page.evaluate(ASK, HITS)
    print(f"{HITS:,} hits: the first 60 painted after {told['painted']:.0f} ms, all there after {told['all']:.0f} ms")
    print(f"{told['nodes']:,} nodes, longest task {told['longest']:.0f} ms")
    frames = sorted(page.evaluate(SCROLL))
    print(f"scrolling 400 pixels a frame: median {statistics.median(frames):.0f} ms, most {frames[-1]:.0f} ms")
    page.evaluate("scrollTo(0, 0)")
    for name in ("cameras", "timeline", "plan", "grid"):
        page.evaluate(SHOW, f"view-{name}")
        page.wait_for_timeout(800)
    shown = {name: page.evaluate(SHOW, f"view-{name}") for name in ("cameras", "timeline", "plan", "grid")}
    print("views again: " + ", ".join(f"{name} {took:.0f} ms" for name, took in shown.items()))
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    print(f"heap after it {heap / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()

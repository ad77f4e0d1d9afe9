"""Enrol in a browser: images a row each, archives as jobs, and what stops them."""

from __future__ import annotations

import asyncio
import itertools
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.films import film_of
from tests.page.conftest import LOOKS, SCRIPT, serving, until, violations, widths

from rgbir.index import Gallery
from rgbir.server import Settings
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.engine.engine import Engine, Enrolment

pytestmark = pytest.mark.browser
IMAGE = SCRIPT.rpartition(">")[0].rpartition(">")[2] + ">"
"""Of a name with scripts the part that a file may have."""


@pytest.fixture
def pictures(night: Path, tmp_path: Path) -> list[Path]:
    """Twenty that aren't in the gallery under these names."""
    folder = tmp_path / "new"
    folder.mkdir()
    for place, path in enumerate(sorted((night / "people/cam3").glob("*/*.jpg"))[:20]):
        (folder / f"2026-11-13_02-{place:02}-30.jpg").write_bytes(path.read_bytes())
    return sorted(folder.iterdir())


def choose(page: Any, address: str, files: list[Path], camera: str = "3") -> None:
    page.goto(f"{address}#/enrol")
    page.locator("#enrol-files").wait_for()
    page.locator("input[type=file]").set_input_files(files)
    if camera:
        page.locator("#enrol-camera").select_option(camera)


def states(page: Any) -> list[str]:
    return [str(each) for each in page.locator(".enrol-rows .outcome").all_inner_texts()]


def test_each_image_is_a_row_with_what_became_of_it(
    page: Any, settings: Settings, pictures: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    with serving(settings) as address:
        choose(page, address, [*pictures[:3], broken])
        page.get_by_label("as the file's name says").check()
        page.get_by_text("13 Nov 2026, 02:00:30").wait_for()
        page.locator("#enrol-track").fill("t7")
        page.get_by_role("button", name="Enrol 4 pictures").click()
        page.get_by_text("3 added · 0 already there · 1 skipped").wait_for()
        assert states(page) == ["+ added"] * 3 + ["✕ skipped"]
        assert "broken.jpg" in page.locator("li.skipped").inner_text()
        assert page.locator(".reason").inner_text() != ""
        page.get_by_label("Show skipped only").check()
        assert "only=skipped" in page.evaluate("location.hash")
        assert page.locator(".enrol-rows li").count() == 1
        page.get_by_role("button", name="New list").click()
        choose(page, address, pictures[:2])
        page.get_by_role("button", name="Enrol 2 pictures").click()
        page.get_by_text("2 of 2").first.wait_for()
        assert all("there" in state for state in states(page))
    with Gallery(settings.gallery) as gallery:
        new = [gallery.get(row.id) for row in gallery.sightings() if row.track == "t7"]
    assert [str(each.taken_at) for each in new if each] == [f"2026-11-13 01:0{n}:30+00:00" for n in range(3)]


def test_a_whole_folder_is_dropped_with_its_cameras_named(
    page: Any, settings: Settings, pictures: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "night"
    for camera, some in (("cam3", pictures[:2]), ("5", pictures[2:5])):
        (folder / camera).mkdir(parents=True)
        for path in some:
            (folder / camera / path.name).write_bytes(path.read_bytes())
    (folder / "notes.txt").write_text("nothing to see")
    with serving(settings) as address:
        page.goto(f"{address}#/enrol")
        page.locator("#enrol-files").wait_for()
        fingers = page.context.new_cdp_session(page)
        data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            fingers.send("Input.dispatchDragEvent", {"type": kind, "x": 700, "y": 300, "data": data})
        page.get_by_role("button", name="Enrol 5 pictures").wait_for()
        names = page.locator(".enrol-rows .file").all_inner_texts()
        assert names == [f"night/5/{path.name}" for path in pictures[2:5]] + [
            f"night/cam3/{path.name}" for path in pictures[:2]
        ]
        assert page.get_by_text("folder of camera 5").count() == 3
        assert page.get_by_text("folder of camera 3").count() == 2
        assert "notes.txt" in page.get_by_role("alert").inner_text()
        page.locator("#enrol-camera").select_option("3")
        page.get_by_text("3 pictures lie in folders of other cameras than 3").wait_for()
        for _ in range(3):
            page.locator(".enrol-rows li", has_text="folder of camera 5").first.get_by_role("button").click()
        page.get_by_role("button", name="Enrol 2 pictures").click()
        page.get_by_text("2 added").wait_for()


def test_by_keyboard_alone(page: Any, address: str, pictures: list[Path]) -> None:
    page.on("filechooser", lambda _: None)  # from now on none of the system's opens
    page.goto(f"{address}#/enrol")
    page.locator("#enrol-files").focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(pictures[:1])
    page.get_by_role("button", name="Enrol 1 picture").wait_for()
    page.locator("#enrol-files").focus()
    page.keyboard.press("Tab")
    until(page, "document.activeElement?.id === 'enrol-camera'")
    page.keyboard.press("3")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("as the file's name says").is_checked()
    for _ in range(10):
        page.keyboard.press("Tab")
        if "Enrol 1 picture" in page.evaluate("document.activeElement.textContent"):
            break
    page.keyboard.press("Enter")
    page.get_by_text("1 added").wait_for()
    page.locator("#rows-title:focus").wait_for()


def test_what_is_lacking_is_said_at_its_field(page: Any, address: str, pictures: list[Path]) -> None:
    choose(page, address, pictures[:1], camera="")
    page.get_by_role("button", name="Enrol 1 picture").click()
    assert page.get_by_role("alert").inner_text() == "Say which camera took them."
    page.locator("#enrol-camera:focus").wait_for()
    page.locator("#enrol-camera").select_option("3")
    page.get_by_label("as the file proposes").check()
    page.get_by_role("button", name="Enrol 1 picture").click()
    assert "Confirm the times" in page.get_by_role("alert").inner_text()
    page.locator("#enrol-confirmed:focus").wait_for()
    page.locator("input[type=file]").set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"x"})
    assert "notes.txt" in page.get_by_text("1 file is no picture").inner_text()


def test_stopping_keeps_what_is_in_and_leaving_asks(page: Any, address: str, pictures: list[Path]) -> None:
    held: list[Any] = []
    page.route("**/gallery/sightings", lambda route: held.append(route))
    choose(page, address, pictures)
    page.get_by_role("button", name="Enrol 20 pictures").click()
    page.get_by_role("button", name="Stop; what is in stays").wait_for()
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    with page.expect_event("dialog"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Stop; what is in stays").click()
    page.get_by_text("Stopping after these…").wait_for()
    held.pop().continue_()
    page.get_by_role("button", name="Go on with 4").wait_for()
    assert states(page).count("+ added") == 16
    page.unroute("**/gallery/sightings")
    page.get_by_role("button", name="Go on with 4").click()
    page.get_by_text("20 added").wait_for()


def test_a_server_that_takes_less_at_once_gets_less(page: Any, settings: Settings, pictures: list[Path]) -> None:
    with serving(replace(settings, max_images=4)) as address:
        choose(page, address, pictures[:10])
        page.get_by_role("button", name="Enrol 10 pictures").click()
        page.get_by_text("10 added").wait_for()


def test_a_full_disk_is_told_and_nothing_is_lost(page: Any, address: str, pictures: list[Path]) -> None:
    detail = "the disk is full; make room"
    page.route("**/gallery/sightings", lambda route: route.fulfill(status=503, json={"detail": detail, "status": 503}))
    choose(page, address, pictures[:2])
    page.get_by_role("button", name="Enrol 2 pictures").click()
    page.get_by_text(detail).wait_for()
    assert states(page) == ["waiting", "waiting"]
    page.unroute("**/gallery/sightings")
    page.get_by_role("button", name="Enrol 2 pictures").click()
    page.get_by_text("2 added").wait_for()


def packed(folder: Path, pictures: list[Path], copies: int = 3) -> Path:
    """An archive of images of camera 3, and two things that are none."""
    with zipfile.ZipFile(folder / "images.zip", "w") as out:
        for path, copy in itertools.product(pictures, range(copies)):
            out.writestr(f"3/{copy}-{path.name}", path.read_bytes() + bytes([copy]))
        out.writestr(f"3/{IMAGE}.jpg", b"no image")
        out.writestr("attic/1.jpg", b"x")
    return folder / "images.zip"


def test_an_archive_is_a_job_with_its_reasons(page: Any, address: str, pictures: list[Path], tmp_path: Path) -> None:
    choose(page, address, [packed(tmp_path, pictures[:4])], camera="")
    page.get_by_role("button", name="Send the ZIP").click()
    page.locator("#job-title").wait_for()
    page.get_by_text("14 of 14: 12 added · 0 already there · 2 skipped").wait_for()
    reasons = page.get_by_role("table").inner_text()
    assert f"{IMAGE}.jpg" in reasons
    assert "no camera 'attic'" in reasons
    assert page.locator("img[src=x]").count() == 0
    page.get_by_role("link", name="All jobs, and new pictures").click()
    assert "done" in page.get_by_role("table").inner_text()


def test_a_job_goes_on_after_the_server_was_restarted_and_can_be_cancelled(
    page: Any, settings: Settings, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol, groups = Engine.enrol, itertools.count(1)

    async def one_group_and_no_more(*given: Any, **more: Any) -> list[Enrolment]:
        if next(groups) > 1:
            await asyncio.sleep(100_000)
        return await enrol(*given, **more)

    monkeypatch.setattr(Engine, "enrol", one_group_and_no_more)
    with serving(settings) as address:
        choose(page, address, [packed(tmp_path, pictures)], camera="")
        page.get_by_role("button", name="Send the ZIP").click()
        page.get_by_text("16 of 62").first.wait_for()
    page.locator(".bar.away").wait_for(timeout=10_000)
    groups = itertools.count(1)
    with serving(settings, int(address.rstrip("/").rsplit(":", 1)[1])):
        page.locator(".bar.away").wait_for(state="detached", timeout=15_000)
        page.get_by_text("32 of 62").first.wait_for()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("cancelled at 32 of 62").wait_for()
        until(page, "document.activeElement?.id === 'job-title'")
        page.evaluate("location.hash = '#/enrol/jobs/unknown'")
        page.get_by_text("No such ZIP here.").wait_for()


def test_names_of_files_with_scripts_in_them_are_text(page: Any, address: str, pictures: list[Path]) -> None:
    name = f"{IMAGE}.jpg"
    page.goto(f"{address}#/enrol")
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": b"none"})
    page.locator("#enrol-camera").select_option("3")
    page.get_by_role("button", name="Enrol 1 picture").click()
    page.get_by_text("1 skipped").wait_for()
    assert name in page.locator(".enrol-rows").inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_a_key_enrols_its_own_cameras_and_others_see_nothing_of_it(
    page: Any, settings: Settings, pictures: list[Path], tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    ring = Keyring(keys)
    own, searcher = ring.add("Desk", Role.ENROL, cameras=("3",)), ring.add("Weber", Role.SEARCH)
    with serving(replace(settings, keys=keys)) as address:
        page.goto(address)
        page.evaluate(f"sessionStorage.setItem('key', '{searcher}')")
        page.goto(f"{address}#/enrol")
        page.reload()
        page.get_by_text("Your key (search) may not do this.").wait_for()
        assert page.get_by_role("link", name="Enrol").count() == 0
        page.evaluate(f"sessionStorage.setItem('key', '{own}')")
        page.goto(address)
        page.reload()
        page.locator("#enrol-camera").wait_for()
        assert page.get_by_role("navigation").get_by_role("link").all_inner_texts() == ["Gallery", "Enrol", "Manage"]
        assert page.locator("#enrol-camera option").all_inner_texts() == ["Choose a camera", "3, Ward 2 (IR)"]
        choose(page, address, pictures[:1])
        page.get_by_role("button", name="Enrol 1 picture").click()
        page.get_by_text("1 added").wait_for()


@LOOKS
def test_axe_finds_nothing_in_any_state(
    page: Any, address: str, pictures: list[Path], tmp_path: Path, theme: str, language: str
) -> None:
    page.goto(address)
    page.evaluate(f"sessionStorage.setItem('theme', '{theme}'); sessionStorage.setItem('language', '{language}')")
    page.goto(f"{address}#/enrol")
    page.reload()
    page.locator("#enrol-files").wait_for()
    assert violations(page) == [], "empty"
    page.locator("input[type=file]").set_input_files([*pictures[:2], packed(tmp_path, pictures[:1])])
    page.locator("input[name=times][value=file]").check()
    page.locator(".rows .primary").click()
    page.get_by_role("alert").first.wait_for()
    assert violations(page) == [], "lacking"
    page.locator("#enrol-camera").select_option("3")
    page.locator("#enrol-confirmed").check()
    page.locator(".rows .primary").click()
    page.locator("li.added").nth(1).wait_for()
    assert violations(page) == [], "enrolled"
    page.locator("[aria-labelledby=archive-title] .primary").click()
    page.locator("#job-title").wait_for()
    page.get_by_role("table").first.wait_for()
    assert violations(page) == [], "job"


@widths(320, 390, 768, 1280)
def test_nothing_is_wider_than_the_window_and_targets_are_large_on_touch(
    phone: Any, address: str, pictures: list[Path], width: int
) -> None:
    phone.set_viewport_size({"width": width, "height": 800})
    choose(phone, address, pictures[:2])
    phone.locator(".enrol-rows li").first.wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= width
    if width < 768:
        small = phone.evaluate("""[...document.querySelectorAll("main button, main select, main input:not([type=radio], [type=checkbox], [type=file]), main label:has(input)")]
            .filter((each) => each.getBoundingClientRect().height > 0 && each.getBoundingClientRect().height < 44).map((each) => each.outerHTML)""")
        assert small == []


def test_a_film_is_sent_with_its_camera_and_time_and_its_job_tells_how_far_it_is(
    page: Any, settings: Settings, tmp_path: Path
) -> None:
    pytest.importorskip("av")
    film = film_of(tmp_path / "clip.mp4", 2)
    with serving(settings) as address:
        choose(page, address, [film], camera="")
        page.get_by_text("This server takes no films.").wait_for()
    with serving(replace(settings, no_retention=True)) as address:
        choose(page, address, [film], camera="")
        page.get_by_role("heading", name="A film").wait_for()
        page.get_by_role("button", name="Send the film").click()
        page.get_by_text("Say which camera recorded it.").wait_for()
        page.locator("#film-camera").select_option("1")
        page.get_by_label("from this time on").check()
        page.locator("#film-at").fill("2026-11-13T02:00:00")
        violations(page)
        page.get_by_role("button", name="Send the film").click()
        page.get_by_text("16 of 16 seconds").wait_for()
        page.get_by_text("people passed").wait_for()
        page.get_by_text("Found by what moves: this server has no detector.").wait_for()
        violations(page)
        page.get_by_role("link", name="All jobs, and new pictures").click()
        page.get_by_role("heading", name="ZIPs and films at work").wait_for()
    with Gallery(settings.gallery) as gallery:
        filmed = [sighting for sighting in gallery.sightings() if sighting.source.startswith("clip.mp4#t=")]
    assert filmed
    assert all(sighting.camera == "1" and sighting.taken_at is not None for sighting in filmed)

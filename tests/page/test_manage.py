"""Manage in a browser: what each role sees, and what an administrator changes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import BUNDLE
from tests.page.conftest import LOOKS, SCRIPT, call_camera, serving, settled, until, violations, widths

from rgbir.index import CameraEdit, Gallery, Metric, Modality
from rgbir.index.cameras import Passage
from rgbir.index.evaluation import PROTOCOLS, Report, measure
from rgbir.server import Settings
from rgbir.server.access.audit import AuditLog
from rgbir.server.access.keys import Keyring, Role

pytestmark = pytest.mark.browser

VIEWS = ("cameras", "models", "evaluation", "audit", "keys", "system")


def opened(page: Any, address: str, view: str) -> None:
    page.goto(f"{address}#/manage/{view}")
    page.locator(".manage-part section, .manage-part .nothing").first.wait_for()


def signed_in(page: Any, address: str, token: str) -> None:
    page.goto(address)
    page.evaluate(f"sessionStorage.setItem('key', '{token}')")
    page.goto(f"{address}#/manage")
    page.reload()
    page.locator(".who").wait_for()


@pytest.mark.parametrize(
    ("role", "cameras", "parts"),
    [
        (Role.SEARCH, None, ["Cameras", "Evaluation", "System"]),
        (Role.ENROL, None, ["System"]),
        (Role.MONITOR, None, ["System"]),
        (Role.ADMIN, None, ["Cameras", "Models", "Evaluation", "Audit", "Keys", "System"]),
        (Role.SEARCH, ("4",), ["Cameras", "Evaluation", "System"]),
    ],
)
def test_each_role_sees_its_parts_and_is_told_of_others(
    page: Any, settings: Settings, tmp_path: Path, role: Role, cameras: tuple[str, ...] | None, parts: list[str]
) -> None:
    keys = tmp_path / "keys.json"
    token = Keyring(keys).add("Weber", role, cameras)
    with serving(replace(settings, keys=keys)) as address:
        signed_in(page, address, token)
        page.locator(".manage-nav a").first.wait_for()
        assert page.locator(".manage-nav a").all_inner_texts() == parts
        for view in VIEWS:
            opened(page, address, view)
            barred = view.capitalize() not in parts
            assert (page.get_by_text("may not do this.").count() > 0) is barred, view
        if cameras:
            opened(page, address, "cameras")
            page.get_by_role("table").wait_for()
            assert page.get_by_role("table").locator("tbody tr").count() == 1
            assert page.get_by_role("button", name="Change").count() == 0
        if role is Role.MONITOR:
            page.goto(f"{address}#/search")
            page.get_by_text("Your key (monitor) may not do this.").wait_for()


def test_a_part_that_did_not_load_is_loaded_again(page: Any, address: str) -> None:
    opened(page, address, "cameras")
    page.route("**/page/manage/keys.js", lambda route: route.abort(), times=1)
    page.get_by_role("link", name="Keys").click()
    page.get_by_text("This server asks nobody for a key.").wait_for()


def test_a_camera_is_moved_by_keyboard_after_a_look_at_what_that_changes(page: Any, settings: Settings) -> None:
    with serving(settings) as address:
        opened(page, address, "cameras")
        page.get_by_role("button", name="Change camera 4").focus()
        page.keyboard.press("Enter")
        page.locator("dialog").wait_for()
        page.locator("#camera-id").fill("gate")
        page.locator("#camera-place").fill("Ward 2")
        page.locator("#camera-since").fill("2026-11-01T00:00")
        page.keyboard.press("Enter")
        preview = page.locator(".preview")
        preview.wait_for()
        assert "48 of 48 sightings are of another place" in preview.inner_text()
        assert page.locator(".preview:focus").count() == 1
        with Gallery(settings.gallery) as gallery:
            assert gallery.network["4"].shown == "4", "a look changes nothing"
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.locator("dialog").wait_for(state="detached")
        row = page.get_by_role("row", name="gate also 4")
        row.wait_for()
        assert "also 4" in row.inner_text()
        assert "Ward 2 since 1 Nov 2026, 00:00" in row.inner_text()
        assert "Main gate, from the beginning" in row.inner_text()
    with Gallery(settings.gallery) as gallery:
        assert gallery.network["4"].shown == "gate"


def test_a_camera_is_added_and_removed_by_typing_its_name(page: Any, settings: Settings) -> None:
    with serving(settings) as address:
        opened(page, address, "cameras")
        page.get_by_role("button", name="Add a camera").click()
        page.get_by_role("button", name="What this changes").click()
        assert page.get_by_role("alert").inner_text() == "Give it a name."
        page.locator("#camera-id:focus").fill("roof 1")
        page.locator("#camera-place").fill("Roof")
        page.get_by_label("infrared").check()
        page.get_by_role("button", name="What this changes").click()
        page.get_by_text("No sighting changes its place.").wait_for()
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Remove camera roof 1").click()
        button = page.locator("dialog .danger")
        page.get_by_label("To confirm, type roof 1").fill("roof")
        assert button.is_disabled()
        page.get_by_label("To confirm, type roof 1").fill("roof 1")
        page.keyboard.press("Enter")
        page.locator("dialog").wait_for(state="detached")
        assert page.get_by_role("row", name="roof 1").count() == 0


def test_a_place_is_moved_on_the_plan_by_keyboard_and_saved_once_that_is_wanted(page: Any, settings: Settings) -> None:
    with serving(settings) as address:
        opened(page, address, "cameras")
        page.locator('.node[data-place="Ward 2"]').wait_for()
        assert page.get_by_label("From the left").count() == 0, "places stay until somebody wants to move them"
        page.get_by_role("button", name="Move places").click()
        page.locator('.node[data-place="Ward 2"]').focus()
        page.keyboard.press("Enter")
        page.get_by_label("From the left").fill("33.5")
        page.keyboard.press("Tab")
        page.get_by_label("From the top").fill("44")
        page.keyboard.press("Tab")
        page.get_by_text("camera 2 (Ward 2): 50; 20 becomes 33.5; 44").wait_for()
        with Gallery(settings.gallery) as gallery:
            assert gallery.network["2"].position == (50, 20), "nothing is kept before it is saved"
        page.get_by_role("button", name="Undo the moves").click()
        assert page.locator(".preview").count() == 0
        page.locator('.node[data-place="Ward 2"]').focus()
        page.keyboard.press("Shift+ArrowRight")
        page.get_by_label("From the left").fill("60")
        page.keyboard.press("Tab")
        page.get_by_role("button", name="Save 2 positions").click()
        page.locator(".preview").wait_for(state="detached")
        assert violations(page) == []
    with Gallery(settings.gallery) as gallery:
        at = {camera.id: camera.position for camera in gallery.network}
        assert [at[camera] for camera in "1456"] == [(20, 60), (80, 60), (50, 90), (90, 90)]
        assert at["2"] == at["3"]
        assert at["2"] is not None
        assert at["2"] == (60, 20)


def test_what_goes_with_a_camera_and_with_a_models_gallery_is_told_before_a_name_is_typed(
    page: Any, settings: Settings, tmp_path: Path
) -> None:
    with Gallery(settings.gallery) as gallery:
        gallery.change_network(
            lambda network: (
                CameraEdit(modalities=frozenset({Modality.IR}), place="Roof")
                .added(network, "roof")
                .with_passage("Roof", "Lobby", Passage("Roof", "Lobby", 60))
            )
        )
    bundles = tmp_path / "bundles"
    for name in ("first", "second"):
        shutil.copytree(BUNDLE, bundles / name)
    card = json.loads((bundles / "second/card.json").read_text())
    (bundles / "second/card.json").write_text(json.dumps({**card, "metric": "euclidean"}))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "DELETE" else None)
    with serving(replace(settings, bundle=bundles / "first", bundles=bundles)) as address:
        opened(page, address, "cameras")
        page.get_by_role("button", name="Remove camera roof").click()
        page.locator("dialog .confirm").wait_for()
        told = page.locator("dialog .preview").inner_text()
        assert "No sighting changes its place." in told
        assert "1 walking time goes with it:" in told
        assert told.endswith("Roof – Lobby")
        page.keyboard.press("Escape")
        opened(page, address, "models")
        page.get_by_role("button", name="Prepare").click()
        page.get_by_role("button", name="Delete its gallery").click(timeout=60_000)
        page.get_by_text("288 of 288 sightings are encoded for it.").wait_for()
        page.locator("dialog .confirm").wait_for()
        assert violations(page) == []
        page.keyboard.press("Escape")
        assert len(asked) == 2
        assert all(url.endswith("?dry_run=true") for url in asked)


def test_a_refused_change_is_told_in_the_dialog(page: Any, address: str) -> None:
    opened(page, address, "cameras")
    page.get_by_role("button", name="Change camera 4").click()
    page.locator("#camera-id").fill("5")
    page.get_by_role("button", name="What this changes").click()
    page.locator("dialog .trouble").wait_for()
    assert "5" in page.locator("dialog .trouble").inner_text()


def test_a_model_is_prepared_activated_and_forgotten(page: Any, settings: Settings, tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    for name in ("first", "second"):
        shutil.copytree(BUNDLE, bundles / name)
    card = json.loads((bundles / "second/card.json").read_text())
    (bundles / "second/card.json").write_text(json.dumps({**card, "metric": "euclidean", "licence": SCRIPT}))
    with serving(replace(settings, bundle=bundles / "first", bundles=bundles)) as address:
        opened(page, address, "models")
        page.get_by_text("its card names none").wait_for()
        page.get_by_role("button", name="Prepare").click()
        page.get_by_role("button", name="Activate").wait_for(timeout=60_000)
        assert "Nearest ten in common" in page.get_by_label("second", exact=True).inner_text()
        page.get_by_role("button", name="Activate").click()
        page.locator("dialog").get_by_role("button", name="Activate").click()
        page.locator("#served-title", has_text="second").wait_for()
        page.get_by_text(SCRIPT).wait_for()
        assert page.locator("img[src=x]").count() == 0
        page.get_by_role("button", name="Delete its gallery").click()
        page.get_by_label("To confirm, type first").fill("first")
        page.keyboard.press("Enter")
        page.get_by_text("not prepared").wait_for()


def test_a_model_of_little_overlap_is_activated_by_typing_its_name(page: Any, address: str) -> None:
    first = {"name": "first", "state": "answering", "fingerprint": "a", "total": 9, "done": 9}
    second = {"name": "second", "state": "ready", "total": 9, "done": 9, "overlap": 0.79, "missing": 3}
    page.route("**/models", lambda route: route.fulfill(json={"models": [first, second]}))
    asked: list[str] = []

    def activated(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(json=second)

    page.route("**/models/second/activate*", activated)
    opened(page, address, "models")
    page.get_by_role("button", name="Activate").click()
    page.get_by_text("3 sightings have no readable picture").wait_for()
    assert page.locator("dialog .confirm, dialog .primary").count() == 0, "sightings would be missing"
    page.get_by_label("Answer without them").check()
    page.get_by_label("To confirm, type second").fill("secon")
    page.keyboard.press("Enter")
    assert asked == []
    page.get_by_label("To confirm, type second").fill("second")
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for(state="detached")
    assert [url.rsplit("?", 1)[1] for url in asked] == ["allow_missing=true"]


def test_how_far_preparing_is_and_why_it_failed(page: Any, address: str) -> None:
    rounds = [
        {"name": "second", "state": "filling", "total": 100, "done": 40},
        {"name": "second", "state": "failed", "total": 100, "done": 60, "error": f"the disk is full {SCRIPT}"},
    ]
    page.route(
        "**/models", lambda route: route.fulfill(json={"models": [rounds.pop(0) if len(rounds) > 1 else rounds[0]]})
    )
    opened(page, address, "models")
    page.get_by_text("40 of 100").wait_for()
    page.get_by_text("the disk is full").wait_for(timeout=10_000)
    assert page.locator("img[src=x]").count() == 0


def test_what_was_measured_is_a_plot_and_a_table(page: Any, address: str) -> None:
    opened(page, address, "evaluation")
    page.get_by_text("Synthetic people: means over 10 sets of 60 people").first.wait_for()
    measured = json.loads((BUNDLE / "card.json").read_text())["measured"]
    assert len(measured) == 2
    for place, figures in enumerate(measured.values()):
        table = page.get_by_role("table").nth(place).inner_text()
        for name, shown in (("rank_1", "Rank 1"), ("rank_20", "Rank 20"), ("mAP", "mAP")):
            assert f"{shown}\t{100 * figures[name]:.1f}% ± {100 * figures['spread'][name]:.1f}%" in table
        label = page.locator("svg[role=img]").nth(place).get_attribute("aria-label")
        assert f"Rank 1: {100 * figures['rank_1']:.1f}%" in label
    assert page.locator(".curve-point").count() == 8
    page.get_by_text("This server shows no reports.").wait_for()
    page.route("**/model", lambda route: route.fulfill(json={"name": "m", "measured": {}}))
    page.reload()
    page.get_by_text("This model's card has no measured results.").wait_for()
    assert "rgbir evaluate" in page.locator(".command").first.inner_text()


def test_a_saved_report_is_opened_by_its_name_and_its_link_keeps_it(
    page: Any, settings: Settings, tmp_path: Path
) -> None:
    rng, identities = np.random.default_rng(3), np.arange(60)
    trials = tuple(measure(rng.random((60, 60)), identities, identities) for _ in range(2))
    about = {"model": "m", "data": SCRIPT}
    report = Report(PROTOCOLS["sysu"], {"mode": "all"}, Metric.EUCLIDEAN, trials, about)
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "yard, May.json").write_text(report.to_json())
    (folder / "broken.json").write_text("{}")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    with serving(replace(settings, reports=folder)) as address:
        opened(page, address, "evaluation")
        page.get_by_role("button", name="yard, May.json").click()
        page.get_by_text("60 queries among 60 pictures of 60 people; means of 2 trials").wait_for()
        assert "report=yard" in page.evaluate("location.hash")
        page.reload()
        opened_one = page.get_by_role("article", name="Report yard, May.json")
        opened_one.wait_for()
        figures = opened_one.get_by_role("table").inner_text()
        assert f"Rank 5\t{100 * report.rank(5):.1f}%" in figures
        assert f"Rank 50\t{100 * report.rank(50):.1f}%" in figures
        assert f"mINP\t{100 * report.mean_inp:.1f}%" in figures
        assert opened_one.locator(".curve-line").get_attribute("points").count(",") == 50
        assert SCRIPT in opened_one.inner_text()
        assert page.locator("img[src=x]").count() == 0
        assert violations(page) == []
        page.get_by_role("button", name="broken.json").click()
        page.get_by_text("is no report that").wait_for()


@pytest.fixture
def logged(settings: Settings) -> Settings:
    """A log of 130 entries, some of a case, with a script in one."""
    log = AuditLog(settings.audit or Path())
    log.add_all(
        [
            {
                "action": "search",
                "who": "Weber",
                "purpose": SCRIPT if n == 3 else "missing",
                "case": "26-117" if n % 10 == 3 else None,
                "hits": [["a", "b"]],
            }
            for n in range(130)
        ]
    )
    log.close()
    return settings


def test_the_log_is_paged_filtered_by_the_address_and_exported(page: Any, logged: Settings) -> None:
    with serving(logged) as address:
        opened(page, address, "audit")
        page.get_by_text("Entries 1 to 100, the oldest first").wait_for()
        assert SCRIPT in page.get_by_role("table").inner_text()
        assert page.locator("img[src=x]").count() == 0
        page.get_by_role("button", name="Later entries").click()
        page.get_by_text("Entries 101 to 130, the oldest first").wait_for()
        assert "after=100" in page.evaluate("location.hash")
        page.get_by_role("button", name="From the beginning").click()
        page.get_by_role("button", name="The newest").click()
        page.get_by_text("Entries 31 to 130, the oldest first").wait_for()
        page.get_by_role("textbox", name="Case").fill("26-117")
        page.keyboard.press("Enter")
        page.get_by_text("Entries 4 to 124, the oldest first").wait_for()
        assert "case=26-117" in page.evaluate("location.hash")
        with page.expect_download() as download:
            page.get_by_role("link", name="Save these 13 entries").click()
        lines = Path(download.value.path()).read_text().splitlines()
        assert [json.loads(line)["n"] for line in lines] == list(range(4, 125, 10))
        assert download.value.suggested_filename == "audit-4-124.jsonl"
        page.go_back()
        page.get_by_text("Entries 31 to 130, the oldest first").wait_for()
    with serving(replace(logged, audit=None)) as address:
        opened(page, address, "audit")
        page.get_by_text("This server keeps no audit log.").wait_for()


def test_the_log_is_filtered_by_who_what_and_when_and_links_keep_it(page: Any, settings: Settings) -> None:
    log = AuditLog(settings.audit or Path())
    for number in range(6):
        log.add(action=("search", "erased")[number % 2], who=("Weber", "Lindner")[number % 3 == 0])
    log.close()
    shown = "[...document.querySelectorAll('tbody th')].map(cell => cell.textContent).join()"
    with serving(settings) as address:
        opened(page, address, "audit")
        page.get_by_label("Who").fill("Weber")
        page.locator("#audit-action").select_option("erased")
        page.get_by_role("button", name="Show these").click()
        until(page, f"{shown} === '2,6'")
        assert "who=Weber&action=erased" in page.evaluate("location.hash")
        page.reload()
        until(page, f"{shown} === '2,6'")
        assert page.get_by_label("Who").input_value() == "Weber"
        page.get_by_label("Noted before").fill("2026-11-01T00:00:00")
        page.keyboard.press("Enter")
        page.get_by_text("No entries here.").wait_for()
        page.get_by_role("button", name="Show all").click()
        until(page, f"{shown} === '1,2,3,4,5,6'")
        assert "who" not in page.evaluate("location.hash")


def test_a_chain_that_is_broken_is_told_with_its_entry(page: Any, logged: Settings) -> None:
    log = logged.audit or Path()
    with serving(logged) as address:
        opened(page, address, "audit")
        page.get_by_role("button", name="Look now").click()
        page.get_by_text("Unbroken to entry 130.").wait_for()
        page.get_by_text("could have made all of it again").wait_for()
        lines = log.read_bytes().splitlines(keepends=True)
        log.write_bytes(b"".join([*lines[:40], lines[40].replace(b'"missing"', b'"lost"'), *lines[41:]]))
        page.get_by_role("button", name="Look now").click()
        page.get_by_text("Broken at entry 41.").wait_for()
        page.get_by_text("Up to entry 40 it is unbroken.").wait_for()
        assert violations(page) == []


def test_a_key_is_rotated_in_two_steps(page: Any, settings: Settings, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    ring = Keyring(keys)
    token = ring.add("Lindner", Role.ADMIN)
    old = ring.add("desk", Role.ENROL, ["4"], days=30)
    with serving(replace(settings, keys=keys)) as address:
        signed_in(page, address, token)
        opened(page, address, "keys")
        page.get_by_role("button", name="Rotate the key of desk").click()
        assert page.locator("#key-name").input_value() == "desk 2"
        assert page.locator("#key-days").input_value() == "30"
        page.get_by_role("button", name="Make it").click()
        new = page.get_by_label("The key", exact=True).input_value()
        made = Keyring(keys).find(new)
        assert made is not None
        assert (made.name, made.role, made.cameras) == ("desk 2", Role.ENROL, ("4",))
        assert Keyring(keys).find(old) is not None, "both work until the old one is ended"
        assert violations(page) == []
        page.get_by_role("button", name="End the key of desk now").click()
        page.locator(".confirm input").fill("desk")
        page.keyboard.press("Enter")
        page.locator("dialog").wait_for(state="detached")
        assert (Keyring(keys).find(old), Keyring(keys).find(new)) == (None, made)


def test_a_key_is_made_shown_once_and_ended(page: Any, settings: Settings, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    token = Keyring(keys).add("Lindner", Role.ADMIN)
    with serving(replace(settings, keys=keys)) as address:
        signed_in(page, address, token)
        opened(page, address, "keys")
        page.get_by_role("button", name="New key").click()
        name = SCRIPT
        page.locator("#key-name").fill(name)
        page.get_by_label("4, Main gate").check()
        page.get_by_role("button", name="Make it").click()
        made = page.get_by_label("The key", exact=True).input_value()
        assert made.startswith("rgbir_")
        page.get_by_role("button", name="I have it").click()
        assert page.get_by_role("row", name=name).locator("td").all_inner_texts()[:2] == ["search", "4"]
        assert made not in page.content()
        kept = Keyring(keys).find(made)
        assert kept is not None
        assert kept.name == name
        page.get_by_role("button", name=f"End the key of {name}").click()
        page.locator(".confirm input").fill(name)
        page.keyboard.press("Enter")
        page.locator("dialog").wait_for(state="detached")
        page.get_by_role("row", name=name).wait_for(state="detached")
        assert Keyring(keys).find(made) is None
        assert page.locator("img[src=x]").count() == 0


def test_a_server_without_keys_or_with_them_by_command_names_the_commands(
    page: Any, settings: Settings, tmp_path: Path
) -> None:
    with serving(settings) as address:
        opened(page, address, "keys")
        page.get_by_text("This server asks nobody for a key.").wait_for()
    keys = tmp_path / "keys.json"
    token = Keyring(keys).add("Lindner", Role.ADMIN)
    with serving(replace(settings, keys=keys, key_routes=False)) as address:
        signed_in(page, address, token)
        opened(page, address, "keys")
        page.get_by_text("Keys are made and ended by command.").wait_for()
        assert "rgbir keys add" in page.locator(".command").inner_text()


def test_what_is_bad_says_what_to_do(page: Any, address: str) -> None:
    opened(page, address, "system")
    page.get_by_role("row", name="Can it search?").wait_for()
    assert "yes" in page.get_by_role("row", name="Can it search?").inner_text()
    assert "288" in page.get_by_role("row", name="Sightings", exact=False).first.inner_text()
    page.route(
        "**/health/ready",
        lambda route: route.fulfill(status=503, json={"status": "unavailable", "detail": "the disk is full"}),
    )
    page.get_by_role("button", name="Look again").click()
    page.get_by_text("the disk is full").wait_for()
    row = page.get_by_role("row", name="Can it search?").inner_text()
    assert "▲ no" in row
    assert "Read the server's log" in row


def test_names_of_cameras_with_scripts_in_them_are_text(page: Any, settings: Settings) -> None:
    call_camera(settings, "5")
    with serving(settings) as address:
        opened(page, address, "cameras")
        page.get_by_role("button", name=f"Change camera {SCRIPT}").click()
        assert SCRIPT in page.locator("dialog h2").inner_text()
        assert page.locator("img[src=x]").count() == 0


@LOOKS
def test_axe_finds_nothing_in_any_state(page: Any, logged: Settings, tmp_path: Path, theme: str, language: str) -> None:
    bundles = tmp_path / "bundles"
    for name in ("first", "second"):
        shutil.copytree(BUNDLE, bundles / name)
    keys = tmp_path / "keys.json"
    token = Keyring(keys).add("Lindner", Role.ADMIN)
    with serving(replace(logged, keys=keys, bundle=bundles / "first", bundles=bundles)) as address:
        page.goto(address)
        page.evaluate(f"sessionStorage.setItem('theme', '{theme}'); sessionStorage.setItem('language', '{language}')")
        signed_in(page, address, token)
        for view in VIEWS:
            opened(page, address, view)
            page.locator("table, .facts, .command").first.wait_for()
            settled(page)
            assert violations(page) == [], view
        for view in ("cameras", "keys"):
            opened(page, address, view)
            page.locator(".head .primary").click()
            page.locator("dialog").wait_for()
            page.locator("dialog [type=submit]").click()
            assert violations(page) == [], f"{view}, dialog"
            page.keyboard.press("Escape")


@widths(320, 390, 768, 1280)
def test_nothing_is_wider_than_the_window_and_targets_are_large_on_touch(
    phone: Any, logged: Settings, width: int
) -> None:
    with serving(logged) as address:
        phone.set_viewport_size({"width": width, "height": 800})
        for view in VIEWS:
            opened(phone, address, view)
            settled(phone)
            assert phone.evaluate("document.documentElement.scrollWidth") <= width, view
            if width < 768:
                small = phone.evaluate("""[...document.querySelectorAll("main button, main select, main nav a, main input")]
                    .filter((each) => each.getBoundingClientRect().height > 0 && each.getBoundingClientRect().height < 44).map((each) => each.outerHTML)""")
                assert small == [], view

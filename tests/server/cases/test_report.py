"""The report: what it says, that nothing of it runs, and that it tells each key no more than the case does."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import BUNDLE
from tests.server.cases.conftest import Office
from tests.server.test_keys import bearer

from rgbir.client import Client, NotFound, Unprocessable
from rgbir.client.casework import CaseHead
from rgbir.index import ERRORS_COMMAND, Bundle, Gallery, NewSighting
from rgbir.server import Settings
from rgbir.server.access.audit import entries
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.cases.report.page import zip_name
from rgbir.server.cases.report.texts import TEXTS, Words

HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"
REPORT = Path(__file__).parents[3] / "server/rgbir/server/cases/report"


class Reading(HTMLParser):
    """tags: names of the elements; attributes: all of them; text: what a person reads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.style = ""
        self._in_style = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.style += data
        else:
            self.text += f"{data} "


def searched(
    office: Office, night: bytes, number: str = "26-117", **more: object
) -> tuple[Client, CaseHead, list[str]]:
    """A case of weber's with one search; its hits' ids."""
    weber = office("weber")
    case = weber.add_case(number, title="Missing patient", purpose="find missing patient", workers=["okafor"])
    answer = weber.search(night, camera="3", top_k=20, case=case.id, **more)  # type: ignore[arg-type]
    return weber, case, [hit.id for hit in answer.hits]


def words(page: str) -> str:
    return " ".join(Reading(page).text.split())


def test_the_first_page_says_what_was_asked_searched_and_decided(office: Office, night: bytes) -> None:
    taken = datetime.fromisoformat("2026-11-12T22:41:06+01:00")
    weber, case, hits = searched(office, night, taken_at=taken)
    weber.mark(case.id, "same", sighting=hits[0], note="Walks towards the ward.", search=1)
    weber.mark(case.id, "unsure", sighting=hits[1], search=1)
    for hit in hits[2:5]:
        weber.mark(case.id, "different", sighting=hit, search=1)
    office("okafor").mark(case.id, "same", sighting=hits[0])
    office("okafor").mark(case.id, "different", sighting=hits[1])

    text = words(office("weber").case_report(case.id, zone="Europe/Berlin"))

    assert "A person decided every mark in this report. The software ordered pictures" in text
    assert "Camera 3 room 2, infrared Taken 12 Nov 2026 22:41:06 +01:00 File image 1" in text
    assert "Basis none was named" in text
    assert hashlib.sha256(night).hexdigest() in text
    assert "Sightings 36 of cameras 1, 4, 5 Time all times Left out camera 2: same place as camera 3" in text
    assert "Order exact, equal to comparing all Silent none of these cameras" in text
    assert re.search(r"✓ Same .* Walks towards the ward\. weber, .*; okafor agrees ", text)
    assert re.search(r"✕ Different .* okafor, .*; weber: \? Unsure, ", text)
    assert "Marked different: 4 (on a later page). Not marked: 15 of 20 hits of all searches." in text
    assert "Camera 3 with" in text
    assert "not measured" in text
    measured = Bundle(BUNDLE).card.measured
    assert f"rank_1 {next(iter(measured.values()))['rank_1']:.3g}" in text
    assert "Manifest unsigned Check with rgbir evidence verify case-26-117.zip Times Europe/Berlin (+01:00)" in text
    assert "Decided by: name, date, signature" in text


def test_hits_of_recordings_lead_to_them_by_name_second_and_hash(
    office: Office, night: bytes, gallery: Gallery
) -> None:
    like = next(sighting for sighting in gallery.sightings() if sighting.camera == "1")
    crop, digest = gallery.crop(like.id), "ab" * 32
    frame = json.dumps({"recording": digest, "name": HOSTILE, "number": 62, "seconds": 12.44})
    filmed = NewSighting(
        "1", gallery.embeddings([like.id])[0], "f" * 64, taken_at=like.taken_at, crop=crop, frame=frame
    )
    gallery.add([filmed])
    weber, case, _ = searched(office, night)
    assert "Recordings" not in words(weber.case_report(case.id))
    weber.mark(case.id, "same", sighting=filmed.id)

    page = office("weber").case_report(case.id)

    assert re.search(rf"Recordings .*{re.escape(HOSTILE)} 12\.4 s {digest}", words(page))
    (picture,) = [picture for picture in weber.case(case.id).pictures if picture.kind == "hit"]
    assert picture.film is not None
    assert (picture.film.name, picture.film.seconds, picture.film.sha256) == (HOSTILE, 12.44, digest)


def test_strangers_and_how_often_it_errs_are_what_was_measured(office: Office, night: bytes, gallery: Gallery) -> None:
    rng = np.random.default_rng(0)
    persons = 3 * rng.standard_normal((30, gallery.model.dimension))
    gallery.add(
        [
            NewSighting(camera, (person + rng.standard_normal(len(person))).astype(np.float32), f"{camera} {n} {shot}", "", None, 1000 + n)
            for camera in ("1", "3", "4") for n, person in enumerate(persons) for shot in range(2)
        ]
    )  # fmt: skip
    gallery.calibrate()
    known = gallery.calibration()
    assert known is not None
    weber, case, hits = searched(office, night, cameras=["1", "4"])
    weber.mark(case.id, "same", sighting=hits[0], search=1)
    answer = weber.case_search(case.id, 1)
    hit = answer.ranking[0]
    assert hit is not None
    assert hit.meaning is not None
    assert hit.meaning.strangers is not None
    assert answer.coverage is not None

    text = words(weber.case_report(case.id))

    assert f"1 in {round(1 / hit.meaning.false_accept_rate):,} looks as much alike" in text
    assert f"{Words('en').strangers(hit.meaning.strangers)} of {answer.coverage.searched:,}" in text
    pair = known[0].of("3", hit.camera)
    assert pair is not None
    counts = f"{pair.genuine:,} pairs of one person and {pair.impostors:,} of strangers"
    assert f"Camera 3 with camera {hit.camera}: measured on {counts}" in text


def test_nothing_of_it_runs_and_nothing_comes_from_elsewhere(office: Office, night: bytes) -> None:
    weber, case, hits = searched(office, night)
    weber.mark(case.id, "same", sighting=hits[0])

    answer = office.http.get(f"/cases/{case.id}/report", headers=bearer(office.tokens["weber"]))

    reading, policy = Reading(answer.text), answer.headers["Content-Security-Policy"]
    sum_of_style = base64.b64encode(hashlib.sha256(reading.style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{sum_of_style}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'; sandbox"
    )
    assert policy.partition("; frame-ancestors")[0] in [
        value for name, value in reading.attributes if name == "content"
    ]
    assert reading.tags.isdisjoint(
        {"script", "iframe", "object", "embed", "link", "form", "a", "base", "audio", "video"}
    )
    assert not [name for name, _ in reading.attributes if name.startswith("on") or name in ("style", "href")]
    sources = [value or "" for name, value in reading.attributes if name == "src"]
    assert len(sources) >= 4
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "url(" not in reading.style
    assert "@import" not in reading.style
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_names_notes_and_files_with_markup_are_text(office: Office, night: bytes) -> None:
    weber = office("weber")
    case = weber.add_case("26-117", title=HOSTILE[:190], purpose=HOSTILE, basis=HOSTILE)
    office.http.app.state.casebook.store.change(case.id, number=HOSTILE)  # type: ignore[attr-defined]
    form = {"camera": "3", "top_k": "5", "case": case.id, "purpose": HOSTILE}
    answer = office.http.post("/search", data=form, files=[("images", (HOSTILE, night))])
    assert answer.status_code == 200, answer.text
    weber.mark(case.id, "same", sighting=answer.json()["hits"][0]["id"], note=HOSTILE)
    weber.mark(case.id, "different", sighting=answer.json()["hits"][1]["id"], note=HOSTILE)
    weber.add_note(case.id, HOSTILE)
    office("chief").hold_case(case.id, reason=HOSTILE)

    for language in ("en", "de", "zh"):
        page = office("weber").case_report(case.id, language=language)
        reading = Reading(page)
        assert "script" not in reading.tags
        assert not [name for name, _ in reading.attributes if name.startswith("on")]
        assert "<" not in reading.style
        assert "{{ 7 * 7 }}" in reading.text
        assert page.count("<title>") == page.count("</title>") == page.count("<style>") == 1
        assert reading.text.count("<script>alert(1)</script>") >= 8


def test_a_hold_and_its_reason_are_named(office: Office, night: bytes) -> None:
    _, case, _ = searched(office, night)
    office("chief").hold_case(case.id, reason="court order 12/26")

    assert re.search(r"Legal hold since .*, by chief: court order 12/26", words(office("weber").case_report(case.id)))


def test_what_a_key_doesn_t_see_is_blank(
    office: Office, night: bytes, ring: Keyring, tokens: dict[str, str], settings: Settings
) -> None:
    tokens["desk"] = ring.add("desk", Role.SEARCH, cameras=("3", "1"))
    weber, case, _ = searched(office, night)
    answer = weber.search(night, camera="3", top_k=20, case=case.id)
    hidden = next(hit for hit in answer.hits if hit.camera != "1")
    shown = next(hit for hit in answer.hits if hit.camera == "1")
    for hit in (hidden, shown):
        weber.mark(case.id, "same", sighting=hit.id, note=f"note on camera {hit.camera}")
    weber.change_case(case.id, readers=["desk"])
    image = base64.b64encode(weber.image(hidden.id)).decode()
    assert image in weber.case_report(case.id)

    page = office("desk").case_report(case.id)

    text = words(page)
    assert image not in page
    assert base64.b64encode(office("weber").image(shown.id)).decode() in page
    assert f"note on camera {hidden.camera}" not in text
    assert "note on camera 1" in text
    assert "of a camera that isn't your key's" in text
    assert f"camera {hidden.camera}" not in text
    assert "Sightings 36 of cameras 1 Time" in text


def test_whom_nobody_let_in_gets_no_report(office: Office, night: bytes) -> None:
    weber = office("weber")
    weber.add_case("26-117", title="Missing patient", purpose="find")

    with pytest.raises(NotFound, match="that key 'okafor' was let into"):
        office("okafor").case_report("26-117")


def test_an_erased_picture_is_not_in_it(office: Office, night: bytes) -> None:
    weber, case, hits = searched(office, night)
    mark = weber.mark(case.id, "same", sighting=hits[0], note="backpack")
    image = base64.b64encode(weber.image(hits[0])).decode()
    assert image in weber.case_report(case.id)

    weber.remove_picture(case.id, mark.picture)

    page = weber.case_report(case.id)
    assert image not in page
    assert "erased " in words(page)
    assert "backpack" in words(page)


def test_every_report_is_noted(office: Office, night: bytes, settings: Settings) -> None:
    weber, case, _ = searched(office, night)
    weber.case_report(case.id)

    assert settings.audit is not None
    last = list(entries(settings.audit))[-1]
    assert (last["action"], last["who"], last["case"]) == ("print report", "weber", "26-117")


def test_where_the_model_s_errors_stand_is_said_in_it_and_with_its_stored_answers(office: Office, night: bytes) -> None:
    weber, case, _ = searched(office, night)

    assert weber.case_search(case.id, 1).errors == "/model/errors"
    (side,) = weber.model_errors()["sides"]
    leads = [line["false_accepts"]["value"] for line in side["accepts"] if line["searched"] == "all"]
    low, high = (round(100 * share) for share in (min(leads), max(leads)))
    said = {
        "en": f"for somebody who wasn't in the gallery, {low} to {high} were called a lead.",
        "de": "Der Server zeigt es unter /model/errors.",
        "zh": "服务器在 /model/errors 处显示。",
    }
    for language, sentence in said.items():
        assert sentence in words(weber.case_report(case.id, language=language))  # type: ignore[arg-type]


def test_where_nobody_measured_the_model_s_errors_the_command_stands_in_it(
    open_office: Callable[..., object], night: bytes, tmp_path: Path
) -> None:
    shutil.copytree(BUNDLE, tmp_path / "unmeasured", ignore=shutil.ignore_patterns("errors.json"))
    with open_office(bundle=tmp_path / "unmeasured") as office:  # type: ignore[attr-defined]
        weber, case, _ = searched(office, night)
        assert weber.case_search(case.id, 1).errors is None
        assert f"It is measured by: {ERRORS_COMMAND}" in words(weber.case_report(case.id))


def test_what_another_model_answered_isn_t_told_this_one_s_errors(office: Office, night: bytes) -> None:
    weber, case, _ = searched(office, night)
    searcher = office.http.app.state.engine.now.searcher  # type: ignore[attr-defined]
    searcher.errors = searcher.errors.model_copy(update={"about": {"fingerprint": "0" * 16}})

    assert weber.case_search(case.id, 1).errors is None
    assert f"It is measured by: {ERRORS_COMMAND}" in words(weber.case_report(case.id))


def test_a_case_without_a_search_prints_too(office: Office) -> None:
    weber = office("weber")
    weber.add_case("26-117", title="Missing patient", purpose="find")

    text = words(weber.case_report("26-117", paper="letter"))

    assert "No picture was searched with." in text
    assert "No search was made." in text


@pytest.mark.parametrize("zone", ["Nowhere/At_All", "../../etc/passwd", "/etc/localtime", "Europe"])
def test_a_zone_that_there_isn_t_is_refused(office: Office, zone: str) -> None:
    office("weber").add_case("26-117", title="Missing patient", purpose="find")

    with pytest.raises(Unprocessable, match="no zone"):
        office("weber").case_report("26-117", zone=zone)


def test_the_paper_is_what_was_asked_for(office: Office) -> None:
    office("weber").add_case("26-117", title="Missing patient", purpose="find")

    styles = [Reading(office("weber").case_report("26-117", paper=paper)).style for paper in ("a4", "letter")]

    assert ["size: A4;" in styles[0], "size: letter;" in styles[1]] == [True, True]


# --- texts


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_each_text_is_there_in_three_languages_with_the_same_places() -> None:
    for name, (english, *others) in TEXTS.items():
        assert all(bool(other) == bool(english) for other in others) or name == "page_end", name
        assert all(placeholders(other) == placeholders(english) for other in others), name


def test_no_text_is_left_over_or_missing() -> None:
    sources = "".join(
        file.read_text(encoding="utf-8") for file in REPORT.iterdir() if file.name != "texts.py" and file.is_file()
    )
    used = set(re.findall(r"\b(?:words|t)\(\s*f?[\"']([\w.]+)[\"']", sources))

    def built(name: str) -> bool:
        """Names that are put together."""
        return name.partition(".")[0] in ("mark", "light", "left", "walk", "leads")

    assert used - TEXTS.keys() == set()
    assert {name for name in TEXTS.keys() - used if not built(name)} == {"exact", "approximate"} - used


MOMENTS = [
    ("en", "12 Nov 2026 22:41:06 +01:00"),
    ("de", "12.11.2026 22:41:06 +01:00"),
    ("zh", "2026年11月12日 22:41:06 +01:00"),
]


@pytest.mark.parametrize(("language", "text"), MOMENTS)
def test_moments_are_written_as_the_language_does(language: str, text: str) -> None:
    moment, words = datetime.fromisoformat("2026-11-12T22:41:06.5+01:00"), Words(language)  # type: ignore[arg-type]

    assert f"{words.day(moment)} {words.clock(moment)}" == text


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        (0.03, "< 0.1", "< 0,1"),
        (0.31, "0.3", "0,3"),
        (9.94, "9.9", "9,9"),
        (9.96, "10", "10"),
        (999.4, "999", "999"),
        (1000.0, "1,000+", "1.000+"),
    ],
)
def test_strangers_have_as_many_digits_as_are_known(value: float, english: str, german: str) -> None:
    assert (Words("en").strangers(value), Words("de").strangers(value)) == (english, german)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("26-117", "case-26-117.zip"),
        ("a/../b", "case-a_.._b.zip"),
        ("..", "case-x.zip"),
        ('x"; rm', "case-x_rm.zip"),
        ("案件", "case-_.zip"),
    ],
)
def test_a_zips_name_is_one_everywhere(number: str, name: str) -> None:
    assert zip_name(number) == name

"""Who is erased from the gallery leaves the cases, too; a hold keeps what it holds, and shows it to nobody."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.commands import run
from tests.server.cases.books import filled, opened
from tests.server.cases.conftest import Office
from tests.server.cases.test_course import CASE
from tests.site.media import disk, fill

from rgbir.client import Busy, Conflict, Forbidden, NotFound
from rgbir.client.wire import SearchResponse
from rgbir.index import Gallery
from rgbir.server import Settings
from rgbir.server.access.audit import entries


def of_case(office: Office, night: bytes, number: str, marked: int = 2, **case: Any) -> SearchResponse:
    """A case of weber's with a search, whose first hits are marked same."""
    weber = office("weber")
    weber.add_case(number, **CASE | case)
    answer = weber.search(night, camera="3", top_k=8, case=number)
    for hit in answer.hits[:marked]:
        weber.mark(number, "same", sighting=hit.id, note=f"seen in {number}")
    return answer


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def remove(sighting: str, gallery: Path) -> None:
    """By the command line, beside a server if one runs."""
    done = run("index", "remove", "--sighting", sighting, "--gallery", gallery, "--yes")
    assert done.code in (0, 3), done  # 3 where the gallery had it no more


def left_of(picture: bytes, folder: Path) -> int:
    """How many pieces of a picture lie in a folder's files; SQLite keeps a long value on several pages."""
    content = bytes_of(folder)
    return sum(picture[start : start + 64] in content for start in range(len(picture) // 2, len(picture) - 64, 64))


def test_a_person_in_two_cases_leaves_both(office: Office, night: bytes, tmp_path: Path) -> None:
    answer = of_case(office, night, "26-117")
    of_case(office, night, "26-118")
    hit = answer.hits[0]
    crop = office("weber").image(hit.id)
    assert left_of(crop, tmp_path / "cases")

    tried = office("chief").erase(hit.id, dry_run=True)
    removed = office("chief").erase(hit.id)

    assert {case.number: case.pictures for case in tried.cases if case.pictures} == {"26-117": 1, "26-118": 1}
    assert removed.removed == 1
    for number in ("26-117", "26-118"):
        case = office("weber").case(number)
        gone = [picture for picture in case.pictures if picture.erased_at is not None]
        assert len(gone) == 1
        assert (gone[0].sighting, gone[0].camera, gone[0].sha256, gone[0].image) == (None,) * 4
        assert [mark.note for mark in case.marks if mark.picture == gone[0].id] == [f"seen in {number}"]
        with pytest.raises(NotFound, match="may have been erased"):
            office("weber").case_image(number, gone[0].id)
        ranking = office("weber").case_search(number, case.searches[0].n).ranking
        assert ranking[0] is None
        assert [hit and hit.id for hit in ranking[1:]] == [hit.id for hit in answer.hits[1:]]
    assert not left_of(crop, tmp_path / "cases")
    assert hit.id.encode() not in bytes_of(tmp_path / "cases")


def test_a_query_that_is_the_picture_of_an_erased_sighting_goes_too(
    office: Office, tmp_path: Path, night: bytes
) -> None:
    answer = of_case(office, night, "26-117", marked=0)
    picture = office("weber").image(answer.hits[0].id)
    camera = answer.hits[0].camera
    enrolled = office("chief").enrol(picture, camera=camera)[0]
    assert enrolled.id is not None
    office("weber").search(picture, camera=camera, top_k=3, case="26-117")

    office("chief").erase(enrolled.id)

    queries = [each for each in office("weber").case("26-117").pictures if each.kind == "query"]
    assert [query.erased_at is not None for query in queries] == [False, True]


def test_who_looks_like_the_erased_is_listed_for_a_person_to_decide(office: Office, night: bytes) -> None:
    answer = of_case(office, night, "26-117", marked=3)

    removed = office("chief").erase(answer.hits[0].id)

    assert sum(case.near for case in removed.cases) == 3  # the query and two hits
    near = office("chief").near_erased()
    assert len(near.pictures) == 3
    assert set(near.cases.values()) == {"26-117"}
    first, second, third = near.pictures
    assert first.distance <= second.distance <= third.distance
    office("chief").keep_picture("26-117", first.picture)
    office("chief").remove_picture("26-117", second.picture)
    assert [each.picture for each in office("chief").near_erased().pictures] == [third.picture]
    gone = next(each for each in office("weber").case("26-117").pictures if each.id == second.picture)
    assert gone.erased_at is not None


def test_an_erasure_by_command_reaches_the_cases_of_a_running_server(
    office: Office, night: bytes, gallery: Gallery, tmp_path: Path
) -> None:
    answer = of_case(office, night, "26-117")
    crop = office("weber").image(answer.hits[0].id)

    remove(answer.hits[0].id, gallery.folder)

    case = office("weber").case("26-117")
    assert [picture.erased_at is not None for picture in case.pictures] == [False, True, False]
    assert not left_of(crop, tmp_path / "cases")


def test_an_erasure_while_no_server_runs_reaches_the_cases_before_the_first_answer(
    open_office: Callable[..., Any], night: bytes, gallery: Gallery
) -> None:
    with open_office() as office:
        answer = of_case(office, night, "26-117")
        picture = next(each.id for each in office("weber").case("26-117").pictures if each.kind == "hit")

    remove(answer.hits[0].id, gallery.folder)

    with open_office() as office, pytest.raises(NotFound, match="may have been erased"):
        office("weber").case_image("26-117", picture)


def test_what_age_alone_erases_from_the_gallery_stays_in_a_case(office: Office, night: bytes, gallery: Gallery) -> None:
    """Cases have a date of their own: `keep_until`."""
    taken = office("chief").enrol(night, camera="1", taken_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert taken[0].id is not None
    weber = office("weber")
    weber.add_case("26-117", **CASE)
    weber.mark("26-117", "same", sighting=taken[0].id)

    run("index", "retain", "--keep-days", "30", "--gallery", str(gallery.folder), "--yes")

    with pytest.raises(NotFound):
        office("chief").sighting(taken[0].id)
    (picture,) = office("weber").case("26-117").pictures
    assert picture.erased_at is None


def test_a_hold_refuses_the_erasure_and_names_who_may_lift_it(office: Office, night: bytes) -> None:
    answer = of_case(office, night, "26-117")
    office("lindner").hold_case("26-117", reason="court order 12/26")

    chief = office("chief")
    assert [
        (case.number, case.held) for case in chief.erase(answer.hits[0].id, dry_run=True).cases if case.pictures
    ] == [("26-117", True)]
    with pytest.raises(Conflict, match="case '26-117', by 'lindner'"):
        chief.erase(answer.hits[0].id)
    for refused in (
        lambda: office("weber").delete_case("26-117"),
        lambda: office("weber").remove_picture("26-117", office("weber").case("26-117").pictures[0].id),
    ):
        with pytest.raises(Conflict, match=r"on legal hold since .* by 'lindner'"):
            refused()


def test_what_a_command_erases_stays_under_a_hold_unseen_and_goes_when_it_is_lifted(
    office: Office, night: bytes, gallery: Gallery, tmp_path: Path
) -> None:
    answer = of_case(office, night, "26-117")
    crop = office("weber").image(answer.hits[0].id)
    office("lindner").hold_case("26-117", reason="court order 12/26")

    remove(answer.hits[0].id, gallery.folder)

    case = office("weber").case("26-117")
    hidden = next(picture for picture in case.pictures if picture.erased_at is not None)
    with pytest.raises(NotFound):
        office("lindner").case_image("26-117", hidden.id)
    assert left_of(crop, tmp_path / "cases")
    office("lindner").lift_hold("26-117")
    assert not left_of(crop, tmp_path / "cases")


@pytest.mark.parametrize("under_hold", [False, True])
@pytest.mark.slow
def test_a_full_disk_of_cases_keeps_nobody_from_being_erased(
    open_office: Callable[..., Any], night: bytes, tmp_path: Path, settings: Settings, under_hold: bool
) -> None:
    with disk(tmp_path / "cases", 8), open_office(erase_under_hold=True) as office:
        answer = of_case(office, night, "26-117", marked=3)
        crop = office("weber").image(answer.hits[0].id)
        if under_hold:
            office("chief").hold_case("26-117", reason="court order")
            asked = office("lindner").ask_erasure(sighting=answer.hits[0].id, reason="the court asks for it")
        assert office.http.app.state.casebook.store.file.empty_journal()  # it would be room to write in
        fill(tmp_path / "cases")
        with pytest.raises(Busy, match="is full"):
            office("weber").add_note("26-117", "this finds no room")

        if under_hold:
            assert office("chief").decide_erasure(asked.id, approved=True).removed == 1
        else:
            assert office("chief").erase(answer.hits[0].id).removed == 1

        assert [picture.erased_at is not None for picture in office("weber").case("26-117").pictures].count(True) == 1
        assert not left_of(crop, tmp_path / "cases")
        assert len(office("chief").near_erased().pictures) == 3
    assert settings.audit is not None
    assert [entry["action"] for entry in entries(settings.audit)].count("erased") == 1


def test_a_deleted_case_leaves_nothing_behind(office: Office, night: bytes, tmp_path: Path) -> None:
    answer = of_case(office, night, "26-117")
    crop = office("weber").image(answer.hits[0].id)

    office("weber").delete_case("26-117")

    left = bytes_of(tmp_path / "cases")
    assert not left_of(crop, tmp_path / "cases")
    assert not left_of(night, tmp_path / "cases")
    for trace in (b"seen in 26-117", CASE["title"].encode(), answer.hits[0].id.encode()):
        assert trace not in left
    with sqlite3.connect(tmp_path / "cases/cases.sqlite3") as file:
        for table in ("cases", "people", "pictures", "searches", "marks", "notes", "near"):
            assert file.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_two_administrators_together_erase_what_a_hold_keeps(
    open_office: Callable[..., Any], night: bytes, tmp_path: Path
) -> None:
    with open_office(erase_under_hold=True) as office:
        answer = of_case(office, night, "26-117")
        crop = office("weber").image(answer.hits[0].id)
        office("lindner").hold_case("26-117", reason="court order 12/26")

        asked = office("chief").ask_erasure(sighting=answer.hits[0].id, reason="the court asks for it")

        assert [(case.number, case.pictures, case.held) for case in asked.cases if case.pictures] == [
            ("26-117", 1, True)
        ]
        assert office("weber").sighting(answer.hits[0].id)
        with pytest.raises(Forbidden, match="a second person decides"):
            office("chief").decide_erasure(asked.id, approved=True)
        done = office("lindner").decide_erasure(asked.id, approved=True)

        assert (done.removed, done.approved, done.decided_by, done.conditions) == (1, True, "lindner", {})
        with pytest.raises(NotFound):
            office("weber").sighting(answer.hits[0].id)
        assert not left_of(crop, tmp_path / "cases")
        assert answer.hits[0].id.encode() not in bytes_of(tmp_path / "cases")
        assert office("weber").case("26-117").hold is not None
        with pytest.raises(Conflict, match="was decided by 'lindner'"):
            office("lindner").decide_erasure(asked.id, approved=False)


def test_without_that_rule_nobody_erases_under_a_hold(office: Office, night: bytes) -> None:
    of_case(office, night, "26-117")

    with pytest.raises(NotFound, match="erases nothing that a legal hold keeps"):
        office("chief").ask_erasure(identity=1, reason="we want it")


def test_pictures_that_another_model_embedded_are_not_compared(tmp_path: Path, gallery: Gallery) -> None:
    case, hit = filled(tmp_path, gallery)  # its query is of another model
    with closing(opened(tmp_path)) as book:
        near = book.near(gallery, [hit], [])
        kinds = {picture.id: picture.kind for picture in book.course(case).pictures}

    assert [kinds[each.picture] for each in near] == ["hit"]

"""A case from the night picture to what people decided."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from tests.server.cases.conftest import Office

from rgbir.client import Forbidden, NotFound, Unprocessable
from rgbir.server import Settings
from rgbir.server.access.audit import entries

CASE: dict[str, Any] = {"title": "Missing patient, ward 2", "purpose": "find missing patient"}


def test_a_search_of_a_case_keeps_its_picture_and_its_answer(office: Office, night: bytes) -> None:
    weber = office("weber")
    made = weber.add_case("26-117", **CASE)

    answer = weber.search(night, camera="3", top_k=8, case="26-117")

    assert answer.case is not None
    assert (answer.case.id, answer.case.number, answer.case.new) == (made.id, "26-117", 0)
    case = weber.case(made.id)
    (query,) = case.pictures
    assert (query.kind, query.camera, query.place, query.modality) == ("query", "3", "room 2", "ir")
    assert query.sha256 == hashlib.sha256(night).hexdigest()
    assert weber.case_image(made.id, query.id) == night
    (search,) = case.searches
    assert (search.n, search.who, search.hits, search.new) == (answer.case.search, "weber", 8, None)
    assert search.options == {"camera": "3", "top_k": 8}
    kept = weber.case_search(made.id, search.n)
    assert [hit and hit.id for hit in kept.ranking] == [hit.id for hit in answer.hits]
    assert kept.coverage == answer.coverage


def test_the_cases_own_picture_is_searched_with_again_and_kept_once(office: Office, night: bytes) -> None:
    weber = office("weber")
    weber.add_case("26-117", **CASE)
    first = weber.search(night, camera="3", top_k=8, case="26-117")
    assert first.case is not None

    again = weber.search(query=first.case.queries, top_k=8, case="26-117")
    uploaded = weber.search(night, camera="3", top_k=12, case="26-117")

    assert [hit.id for hit in again.hits] == [hit.id for hit in first.hits]
    assert again.query.camera == "3"
    assert [hit.new for hit in again.hits] == [False] * 8
    assert [hit.new for hit in uploaded.hits] == [False] * 8 + [True] * 4
    assert len(weber.case("26-117").pictures) == 1


def test_marks_stay_when_they_are_taken_back_and_the_last_one_holds(office: Office, night: bytes) -> None:
    weber = office("weber")
    case = weber.add_case("26-117", **CASE, workers=["okafor"])
    answer = weber.search(night, camera="3", top_k=8, case=case.id)
    assert answer.case is not None
    hit = answer.hits[2]

    first = weber.mark(case.id, "same", sighting=hit.id, note="backpack", search=answer.case.search)
    again = weber.mark(case.id, "same", sighting=hit.id, note="backpack", search=answer.case.search)
    second = office("okafor").mark(case.id, "unsure", sighting=hit.id)
    with pytest.raises(Forbidden, match="mark 1 is by 'weber'"):
        office("okafor").withdraw_mark(case.id, first.n)
    office("weber").withdraw_mark(case.id, second.n)

    assert (first.rank, first.who, first.note) == (3, "weber", "backpack")
    assert again == first
    marks = office("weber").case(case.id).marks
    assert [(mark.mark, mark.who, mark.withdrawn_by) for mark in marks] == [
        ("same", "weber", None),
        ("unsure", "okafor", "weber"),
    ]
    kept = next(picture for picture in office("weber").case(case.id).pictures if picture.id == first.picture)
    assert kept.sighting == hit.id
    assert office("weber").case_image(case.id, kept.id) == office("weber").image(hit.id)


def test_whom_nobody_let_in_sees_nothing_of_a_case(office: Office, night: bytes) -> None:
    case = office("weber").add_case("26-117", **CASE)

    okafor = office("okafor")
    for ask in (
        lambda: okafor.case(case.id),
        lambda: okafor.search(night, camera="3", case="26-117"),
        lambda: okafor.mark(case.id, "same", sighting="x"),
        lambda: okafor.add_note(case.id, "x"),
        lambda: okafor.delete_case(case.id),
        lambda: okafor.change_case(case.id, title="mine"),
    ):
        with pytest.raises(NotFound, match=r"no case .* that key 'okafor' was let into"):
            ask()
    assert okafor.cases().cases == []


def test_a_reader_looks_and_changes_nothing(office: Office, night: bytes) -> None:
    case = office("weber").add_case("26-117", **CASE, readers=["okafor"])

    okafor = office("okafor")
    assert okafor.case(case.id).access == "read"
    with pytest.raises(Forbidden, match="may look at case '26-117'"):
        okafor.add_note(case.id, "x")
    with pytest.raises(Forbidden, match="may look at case"):
        okafor.search(night, camera="3", case="26-117")


def test_everything_is_in_the_audit_log(office: Office, night: bytes, settings: Settings) -> None:
    weber = office("weber")
    case = weber.add_case("26-117", **CASE)
    answer = weber.search(night, camera="3", top_k=4, case=case.id)
    mark = weber.mark(case.id, "different", sighting=answer.hits[0].id)
    weber.withdraw_mark(case.id, mark.n)
    weber.add_note(case.id, "the nurse on duty called")
    weber.change_case(case.id, title="Missing patient")
    chief = office("chief")
    chief.hold_case(case.id, reason="court order")
    chief.lift_hold(case.id)
    office("weber").delete_case(case.id)

    assert settings.audit is not None
    noted = [(entry["action"], entry["who"]) for entry in entries(settings.audit) if entry.get("case") == "26-117"]
    assert noted == [
        ("open case", "weber"), ("opened case", "weber"), ("search", "weber"), ("mark", "weber"), ("marked", "weber"),
        ("take mark back", "weber"), ("took mark back", "weber"), ("note", "weber"), ("noted", "weber"),
        ("change case", "weber"), ("changed case", "weber"), ("hold case", "chief"), ("held case", "chief"),
        ("lift hold", "chief"), ("lifted hold", "chief"), ("delete case", "weber"), ("deleted case", "weber"),
    ]  # fmt: skip


def test_marks_refine_the_next_search(office: Office, night: bytes) -> None:
    weber = office("weber")
    case = weber.add_case("26-117", **CASE)
    plain = weber.search(night, camera="3", top_k=20, case=case.id)
    assert plain.case is not None
    truth = weber.sighting(plain.hits[0].id).identity
    same = [hit for hit in plain.hits if hit.identity == truth][:2]
    different = [hit for hit in plain.hits if hit.identity != truth][:2]
    for hit in same:
        weber.mark(case.id, "same", sighting=hit.id)
    for hit in different:
        weber.mark(case.id, "different", sighting=hit.id)

    refined = weber.search(query=plain.case.queries, top_k=20, case=case.id, refine=True)

    assert refined.case is not None
    assert (refined.case.same, refined.case.different) == (2, 2)
    assert refined.query.shots == 3
    before = {hit.id: hit.rank for hit in plain.hits}
    assert [hit.plain_rank for hit in refined.hits] == [before.get(hit.id) for hit in refined.hits]
    ranks = {hit.id: hit.rank for hit in refined.hits}
    others = [hit.rank for hit in refined.hits if hit.identity == truth]
    assert all(ranks[hit.id] > max(others) for hit in different if hit.id in ranks)


def test_what_belongs_to_a_case_is_refused_without_one(office: Office, night: bytes) -> None:
    weber = office("weber")
    case = weber.add_case("26-117", **CASE)

    with pytest.raises(Unprocessable, match="refine is of a case; name it with case"):
        weber.search(night, camera="3", refine=True)
    with pytest.raises(NotFound, match="has no query 'nothing'"):
        weber.search(query=["nothing"], case=case.id)
    with pytest.raises(NotFound, match="no case 'other'"):
        weber.search(night, camera="3", case="other")

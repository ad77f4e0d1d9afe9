"""Who may do what with a case: approval by a second person, scoped keys, closed cases, hand-over, the site's rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.server.cases.conftest import Office
from tests.server.cases.test_course import CASE

from rgbir.client import Conflict, Forbidden, NotFound, Unprocessable
from rgbir.server import Settings
from rgbir.server.access.audit import entries
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.errors import BadSettings


def test_a_second_person_approves_before_the_first_search(open_office: Callable[..., Any], night: bytes) -> None:
    with open_office(need_approval=True) as office:
        case = office("lindner").add_case("26-117", **CASE)

        assert case.state == "waiting"
        with pytest.raises(Conflict, match="an administrator other than its owner gives it"):
            office("lindner").search(night, camera="3", case="26-117")
        with pytest.raises(Forbidden, match="a second person approves it"):
            office("lindner").approve_case("26-117", approved=True)
        with pytest.raises(NotFound):
            office("weber").approve_case("26-117", approved=True)
        assert office("chief").case("26-117").approvable
        approved = office("chief").approve_case("26-117", approved=True)

        assert approved.approval is not None
        assert (approved.state, approved.approval.who) == ("open", "chief")
        assert office("lindner").search(night, camera="3", top_k=2, case="26-117").hits
        with pytest.raises(Conflict, match="waits for nobody's approval"):
            office("chief").approve_case("26-117", approved=False)


def test_a_named_approver_alone_approves_and_sees_the_case_until_then(open_office: Callable[..., Any]) -> None:
    with open_office(need_approval=True) as office:
        office("weber").add_case("26-117", **CASE, approver="okafor")

        assert [case.number for case in office("okafor").cases().cases] == ["26-117"]
        with pytest.raises(Forbidden, match="approved by 'okafor', not by key 'chief'"):
            office("chief").approve_case("26-117", approved=True)
        with pytest.raises(NotFound, match="you see it no more"):
            office("okafor").approve_case("26-117", approved=True)
        assert office("weber").case("26-117").state == "open"
        assert office("okafor").cases().cases == []


def test_a_refused_case_stays_closed(open_office: Callable[..., Any], night: bytes) -> None:
    with open_office(need_approval=True) as office:
        office("weber").add_case("26-117", **CASE)
        office("chief").approve_case("26-117", approved=False)

        assert office("weber").case("26-117").state == "closed"
        with pytest.raises(Conflict, match="was refused; it stays closed"):
            office("weber").change_case("26-117", closed=False)
        with pytest.raises(Conflict, match="is closed"):
            office("weber").search(night, camera="3", case="26-117")


def test_where_approval_is_needed_nothing_is_searched_without_a_case(
    open_office: Callable[..., Any], night: bytes
) -> None:
    with open_office(need_approval=True) as office:
        weber = office("weber")
        office("weber").add_case("26-117", **CASE)
        asks: list[Callable[[str | None], object]] = [
            lambda case: weber.search(night, camera="3", case=case),
            lambda case: weber.search_each([night], camera="3", case=case),
            lambda case: weber.distances(night, camera="3", case=case),
        ]
        for ask in asks:
            with pytest.raises(Unprocessable, match="approved cases only"):
                ask(None)
            with pytest.raises(Conflict, match="waits for an approval"):
                ask("26-117")


@pytest.mark.slow
def test_a_basis_is_one_of_the_sites(open_office: Callable[..., Any]) -> None:
    with open_office(need_basis=True, bases=("protection of life", "court order")) as office:
        weber = office("weber")
        with pytest.raises(Unprocessable, match="wants each case's legal basis; one of protection of life"):
            weber.add_case("26-117", **CASE)
        with pytest.raises(Unprocessable, match="protection of life or court order, not 'curiosity'"):
            weber.add_case("26-117", **CASE, basis="curiosity")
        assert weber.add_case("26-117", **CASE, basis="court order").basis == "court order"
        with pytest.raises(Unprocessable, match="not 'curiosity'"):
            weber.change_case("26-117", basis="curiosity")
        me = weber.me()
        assert (me.needs_basis, me.bases, me.case_days) == (True, ["protection of life", "court order"], 180)


def test_a_key_of_some_cameras_sees_the_others_hits_blank(office: Office, ring: Keyring, night: bytes) -> None:
    office.tokens["gate"] = ring.add("gate", Role.SEARCH, ["4", "3"])
    weber = office("weber")
    weber.add_case("26-117", **CASE, readers=["gate"])
    answer = weber.search(night, camera="3", top_k=12, case="26-117")
    hits = {hit.camera: hit for hit in answer.hits}
    for camera in ("4", "1"):
        weber.mark("26-117", "same", sighting=hits[camera].id, note=f"at camera {camera}")

    case = office("gate").case("26-117")

    query, seen, blank = case.pictures
    assert (query.camera, seen.camera, blank.blank) == ("3", "4", True)
    assert (blank.sighting, blank.camera, blank.taken_at, blank.image, blank.name) == (None, None, None, None, "")
    assert [(mark.note, mark.mark, mark.blank) for mark in case.marks] == [
        ("at camera 4", "same", False),
        ("", None, True),
    ]
    with pytest.raises(NotFound):
        office("gate").case_image("26-117", blank.id)
    kept = office("gate").case_search("26-117", case.searches[0].n)
    assert {hit.camera for hit in kept.ranking if hit is not None} == {"4"}
    assert set(kept.searched_cameras) <= {"3", "4"}
    assert {left.camera for left in kept.excluded_cameras} <= {"3", "4"}


def test_marks_of_cameras_that_the_key_does_not_see_refine_nothing(office: Office, ring: Keyring, night: bytes) -> None:
    office.tokens["gate"] = ring.add("gate", Role.SEARCH, ["4", "3"])
    weber = office("weber")
    weber.add_case("26-117", **CASE, workers=["gate"])
    answer = weber.search(night, camera="3", top_k=12, case="26-117")
    hits = {hit.camera: hit for hit in answer.hits}
    weber.mark("26-117", "same", sighting=hits["1"].id)
    assert answer.case is not None

    refined = office("gate").search(query=answer.case.queries, top_k=5, case="26-117", refine=True)

    assert refined.case is not None
    assert refined.case.same == 0
    assert {hit.camera for hit in refined.hits} == {"4"}
    with pytest.raises(NotFound):
        office("gate").mark("26-117", "different", sighting=hits["1"].id)


def test_a_case_is_handed_over(office: Office) -> None:
    weber = office("weber")
    weber.add_case("26-117", **CASE)

    with pytest.raises(NotFound, match="is 'okafor'"):
        weber.change_case("26-117", owner="okafor")
    assert office("okafor").case("26-117").access == "own"


def test_what_is_new_is_told_from_the_last_look_on(office: Office, night: bytes) -> None:
    weber = office("weber")
    weber.add_case("26-117", **CASE, readers=["okafor"])
    weber.search(night, camera="3", top_k=4, case="26-117")
    second = weber.search(night, camera="3", top_k=7, case="26-117")
    assert second.case is not None

    assert second.case.new == 3
    assert office("okafor").case("26-117").new == 3
    office("okafor").look_at_case("26-117", search=second.case.search)
    assert office("okafor").case("26-117").new == 0
    assert office("weber").case("26-117").new == 3


def test_two_cases_share_no_number_and_the_same_again_is_the_same(office: Office) -> None:
    made = office("weber").add_case("26-117", **CASE)

    assert office("weber").add_case("26-117", **CASE).id == made.id
    with pytest.raises(Conflict, match="there is a case '26-117' already"):
        office("okafor").add_case("26-117", **CASE)


@pytest.mark.parametrize("number", ["26/117", "near", " near ", ".", ".."])
def test_a_number_that_is_no_part_of_an_address_is_refused(office: Office, settings: Settings, number: str) -> None:
    with pytest.raises(
        Unprocessable, match=r"is part of its address, /cases/\{number\}.* without a slash, such as 26-117"
    ):
        office("weber").add_case(number, **CASE)

    assert office("weber").cases().cases == []
    assert settings.audit is not None
    assert "open case" not in [entry["action"] for entry in entries(settings.audit)]


@pytest.mark.parametrize("number", ["26-117 (2)", "nearby", "100 %", "a?b#c", "Fall 7 – Süd", "案件\u3000七"])
def test_a_number_with_other_signs_is_an_address(office: Office, number: str) -> None:
    made = office("weber").add_case(number, **CASE)

    assert office("weber").case(number).id == made.id


@pytest.mark.parametrize("sign", ["\n", "\r", "\t", "\x1b[2J", "\u202e", "\u2028", "\x7f", "\x00"])
@pytest.mark.parametrize("field", ["number", "title", "approver", "readers", "workers"])
def test_signs_that_nobody_sees_are_refused(office: Office, field: str, sign: str) -> None:
    value = f"26{sign}117"
    given = {"number": "26-117", **CASE, field: [value] if field in ("readers", "workers") else value}

    with pytest.raises(Unprocessable, match=f"{field} has a sign that nobody sees, such as a line feed"):
        office("weber").add_case(**given)

    office("weber").add_case("26-117", **CASE)
    change = {"approver": "owner", "number": "title"}.get(field, field)
    with pytest.raises(Unprocessable, match=f"{change} has a sign that nobody sees"):
        office("weber").change_case("26-117", **{change: given[field]})


def test_rules_need_what_they_rest_on(settings: Settings, tmp_path: Path) -> None:
    given = {name: getattr(settings, name) for name in ("gallery", "bundle")}
    for more, words in (
        ({"cases": tmp_path}, "--audit FILE, too"),
        ({"need_basis": True}, "--cases FOLDER, too"),
        ({"cases": tmp_path, "audit": tmp_path / "a", "need_approval": True}, "--keys FILE, too"),
    ):
        with pytest.raises(BadSettings, match=words):
            Settings(**given, **more)


def test_a_server_without_cases_says_how_to_have_them(settings: Settings, tokens: dict[str, str], night: bytes) -> None:
    from fastapi.testclient import TestClient

    from rgbir.server import create_app

    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        weber = Office(http, tokens)("weber")
        with pytest.raises(NotFound, match="start it with --cases FOLDER"):
            weber.cases()
        assert "cases" not in weber.me().rights
        assert weber.search(night, camera="3", top_k=1, case="in our own words").case is None
        with pytest.raises(Unprocessable, match="this server keeps none"):
            weber.search(night, camera="3", refine=True)

"""What could go round a rule of cases: erasures and holds that come in between, approvals that were of something else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.server.cases.books import CHIEF, NEW, WEBER, content, filled, opened, state
from tests.server.cases.conftest import Office
from tests.server.cases.test_course import CASE
from tests.server.cases.test_erased import of_case, remove

from rgbir.client import Conflict, NotFound, Unprocessable
from rgbir.index import Gallery
from rgbir.server.cases.casebook import Casebook, NewCase
from rgbir.server.cases.records import Case
from rgbir.server.cases.store import CaseStore
from rgbir.server.errors import CasesUnusable, Held, NotThere


def test_who_is_erased_while_a_hit_is_marked_does_not_stay(
    tmp_path: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, _ = filled(tmp_path, gallery)
    sighting = next(each for each in gallery.sightings() if each.camera == "4").id
    with closing(opened(tmp_path)) as book:
        keep = CaseStore.keep

        def late(self: CaseStore, *given: Any) -> Any:
            gallery.remove(ids=[sighting])
            book.heed(gallery)
            return keep(self, *given)

        monkeypatch.setattr(CaseStore, "keep", late)
        with pytest.raises(NotThere, match="was erased just now"):
            book.keep_hit(case, gallery, sighting, WEBER)
        assert [picture.sighting for picture in book.course(case).pictures if picture.sighting == sighting] == []


def test_who_is_erased_while_it_is_searched_does_not_stay_in_the_answer(
    office: Office, night: bytes, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_case(office, night, "26-117", marked=0)
    victim = office("weber").search(night, camera="3", top_k=1, case="26-117").hits[0].id
    add = CaseStore.add_search

    def late(self: CaseStore, *given: Any) -> int:
        monkeypatch.undo()
        office("chief").erase(victim)
        return add(self, *given)

    monkeypatch.setattr(CaseStore, "add_search", late)
    answer = office("weber").search(night, camera="3", top_k=3, case="26-117")

    assert answer.case is not None
    assert victim not in {hit.id for hit in answer.hits}
    kept = office("weber").case_search("26-117", answer.case.search)
    assert victim not in {hit.id for hit in kept.ranking if hit is not None}


def test_erasing_by_identity_reaches_copies_of_what_age_took_from_the_gallery(
    office: Office, night: bytes, gallery: Gallery
) -> None:
    answer = of_case(office, night, "26-117", marked=1)
    hit = answer.hits[0]
    assert hit.identity is not None
    gallery.discard([hit.id])  # as age does: nobody is named

    tried = office("chief").erase(identity=hit.identity, dry_run=True)
    office("chief").erase(identity=hit.identity)

    assert sum(case.pictures for case in tried.cases) == 1
    picture = next(each for each in office("weber").case("26-117").pictures if each.kind == "hit")
    assert picture.erased_at is not None


@pytest.mark.parametrize("by_command", [True, False])
def test_a_sighting_that_only_a_case_has_is_erased_by_its_id(
    office: Office, night: bytes, gallery: Gallery, by_command: bool
) -> None:
    answer = of_case(office, night, "26-117", marked=1)
    gallery.discard([answer.hits[0].id])
    office("weber").case("26-117")

    if by_command:
        remove(answer.hits[0].id, gallery.folder)
    else:
        office("chief").erase(answer.hits[0].id)

    picture = next(each for each in office("weber").case("26-117").pictures if each.kind == "hit")
    assert picture.erased_at is not None


def test_a_held_case_shows_nobody_whom_the_gallery_erased_in_its_answers_either(
    office: Office, night: bytes, gallery: Gallery
) -> None:
    answer = of_case(office, night, "26-117", marked=0)
    office("lindner").hold_case("26-117", reason="court order")
    with pytest.raises(Conflict, match="a legal hold keeps"):
        office("chief").erase(answer.hits[0].id)

    remove(answer.hits[0].id, gallery.folder)

    search = office("weber").case("26-117").searches[0].n
    assert office("weber").case_search("26-117", search).ranking[0] is None
    office("lindner").lift_hold("26-117")
    assert office("weber").case_search("26-117", search).ranking[0] is None


def test_an_approved_erasure_takes_nobody_else_from_a_case_on_hold(
    open_office: Callable[..., Any], night: bytes, gallery: Gallery
) -> None:
    with open_office(erase_under_hold=True) as office:
        answer = of_case(office, night, "26-117", marked=1)
        weber = office("weber")
        weber.add_case("26-118", **CASE)
        weber.mark("26-118", "same", sighting=answer.hits[1].id)
        for number in ("26-117", "26-118"):
            office("lindner").hold_case(number, reason="court order")
        asked = office("chief").ask_erasure(sighting=answer.hits[0].id, reason="the court asks for it")
        remove(answer.hits[1].id, gallery.folder)  # which the hold of the other case keeps

        office("lindner").decide_erasure(asked.id, approved=True)

        with closing(Casebook(gallery.folder.parent / "cases", office_rules())) as book:
            there = book.store.case("26-118")
            assert there is not None
            (kept,) = book.course(there).pictures
            assert (kept.due_at is not None, kept.erased_at) == (True, None)


def office_rules() -> Any:
    from rgbir.server.cases.casebook import Rules

    return Rules(erase_under_hold=True)


def test_a_case_that_waits_goes_to_nobody_else(open_office: Callable[..., Any]) -> None:
    with open_office(need_approval=True) as office:
        office("lindner").add_case("26-117", **CASE)
        with pytest.raises(Conflict, match="goes to nobody else before it"):
            office("lindner").change_case("26-117", owner="okafor")


@pytest.mark.parametrize("changed", [{"purpose": "my neighbour"}, {"title": "another"}, {"basis": "court order"}])
def test_what_was_approved_as_something_else_waits_again(
    open_office: Callable[..., Any], night: bytes, changed: dict[str, str]
) -> None:
    with open_office(need_approval=True) as office:
        office("weber").add_case("26-117", **CASE)
        office("chief").approve_case("26-117", approved=True)
        assert office("weber").change_case("26-117", keep_days=20).state == "open"

        assert office("weber").change_case("26-117", **changed).state == "waiting"
        with pytest.raises(Conflict, match="waits for an approval"):
            office("weber").search(night, camera="3", case="26-117")


def test_a_case_that_is_older_than_the_rule_waits_too(open_office: Callable[..., Any], night: bytes) -> None:
    with open_office() as office:
        office("weber").add_case("26-117", **CASE)
    with open_office(need_approval=True) as office:
        with pytest.raises(Conflict, match="waits for an approval"):
            office("weber").search(night, camera="3", case="26-117")
        assert office("chief").approve_case("26-117", approved=True).state == "open"
        assert office("weber").search(night, camera="3", top_k=1, case="26-117").hits


def test_a_hold_that_comes_during_a_deletion_keeps_the_case(tmp_path: Path, gallery: Gallery) -> None:
    case, _ = filled(tmp_path, gallery)
    with closing(opened(tmp_path)) as book:
        book.store.change(case.id, keep_until=case.made_at)

        def hold(due: Case) -> None:
            book.hold(CHIEF, due.id, "court order")

        book.expire(tell=hold)
        assert [each.number for each in book.store.cases()] == ["26-117"]
        with pytest.raises(Held):
            book.delete(WEBER, case.id)


def test_a_hold_after_a_deletion_that_failed_is_stronger_than_the_ledger(
    tmp_path: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, _ = filled(tmp_path, gallery)
    with closing(opened(tmp_path)) as book:
        delete = CaseStore.delete

        def fails(self: CaseStore, name: str, *, first: Any = None, **more: Any) -> bool:
            first()
            raise CasesUnusable("the disk fails")

        monkeypatch.setattr(CaseStore, "delete", fails)
        with pytest.raises(CasesUnusable):
            book.delete(WEBER, case.id)
        monkeypatch.setattr(CaseStore, "delete", delete)
        book.hold(CHIEF, case.id, "court order")
    before = state(tmp_path)
    assert before == state(tmp_path)
    assert len(before) == 1


def test_a_request_that_no_case_has_room_for_is_refused(office: Office) -> None:
    weber = office("weber")
    with pytest.raises(Unprocessable, match="200 people at most"):
        weber.add_case("26-117", **CASE, readers=[f"p{number}" for number in range(201)])
    with pytest.raises(Unprocessable, match="200 characters at most"):
        weber.add_case("26-117", **CASE, readers=["p" * 201])
    weber.add_case("26-117", **CASE)
    with pytest.raises(Unprocessable, match="the last search of case '26-117' is 0, not 5"):
        weber.look_at_case("26-117", search=5)
    for number in (2**63, 10**30):
        with pytest.raises((Unprocessable, NotFound)):
            weber.look_at_case("26-117", search=number)


def test_the_same_case_again_with_anything_else_is_another(office: Office) -> None:
    office("weber").add_case("26-117", **CASE)
    for other in ({"purpose": "another"}, {"keep_days": 1}, {"workers": ["okafor"]}):
        with pytest.raises(Conflict, match="there is a case '26-117' already"):
            office("weber").add_case("26-117", **CASE | other)


def test_whom_a_search_was_like_goes_with_the_sighting(office: Office, night: bytes) -> None:
    answer = of_case(office, night, "26-117", marked=0)
    like = office("weber").search(like=answer.hits[0].id, top_k=2, case="26-117")
    assert like.case is not None

    office("chief").erase(answer.hits[0].id)

    assert office("weber").case_search("26-117", like.case.search).like is None


def test_what_told_of_a_query_goes_with_it(office: Office, night: bytes) -> None:
    of_case(office, night, "26-117", marked=0)
    (query,) = office("weber").case("26-117").pictures

    office("weber").remove_picture("26-117", query.id)

    search = office("weber").case_search("26-117", office("weber").case("26-117").searches[0].n)
    assert "camera" not in search.options
    assert (search.query.camera, search.query.place) == (None, None)


def test_an_older_answer_without_labels_is_kept(tmp_path: Path, gallery: Gallery) -> None:
    case, _ = filled(tmp_path, gallery)
    with closing(opened(tmp_path)) as book:
        book.add(CHIEF, NewCase(number="26-118", **NEW))
        assert book.store.add_search(case.id, "weber", content(["a", "b"])) == 2

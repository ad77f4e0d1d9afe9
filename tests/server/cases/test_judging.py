"""Pairs that chance drew, judged blind by people, and what the calibration makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.server.cases.conftest import Office

from rgbir.client import Client, Conflict, Forbidden, NotFound, Unprocessable
from rgbir.index import Gallery
from rgbir.index.gallery import calibration
from rgbir.server import Settings
from rgbir.server.access.audit import entries
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.cases.backup import back_up, restore
from rgbir.server.cases.casebook import Casebook, Rules
from rgbir.server.cases.file import CaseFile
from rgbir.server.cases.judging import Judging

COUNT = 60
Say = Callable[[str, str], str]


@pytest.fixture
def whose(gallery: Gallery) -> Mapping[str, int | None]:
    """Whom each picture's path shows."""
    return {f"/gallery/sightings/{sighting.id}/image": sighting.identity for sighting in gallery.sightings()}


@pytest.fixture
def right(whose: Mapping[str, int | None]) -> Say:
    return lambda left, right: "same" if whose[left] == whose[right] else "different"


def judge(client: Client, task: str, say: Say, most: int = 10_000) -> int:
    """Answers pair after pair; how many."""
    shown = client.next_pair(task)
    count = 0
    while shown.pair is not None and count < most:
        assert shown.left is not None
        assert shown.right is not None
        shown = client.answer_pair(task, shown.pair, say(shown.left, shown.right))  # type: ignore[arg-type]
        count += 1
    return count


def test_pairs_are_shown_blind_in_one_order_and_none_is_skipped(office: Office, right: Say, gallery: Gallery) -> None:
    weber = office("weber")
    task = weber.add_judgement("1", "5", count=COUNT, seed=7)

    first = weber.next_pair(task.id)

    assert set(first.model_dump()) == {"pair", "left", "right", "answered", "pairs"}
    assert (first.pair, first.answered, first.pairs) == (1, 0, task.pairs)
    assert weber.next_pair(task.id) == first
    assert first.left is not None
    assert office.http.get(first.left).headers["content-type"].startswith("image/")
    with pytest.raises(Conflict, match="pair 1 is next, not 2; none is skipped: say unsure"):
        weber.answer_pair(task.id, 2, "same")
    second = weber.answer_pair(task.id, 1, "unsure")
    assert (second.pair, second.answered) == (2, 1)
    assert weber.answer_pair(task.id, 1, "unsure") == second  # a retry
    with pytest.raises(Conflict, match="you said unsure of pair 1; take that answer back first"):
        weber.answer_pair(task.id, 1, "same")
    assert weber.take_answer_back(task.id, 1) == first
    assert weber.take_answer_back(task.id, 1) == first
    judge(weber, task.id, right, 3)
    with pytest.raises(Conflict, match="your last answer was to pair 3"):
        weber.take_answer_back(task.id, 1)
    with pytest.raises(NotFound, match="has no pair 1000"):
        weber.answer_pair(task.id, 1000, "same")

    cameras = {sighting.id: sighting.camera for sighting in gallery.sightings()}
    lefts = [cameras[pair.sides[0]] for other in range(8) for pair in _draw(office, other).pairs]
    assert 0.4 < lefts.count("1") / len(lefts) < 0.6  # the query's side is chance


def _draw(office: Office, seed: int) -> Any:
    made = office("weber").add_judgement("1", "5", count=COUNT, seed=seed)
    book: Casebook = office.http.app.state.casebook  # type: ignore[attr-defined]
    return next(task for task in book.judging.tasks() if task.id == made.id)


def test_a_draw_is_told_to_whoever_sees_both_cameras(open_office: Any, ring: Keyring, tokens: dict[str, str]) -> None:
    tokens["one camera"] = ring.add("one camera", Role.SEARCH, cameras=("1",))
    tokens["guard"] = ring.add("guard", Role.ENROL)
    with open_office() as office:
        task = office("weber").add_judgement("1", "5", count=20)
        assert office("weber").add_judgement("1", "5", count=20) == task  # a retry
        assert [each.id for each in office("okafor").judgements().judgements] == [task.id]
        assert office("one camera").judgements().judgements == []
        with pytest.raises(NotFound, match="no judgement"):
            office("one camera").next_pair(task.id)
        with pytest.raises(Forbidden, match="not for 5"):
            office("one camera").add_judgement("1", "5")
        with pytest.raises(Forbidden, match="role enrol"):
            office("guard").judgements()
        with pytest.raises(Unprocessable, match="look at one place"):
            office("weber").add_judgement("2", "3")
        with pytest.raises(Forbidden, match="this needs admin"):
            office("weber").use_judgement(task.id)


@pytest.mark.slow
def test_what_was_judged_tells_distances_once_it_is_whole_and_used(
    office: Office, right: Say, gallery: Gallery, settings: Settings, night: bytes
) -> None:
    weber = office("weber")
    task = weber.add_judgement("1", "5", count=COUNT, seed=7)
    judge(weber, task.id, right, 10)
    assert "you are in the middle" in (weber.judgement(task.id).missing or "")
    with pytest.raises(Conflict, match="are unanswered"):
        office("chief").use_judgement(task.id)
    judge(office("weber"), task.id, right)

    result = office("weber").judgement(task.id)

    assert result.missing is None
    assert result.estimate is not None
    assert result.estimate.judges == ["weber"]
    assert result.estimate.same + result.estimate.different == task.pairs
    assert all(
        0 <= point.strangers_low <= point.strangers <= point.strangers_high <= 1 for point in result.estimate.points
    )
    assert office("weber").calibration().pairs == []

    used = office("chief").use_judgement(task.id)

    assert used.used_by == "chief"
    (pair,) = office("weber").calibration().pairs
    assert (sorted(pair.cameras), pair.judged_by) == (["1", "5"], ["weber"])
    assert (pair.genuine, pair.strangers) == (result.estimate.same, result.estimate.different)
    shown = office("weber").search(
        like=next(s.id for s in gallery.sightings() if s.camera == "1"), cameras=["5"], top_k=1
    )
    assert shown.hits[0].meaning is not None
    assert settings.audit is not None
    actions = [entry["action"] for entry in entries(settings.audit)]
    assert actions.count("judged pair") == task.pairs
    assert {"draw pairs", "drew pairs", "use judgement", "used judgement"} <= set(actions)

    office("chief").delete_judgement(task.id)
    assert office("weber").calibration().pairs == []
    assert office("weber").judgements().judgements == []


def test_labels_are_not_replaced_unless_somebody_says_so(
    office: Office, right: Say, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "LEAST_STRANGERS", 50)  # three people give 96 pairs of strangers
    assert "1|5" in gallery.calibrate().pairs
    task = office("weber").add_judgement("1", "5", count=COUNT, seed=7)
    judge(office("weber"), task.id, right)

    with pytest.raises(Unprocessable, match="are calibrated on"):
        office("chief").use_judgement(task.id)
    office("chief").use_judgement(task.id, in_place_of_labels=True)
    (pair,) = (pair for pair in office("weber").calibration().pairs if sorted(pair.cameras) == ["1", "5"])
    assert pair.judged_by == ["weber"]


@pytest.mark.slow
def test_a_second_judge_is_compared_and_where_two_disagree_nobody_is_sure(office: Office, right: Say) -> None:
    task = office("weber").add_judgement("1", "5", count=COUNT, seed=7)
    judge(office("weber"), task.id, right)
    alone = office("weber").judgement(task.id)
    said: list[str] = []

    def another(left: str, other: str) -> str:
        said.append("unsure" if len(said) % 10 == 0 else right(left, other))
        return said[-1]

    judge(office("okafor"), task.id, another, 5)
    assert office("weber").judgement(task.id).estimate == alone.estimate  # half of somebody's word counts for nothing
    judge(office("okafor"), task.id, another)

    both = office("weber").judgement(task.id)

    unsure = said.count("unsure")
    assert both.estimate is not None
    assert (both.estimate.judges, both.estimate.unsure) == (["okafor", "weber"], unsure)
    (agreement,) = both.agreements
    assert agreement.alike == pytest.approx(1 - unsure / task.pairs)
    assert alone.estimate is not None
    n, same, different = task.pairs, alone.estimate.same, alone.estimate.different
    chance = (same * said.count("same") + different * said.count("different")) / n**2
    assert agreement.kappa == pytest.approx((agreement.alike - chance) / (1 - chance))


@pytest.mark.parametrize("how", ["by id", "by identity", "by age"])
@pytest.mark.slow
def test_who_is_erased_leaves_the_pairs_the_answers_and_the_calibration(
    open_office: Any, right: Say, gallery: Gallery, tmp_path: Path, how: str
) -> None:
    with open_office() as office:
        task = office("weber").add_judgement("1", "5", count=COUNT, seed=7)
        judge(office("weber"), task.id, right)
        office("chief").use_judgement(task.id)
        book: Casebook = office.http.app.state.casebook
        (before,) = book.judging.tasks()
        back_up(tmp_path / "cases", tmp_path / "backup")
        shown = gallery.get(before.pairs[0].query)
        assert shown is not None
        if how == "by age":
            gallery.discard([shown.id])  # as whatever names nobody
        elif how == "by id":
            office("chief").erase(shown.id)
        else:
            office("chief").erase(identity=shown.identity)

        left = office("weber").judgement(task.id)

        (after,) = book.judging.tasks()
        there = {sighting.id for sighting in gallery.sightings()}
        assert {name for pair in after.pairs for name in pair.sides} <= there
        expected = [pair for pair in before.pairs if set(pair.sides) <= there]
        assert list(after.pairs) == expected
        assert left.pairs == len(expected) < len(before.pairs)
        assert len(after.answers["weber"]) == len(expected)
        assert office("weber").calibration().pairs == []
        assert book.store.file.harm() == []
        book.store.file.empty_journal()
        assert shown.id.encode() not in (tmp_path / "cases/cases.sqlite3").read_bytes()
        renewed = book.judging.renew(gallery)
        if how != "by identity":
            assert [each.id for each in renewed] == [task.id]
            assert len(office("weber").calibration().pairs) == 1

    restore(tmp_path / "backup", tmp_path / "again")
    book = Casebook(tmp_path / "again", Rules())
    book.heed(gallery)
    book.judging.tidy(gallery)
    (restored,) = book.judging.tasks()
    assert list(restored.pairs) == expected
    book.close()


def test_a_judgement_that_was_deleted_stays_deleted(open_office: Any, tmp_path: Path) -> None:
    with open_office() as office:
        task = office("weber").add_judgement("1", "5", count=20)
        back_up(tmp_path / "cases", tmp_path / "backup")
        office("chief").delete_judgement(task.id)

    restore(tmp_path / "backup", tmp_path / "again", [tmp_path / "cases.erasures"])

    file = CaseFile(tmp_path / "again", made=False)
    assert Judging(file).tasks() == []
    assert file.harm() == []
    file.close()


def test_marks_never_enter_the_calibration(
    office: Office, gallery: Gallery, night: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "LEAST_STRANGERS", 50)

    def calibrated() -> str:
        return gallery.calibrate().model_dump_json(exclude={"generation"})

    before = calibrated()
    weber = office("weber")
    case = weber.add_case("26-117", title="Missing patient", purpose="find missing patient")
    answer = weber.search(night, camera="3", top_k=20, case=case.id)
    for place, hit in enumerate(answer.hits):
        weber.mark(case.id, "same" if place % 2 else "different", sighting=hit.id)

    assert calibrated() == before
    assert office("weber").judgements().judgements == []
    assert "1|5" in json.loads(before)["pairs"]

"""A process that is killed at any step of what it does with a case: afterwards all of it was done, or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.server.cases.books import CHIEF, NEW, WEBER, content, filled, opened, query_of, state
from tests.site.kills import Steps, trials

from rgbir.index import Gallery
from rgbir.server.cases.backup import back_up, restore
from rgbir.server.cases.casebook import Casebook, NewCase
from rgbir.server.cases.records import Case

Work = Callable[[Casebook, Case, Gallery, str], object]


def the_hit(book: Casebook, case: Case) -> str:
    return next(picture.id for picture in book.course(case).pictures if picture.kind == "hit")


WORK: dict[str, Work] = {
    "open": lambda book, case, gallery, hit: book.add(CHIEF, NewCase(number="26-118", workers=["okafor"], **NEW)),
    "change": lambda book, case, gallery, hit: book.change(WEBER, case.id, title="Found", workers=["okafor"]),
    "query": lambda book, case, gallery, hit: book.keep_query(query_of(case, b"other" * 900), b"other" * 900, None),
    "search": lambda book, case, gallery, hit: book.store.add_search(case.id, "weber", content(["a", "b"])),
    "mark": lambda book, case, gallery, hit: book.mark(WEBER, case, book.course(case).pictures[1], "unsure"),
    "take mark back": lambda book, case, gallery, hit: book.withdraw(WEBER, case, 1),
    "note": lambda book, case, gallery, hit: book.note(WEBER, case, "and again"),
    "hold": lambda book, case, gallery, hit: book.hold(CHIEF, case.id, "court order"),
    "erase a picture": lambda book, case, gallery, hit: book.take_out(case, the_hit(book, case)),
    "delete": lambda book, case, gallery, hit: book.delete(WEBER, case.id),
}


QUICK = {"mark", "search", "delete"}
"""The others are tried in the long run."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in WORK]
)
@pytest.mark.slow
def test_a_kill_leaves_all_of_it_or_nothing(tmp_path: Path, gallery: Gallery, name: str) -> None:
    case, hit = filled(tmp_path / "before", gallery)
    before = state(tmp_path / "before")
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    with closing(opened(tmp_path / "after")) as book:
        WORK[name](book, case, gallery, hit)
    after = state(tmp_path / "after")
    assert before != after

    def prepare(number: int) -> Callable[[], object]:
        shutil.copytree(tmp_path / "before", tmp_path / str(number))
        book = opened(tmp_path / str(number))
        return lambda: WORK[name](book, case, gallery, hit)

    outcomes = trials(prepare, Steps())

    assert len(outcomes) > 3
    left = [state(tmp_path / str(number)) for number in range(1, len(outcomes) + 1)]
    assert left[0] == before
    assert left[-1] == after
    assert all(there in (before, after) for there in left)


@pytest.mark.slow
def test_an_erasure_that_is_killed_is_carried_out_by_the_next_opening(tmp_path: Path, gallery: Gallery) -> None:
    case, hit = filled(tmp_path / "before", gallery)
    gallery.remove(ids=[hit])

    def prepare(number: int) -> Callable[[], object]:
        shutil.copytree(tmp_path / "before", tmp_path / str(number))
        book = opened(tmp_path / str(number))
        return lambda: book.heed(gallery)

    outcomes = trials(prepare, Steps())

    assert len(outcomes) > 3
    for number in range(1, len(outcomes) + 1):
        with closing(opened(tmp_path / str(number))) as book:
            book.heed(gallery)
            course = book.course(case)
            assert [picture.erased_at is not None for picture in course.pictures] == [False, True]
            assert [mark.note for mark in course.marks] == ["a blue bag"]
            assert course.searches[0].content["answer"]["hits"] == [None]
            assert book.store.file.harm() == []


@pytest.mark.slow
def test_a_backup_or_a_restore_that_is_killed_leaves_none_or_a_whole_one(tmp_path: Path, gallery: Gallery) -> None:
    filled(tmp_path / "before", gallery)
    there = state(tmp_path / "before")

    def copying(number: int) -> Callable[[], object]:
        return lambda: back_up(tmp_path / "before/cases", tmp_path / f"backup-{number}")

    outcomes = trials(copying, Steps())
    assert len(outcomes) > 5
    made = [tmp_path / f"backup-{number}" for number in range(1, len(outcomes) + 1)]
    whole = [backup for backup in made if backup.exists()]
    assert 1 <= len(whole) < len(made)

    def restoring(number: int) -> Callable[[], object]:
        return lambda: restore(whole[-1], tmp_path / f"restored-{number}/cases")

    outcomes = trials(restoring, Steps())
    assert len(outcomes) > 5
    for number in range(1, len(outcomes) + 1):
        assert state(tmp_path / f"restored-{number}") in (None, there)
    assert state(tmp_path / f"restored-{len(outcomes)}") == there
    for backup in whole:
        restore(backup, tmp_path / f"of-{backup.name}/cases")
        assert state(tmp_path / f"of-{backup.name}") == there

"""Copies of cases: what was erased since stays erased, and what isn't whole isn't taken."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine
from tests.server.cases.books import CHIEF, NEW, WEBER, filled, opened, state

from rgbir.index import Gallery, UsageError
from rgbir.server.cases.backup import Restored, back_up, restore
from rgbir.server.cases.casebook import NewCase
from rgbir.server.cases.file import CaseFile
from rgbir.server.errors import BadSettings, CantWrite, CasesUnusable, Held


def test_a_backup_brings_back_what_was_lost(tmp_path: Path, gallery: Gallery) -> None:
    filled(tmp_path, gallery)
    before = state(tmp_path)
    back_up(tmp_path / "cases", tmp_path / "backup")
    shutil.rmtree(tmp_path / "cases")

    assert restore(tmp_path / "backup", tmp_path / "cases") == Restored(gone=0, on_hold=0)

    assert state(tmp_path) == before
    assert (tmp_path / "cases").stat().st_mode & 0o77 == 0
    assert (tmp_path / "cases/cases.sqlite3").stat().st_mode & 0o77 == 0
    assert (tmp_path / "backup").stat().st_mode & 0o77 == 0


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_deleted_since_a_backup_does_not_come_back(tmp_path: Path, gallery: Gallery, whole: bool) -> None:
    case, _ = filled(tmp_path, gallery)
    back_up(tmp_path / "cases", tmp_path / "backup")
    with closing(opened(tmp_path)) as book:
        if whole:
            book.delete(WEBER, case.id)
        else:
            book.take_out(case, next(each.id for each in book.course(case).pictures if each.kind == "hit"))
    after = state(tmp_path)

    assert restore(tmp_path / "backup", tmp_path / "there/cases", [tmp_path / "cases.erasures"]).gone == 1

    assert state(tmp_path / "there") == after


def test_an_older_file_put_in_place_gives_up_what_was_deleted_since(tmp_path: Path, gallery: Gallery) -> None:
    case, _ = filled(tmp_path, gallery)
    shutil.copytree(tmp_path / "cases", tmp_path / "older")
    with closing(opened(tmp_path)) as book:
        book.delete(WEBER, case.id)
    shutil.rmtree(tmp_path / "cases")
    (tmp_path / "older").rename(tmp_path / "cases")

    assert state(tmp_path) == []


def test_a_folder_that_is_named_by_a_link_has_one_ledger(tmp_path: Path, gallery: Gallery) -> None:
    case, _ = filled(tmp_path, gallery)
    (tmp_path / "by").mkdir()
    (tmp_path / "by/cases").symlink_to(tmp_path / "cases")
    back_up(tmp_path / "by/cases", tmp_path / "backup")
    with closing(opened(tmp_path)) as book:
        book.delete(WEBER, case.id)

    assert restore(tmp_path / "backup", tmp_path / "there/cases").gone == 1
    assert state(tmp_path / "there") == []
    assert [path.name for path in (tmp_path / "by").iterdir()] == ["cases"]


@pytest.mark.parametrize("older_file", [True, False])
def test_a_hold_that_was_set_since_a_backup_is_set_again(
    tmp_path: Path, gallery: Gallery, older_file: bool, caplog: pytest.LogCaptureFixture
) -> None:
    case, _ = filled(tmp_path, gallery)
    back_up(tmp_path / "cases", tmp_path / "backup")
    with closing(opened(tmp_path)) as book:
        book.hold(CHIEF, case.id, "court order")
        book.lift(CHIEF, case.id, _NoGallery())  # type: ignore[arg-type]
        hold = book.hold(CHIEF, case.id, "another order").hold
    assert hold is not None
    if older_file:
        shutil.copyfile(tmp_path / "backup/cases.sqlite3", tmp_path / "cases/cases.sqlite3")
    else:
        assert restore(tmp_path / "backup", tmp_path / "there/cases") == Restored(gone=0, on_hold=1)

    with closing(opened(tmp_path if older_file else tmp_path / "there")) as book:
        again = book.store.cases()[0].hold
        assert again is not None
        assert (again.who, again.why) == ("chief", "another order")
        assert abs(again.at - hold.at) < timedelta(seconds=2)
        with pytest.raises(Held):
            book.delete(WEBER, case.id)
    assert "is held again by the ledger: 'chief' put it on hold" in caplog.text


def test_a_hold_that_was_lifted_stays_lifted_and_one_of_the_backup_holds_until_it_is_lifted_again(
    tmp_path: Path, gallery: Gallery
) -> None:
    case, _ = filled(tmp_path, gallery)
    back_up(tmp_path / "cases", tmp_path / "free")
    with closing(opened(tmp_path)) as book:
        book.hold(CHIEF, case.id, "court order")
    back_up(tmp_path / "cases", tmp_path / "on hold")
    with closing(opened(tmp_path)) as book:
        book.lift(CHIEF, case.id, _NoGallery())  # type: ignore[arg-type]

    for name, on_hold in (("cases", False), ("free", False), ("on hold", True)):
        if name != "cases":
            assert restore(tmp_path / name, tmp_path / f"of {name}/cases").on_hold == 0
        with closing(opened(tmp_path if name == "cases" else tmp_path / f"of {name}")) as book:
            assert (book.store.cases()[0].hold is not None) is on_hold


def test_a_hold_that_cannot_be_noted_is_not_set(tmp_path: Path, gallery: Gallery) -> None:
    case, _ = filled(tmp_path, gallery)
    with closing(opened(tmp_path)) as book:
        (tmp_path / "cases.erasures").unlink(missing_ok=True)
        (tmp_path / "cases.erasures").mkdir()

        with pytest.raises(CantWrite, match="the hold is as it was"):
            book.hold(CHIEF, case.id, "court order")
        assert book.store.cases()[0].hold is None


def test_who_was_erased_from_the_gallery_since_leaves_restored_cases_before_they_are_shown(
    tmp_path: Path, gallery: Gallery
) -> None:
    case, hit = filled(tmp_path, gallery)
    back_up(tmp_path / "cases", tmp_path / "backup")
    gallery.remove(ids=[hit])
    restore(tmp_path / "backup", tmp_path / "there/cases")

    with closing(opened(tmp_path / "there")) as book:
        book.heed(gallery)
        assert [each.erased_at is not None for each in book.course(case).pictures] == [False, True]


def test_a_restore_without_its_ledger_is_refused_until_it_is_said(tmp_path: Path, gallery: Gallery) -> None:
    filled(tmp_path, gallery)
    back_up(tmp_path / "cases", tmp_path / "backup")
    (tmp_path / "cases.erasures").unlink()

    with pytest.raises(UsageError, match=r"isn't there, or is another one; .*--without-erasures"):
        restore(tmp_path / "backup", tmp_path / "there/cases")
    assert not (tmp_path / "there/cases/cases.sqlite3").exists()
    assert restore(tmp_path / "backup", tmp_path / "there/cases", without_ledger=True).gone == 0


def test_a_backup_that_was_changed_is_not_restored(tmp_path: Path, gallery: Gallery) -> None:
    filled(tmp_path, gallery)
    back_up(tmp_path / "cases", tmp_path / "backup")
    file = tmp_path / "backup/cases.sqlite3"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(CasesUnusable, match="is not what was copied"):
        restore(tmp_path / "backup", tmp_path / "there/cases")


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("marks", "UPDATE marks SET mark = 'different'"),
        ("notes", "UPDATE notes SET text = 'nobody called'"),
        ("cases", "UPDATE cases SET purpose = 'another'"),
        ("searches", "UPDATE searches SET content = replace(content, '\"rank\": 1', '\"rank\": 9')"),
        ("pictures", "UPDATE pictures SET taken_at = 5"),
        ("picture", "UPDATE pictures SET data = x'00' WHERE data IS NOT NULL"),
    ],
)
def test_a_value_that_was_changed_under_the_program_is_told(
    tmp_path: Path, gallery: Gallery, table: str, change: str
) -> None:
    filled(tmp_path, gallery)
    with closing(sqlite3.connect(tmp_path / "cases/cases.sqlite3")) as other, other:
        for name in ("cases", "people", "pictures", "searches", "marks", "notes", "near"):
            other.execute(f"DROP TRIGGER {name}_changed")
        other.execute(change)

    with closing(CaseFile(tmp_path / "cases")) as file:
        assert any(line.startswith(table) for line in file.harm())
        assert file.harm()
    with pytest.raises(CasesUnusable, match="the copy would not be whole"):
        back_up(tmp_path / "cases", tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_folder_with_a_foreign_journal_is_not_taken_for_new_cases(tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases/cases.sqlite3-wal").write_bytes(b"x")

    with pytest.raises(BadSettings, match="would be taken for the new ones'"):
        opened(tmp_path)


@pytest.mark.parametrize(("path", "mode", "right"), [("", 0o755, 700), ("", 0o710, 700), ("cases.sqlite3", 0o640, 600)])
def test_cases_that_others_can_look_at_are_not_opened(
    tmp_path: Path, gallery: Gallery, path: str, mode: int, right: int
) -> None:
    filled(tmp_path, gallery)
    (tmp_path / "cases" / path).chmod(mode)

    with pytest.raises(BadSettings, match=rf"others on this machine may read or change .*0{mode:o}.*chmod {right} it"):
        opened(tmp_path)
    assert (tmp_path / "cases" / path).stat().st_mode & 0o777 == mode


def test_a_folder_of_others_stays_as_it_is_and_an_empty_one_is_closed(tmp_path: Path, gallery: Gallery) -> None:
    filled(tmp_path / "first", gallery)
    back_up(tmp_path / "first/cases", tmp_path / "backup")
    (tmp_path / "cases").mkdir(mode=0o755)
    (tmp_path / "cases/other").write_bytes(b"x")

    with pytest.raises(BadSettings, match="name a folder that is for cases alone"):
        opened(tmp_path)
    with pytest.raises(BadSettings, match="name a folder that is for cases alone"):
        restore(tmp_path / "backup", tmp_path / "cases")
    assert [path.name for path in (tmp_path / "cases").iterdir()] == ["other"]
    assert (tmp_path / "cases").stat().st_mode & 0o777 == 0o755

    (tmp_path / "cases/other").unlink()
    opened(tmp_path).close()
    assert (tmp_path / "cases").stat().st_mode & 0o777 == 0o700


def test_a_case_is_deleted_when_its_time_has_come_unless_it_is_held(tmp_path: Path) -> None:
    start = datetime(2026, 6, 1, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock, closing(opened(tmp_path)) as book:
        for number, days in (("a", 30), ("b", 30), ("c", 90)):
            book.add(WEBER, NewCase(number=number, keep_days=days, **NEW))
        book.hold(CHIEF, "b", "court order")
        assert book.expire() == []

        clock.move_to(start + timedelta(days=31))
        with pytest.raises(UsageError, match=r"1 cases are due, and the clock is 31\.0 days further"):
            book.expire()
        assert len(book.store.cases()) == 3
        assert [case.number for case in book.expire(sure=True)] == ["a"]
        assert {case.number for case in book.store.cases()} == {"b", "c"}
        book.lift(CHIEF, "b", _NoGallery())  # type: ignore[arg-type]
        assert [case.number for case in book.expire()] == ["b"]


class _NoGallery:
    address, generation, model = "nowhere", 0, SimpleNamespace(fingerprint="")

    def moment(self) -> int:
        return 0

    def erasures(self, but: object = ()) -> list[object]:
        return []

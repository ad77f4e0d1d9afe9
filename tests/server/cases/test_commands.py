"""`rgbir cases …`."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from tests.commands import run
from tests.server.cases.books import CHIEF, filled, opened, state

from rgbir.index import Gallery
from rgbir.server.access.audit import entries


def test_cases_are_listed_checked_copied_and_brought_back(tmp_path: Path, gallery: Gallery) -> None:
    filled(tmp_path, gallery)
    before = state(tmp_path)
    cases = tmp_path / "cases"

    listed = run("cases", "list", "--cases", cases, "--json")
    checked = run("cases", "verify", "--cases", cases)
    copied = run("cases", "backup", "--cases", cases, "--out", tmp_path / "copy")
    back = run("cases", "restore", tmp_path / "copy", "--cases", tmp_path / "there/cases")

    assert [case["number"] for case in json.loads(listed.stdout)] == ["26-117"]
    assert checked.stdout == "1 cases, all of it is what was written\n"
    assert (copied.code, back.code) == (0, 0), back
    assert "owners, readers and workers are those of the backup, and so are holds that were lifted since" in back.stdout
    assert state(tmp_path / "there") == before
    assert "26-117" in run("cases", "list", "--cases", cases).stdout


def test_a_case_whose_time_has_come_is_deleted_by_command_and_noted(tmp_path: Path, gallery: Gallery) -> None:
    case, _ = filled(tmp_path, gallery)
    with closing(opened(tmp_path)) as book:
        book.store.change(case.id, keep_until=case.made_at)

    done = run("cases", "expire", "--cases", tmp_path / "cases", "--audit", tmp_path / "audit.jsonl", "--json")

    assert json.loads(done.stdout) == {"deleted": ["26-117"]}
    assert [(entry["action"], entry["who"]) for entry in entries(tmp_path / "audit.jsonl")] == [
        ("delete case", "retention"),
        ("deleted case", "retention"),
    ]
    assert {entry["case_id"] for entry in entries(tmp_path / "audit.jsonl")} == {case.id}
    assert state(tmp_path) == []


def test_a_restore_says_what_is_held_again(tmp_path: Path, gallery: Gallery) -> None:
    case, _ = filled(tmp_path, gallery)
    run("cases", "backup", "--cases", tmp_path / "cases", "--out", tmp_path / "copy")
    with closing(opened(tmp_path)) as book:
        book.hold(CHIEF, case.id, "court order")

    back = run("cases", "restore", tmp_path / "copy", "--cases", tmp_path / "there/cases", "--json")

    assert {name: json.loads(back.stdout)[name] for name in ("erased", "on_hold")} == {"erased": 0, "on_hold": 1}


def test_a_folder_without_cases_is_told(tmp_path: Path) -> None:
    for words in (["list"], ["verify"], ["backup", "--out", tmp_path / "x"], ["expire", "--audit", tmp_path / "a"]):
        done = run("cases", *words, "--cases", tmp_path / "nothing")
        assert (done.code, "holds no cases" in done.stderr) == (2, True), done
        assert not (tmp_path / "nothing").exists()

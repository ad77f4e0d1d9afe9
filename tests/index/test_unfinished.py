"""What a process that was killed left of a file that it wrote beside its name."""

from __future__ import annotations

from pathlib import Path

from rgbir.index import clear_unfinished


def test_what_was_left_of_a_file_goes_and_nothing_else(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    left = [tmp_path / f".plan.{process}.new.json" for process in (7, 4_194_304)]
    others = [
        tmp_path / name
        for name in (
            "plan.json", "plan.7.new.json", ".plan.new.json", ".plan.7.new.toml", ".plan.7.new", ".plan.x.new.json", ".plan.b.7.new.json",
            ".report.7.new.json",
        )
    ]  # fmt: skip
    for file in (*left, *others):
        file.touch()
    (tmp_path / ".plan.8.new.json").mkdir()  # as an export of another kind makes a folder

    clear_unfinished(plan)

    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / ".plan.8.new.json"])
    clear_unfinished(tmp_path / "a" / "plan.json")  # no folder, nothing left

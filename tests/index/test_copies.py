"""`rgbir index remove` names where else the erased are: each gallery of another model is erased from, or named as not reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.index.yard import filled, sightings
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import Gallery

PEOPLE = sightings(24, people=4)
"""Six of each."""
SECOND, THIRD = "gallery.0123456789abcdef", "gallery.fedcba9876543210"
runner = CliRunner()


@pytest.fixture
def galleries(tmp_path: Path) -> dict[str, Path]:
    """Three galleries of one place; the second lacks a sighting of person 1, and the third person 2."""
    folders = {name: tmp_path / name for name in ("gallery", SECOND, THIRD)}
    left_out = {
        "gallery": [],
        SECOND: [next(s for s in PEOPLE if s.identity == 1)],
        THIRD: [s for s in PEOPLE if s.identity == 2],
    }
    for name, folder in folders.items():
        filled(folder, [s for s in PEOPLE if s not in left_out[name]]).close()
    return folders


def remove(gallery: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    """The exit code, the answer, and what else was said."""
    done = runner.invoke(app, ["index", "remove", "--gallery", str(gallery), *words, "--json"])
    return done.exit_code, json.loads(done.stdout), done.stderr


@pytest.mark.slow
def test_a_dry_run_counts_in_each_gallery_what_the_erasure_then_removes(galleries: dict[str, Path]) -> None:
    code, would, _ = remove(galleries["gallery"], "--identity", "1", "--dry-run")
    for name, folder in galleries.items():
        with Gallery(folder) as opened:
            assert len(opened) == {"gallery": 24, SECOND: 23, THIRD: 18}[name]

    done_code, done, _ = remove(galleries["gallery"], "--identity", "1", "--yes")

    assert (code, done_code) == (0, 0)
    assert (would["removed"], would["matching"], done["removed"]) == (0, 6, 6)
    counts = {str(galleries[SECOND]): 5, str(galleries[THIRD]): 6}
    assert would["copies"]["others"] == done["copies"]["others"] == counts
    assert remove(galleries["gallery"], "--identity", "2", "--dry-run")[1]["copies"]["others"] == {
        str(galleries[SECOND]): 6
    }


@pytest.mark.parametrize("words", [["--dry-run"], ["--yes"]])
def test_a_gallery_that_cannot_be_opened_is_named_and_the_others_are_done(
    galleries: dict[str, Path], words: list[str]
) -> None:
    file = galleries[SECOND] / "gallery.sqlite3"
    whole = file.read_bytes()
    file.write_bytes(whole[:5000])

    code, answer, _ = remove(galleries["gallery"], "--identity", "1", *words)

    assert code == 3
    assert answer["copies"]["others"] == {str(galleries[THIRD]): 6}
    assert [*answer["copies"]["unreached"]] == [str(galleries[SECOND])]
    shown = runner.invoke(app, ["index", "remove", "--gallery", str(galleries["gallery"]), "--identity", "3", *words])
    assert f"not reached: {galleries[SECOND]}, of another model (" in shown.stdout
    assert ("its next opening erases there" if "--yes" in words else "nothing there is counted") in shown.stdout
    file.write_bytes(whole)
    with Gallery(galleries[SECOND]) as opened:
        assert {s.identity for s in opened.sightings()} == ({0, 2} if "--yes" in words else {0, 1, 2, 3})


@pytest.mark.parametrize("words", [["--dry-run"], ["--yes"]])
def test_backups_of_galleries_of_other_models_are_named(
    galleries: dict[str, Path], tmp_path: Path, words: list[str]
) -> None:
    backups = [tmp_path / "first", tmp_path / "second", tmp_path / "thrown away"]
    for folder, out in zip(galleries.values(), backups, strict=True):
        made = runner.invoke(app, ["index", "backup", "--gallery", str(folder), "--out", str(out), "--json"])
        assert made.exit_code == 0
    backups.pop().rename(tmp_path / "elsewhere")

    _, answer, _ = remove(galleries["gallery"], "--identity", "1", *words)
    shown = runner.invoke(app, ["index", "remove", "--gallery", str(galleries["gallery"]), "--identity", "3", *words])

    assert answer["copies"]["backups"] == [*answer["copies"]["made_at"]] == [str(backup) for backup in backups]
    for backup in backups:
        assert f"the backup {backup} of " in shown.stdout


@pytest.mark.slow
def test_ids_that_no_sighting_has_are_told(galleries: dict[str, Path]) -> None:
    with Gallery(galleries["gallery"]) as opened:
        known = opened.sightings()[0].id
    for words in (["--dry-run"], ["--yes"]):
        named = ["--sighting", known, "--sighting", "nobody", "--sighting", "nobody"]
        code, answer, said = remove(galleries["gallery"], *named, *words)
        assert (code, answer["matching"], answer["unknown"]) == (3, 1, ["nobody"])
        assert said.count(f"there is no sighting nobody in {galleries['gallery']}") == 1
    code, answer, _ = remove(galleries["gallery"], "--sighting", "nobody", "--yes")
    assert (code, answer["removed"], answer["unknown"]) == (3, 0, ["nobody"])

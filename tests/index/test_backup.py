"""Backups while in use, restoring, retention, and galleries that can't be written."""

from __future__ import annotations

import errno
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.index.yard import filled, sightings
from tests.site.media import read_only
from typer.testing import CliRunner, Result

from rgbir.client.cli import app
from rgbir.index import Gallery, Query
from rgbir.index.errors import GalleryCorrupt, GalleryError, GalleryMissing, UsageError
from rgbir.index.gallery.folder import backup as backup_module
from rgbir.index.gallery.folder import file as file_module
from rgbir.index.gallery.folder import notary
from rgbir.index.gallery.folder.backup import back_up, read_backup, restore

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_backup_is_the_gallery_of_one_moment_and_comes_back_whole(tmp_path: Path) -> None:
    with filled(tmp_path / "gallery", sightings(20)) as gallery:
        made = back_up(tmp_path / "gallery", tmp_path / "copy")
        gallery.add(sightings(5, first=100))
        before = gallery.search(Query(np.zeros(16, np.float32), top_k=50)).hits

    restored, removed = restore(tmp_path / "copy", tmp_path / "again")

    assert removed == 0
    assert restored == made == read_backup(tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"gallery.sqlite3", "backup.json"}
    with Gallery(tmp_path / "again") as again:
        assert again.verify() == []
        assert (len(again), again.generation) == (20, made.generation) == (made.sightings, again.generation)
        hits = again.search(Query(np.zeros(16, np.float32), top_k=50)).hits
    assert [hit.id for hit in hits] == [hit.id for hit in before if int(hit.source.removesuffix(".jpg")) < 100]


@pytest.mark.slow
def test_a_backup_while_another_thread_writes_is_one_state(tmp_path: Path) -> None:
    with filled(tmp_path / "gallery", sightings(10)) as gallery:
        stop = threading.Event()

        def write() -> None:
            first = 1000
            while not stop.is_set():
                gallery.add(sightings(10, first=first))
                first += 10

        writer = threading.Thread(target=write)
        writer.start()
        try:
            copies = [back_up(tmp_path / "gallery", tmp_path / f"copy-{n}") for n in range(4)]
        finally:
            stop.set()
            writer.join()
    for number, made in enumerate(copies):
        restore(tmp_path / f"copy-{number}", tmp_path / f"again-{number}")
        with Gallery(tmp_path / f"again-{number}") as again:
            assert again.verify() == []
            assert len(again) == made.sightings
            assert len(again) % 10 == 0  # whole transactions only


def test_an_altered_backup_and_a_folder_without_one_are_refused(tmp_path: Path) -> None:
    filled(tmp_path / "gallery", sightings(20)).close()
    back_up(tmp_path / "gallery", tmp_path / "copy")
    with pytest.raises(UsageError, match="exists; give each backup a folder"):
        back_up(tmp_path / "gallery", tmp_path / "copy")
    with pytest.raises(UsageError, match="is a gallery already"):
        restore(tmp_path / "copy", tmp_path / "gallery")
    with (tmp_path / "copy/gallery.sqlite3").open("r+b") as file:
        file.seek(5000)
        file.write(b"altered")
    with pytest.raises(GalleryCorrupt, match="is not what was copied; use another backup"):
        restore(tmp_path / "copy", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    with pytest.raises(GalleryMissing, match="is no backup"):
        restore(tmp_path / "gallery", tmp_path / "again")


def test_an_erasure_names_the_backups_that_hold_what_it_erased(tmp_path: Path) -> None:
    filled(tmp_path / "gallery", sightings(20, people=20)).close()
    runner, folder = CliRunner(), str(tmp_path / "gallery")
    made = runner.invoke(app, ["index", "backup", "--gallery", folder, "--out", str(tmp_path / "copy")])
    assert "20 sightings of generation 1" in made.output

    removed = runner.invoke(app, ["index", "remove", "--gallery", folder, "--identity", "3", "--yes"])

    assert "1 removed; 19 sightings left" in removed.output
    assert f"the backup {tmp_path / 'copy'} of " in removed.output
    shown = runner.invoke(app, ["index", "restore", str(tmp_path / "copy"), "--gallery", str(tmp_path / "again")])
    assert "20 sightings of generation 1" in shown.output
    assert "1 of them was erased since, and is removed" in shown.output
    with Gallery(tmp_path / "again") as again:
        assert 3 not in {sighting.identity for sighting in again.sightings()}


def test_a_restored_gallery_names_the_backup_that_it_came_from(tmp_path: Path) -> None:
    filled(tmp_path / "gallery", sightings(3)).close()
    back_up(tmp_path / "gallery", tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "again")
    with Gallery(tmp_path / "again") as again:
        assert [copy["path"] for copy in again.backups()] == [str(tmp_path / "copy")]


def test_a_backup_that_was_not_made_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled(tmp_path / "gallery", sightings(3)) as gallery:
        back_up(tmp_path / "gallery", tmp_path / "kept")
        generation = gallery.generation
        monkeypatch.setattr(backup_module, "harm", lambda _: iter(["a page is damaged"]))
        with pytest.raises(GalleryCorrupt, match="no backup was made"):
            back_up(tmp_path / "gallery", tmp_path / "copy")
        assert [copy["path"] for copy in gallery.backups()] == [str(tmp_path / "kept")]
        assert gallery.generation == generation  # a copy changes nothing that is searched


@pytest.mark.parametrize("beside", [True, False])
def test_whoever_was_erased_while_the_ledger_couldn_t_be_written_stays_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    """The gallery that carried it out knows, and a restored one asks it."""
    first = filled(tmp_path / "gallery", sightings(20, people=20))
    back_up(tmp_path / "gallery", tmp_path / "copy")

    def refuses(*_: object) -> None:
        raise PermissionError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as closed, first as gallery:
        closed.setattr(notary, "add_to_ledger", refuses)
        assert gallery.remove(identity=3) == 1
    if not beside:
        (tmp_path / "gallery").rename(tmp_path / "moved")
        (tmp_path / "gallery.erasures").rename(tmp_path / "moved.erasures")

    ledgers = [] if beside else [tmp_path / "moved.erasures"]
    _, removed = restore(tmp_path / "copy", tmp_path / "again", ledgers)

    assert removed == 1
    with Gallery(tmp_path / "again") as again:
        assert 3 not in {sighting.identity for sighting in again.sightings()}


def test_retention_removes_what_is_older_and_keeps_what_has_no_time(tmp_path: Path) -> None:
    with filled(tmp_path / "gallery", sightings(3, taken_at=NOW - timedelta(days=31))) as gallery:
        gallery.add(sightings(4, first=10, taken_at=NOW - timedelta(days=29)))
        gallery.add(sightings(2, first=20))
        assert gallery.expire(NOW) == 0

        with gallery.writing():
            gallery._writer.set_meta(keep_days="30")

        assert gallery.keep_days == 30
        assert gallery.expire(NOW) == 3
        generation = gallery.generation
        assert gallery.expire(NOW) == 0
        assert gallery.generation == generation  # nothing to erase is no change
        assert (len(gallery), gallery.verify()) == (6, [])
        with pytest.raises(UsageError, match="for a day at least"):
            gallery.keep(0)


@pytest.mark.slow
def test_retention_by_the_command_line(tmp_path: Path) -> None:
    filled(tmp_path / "gallery", sightings(3, taken_at=datetime.now(UTC) - timedelta(days=9))).close()
    runner, folder = CliRunner(), str(tmp_path / "gallery")

    def invoke(*options: str) -> Result:
        return runner.invoke(app, ["index", "retain", "--gallery", folder, *options])

    def retain(*options: str) -> str:
        return invoke(*options).output

    assert "kept for 10 days after they were taken" in retain("--keep-days", "10")
    assert "3 sightings left" in retain()
    assert "3 of 3 sightings, over half" in str(invoke("--keep-days", "8").exception)
    assert "3 removed; 0 sightings left" in retain("--yes")
    assert "kept for ever" in retain("--forever")


def test_a_gallery_on_a_read_only_medium_is_searched_and_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / "gallery", sightings(20)).close()
    files = {path.name: path.read_bytes() for path in (tmp_path / "gallery").iterdir()}
    monkeypatch.setattr(file_module, "writable", lambda folder: False)

    with Gallery(tmp_path / "gallery") as gallery:
        assert len(gallery.search(Query(np.zeros(16, np.float32), top_k=50)).hits) == 20
        assert gallery.verify() == []
        with pytest.raises(GalleryError, match=r"nothing was changed: .*readonly.* is the medium read-only"):
            gallery.add(sightings(1, first=50))
    monkeypatch.setattr(backup_module, "writable", lambda folder: folder != tmp_path / "gallery")
    monkeypatch.setattr(file_module, "writable", lambda folder: folder != tmp_path / "gallery")
    assert back_up(tmp_path / "gallery", tmp_path / "copy").sightings == 20

    left = {path.name: path.read_bytes() for path in (tmp_path / "gallery").iterdir() if path.name != "writer.lock"}
    assert left == {name: data for name, data in files.items() if name != "writer.lock"}


def test_a_read_only_gallery_with_an_unfinished_journal_says_what_to_do(tmp_path: Path) -> None:
    with filled(tmp_path / "gallery", sightings(20)):
        shutil.copytree(tmp_path / "gallery", tmp_path / "copied")
    assert (tmp_path / "copied/gallery.sqlite3-wal").stat().st_size
    (tmp_path / "copied/gallery.sqlite3-shm").unlink()
    with (
        read_only(tmp_path / "copied", tmp_path / "closed") as closed,
        pytest.raises(GalleryError, match=r"holds changes that aren't in gallery\.sqlite3 yet; copy the folder"),
    ):
        Gallery(closed)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    with filled(tmp_path / "gallery", sightings(20)) as gallery:
        gallery._writer.set_meta(format="6")
    with pytest.raises(GalleryError, match=r"has format 6; this version reads formats 1 to 5: update rgbir"):
        Gallery(tmp_path / "gallery")


def test_a_search_may_ask_for_one_track(tmp_path: Path) -> None:
    with filled(tmp_path / "gallery", sightings(30, tracks=3)) as gallery:
        everyone = gallery.search(Query(np.zeros(16, np.float32), top_k=50)).hits
        hits = gallery.search(Query(np.zeros(16, np.float32), track="t1", top_k=50)).hits
        assert [hit.id for hit in hits] == [hit.id for hit in everyone if hit.track == "t1"]
        assert len(hits) == 10
        assert gallery.search(Query(np.zeros(16, np.float32), track="t9")).hits == ()
        assert gallery.remove(track="t1") == 10
        assert gallery.search(Query(np.zeros(16, np.float32), track="t1")).hits == ()

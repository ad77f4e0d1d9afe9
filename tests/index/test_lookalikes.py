"""What looks like the gallery that was there, and isn't: journals, ledgers, links and copies of another one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.index.test_erasures import MODEL, NETWORK, made, picture
from tests.site.media import read_only

from rgbir.index import Gallery, UsageError
from rgbir.index.enrolment.merge import merge
from rgbir.index.errors import GalleryCorrupt, GalleryMoved
from rgbir.index.gallery.folder.backup import back_up, restore
from rgbir.index.gallery.folder.ledger import read_ledger
from rgbir.index.gallery.folder.place import FILE
from rgbir.index.gallery.sightings import NewSighting

GONE = {number for number in range(20) if picture(number).camera == "a"}

ERASED_AND_KILLED = """
import os, signal, sys
from tests.index.test_erasures import picture
from rgbir.index import Gallery
gallery = Gallery(sys.argv[1])
gallery.remove(camera="a")
gallery.add([picture(number) for number in range(30, 40)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(folder: Path) -> None:
    """A process that erased and enrolled, and left its journal."""
    command = [sys.executable, "-c", ERASED_AND_KILLED, str(folder)]
    assert subprocess.run(command, check=False).returncode == -9
    assert (folder / f"{FILE}-wal").stat().st_size


@pytest.mark.slow
def test_a_journal_beside_an_older_file_is_refused_and_brings_nobody_back(tmp_path: Path) -> None:
    made(tmp_path / "gallery").close()
    shutil.copy(tmp_path / "gallery" / FILE, tmp_path / "older")
    killed(tmp_path / "gallery")
    whole = {name: (tmp_path / "gallery" / name).read_bytes() for name in (FILE, f"{FILE}-wal")}
    shutil.copytree(tmp_path / "gallery", tmp_path / "copied")
    shutil.copy(tmp_path / "gallery.erasures", tmp_path / "copied.erasures")

    shutil.copy(tmp_path / "older", tmp_path / "gallery" / FILE)
    older = (tmp_path / "gallery" / FILE).read_bytes()
    for _ in range(2):
        with pytest.raises(GalleryCorrupt, match="is the journal of another file, which lay there before"):
            Gallery(tmp_path / "gallery")
    assert (tmp_path / "gallery" / FILE).read_bytes() == older  # looking changed neither
    assert (tmp_path / "gallery" / f"{FILE}-wal").read_bytes() == whole[f"{FILE}-wal"]

    for name in ("wal", "shm"):
        (tmp_path / "gallery" / f"{FILE}-{name}").unlink()  # as it says
    with Gallery(tmp_path / "gallery") as gallery:
        assert {sighting.id for sighting in gallery.sightings()} == {
            picture(number).id for number in set(range(20)) - GONE
        }
    with Gallery(tmp_path / "copied") as copied:  # whole, it is opened as ever
        kept = set(range(20)) - GONE | set(range(30, 40))
        assert {sighting.id for sighting in copied.sightings()} == {picture(number).id for number in kept}


@pytest.mark.parametrize("left", ["wal", "shm", "journal"])
def test_a_new_gallery_beside_what_another_left_is_refused(tmp_path: Path, left: str) -> None:
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / f"{FILE}-{left}").write_bytes(b"left")
    with pytest.raises(UsageError, match=f"has gallery.sqlite3-{left} of a gallery that was there"):
        Gallery.create(tmp_path / "gallery", MODEL, NETWORK)


@pytest.mark.parametrize("erased", [True, False])
def test_a_file_that_an_older_one_was_written_over_is_noticed(tmp_path: Path, erased: bool) -> None:
    made(tmp_path / "gallery").close()
    shutil.copy(tmp_path / "gallery" / FILE, tmp_path / "older")
    with Gallery(tmp_path / "gallery") as gallery:
        gallery.add([picture(49)])
    with Gallery(tmp_path / "gallery") as gallery:
        if erased:
            gallery.remove(camera="a")
        gallery.add([picture(50)])
        inode = os.stat(tmp_path / "gallery" / FILE).st_ino
        shutil.copyfile(tmp_path / "older", tmp_path / "gallery" / FILE)
        assert os.stat(tmp_path / "gallery" / FILE).st_ino == inode
        for use in (lambda: gallery.add([picture(51)]), lambda: gallery.remove(camera="b"), gallery.sightings):
            with pytest.raises(GalleryMoved, match="was written over while the gallery was open"):
                use()


def test_a_file_that_is_linked_to_is_watched_with_its_journal(tmp_path: Path) -> None:
    made(tmp_path / "gallery").close()
    (tmp_path / "larger").mkdir()
    (tmp_path / "gallery" / FILE).rename(tmp_path / "larger/people.db")
    (tmp_path / "gallery" / FILE).symlink_to(tmp_path / "larger/people.db")
    with Gallery(tmp_path / "gallery") as gallery:
        gallery.add([picture(50)])
        assert (tmp_path / "larger/people.db-wal").stat().st_size
        with read_only(tmp_path, tmp_path.with_name("closed")) as closed, Gallery(closed / "gallery") as replica:
            assert replica.get(picture(50).id) is not None
        (tmp_path / "larger/people.db-wal").unlink()
        with pytest.raises(GalleryMoved, match=r"people\.db-wal was replaced, moved or deleted"):
            gallery.add([picture(51)])


def test_a_ledger_of_another_gallery_or_an_emptied_one_is_not_taken_for_the_lost_one(tmp_path: Path) -> None:
    with made(tmp_path / "gallery") as gallery:
        back_up(tmp_path / "gallery", tmp_path / "copy")
        gallery.remove(camera="a")
    ledger = tmp_path / "gallery.erasures"
    whole = ledger.read_bytes()
    with made(tmp_path / "other") as other:
        other.remove(camera="b")
    for content in (b"", (tmp_path / "other.erasures").read_bytes()):
        ledger.write_bytes(content)
        with pytest.raises(UsageError, match="isn't there, or is another one"):
            restore(tmp_path / "copy", tmp_path / "again")
    ledger.write_bytes(whole.rstrip(b"\n"))  # as an editor leaves it
    assert restore(tmp_path / "copy", tmp_path / "again")[1] == len(GONE)


def test_a_ledger_that_is_lost_while_the_gallery_is_open_is_written_whole_by_the_next_erasure(tmp_path: Path) -> None:
    with made(tmp_path / "gallery") as gallery:
        gallery.remove(camera="a")
        (tmp_path / "gallery.erasures").unlink()
        gallery.remove(identity=1)
    noted = [
        erasure.condition for erasure in read_ledger(tmp_path / "gallery.erasures") if erasure.condition is not None
    ]
    assert {(condition.camera, condition.identity) for condition in noted} == {("a", None), (None, 1)}


def test_a_backup_that_was_made_on_a_replica_finds_the_ledger(tmp_path: Path) -> None:
    with made(tmp_path / "gallery") as gallery:
        gallery.remove(identity=1)
    with read_only(tmp_path, tmp_path.with_name(f"{tmp_path.name}-closed")) as closed:
        back_up(closed / "gallery", tmp_path.with_name(f"{tmp_path.name}-copy"))
        with Gallery(tmp_path / "gallery") as gallery:
            gone = gallery.remove(camera="a")
        _, removed = restore(tmp_path.with_name(f"{tmp_path.name}-copy"), tmp_path / "again")
    assert removed == gone > 0


@pytest.mark.parametrize("how", ["link", "relative"])
def test_galleries_of_other_models_share_a_ledger_however_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    other = tmp_path / f"gallery.{'e' * 16}"
    made(other).close()
    made(tmp_path / "older").close()
    if how == "link":
        made(tmp_path / "disk").close()
        (tmp_path / "gallery").symlink_to(tmp_path / "disk")
        address = tmp_path / "gallery"
    else:
        made(tmp_path / "gallery").close()
        monkeypatch.chdir(tmp_path / "gallery")
        address = Path()
    with Gallery(address) as gallery:
        gallery.remove(camera="a")
    with Gallery(other) as opened:
        assert opened.erased_since == len(GONE)
    if how == "link":  # which is then pointed at an older folder
        (tmp_path / "gallery").unlink()
        (tmp_path / "gallery").symlink_to(tmp_path / "older")
        with Gallery(tmp_path / "gallery") as opened:
            assert opened.erased_since == len(GONE)


def test_what_a_copy_has_too_much_is_taken_out_and_nobody_erased(tmp_path: Path) -> None:
    with made(tmp_path / "gallery") as gallery:
        back_up(tmp_path / "gallery", tmp_path / "copy")
        assert gallery.discard([picture(number).id for number in range(5)]) == 5
        assert len(gallery) == 15
    assert restore(tmp_path / "copy", tmp_path / "again")[1] == 0


def test_the_picture_of_the_erased_is_not_enrolled_from_an_archive_under_another_name(tmp_path: Path) -> None:
    def of_archive(since: int) -> NewSighting:
        return NewSighting("a", np.ones(4, np.float32), "the same picture", "", since=since)

    with Gallery.create(tmp_path / "gallery", MODEL, NETWORK) as gallery:
        gallery.add([NewSighting("a", np.ones(4, np.float32), "the same picture", "door/1.jpg", identity=3)])
        since = gallery.moment()
        assert gallery.remove(identity=3) == 1
        waited = of_archive(since)
        assert (gallery.add([waited]), gallery.bound([waited])) == ([False], {waited.id})
        assert gallery.add([of_archive(gallery.moment())]) == [True]


def test_merging_to_and_fro_adds_nothing_to_the_ledgers(tmp_path: Path) -> None:
    with made(tmp_path / "a") as a, made(tmp_path / "b") as b:
        a.remove(camera="a")
        b.remove(identity=1)
        for _ in range(2):
            merge(a, b)
            merge(b, a)
        before = [(tmp_path / f"{name}.erasures").stat().st_size for name in "ab"]
        for _ in range(6):
            merge(a, b)
            merge(b, a)
        assert [(tmp_path / f"{name}.erasures").stat().st_size for name in "ab"] == before

"""The cache on disk: quick to open, never trusted blindly, gone when a sighting is erased."""

from __future__ import annotations

import errno
import json
import random
import shutil
import sqlite3
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.index.yard import YARD, filled, model, random_rows, sightings
from tests.waiting import killed_after

from rgbir.index import (
    Gallery,
    GalleryError,
    GalleryMismatch,
    NewSighting,
    Query,
    Storage,
)
from rgbir.index.gallery.folder import cache
from rgbir.index.gallery.folder import gallery as gallery_module
from rgbir.index.gallery.folder.backup import back_up, restore
from rgbir.index.gallery.folder.verify import disagreements
from rgbir.index.nearest import coding as coding_module
from rgbir.index.nearest import view as view_module
from rgbir.index.nearest.view import View


@pytest.fixture(autouse=True)
def small_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "ROWS", 32)
    monkeypatch.setattr(coding_module, "WORTH_CODES", 16)


def cached(folder: Path, n: int = 150, storage: Storage = Storage.FLOAT32) -> None:
    with filled(folder, sightings(n, people=45), storage=storage) as gallery:
        gallery.save_cache()


def answers(gallery: Gallery) -> list[list[tuple[str, float]]]:
    queries = random_rows(14, seed=9)
    each = gallery.search_many([Query(query, top_k=25) for query in queries])
    return [[(hit.id, hit.distance) for hit in answer.hits] for answer in each]


@pytest.mark.parametrize("storage", Storage)
def test_a_cached_gallery_opens_mapped_and_answers_the_same(tmp_path: Path, storage: Storage) -> None:
    cached(tmp_path / "g", storage=storage)
    with Gallery(tmp_path / "g") as mapped:
        assert (mapped.opening.mapped, mapped.opening.read, mapped.opening.remarks) == (150, 0, ())
        assert "150 sightings found in the cache, 0 read from SQLite" in str(mapped.opening)
        mapped.add(sightings(7, first=150))
        expected = answers(mapped)
    shutil.rmtree(tmp_path / "g/cache")
    with Gallery(tmp_path / "g") as plain:
        assert (plain.opening.mapped, plain.opening.read) == (0, 157)
        assert answers(plain) == expected
        assert plain.verify() == []


def test_what_came_and_went_since_the_cache_is_followed(tmp_path: Path) -> None:
    cached(tmp_path / "g")
    with Gallery(tmp_path / "g") as gallery:
        gallery.add(sightings(30, first=150))
        gallery.remove(identity=3)
        expected = answers(gallery)

    with Gallery(tmp_path / "g") as again:
        assert 0 < again.opening.mapped < 150
        assert again.opening.mapped + again.opening.read == 176
        assert again.opening.remarks == ()
        assert (answers(again), again.verify()) == (expected, [])
        again.save_cache()
    with Gallery(tmp_path / "g") as whole:
        assert (whole.opening.mapped, whole.opening.read) == (176, 0)
        assert answers(whole) == expected


def everything(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_erased_embeddings_are_in_no_file_of_the_gallery(tmp_path: Path) -> None:
    cached(tmp_path / "g")
    new = sightings(150)
    patterns = {i: new[i].embedding.tobytes() for i in (3, 48, 93, 138)}
    before = everything(tmp_path / "g")
    assert all(pattern in before for pattern in patterns.values())

    with Gallery(tmp_path / "g") as other, Gallery(tmp_path / "g") as gallery:
        answers(other)
        gallery.remove(identity=3)
        after = everything(tmp_path / "g")
        assert not any(pattern in after for pattern in patterns.values())
        vectors = np.concatenate([slab.vectors for slab in other.view().slabs("ab")]).tobytes()
        assert (len(other), any(pattern in vectors for pattern in patterns.values())) == (146, False)
        gallery.compact()
    assert not any(pattern in everything(tmp_path / "g") for pattern in patterns.values())


def test_a_process_killed_between_erasing_and_forgetting_leaves_nothing_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(tmp_path / "g")
    with Gallery(tmp_path / "g") as gallery, monkeypatch.context() as patched:
        patched.setattr("rgbir.index.gallery.folder.cache.forget", lambda folder, rows: 0)
        gallery.remove(identity=3)
    gone = sightings(150)[48].embedding.tobytes()
    assert any(gone in file.read_bytes() for file in (tmp_path / "g/cache").rglob("vectors.npy"))

    with Gallery(tmp_path / "g") as again:
        assert len(again) == 146

    assert not any(gone in file.read_bytes() for file in (tmp_path / "g/cache").rglob("vectors.npy"))


@pytest.mark.slow
def test_processes_that_forget_the_same_rows_at_once_do_not_trip(tmp_path: Path) -> None:
    for number in range(12):
        folder = tmp_path / f"{number}"
        cached(folder)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _, folder=folder: cache.forget(folder, [(1, "a"), (2, "b")]), range(8)))
        left = {path.name for path in (folder / "cache").iterdir()}
        assert not any(name.endswith(".gone") for name in left)
        with Gallery(folder) as gallery:
            assert (gallery.opening.mapped + gallery.opening.read, gallery.opening.remarks) == (150, ())
            assert gallery.opening.read > 0


@pytest.mark.parametrize(
    ("file", "remark"),
    [
        ("labels.npy", "labels.npy is not what was written"),
        ("checksums.npy", "checksums.npy is not what was written"),
        ("codes.faiss", "codes.faiss is not what was written"),
    ],
)
def test_a_damaged_slab_is_read_from_sqlite_and_told(tmp_path: Path, file: str, remark: str) -> None:
    cached(tmp_path / "g")
    with Gallery(tmp_path / "g") as gallery:
        expected = answers(gallery)
    damage(next(iter(sorted((tmp_path / "g/cache").rglob(file)))))

    with Gallery(tmp_path / "g") as mended:
        assert mended.opening.read > 0
        assert remark in " ".join(mended.opening.remarks)
        assert remark in str(mended.opening)
        assert (answers(mended), mended.verify()) == (expected, [])


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-7] ^= 0xFF
    file.write_bytes(content)


def test_damaged_vectors_are_found_when_they_are_used(tmp_path: Path) -> None:
    cached(tmp_path / "g")
    with Gallery(tmp_path / "g") as gallery:
        expected = answers(gallery)
    for file in (tmp_path / "g/cache").rglob("vectors.npy"):
        damage(file)

    with Gallery(tmp_path / "g") as mended:
        assert mended.opening.mapped == 150
        assert answers(mended) == expected
        assert mended.opening.mapped == 0
        assert "in the cache is not what was written" in str(mended.opening)
        assert mended.verify() == []
    assert not (tmp_path / "g/cache").exists()

    cached(tmp_path / "h")
    for file in (tmp_path / "h/cache").rglob("vectors.npy"):
        damage(file)
    with Gallery(tmp_path / "h") as gallery:
        (remark,) = gallery.verify()
        assert remark.startswith("the cache was damaged and is dropped, SQLite is whole")
        assert gallery.verify() == []


@pytest.mark.slow
def test_a_cache_of_another_gallery_or_another_past_is_not_used(tmp_path: Path) -> None:
    cached(tmp_path / "g")
    with Gallery.create(tmp_path / "other", model(fingerprint="g"), YARD) as other:
        other.add(sightings(150, first=500))
    shutil.copytree(tmp_path / "g/cache", tmp_path / "other/cache")
    with Gallery(tmp_path / "other") as other:
        assert "it is of another gallery" in str(other.opening)

    back_up(tmp_path / "g", tmp_path / "copy")
    with Gallery(tmp_path / "g") as gallery:
        gallery.add(sightings(50, first=150))
        gallery.save_cache()
    (tmp_path / "g").rename(tmp_path / "was")
    restore(tmp_path / "copy", tmp_path / "g")
    shutil.copytree(tmp_path / "was/cache", tmp_path / "g/cache")
    with Gallery(tmp_path / "g") as older:
        assert "it is of generation" in str(older.opening)
        older.add(sightings(50, first=700))
        older.add(sightings(1, first=800))
        assert len(older) == 201
    with Gallery(tmp_path / "g") as diverged:
        assert "the cache was not used" in str(diverged.opening)
        assert (len(diverged), diverged.verify()) == (201, [])


def test_a_manifest_that_is_no_manifest_is_told(tmp_path: Path) -> None:
    cached(tmp_path / "g")
    (tmp_path / "g/cache/manifest.json").write_text(json.dumps({"format": 1}))
    with Gallery(tmp_path / "g") as gallery:
        assert "its manifest can't be read" in str(gallery.opening)
        assert gallery.verify() == []


def test_compacting_joins_slabs_and_gives_space_back(tmp_path: Path) -> None:
    with Gallery.create(tmp_path / "g", model(), YARD) as gallery:
        for first in range(0, 400, 5):
            gallery.add(sightings(5, first))
        gallery.remove(camera="a")
        expected, slabs = answers(gallery), len(gallery.view().slabs("ab"))

        before, after = gallery.compact()

        assert after < before
        assert len(gallery.view().slabs("ab")) <= slabs
        assert (answers(gallery), gallery.verify()) == (expected, [])
    with Gallery(tmp_path / "g") as again:
        assert again.opening.read == 0


def test_a_value_past_float16_is_refused_and_rounding_is_bounded(tmp_path: Path) -> None:
    with Gallery.create(tmp_path / "g", model(), YARD, Storage.FLOAT16) as gallery:
        with pytest.raises(GalleryMismatch, match=r"keeps float16, and the embedding has a value of 7e\+04"):
            gallery.add([NewSighting("a", np.full(16, 7e4, np.float32), "d")])
        assert len(gallery) == 0
        new = sightings(40)
        gallery.add(new)
        kept = gallery.embeddings([sighting.id for sighting in new])
        given = np.stack([sighting.embedding for sighting in new])
        assert (np.abs(kept - given) <= 2.0**-11 * np.abs(given) + 3e-8).all()


def test_a_journal_that_a_reader_needs_is_emptied_later_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(tmp_path / "g")
    gone = sightings(150)[48].embedding.tobytes()
    with Gallery(tmp_path / "g") as gallery:
        gallery._writer.connection.execute("PRAGMA busy_timeout = 50")
        reader = sqlite3.connect(tmp_path / "g/gallery.sqlite3", isolation_level=None)
        with closing(reader):
            gallery.add(sightings(2, first=900))
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sightings").fetchone()
            gallery.remove(identity=3)
            assert "a reader needs the journal" in caplog.text
            reader.execute("COMMIT")
        gallery.compact()
        assert gone not in everything(tmp_path / "g")


def test_a_cache_on_a_full_disk_is_a_clear_error_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(tmp_path / "g", 60)
    with Gallery(tmp_path / "g") as gallery:
        gallery.add(sightings(60, first=60))
        with monkeypatch.context() as patched:
            full = OSError(errno.ENOSPC, "No space left on device")
            patched.setattr("rgbir.index.gallery.folder.cache.np.save", lambda *_: (_ for _ in ()).throw(full))
            with pytest.raises(GalleryError, match="no cache was written: No space left on device; is the disk full"):
                gallery.save_cache()
        assert (len(gallery), gallery.verify()) == (120, [])
    with Gallery(tmp_path / "g") as again:
        assert (again.opening.mapped, again.opening.read) == (60, 60)


def test_a_cache_is_used_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(tmp_path / "g")
    with Gallery(tmp_path / "g") as gallery:
        expected = answers(gallery)
    for module in ("file", "cache", "gallery"):
        monkeypatch.setattr(f"rgbir.index.gallery.folder.{module}.writable", lambda folder: False)
    with Gallery(tmp_path / "g") as frozen:
        assert frozen.opening.mapped == 150
        assert answers(frozen) == expected
        assert frozen.refresh_cache() is False


def test_the_cache_is_written_once_so_many_sightings_aren_t_in_it_and_erasures_take_them_out_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_module, "WORTH_CACHING", 100)
    with filled(tmp_path / "g", sightings(99)) as gallery:
        assert not gallery.refresh_cache()
        gallery.add(sightings(51, first=99))
        assert gallery.refresh_cache()
        assert not gallery.refresh_cache()
        firsts = {int(slab.rows[0]) for slab in gallery.view().slabs(gallery.view().cameras)}
        gallery.remove(ids=[each.id for each in gallery.sightings() if each.row in firsts])
        left = len(gallery)
        assert left > 100
        assert gallery.refresh_cache()
    with Gallery(tmp_path / "g") as opened:
        assert (opened.opening.mapped, opened.opening.read) == (left, 0)


CHANGES = """
import sys
from pathlib import Path
import numpy as np
from tests.index.yard import YARD, model
from rgbir.index import Gallery, NewSighting, Query
from rgbir.index.nearest import view
view.ROWS = 64
folder, start = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(start)
there = (Path(folder) / "gallery.sqlite3").exists()
gallery = Gallery(folder) if there else Gallery.create(folder, model(64), YARD)
print("started", flush=True)
for step in range(start, start + 100_000):
    rows = rng.standard_normal((3, 64)).astype(np.float32)
    gallery.add([NewSighting("a", row, f"{step}-{i}", f"{step}-{i}", None, step) for i, row in enumerate(rows)])
    print("add", step, flush=True)
    if step % 3 == 2:
        gallery.remove(identity=step - 1)
        print("remove", step - 1, flush=True)
    if step % 4 == 3:
        gallery.save_cache()
    if step % 7 == 6:
        gallery.compact()
"""


@pytest.mark.parametrize("kills", [6, pytest.param(150, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_killed_while_the_cache_is_written_or_the_gallery_compacted(tmp_path: Path, kills: int) -> None:
    moments, folder = random.Random(11), tmp_path / "gallery"
    present: set[int] = set()
    acknowledged = mapped = 0
    for number in range(kills):
        command = [sys.executable, "-c", CHANGES, str(folder), str(number * 1_000_000)]
        first, *changes = killed_after(command, 1 + moments.randrange(25), moments)
        assert first == "started"
        lines = [line.split() for line in changes]
        for verb, step in ((line[0], int(line[1])) for line in lines if len(line) == 2):
            present = present - {step} if verb == "remove" else present | {step}
            acknowledged += 3 * (verb == "add")

        with Gallery(folder) as gallery:
            assert gallery.opening.remarks == ()
            assert gallery.verify() == []
            mapped += gallery.opening.mapped
            sightings_of = Counter(sighting.identity for sighting in gallery.sightings())
        assert set(sightings_of.values()) <= {3}
        assert len(present ^ set(sightings_of)) <= 1  # the last change may have been made and not yet told
        present = {identity for identity in sightings_of if identity is not None}
    print(f"{kills} kills, {acknowledged} sightings acknowledged, none lost; {mapped} mapped from caches")
    assert mapped > 0


def test_rows_that_only_one_of_store_and_search_holds_are_told(tmp_path: Path) -> None:
    cached(tmp_path / "g", 5)
    with Gallery(tmp_path / "g") as gallery:
        whole, store = gallery.view(), gallery._reader
        assert disagreements(whole, store) == []
        some = View(whole.metric, whole.mark, dict(list(whole.cameras.items())[1:]))
        lost = [int(row) for camera in list(whole.cameras)[:1] for slab in whole.cameras[camera] for row in slab.rows]
        assert disagreements(some, store) == [f"row {row} is in SQLite and not in the search" for row in lost]
        store.connection.execute("DELETE FROM sightings WHERE row = 2")
        assert disagreements(whole, store) == ["row 2 is in the search and not in SQLite"]

"""What was opened is what answers, whatever somebody writes over, cuts off or takes away on disk; and erasures find room."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import BUNDLE
from tests.index.yard import filled, random_rows, sightings
from tests.site.media import disk, fill

from rgbir.index import Bundle, Encoder, Gallery, Modality, Query
from rgbir.index.errors import BadBundle, GalleryCorrupt, GalleryFull
from rgbir.index.nearest import kept

QUERIES = random_rows(12, 32, seed=9)


def answers(gallery: Gallery) -> list[list[tuple[str, float]]]:
    """Singly and joined, few hits and many."""
    single = [gallery.search(Query(query, cameras=["a", "b"], top_k=7)) for query in QUERIES]
    joined = gallery.search_many([Query(query, cameras=["a", "b"], top_k=300) for query in QUERIES])
    return [[(hit.id, hit.distance) for hit in answer.hits] for answer in (*single, *joined)]


def overwritten(file: Path, chance: random.Random) -> None:
    with file.open("r+b") as content:
        content.seek(chance.randrange(max(1, file.stat().st_size - 600)))
        content.write(chance.randbytes(600))


def cut(file: Path, chance: random.Random) -> None:
    os.truncate(file, chance.randrange(file.stat().st_size))


def taken(file: Path, _: random.Random) -> None:
    file.unlink()


def emptied(file: Path, _: random.Random) -> None:
    os.truncate(file, 0)


HARM = [overwritten, cut, taken, emptied]


@pytest.fixture
def cached(tmp_path: Path) -> Iterator[Gallery]:
    """2,600 rows in two slabs with codes, whose cache was just opened."""
    with filled(tmp_path / "g", sightings(random_rows(2600, 32))) as gallery:
        gallery.save_cache()
    with Gallery(tmp_path / "g") as gallery:
        assert gallery.opening.mapped == 2600
        yield gallery


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize(
    ("name", "touched"),
    [
        ("vectors.npy", False),
        ("codes.faiss", True),
        *(
            pytest.param(name, touched, marks=pytest.mark.slow)
            for name in ("vectors.npy", "labels.npy", "checksums.npy", "squares.npy", "codes.faiss")
            for touched in (False, True)
        ),
    ],
)
@pytest.mark.slow
def test_a_cache_that_is_harmed_under_a_gallery_changes_no_answer(
    cached: Gallery, name: str, harm: Callable[[Path, random.Random], None], touched: bool
) -> None:
    with filled(cached.folder.with_name("plain"), sightings(random_rows(2600, 32))) as plain:
        expected = answers(plain)
    if touched:
        assert answers(cached) == expected
    files = list(cached.folder.glob(f"cache/*/{name}"))
    assert len(files) == 2
    for number, file in enumerate(files):
        harm(file, random.Random(number))
    for _ in range(2):
        assert answers(cached) == expected
    assert all(
        problem.startswith("the cache was damaged and is dropped, SQLite is whole") for problem in cached.verify()
    )
    assert cached.verify() == []
    with Gallery(cached.folder) as again:
        assert answers(again) == expected


@pytest.mark.slow
def test_rows_that_find_no_room_in_memory_are_read_again_each_time(
    cached: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST_IN_MEMORY", 0.0)
    before = answers(cached)
    assert answers(cached) == before
    for file in cached.folder.glob("cache/*/vectors.npy"):
        overwritten(file, random.Random(1))
    assert answers(cached) == before
    assert cached.opening.mapped == 0  # the cache was dropped


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("name", ["weights.bin", "rgb.onnx", "ir.onnx", "card.json"])
def test_a_bundle_that_is_harmed_under_an_encoder_changes_no_embedding(
    tmp_path: Path, name: str, harm: Callable[[Path, random.Random], None]
) -> None:
    shutil.copytree(BUNDLE, tmp_path / BUNDLE.name)
    bundle = Bundle(tmp_path / BUNDLE.name)
    encoder = Encoder(bundle, threads=1)
    shape = (4, encoder.card.height, encoder.card.width, 3)
    images = np.random.default_rng(0).integers(0, 255, shape, np.uint8).astype(np.uint8)
    before = {modality: encoder.encode(images, modality) for modality in Modality}
    harm(tmp_path / BUNDLE.name / name, random.Random(5))
    for modality in Modality:
        np.testing.assert_array_equal(encoder.encode(images, modality), before[modality])
    assert bundle.state() != encoder.state
    if name != "card.json":
        with pytest.raises(BadBundle):
            Encoder(bundle, threads=1)
        with pytest.raises(BadBundle):
            Bundle(tmp_path / BUNDLE.name)


def harmed(folder: Path, sql: str) -> None:
    with sqlite3.connect(folder / "gallery.sqlite3") as database:
        database.execute(sql)
    database.close()


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE crops SET data = zeroblob(length(data)) WHERE row = 3", "row 3: the crop is not what was written"),
        ("UPDATE crops SET media_type = 'image/jpeg' WHERE row = 3", "row 3: the crop is not what was written"),
        (
            "UPDATE crops SET data = CAST(data || x'00' AS BLOB) WHERE row = 3",
            "row 3: the crop is not what was written",
        ),
        ("UPDATE crops SET data = 'text' WHERE row = 3", "row 3: the crop is not what was written"),
        ("DELETE FROM crops WHERE row = 3", "row 3: the crop is not what was written"),
        (
            "UPDATE crops SET data = (SELECT data FROM crops WHERE row = 4) WHERE row = 3",
            "row 3: the crop is not what was written",
        ),
        ("DELETE FROM sums WHERE row = 3", "row 3: the labels are not what was written"),
        ("UPDATE sightings SET camera = 'b' WHERE row = 3", "row 3: the labels are not what was written"),
        ("UPDATE sightings SET identity = 77 WHERE row = 3", "row 3: the labels are not what was written"),
        ("UPDATE sightings SET taken_at = 5 WHERE row = 3", "row 3: the labels are not what was written"),
        (
            "UPDATE sightings SET source = CAST(x'ff' AS TEXT) WHERE row = 3",
            "row 3: the labels are not what was written",
        ),
        ("UPDATE sightings SET track = 'x' WHERE row = 3", "row 3: the labels are not what was written"),
        ("UPDATE sightings SET since = 1 WHERE row = 3", "row 3: the labels are not what was written"),
        ("UPDATE sightings SET id = 'x' WHERE row = 3", "row 3: the labels are not what was written"),
    ],
)
def test_whatever_a_person_reads_is_verified(tmp_path: Path, sql: str, problem: str) -> None:
    with filled(tmp_path / "g", sightings(6, people=9, crop_bytes=64)) as gallery:
        third = gallery.sightings()[2].id
    harmed(tmp_path / "g", sql)
    assert problem in Gallery.problems_in(tmp_path / "g")
    if "crops" in sql and "DELETE" not in sql:
        with (
            Gallery(tmp_path / "g") as gallery,
            pytest.raises(GalleryCorrupt, match="the crop of row 3 is not what was"),
        ):
            gallery.crop(third)


def test_an_erasure_does_not_wait_for_a_reader_and_the_journal_is_emptied_later(tmp_path: Path) -> None:
    with filled(tmp_path / "g", new := sightings(20, crop_bytes=64)) as gallery:
        reader = sqlite3.connect(tmp_path / "g/gallery.sqlite3", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sightings").fetchone()
        gallery.add(sightings(1, 30))
        waited = []
        gallery._writer.connection.set_trace_callback(lambda sql: waited.append(sql) if "busy_timeout" in sql else None)
        assert gallery.remove(ids=[new[4].id]) == 1
        assert waited[0] == "PRAGMA busy_timeout = 200"  # milliseconds, and not half a minute
        journal = tmp_path / "g/gallery.sqlite3-wal"
        assert journal.stat().st_size > 0
        assert not gallery.empty_journal()
        reader.close()
        assert gallery.empty_journal()
        assert journal.stat().st_size == 0
        assert gallery.empty_journal()
    whole = (tmp_path / "g/gallery.sqlite3").read_bytes()
    assert new[4].embedding.tobytes() not in whole


@pytest.mark.parametrize("count", [1, 400])
def test_an_erasure_succeeds_on_a_full_disk(tmp_path: Path, count: int) -> None:
    with disk(tmp_path / "disk", 24) as small:
        filled(small / "g", sightings(random_rows(500, 2048), crop_bytes=8192)).close()
        with Gallery(small / "g") as gallery:
            fill(small)
            with pytest.raises(GalleryFull, match="nothing was changed"):
                gallery.add(sightings(random_rows(1, 2048), 550, crop_bytes=8192))
            gone = [sighting.id for sighting in gallery.sightings()[:count]]
            assert gallery.remove(ids=gone) == count
            assert gallery.known(gone) == set()
            assert gallery.verify() == []
        ledger = (small / "g.erasures").read_bytes()
        with Gallery(small / "g") as gallery:
            assert len(gallery) == 500 - count
        assert ledger.count(b'"ids":["') == 1


def test_backups_of_a_gallery_that_goes_are_noted_on_a_full_disk(tmp_path: Path) -> None:
    copies = [{"path": f"/backups/{n}", "made_at": "2026-03-01T00:00:00+00:00", "generation": n} for n in range(200)]
    with disk(tmp_path / "disk", 24) as small:
        filled(small / "g", sightings(random_rows(500, 2048), crop_bytes=8192)).close()
        with Gallery(small / "g") as gallery:
            fill(small)
            with pytest.raises(GalleryFull):
                gallery.add(sightings(random_rows(1, 2048), 550, crop_bytes=8192))
            gallery.inherit_backups(copies)
            assert gallery.backups() == copies
            gallery.inherit_backups(copies)  # again, as after a deletion that failed
        with Gallery(small / "g") as gallery:
            assert gallery.backups() == copies
            assert gallery.verify() == []


KILLED_WHILE_FULL = """
import os, signal, sys
from pathlib import Path
from rgbir.index import Gallery
from rgbir.index.gallery.folder import erasing
from tests.site.media import fill
gallery = Gallery(sys.argv[1])
fill(Path(sys.argv[1]).parent)
erase, times = erasing.erase, int(sys.argv[2])

def counted(connection, rows):
    global times
    times -= 1
    if times == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return erase(connection, rows)

erasing.erase = counted
gallery.remove(camera="a")
"""


@pytest.mark.parametrize("after", [1, 2, 4])
@pytest.mark.slow
def test_an_erasure_killed_halfway_on_a_full_disk_is_finished_by_the_next_opening(tmp_path: Path, after: int) -> None:
    with disk(tmp_path / "disk", 24) as small:
        filled(small / "g", sightings(random_rows(500, 2048), crop_bytes=8192)).close()
        command = [sys.executable, "-c", KILLED_WHILE_FULL, str(small / "g"), str(after)]
        assert subprocess.run(command, check=False).returncode == -9
        with Gallery(small / "g") as gallery:
            assert gallery.erased_since > 0
            assert {sighting.camera for sighting in gallery.sightings()} == {"b"}
            assert gallery.verify() == []

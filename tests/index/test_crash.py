"""kill -9 while sightings are enrolled: what was acknowledged is there, nothing is there by half or twice."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import BUNDLE
from tests.index.yard import YARD, filled, model, random_rows, sightings
from tests.waiting import killed_after
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import (
    CameraNetwork,
    Encoder,
    Gallery,
    Query,
    SysuMM01,
    enrol,
)
from rgbir.index.errors import GalleryCorrupt
from rgbir.index.gallery.folder.backup import back_up, read_backup

RUN = """
import sys
from pathlib import Path
from rgbir.index import Bundle, CameraNetwork, Encoder, Gallery, SysuMM01, enrol
people, folder, bundle = sys.argv[1:]
encoder = Encoder(Bundle(bundle), threads=1)
print("started", flush=True)
with Gallery.open_or_create(folder, encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
    records = SysuMM01(Path(people)).records("available")
    tally = enrol(records, encoder, gallery, batch=2, progress=lambda done: print(done, flush=True))
print("done", flush=True)
"""


def run_and_kill(people: SysuMM01, folder: Path, chance: random.Random) -> tuple[int, bool]:
    """The number of sightings acknowledged before the kill, and whether the run was over."""
    command = [sys.executable, "-c", RUN, str(people.root), str(folder), str(BUNDLE)]
    lines = killed_after(command, 1 + chance.randrange(12), chance)
    assert lines[0] == "started"
    return sum(int(line) for line in lines if line.isdecimal()), "done" in lines


@pytest.mark.parametrize("kills", [4, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_killed_enrolments_lose_nothing_and_double_nothing(
    tmp_path: Path, people: SysuMM01, encoder: Encoder, kills: int
) -> None:
    moments = random.Random(5)
    expected = [record.source for record in people.records("available")]
    folder = tmp_path / "gallery-0"
    for number in range(kills):
        acknowledged, over = run_and_kill(people, folder, moments)
        with Gallery.open_or_create(folder, encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
            assert len(gallery) >= acknowledged
            assert gallery.verify() == []
            present = [sighting.source for sighting in gallery.sightings()]
            assert len(set(present)) == len(present)
        if over:
            folder = tmp_path / f"gallery-{number + 1}"

    with Gallery.open_or_create(folder, encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
        tally = enrol(people.records("available"), encoder, gallery)

        assert tally.added + tally.present == len(expected)
        assert sorted(s.source for s in gallery.sightings()) == sorted(expected)
        assert gallery.verify() == []
        fresh = tmp_path / "fresh"
        with Gallery.open_or_create(fresh, encoder.card, CameraNetwork.read("sysu-mm01")) as untouched:
            enrol(people.records("available"), encoder, untouched)
            ids = [sighting.id for sighting in untouched.sightings()]
            np.testing.assert_allclose(gallery.embeddings(ids), untouched.embeddings(ids), atol=1e-4)


CHANGES = """
import sys
import numpy as np
from tests.index.yard import YARD, model
from rgbir.index import Gallery, NewSighting
from rgbir.index.gallery.folder.backup import back_up
from pathlib import Path
folder, start = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(start)
gallery = Gallery(folder) if (Path(folder) / "gallery.sqlite3").exists() else Gallery.create(folder, model(64), YARD)
print("started", flush=True)
for step in range(start, start + 100_000):
    rows = rng.standard_normal((3, 64)).astype(np.float32)
    gallery.add([NewSighting("a", row, f"{step}-{i}", f"{step}-{i}", None, step) for i, row in enumerate(rows)])
    print("add", step, flush=True)
    if step % 3 == 2:
        gallery.remove(identity=step - 1)
        print("remove", step - 1, flush=True)
    if step % 5 == 4:
        gallery.keep(None)
        back_up(Path(folder), Path(f"{folder}-copy-{step}"))
        print("copy", step, flush=True)
"""


@pytest.mark.parametrize("kills", [6, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_killed_changes_are_there_as_a_whole_or_not_at_all(tmp_path: Path, kills: int) -> None:
    moments = random.Random(7)
    folder = tmp_path / "gallery"
    present: set[int] = set()
    copies: list[int] = []
    for number in range(kills):
        command = [sys.executable, "-c", CHANGES, str(folder), str(number * 1_000_000)]
        first, *changes = killed_after(command, 1 + moments.randrange(25), moments)
        assert first == "started"
        lines = [line.split() for line in changes]
        for verb, step in ((line[0], int(line[1])) for line in lines if len(line) == 2):
            present = present - {step} if verb == "remove" else present | {step} if verb == "add" else present
            copies += [step] if verb == "copy" else []

        with Gallery(folder) as gallery:
            assert gallery.verify() == []
            sightings_of = Counter(sighting.identity for sighting in gallery.sightings())
        assert set(sightings_of.values()) <= {3}  # whole transactions only
        # The last change may have been made and not yet told.
        assert len(present ^ set(sightings_of)) <= 1
        present = {identity for identity in sightings_of if identity is not None}
    for step in copies[-3:]:
        assert read_backup(Path(f"{folder}-copy-{step}")).sightings > 0


FULL = """
import resource, sys
import numpy as np
from rgbir.index import Gallery, NewSighting
gallery = Gallery(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for step in range(10_000):
    rows = np.random.default_rng(step).standard_normal((20, 64)).astype(np.float32)
    try:
        gallery.add([NewSighting("a", row, f"{step}-{i}", f"{step}-{i}") for i, row in enumerate(rows)])
    except Exception as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        break
    print("added", flush=True)
"""


NO_ROOM = """
import resource, signal, sys
from pathlib import Path
from tests.index.yard import YARD, model
from rgbir.index import Gallery, GalleryError
from rgbir.index.gallery.folder.backup import back_up
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
for work in (
    lambda: Gallery.create(Path(sys.argv[2]) / "new", model(64), YARD),
    lambda: back_up(Path(sys.argv[1]), Path(sys.argv[2]) / "copy"),
):
    try:
        work()
        print("done")
    except GalleryError as error:
        print("is the disk full" in str(error))
"""


@pytest.mark.slow
def test_a_gallery_or_a_copy_that_finds_no_room_is_a_clear_error_and_leaves_none(tmp_path: Path) -> None:
    Gallery.create(tmp_path / "gallery", model(64), YARD).close()

    command = [sys.executable, "-c", NO_ROOM, str(tmp_path / "gallery"), str(tmp_path)]
    outcomes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert outcomes == ["True", "True"]
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "new/gallery.sqlite3").exists()
    Gallery.create(tmp_path / "new", model(64), YARD).close()
    assert back_up(tmp_path / "gallery", tmp_path / "copy").sightings == 0


@pytest.mark.slow
def test_a_full_disk_is_a_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    Gallery.create(tmp_path / "gallery", model(64), YARD).close()

    command = [sys.executable, "-c", FULL, str(tmp_path / "gallery")]
    *added, last = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    assert last.startswith("GalleryFull: ")
    assert "nothing was changed" in last
    assert "is the disk full" in last
    assert set(added) == {"added"}
    with Gallery(tmp_path / "gallery") as gallery:
        assert (len(gallery), gallery.verify()) == (20 * len(added), [])


@pytest.mark.parametrize("page", range(2, 12))
def test_a_damaged_page_is_told_by_whatever_reads_it(tmp_path: Path, page: int) -> None:
    folder = tmp_path / "gallery"
    rows = random_rows(40, 512)
    new = sightings(rows, cameras="a", crop_bytes=3000)
    with filled(folder, new) as gallery:
        gallery.compact()
    with (folder / "gallery.sqlite3").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)

    result = CliRunner().invoke(app, ["index", "verify", "--gallery", str(folder)])

    assert result.exit_code == 1
    assert isinstance(result.exception, (GalleryCorrupt, SystemExit))
    with contextlib.suppress(GalleryCorrupt):
        assert Gallery.problems_in(folder)
    with contextlib.suppress(GalleryCorrupt), Gallery(folder) as gallery:
        for use in (
            gallery.sightings,
            gallery.counts,
            lambda: gallery.get(new[7].id),
            lambda: gallery.crop(new[7].id),
            lambda: gallery.known([sighting.id for sighting in new]),
            lambda: gallery.embeddings([sighting.id for sighting in new]),
            lambda: gallery.search(Query(rows[7], cameras=["a"])),
            gallery.verify,
            gallery.backups,
            lambda: gallery.add(new[:1]),
            lambda: gallery.remove(identity=3),
            gallery.compact,
            lambda: back_up(folder, tmp_path / "copy"),
        ):
            with contextlib.suppress(GalleryCorrupt):  # and nothing else
                use()


def test_a_damaged_embedding_is_told_and_a_foreign_file_is_left_alone(tmp_path: Path) -> None:
    rows = random_rows(40, 512)
    filled(tmp_path / "gallery", sightings(rows, cameras="a")).close()
    foreign = tmp_path / "gallery" / "notes.txt"
    foreign.write_text("mine")
    file = tmp_path / "gallery" / "gallery.sqlite3"
    where = file.read_bytes().find(rows[7].tobytes())
    assert where > 0
    with file.open("r+b") as content:
        content.seek(where)
        content.write(b"\xff" * 64)

    problems = Gallery.problems_in(tmp_path / "gallery")

    assert problems == ["row 8: the embedding is not what was written"]
    with pytest.raises(GalleryCorrupt, match="the embedding of row 8 is not what was written; restore a backup"):
        Gallery(tmp_path / "gallery")
    assert foreign.read_text() == "mine"

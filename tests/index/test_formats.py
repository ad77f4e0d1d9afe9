"""Galleries as older versions wrote them: `formats/N` was made by the program of format N, `truth.json` is what it answered."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.site.media import read_only

from rgbir.index import Gallery, Query

FORMATS = Path(__file__).parent / "formats"
TRUTH = json.loads((FORMATS / "truth.json").read_text())


def copied(number: int, to: Path) -> Path:
    shutil.copytree(FORMATS / str(number), to)
    return to


def contents(gallery: Gallery) -> dict[str, Any]:
    """As `truth.json` tells it."""
    hits = gallery.search(Query(np.zeros(8, np.float32), top_k=50, cameras=["a", "b"])).hits
    return {
        "sightings": [
            [s.id, s.camera, s.source, s.digest, s.taken_at and s.taken_at.isoformat(), s.identity, s.track, s.has_crop]
            for s in gallery.sightings()
        ],
        "hits": [[hit.id, hit.distance] for hit in hits],
    }


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_older_gallery_is_brought_up_to_date_and_loses_nothing(tmp_path: Path, number: int) -> None:
    with Gallery(copied(number, tmp_path / "gallery")) as gallery:
        assert gallery._reader.meta()["format"] == "4"
        assert gallery.storage == "float32"
        assert contents(gallery) == TRUTH
        assert gallery.verify() == []
        assert {sighting.since for sighting in gallery.sightings()} == {0}
        first = gallery.sightings()[0]
        assert gallery.remove(ids=[first.id]) == 1
        objects = {name for (name,) in gallery._reader.connection.execute("SELECT name FROM sqlite_master")}
    assert {"sightings_track", "sightings_taken_at", "sums", "erasures", "erased"} <= objects
    with Gallery(tmp_path / "gallery") as gallery:
        assert len(gallery) == len(TRUTH["sightings"]) - 1
        assert gallery.verify() == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_older_gallery_is_read_where_it_cannot_be_changed(tmp_path: Path, number: int) -> None:
    folder = copied(number, tmp_path / "gallery")
    with read_only(folder, tmp_path / "closed") as closed, Gallery(closed) as gallery:
        assert gallery._reader.meta()["format"] == str(number)
        assert contents(gallery) == TRUTH
        assert gallery.verify() == []
        assert gallery.search(Query(np.zeros(8, np.float32), track="x")).hits == ()
        crops = [gallery.crop(sighting.id) for sighting in gallery.sightings()]
        assert [crop is not None for crop in crops] == [sighting.has_crop for sighting in gallery.sightings()]
    assert (folder / "gallery.sqlite3").read_bytes() == (FORMATS / str(number) / "gallery.sqlite3").read_bytes()


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from rgbir.index.gallery.folder import connection, store
origin, work = map(Path, sys.argv[1:])

def open_and_die(folder, at):
    seen = 0
    before = connection.Cursor.execute

    def execute(self, sql, parameters=()):
        nonlocal seen
        seen += 1
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return before(self, sql, parameters)

    connection.Cursor.execute = execute
    store.Store(folder).close()

at = 0
while True:
    at += 1
    folder = work / str(at)
    shutil.copytree(origin, folder)
    child = os.fork()
    if not child:
        open_and_die(folder, at)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(at)
"""


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.slow
def test_a_migration_killed_at_any_statement_is_done_by_the_next_opening(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-c", KILLED, str(FORMATS / str(number)), str(tmp_path)]
    statements = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert statements > 15
    for killed in sorted(tmp_path.iterdir()):
        with Gallery(killed) as gallery:
            assert gallery._reader.meta()["format"] == "4"
            assert contents(gallery) == TRUTH
            assert gallery.verify() == []

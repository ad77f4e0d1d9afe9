"""What a site of an older version has, opened by this one, and the way back. The older program runs as it was (`older.py`).

docs/how-to/upgrading.md promises what the first half holds, and tells of a downgrade what the second half finds.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.end_to_end import older
from tests.site.media import read_only
from tests.waiting import until

from rgbir.index import Bundle, Encoder, Gallery, NewSighting, Query, Searcher, SysuMM01
from rgbir.index.evaluation.features import Features
from rgbir.index.gallery.folder.backup import back_up, restore
from rgbir.server import Settings, create_app
from rgbir.server.access.audit import AuditLog, entries
from rgbir.server.access.chain import problems
from rgbir.server.access.evidence import replay
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.engine.work import Film, Note

pytestmark = pytest.mark.slow
FILM = Film(name="a.mp4", called="a.mp4", camera="1", sha256="0" * 64)


class Site(NamedTuple):
    """What the older program left: gallery, backup, keys, log, an archive that waits; and what it answered."""

    program: Path
    folder: Path
    truth: dict[str, Any]

    @property
    def bundle(self) -> Path:
        return self.program / older.BUNDLE

    def settings(self) -> Settings:
        return Settings(
            self.folder / "gallery",
            self.bundle,
            keys=self.folder / "keys.json",
            audit=self.folder / "audit.jsonl",
            threads=1,
        )


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> Site:
    program = older.checkout(tmp_path_factory.mktemp("older"))
    folder = tmp_path_factory.mktemp("site")
    older.run(program, older.WRITE, folder, people.root, program / older.BUNDLE)
    return Site(program, folder, json.loads((folder / "truth.json").read_text()))


@pytest.fixture
def site(left: Site, tmp_path: Path) -> Site:
    shutil.copytree(left.folder, tmp_path / "site", copy_function=shutil.copy2)
    return left._replace(folder=tmp_path / "site")


def contents(gallery: Gallery) -> list[list[Any]]:
    """As the older program told it."""
    rows = []
    for sighting in gallery.sightings():
        crop = gallery.crop(sighting.id)
        taken = sighting.taken_at and sighting.taken_at.isoformat()
        labels = [sighting.source, sighting.digest, taken, sighting.identity, sighting.track]
        rows.append([sighting.id, sighting.camera, *labels, crop and crop.data.hex()])
    return rows


def answers(gallery: Gallery, truth: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """What the older program answered, and what is answered now, query for query."""
    rows = gallery.embeddings([row[0] for row in truth["sightings"]])
    for number, filters, hits in truth["answers"]:
        named: dict[str, Any] = {
            name: datetime.fromisoformat(value) if name == "since" else value for name, value in filters.items()
        }
        found = gallery.search(Query(rows[number], camera="3", **named)).hits
        yield hits, [[hit.id, hit.distance] for hit in found]


def expect_the_same(gallery: Gallery, truth: dict[str, Any]) -> None:
    assert contents(gallery) == truth["sightings"]
    compared = list(answers(gallery, truth))
    assert sum(bool(then) for then, _ in compared) > 30
    for then, now in compared:
        assert [name for name, _ in now] == [name for name, _ in then]
        assert [distance for _, distance in now] == pytest.approx([distance for _, distance in then], rel=1e-6)


def test_a_gallery_is_searched_as_before_and_goes_on(site: Site) -> None:
    truth = site.truth
    with Gallery(site.folder / "gallery") as gallery:
        expect_the_same(gallery, truth)
        assert gallery.keep_days == truth["keep_days"]
        assert gallery.calibration() is not None
        assert gallery.verify() == []
        first = gallery.sightings()[0]
        embedding = gallery.embeddings([first.id])[0]
        assert gallery.add([NewSighting("1", embedding, "e" * 64, "new.jpg")]) == [True]
        assert gallery.remove(ids=[first.id]) == 1
    with Gallery(site.folder / "gallery") as gallery:
        assert len(gallery) == len(truth["sightings"])
        assert gallery.verify() == []
        assert first.id not in {hit.id for hit in gallery.search(Query(embedding, top_k=100, cameras=["1"])).hits}
        assert len(gallery.erasures()) == 1


def test_a_gallery_on_a_closed_medium_is_searched_and_stays_byte_for_byte(site: Site, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in (site.folder / "gallery").rglob("*") if file.is_file()}
    with read_only(site.folder / "gallery", tmp_path / "closed") as closed, Gallery(closed) as gallery:
        expect_the_same(gallery, site.truth)
        assert gallery.verify() == []
    assert {file: file.read_bytes() for file in (site.folder / "gallery").rglob("*") if file.is_file()} == before


def test_a_backup_is_restored(site: Site, tmp_path: Path) -> None:
    restore(site.folder / "backup", tmp_path / "restored")

    with Gallery(tmp_path / "restored") as gallery:
        expect_the_same(gallery, site.truth)


def test_features_are_read(site: Site) -> None:
    features = Features.load(site.folder / "features.npz")

    sums = [float(row.sum(dtype="float64")) for row in features.embeddings]
    assert sums == site.truth["embeddings"]
    assert list(features.sources) == [row[2] for row in site.truth["sightings"]]


def test_keys_let_the_same_people_do_the_same(site: Site) -> None:
    ring, tokens = Keyring(site.folder / "keys.json"), site.truth["tokens"]
    keys = {name: ring.find(token) for name, token in tokens.items()}

    roles = {name: key and (str(key.role), key.cameras) for name, key in keys.items()}
    assert roles == {
        "boss": ("admin", None),
        "desk": ("search", ("1", "4")),
        "intake": ("enrol", None),
        "gone": None,
        "prometheus": ("monitor", None),
    }
    renewed = ring.rotate("desk")
    assert (ring.find(tokens["desk"]), getattr(ring.find(renewed), "cameras", None)) == (None, ("1", "4"))
    ring.revoke("intake")
    assert ring.find(tokens["intake"]) is None


def test_a_server_goes_on_with_bundle_keys_log_and_an_archive_that_waited(site: Site) -> None:
    truth, log = site.truth, site.folder / "audit.jsonl"
    boss, desk = ({"Authorization": f"Bearer {truth['tokens'][name]}"} for name in ("boss", "desk"))
    encoder = Encoder(Bundle(site.bundle), threads=1)
    assert encoder.card.fingerprint == truth["fingerprint"]
    with Gallery(site.folder / "gallery") as gallery:
        for entry, (path, _) in zip(entries(log), truth["asked"], strict=True):
            assert replay(entry, [Path(path).read_bytes()], Searcher(encoder, gallery)) == []

    with TestClient(create_app(site.settings()), base_url="http://127.0.0.1") as http:

        def job() -> Any:
            return http.get(f"/gallery/jobs/{truth['job']}", headers=boss).json()

        until(lambda: job()["state"] == "done", "the archive that waited")
        assert (job()["added"], job()["who"]) == (4, "intake")
        added = [s["id"] for s in http.get("/gallery/sightings?limit=500", headers=boss).json()["sightings"]]
        new = set(added) - {row[0] for row in truth["sightings"]}
        assert len(new) == 4
        for path, then in truth["asked"]:
            query = {"images": Path(path).read_bytes()}
            form = {"camera": Path(path).parent.parent.name.removeprefix("cam"), "purpose": "a theft", "top_k": "14"}
            now = http.post("/search", headers=boss, files=query, data=form).json()["hits"]
            assert [hit["id"] for hit in now if hit["id"] not in new][:10] == [name for name, _ in then]
            seen = http.post("/search", headers=desk, files=query, data=form).json()["searched_cameras"]
            assert set(seen) <= {"1", "4"}
        assert http.get("/gallery", headers={"Authorization": "Bearer nobody"}).status_code == 401

    chain = list(entries(log))
    assert [entry["n"] for entry in chain] == list(range(1, len(chain) + 1))
    assert {entry["action"] for entry in chain[4:]} >= {"search", "browse"}
    assert problems(log, head=truth["head"]) == []
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([lines[0].replace(b"a theft", b"a fraud"), *lines[1:]]))
    assert "entry 1" in problems(log)[0]


# --- the way back


def written_now(site: Site) -> Path:
    """What this version leaves where the older one is started again."""
    folder = site.folder
    tokens = {}
    for file, role in (("plain.json", Role.SEARCH), ("export.json", Role.EXPORT)):
        shutil.copy(folder / "keys.json", folder / file)
        tokens[file] = Keyring(folder / file).add("new", role)
    (folder / "tokens.json").write_text(json.dumps({"boss": site.truth["tokens"]["boss"], "new": tokens["plain.json"]}))
    shutil.rmtree(folder / "backup")
    with Gallery(folder / "gallery") as gallery:
        gallery.remove(ids=[gallery.sightings()[0].id])
    back_up(folder / "gallery", folder / "backup")
    shutil.copytree(BUNDLE, folder / "bundle")
    log = AuditLog(folder / "audit.jsonl")
    log.add(action="erase", who="boss", purpose="asked to")
    log.close()
    shutil.copy(folder / "audit.jsonl", folder / "rotated.jsonl")
    rotated = AuditLog(folder / "rotated.jsonl")
    (folder / "rotated.jsonl").rename(folder / "rotated.1")
    assert rotated.reopen()
    rotated.add(action="search", who="boss")
    rotated.close()
    assert problems([folder / "rotated.1", folder / "rotated.jsonl"]) == []
    return folder


def test_what_an_older_program_does_with_what_is_written_now(site: Site) -> None:
    """It refuses, by a message that tells; but it takes a rotated log for a broken one, and goes on with the audit log."""
    folder = written_now(site)
    before = {file: file.read_bytes() for file in (folder / "gallery").rglob("*.sqlite3")}

    met = older.run(site.program, older.MEET, folder)

    refused = f"{folder / 'gallery/gallery.sqlite3'} has format 4; this version reads formats 1 to 3: update rgbir"
    assert met["gallery"] == ["GalleryError", refused]
    assert {file: file.read_bytes() for file in before} == before
    assert (met["backup"][0], "is no manifest of a backup" in met["backup"][1]) == ("GalleryCorrupt", True)
    assert met["plain keys"] == ["done", {"boss": "boss", "new": "new"}]
    assert (met["keys that export"][0], "is no file of keys" in met["keys that export"][1]) == ("BadSettings", True)
    assert (met["bundle"][0], "is not a card" in met["bundle"][1]) == ("BadBundle", True)
    assert met["log"] == ["done", []]
    assert met["log that goes on"] == ["done", []]
    assert met["rotated log"] == ["done", ["entry 1: its number is 6; entries were taken out or put in"]]
    assert problems(folder / "audit.jsonl", head=site.truth["head"]) == []


def test_the_way_back_is_the_older_programs_backup_and_who_was_erased_since_is_erased_again(
    site: Site, tmp_path: Path
) -> None:
    """The older program knows no ledger: the newer one says who comes back. A film that waits is lost."""
    folder, before = site.folder, {row[0] for row in site.truth["sightings"]}
    with Gallery(folder / "gallery") as gallery:
        gone = gallery.sightings()[3].id
        gallery.remove(ids=[gone])
    note = Note(who="boss", total=1, cameras=None, made_at=datetime.now(UTC), kind="footage", film=FILM)
    (folder / "gallery.jobs/film.json").write_text(note.model_dump_json())
    (folder / "gallery.jobs/film.film").write_bytes(b"a film")
    _, removed = restore(folder / "backup", tmp_path / "kept", [folder / "gallery.erasures"])
    with Gallery(tmp_path / "kept") as kept:
        again = before - {sighting.id for sighting in kept.sightings()}
    assert (removed, again) == (1, {gone})
    (folder / "again.json").write_text(json.dumps(sorted(again)))
    (folder / "gallery").rename(folder / "newer")

    found = older.run(site.program, older.GOES_BACK, folder, site.bundle)

    assert gone in found["came back"]
    assert not again & set(found["left"])
    assert before - again <= set(found["left"])
    assert list((folder / "gallery.jobs").glob("film*")) == []


def test_an_older_server_that_still_runs_erases_without_a_note_and_enrols_without_sums(site: Site) -> None:
    """Why the old server is stopped first: its searches are right, and its erasures don't hold against a backup."""
    process = older.start(site.program, older.STAYS_OPEN, site.folder / "gallery")
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    with Gallery(site.folder / "gallery") as gallery:
        first = gallery.sightings()[0].id
        hits = gallery.search(Query(gallery.embeddings([first])[0], camera="3")).hits
        out, told = process.communicate("\n", timeout=240)
        assert process.returncode == 0, told

        done = json.loads(out)
        assert done == {"hits": [hit.id for hit in hits], "added": [True], "removed": 1, "erased": first}
        assert first not in {sighting.id for sighting in gallery.sightings()}
        assert gallery.erasures() == []
        assert gallery.verify() == ["row 55: the labels are not what was written"]
    assert not (site.folder / "gallery.erasures").exists()


@pytest.mark.skipif(find_spec("milvus_lite") is None, reason="needs milvus-lite")
def test_a_gallery_in_milvus_goes_on_and_an_older_program_erases_in_it_without_a_note(
    site: Site, tmp_path: Path
) -> None:
    """Collections have no number of their format, so nothing keeps an older program out."""
    address = f"milvus+file:{tmp_path}/milvus.db/people"
    then = older.run(site.program, older.IN_MILVUS, address, site.bundle)

    between = meets_milvus(address, "goes on")
    later = older.run(site.program, older.IN_MILVUS, address, site.bundle)
    after = meets_milvus(address, "looks")

    assert (between["count"], between["faults"]) == (then["count"], [])
    assert [name for name, _ in between["hits"]] == [name for name, _ in then["hits"]]
    assert [far for _, far in between["hits"]] == pytest.approx([far for _, far in then["hits"]], rel=1e-6)
    assert between["erasures"] == after["erasures"] == 1
    assert later["gone"] not in after["ids"]
    assert after["faults"] == []


@pytest.mark.skipif(find_spec("milvus_lite") is None, reason="needs milvus-lite")
def test_an_older_gallery_in_milvus_refuses_copies_before_anything_of_it_is_changed(site: Site, tmp_path: Path) -> None:
    (first := tmp_path / "first").mkdir()
    older.run(site.program, older.IN_MILVUS, f"milvus+file:{first}/milvus.db/people", site.bundle)

    for way in ("merge", "reencode", "import"):
        shutil.copytree(first, tmp_path / way)
        tried = meets_milvus(
            f"milvus+file:{tmp_path / way}/milvus.db/people", way, str(site.bundle), program=INTO_MILVUS
        )

        assert "was made before galleries in Milvus kept frames" in tried["words"], way
        assert not tried["changed"], way


def meets_milvus(address: str, *words: str, program: str | None = None) -> Any:
    """In a process of its own, since the embedded Milvus belongs to one alone."""
    command = [sys.executable, "-c", program or IN_MILVUS, address, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


IN_MILVUS = """
import json, sys
import numpy as np
from rgbir.index import NewSighting, Query, open_gallery

with open_gallery(sys.argv[1]) as gallery:
    embeddings = np.random.default_rng(0).standard_normal((20, gallery.model.dimension)).astype(np.float32)
    hits = gallery.search(Query(embeddings[5], camera="3")).hits
    seen = {"count": len(gallery), "faults": gallery.verify(), "hits": [[hit.id, hit.distance] for hit in hits]}
    seen["ids"] = [sighting.id for sighting in gallery.sightings()]
    if sys.argv[2] == "goes on":
        assert gallery.add([NewSighting("1", embeddings[5], "e" * 64, "new.jpg")]) == [True]
        assert gallery.remove(ids=[seen["ids"][0]]) == 1
    seen["erasures"] = len(gallery.erasures())
    print(json.dumps(seen))
"""
"""What this version does with a gallery in Milvus. `goes on` adds a sighting, and erases one."""
INTO_MILVUS = """
import json, sys
from pathlib import Path
import numpy as np
from tests.commands import run
from rgbir.index import Bundle, Camera, Encoder, Gallery, Modality, NewSighting, UsageError, open_gallery
from rgbir.index.enrolment.merge import merge
from rgbir.index.enrolment.reencode import reencode

address, way, bundle = sys.argv[1], sys.argv[2], Bundle(sys.argv[3])
folder = Path(address.removeprefix("milvus+file:")).parents[1]

def state():
    with open_gallery(address) as target:
        return [each.id for each in target.sightings()], [camera.id for camera in target.network], len(target.erasures())

def tries(change):
    with open_gallery(address) as target, Gallery(folder / "source") as source:
        try:
            change(source, target)
        except UsageError as error:
            return str(error)
    return "it was taken"

def imported():
    assert run("index", "export", "--gallery", folder / "source", "--out", folder / "people.csv").code == 0
    return " ".join(run("index", "import", folder / "people.csv", "--gallery", address).stderr.split())

with open_gallery(address) as target:
    known, network = target.sightings()[0], target.network.with_camera(Camera("annex", frozenset({Modality.RGB}), "annex"))
    with Gallery.create(folder / "source", target.model, network) as source:
        embeddings = np.random.default_rng(1).standard_normal((2, target.model.dimension)).astype(np.float32)
        source.add([
            NewSighting(known.camera, embeddings[0], known.digest, known.source),
            NewSighting("annex", embeddings[1], "f" * 64, "new.jpg"),
        ])
        assert source.remove(ids=[known.id]) == 1

ways = {
    "merge": lambda: tries(merge),
    "reencode": lambda: tries(lambda source, target: reencode(source, target, Encoder(bundle, threads=1))),
    "import": imported,
}
before = state()
words = ways[way]()
print(json.dumps({"words": words, "changed": state() != before}))
"""
"""Copies into a gallery in Milvus from one that has another camera, and erased somebody of it: what was said, and whether it changed."""

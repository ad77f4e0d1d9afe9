"""The program as it was at an older commit, in processes of its own: it writes what a site had, and meets what is written today.

It runs on today's packages. A checkout without that commit, such as a source distribution or a shallow clone, skips.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT

COMMIT = "6beab48"
PARTS = ("client", "index", "training", "export", "server")
BUNDLE = "server/rgbir/server/bundles/expat_compact.synthetic_people"

WRITE = """
import io, json, sys, zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
import numpy as np
from fastapi.testclient import TestClient
from rgbir.index import Bundle, CameraNetwork, Encoder, Gallery, NewSighting, Query, SysuMM01, enrol
from rgbir.index.backup import back_up
from rgbir.index.evaluation.features import Features
from rgbir.server import Settings, audit, create_app
from rgbir.server.jobs import Jobs
from rgbir.server.keys import Keyring, Role

site, bundle = Path(sys.argv[1]), Path(sys.argv[3])
people = SysuMM01(Path(sys.argv[2]))
encoder = Encoder(Bundle(bundle), threads=1)
network = CameraNetwork.read("sysu-mm01")
truth = {"fingerprint": encoder.card.fingerprint}

with Gallery.open_or_create(site / "gallery", encoder.card, network) as gallery:
    enrol(people.records("test", (1, 2, 4, 5)), encoder, gallery)
    there = gallery.sightings()
    shifted = gallery.embeddings([sighting.id for sighting in there[:6]]) + np.float32(0.01)
    gallery.add([
        NewSighting(there[n].camera, shifted[n], f"{n:064x}", f"walk/{n}.jpg", datetime(2026, 11, 3, 22, n, tzinfo=UTC),
                    track=f"walk-{n // 3}", crop=gallery.crop(there[n].id))
        for n in range(6)
    ])
    gallery.remove(ids=[there[7].id, there[20].id])
    gallery.keep(36_000)
    gallery.calibrate()
    gallery.save_cache()
    back_up(site / "gallery", site / "backup")
    sightings = gallery.sightings()
    embeddings = gallery.embeddings([sighting.id for sighting in sightings])
    labels = [-1 if s.identity is None else s.identity for s in sightings]
    Features(embeddings, np.array(labels), np.array([s.camera for s in sightings]),
             np.array([s.source for s in sightings])).save(site / "features.npz")
    truth["embeddings"] = [float(row.sum(dtype=np.float64)) for row in embeddings]
    truth["sightings"] = [
        [s.id, s.camera, s.source, s.digest, s.taken_at and s.taken_at.isoformat(), s.identity, s.track,
         (gallery.crop(s.id).data.hex() if gallery.crop(s.id) else None)]
        for s in sightings
    ]
    truth["erased"] = [there[7].id, there[20].id]
    truth["keep_days"] = gallery.keep_days
    truth["answers"] = []
    for number in range(0, len(sightings), 5):
        for filters in ({}, {"cameras": ["1", "4"]}, {"track": "walk-1"}, {"top_k": 50, "since": datetime(2026, 1, 1, tzinfo=UTC)}):
            answer = gallery.search(Query(embeddings[number], camera="3", **filters))
            named = {name: value.isoformat() if name == "since" else value for name, value in filters.items()}
            truth["answers"].append([number, named, [[hit.id, hit.distance] for hit in answer.hits]])

ring = Keyring(site / "keys.json")
truth["tokens"] = {
    "boss": ring.add("boss", Role.ADMIN),
    "desk": ring.add("desk", Role.SEARCH, cameras=["1", "4"]),
    "intake": ring.add("intake", Role.ENROL, days=900),
    "gone": ring.add("gone", Role.SEARCH, days=0),
    "prometheus": ring.add("prometheus", Role.MONITOR),
}

night = [record.path for record in people.records("test", (3, 6))]
settings = Settings(site / "gallery", bundle, keys=site / "keys.json", audit=site / "audit.jsonl", threads=1)
truth["asked"] = []
with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
    for number, path in enumerate(night[::6]):
        answer = http.post(
            "/search", headers={"Authorization": f"Bearer {truth['tokens']['boss']}"}, files={"images": path.read_bytes()},
            data={"camera": path.parent.parent.name.removeprefix("cam"), "purpose": "a theft", "case": f"26-{number}"},
        )
        assert answer.status_code == 200, answer.text
        truth["asked"].append([str(path), [[hit["id"], hit["distance"]] for hit in answer.json()["hits"]]])
    jobs = http.app.state.jobs
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for number, record in enumerate(list(people.records("train", (1,)))[:4]):
            opened.writestr(f"1/{number}.jpg", record.path.read_bytes())
    archive.seek(0)
    Jobs._begin = lambda self, job: None  # as if the server were killed here
    truth["job"] = jobs.start(jobs.take(archive), "intake").id
assert audit.problems(site / "audit.jsonl") == []
truth["head"] = list(audit.entries(site / "audit.jsonl"))[-1]["hash"]
(site / "truth.json").write_text(json.dumps(truth))
"""
"""Arguments: the folder of the site, people, the bundle. Writes `truth.json` beside what it wrote: what it answered."""

MEET = """
import json, sys, traceback
from pathlib import Path
from rgbir.index import Bundle, Encoder, Gallery
from rgbir.index.backup import restore
from rgbir.server import Settings, create_app, audit
from rgbir.server.keys import Keyring

site, tried = Path(sys.argv[1]), {}

def attempt(name, what):
    try:
        tried[name] = ["done", what()]
    except Exception as error:
        tried[name] = [type(error).__name__, str(error)]

def goes_on():
    log = audit.AuditLog(site / "audit.jsonl")
    log.add(action="search", who="the older version")
    log.close()
    return audit.problems(site / "audit.jsonl")

def who(file):
    ring = Keyring(site / file)
    return {name: getattr(ring.find(token), "name", None) for name, token in json.loads((site / "tokens.json").read_text()).items()}

attempt("gallery", lambda: len(Gallery(site / "gallery")))
attempt("backup", lambda: len(Gallery(restore(site / "backup", site / "restored") and site / "restored")))
attempt("plain keys", lambda: who("plain.json"))
attempt("keys that export", lambda: who("export.json"))
attempt("log", lambda: audit.problems(site / "audit.jsonl"))
attempt("log that goes on", goes_on)
attempt("rotated log", lambda: audit.problems(site / "rotated.jsonl"))
attempt("bundle", lambda: Encoder(Bundle(site / "bundle"), threads=1).card.fingerprint)
print(json.dumps(tried))
"""
"""Argument: a folder with what today's program wrote. Prints what came of each, by name: `done` and a value, or the error."""

STAYS_OPEN = """
import json, sys
from pathlib import Path
import numpy as np
from rgbir.index import Gallery, NewSighting, Query

with Gallery(Path(sys.argv[1])) as gallery:
    first = gallery.sightings()[0]
    embedding = gallery.embeddings([first.id])[0]
    print("open", flush=True)
    sys.stdin.readline()
    done = {"hits": [hit.id for hit in gallery.search(Query(embedding, camera="3")).hits]}
    done["added"] = gallery.add([NewSighting("1", embedding, "f" * 64, "late.jpg")])
    done["removed"] = gallery.remove(ids=[first.id])
    done["erased"] = first.id
    print(json.dumps(done))
"""
"""Argument: a gallery. Opens it, says so, and after a line searches, adds and erases."""

GOES_BACK = """
import json, sys
from pathlib import Path
from fastapi.testclient import TestClient
from rgbir.index import Gallery
from rgbir.index.backup import restore
from rgbir.server import Settings, create_app

site, bundle = Path(sys.argv[1]), Path(sys.argv[2])
restore(site / "backup", site / "gallery")
with TestClient(create_app(Settings(site / "gallery", bundle, threads=1)), base_url="http://127.0.0.1") as http:
    http.get("/gallery/jobs")
with TestClient(create_app(Settings(site / "gallery", bundle, threads=1)), base_url="http://127.0.0.1") as http:
    http.get("/gallery/jobs")
with Gallery(site / "gallery") as gallery:
    came_back = [sighting.id for sighting in gallery.sightings()]
    gallery.remove(ids=json.loads((site / "again.json").read_text()))
    print(json.dumps({"came back": came_back, "left": [sighting.id for sighting in gallery.sightings()]}))
"""
"""Arguments: the folder of the site, the bundle. Restores its backup, starts a server twice, erases the ids in `again.json`."""

IN_MILVUS = """
import json, sys
import numpy as np
from rgbir.index import Bundle, CameraNetwork, NewSighting, Query
from rgbir.index.milvus import MilvusGallery

address, card = sys.argv[1], Bundle(sys.argv[2]).card
embeddings = np.random.default_rng(0).standard_normal((20, card.dimension)).astype(np.float32)
with MilvusGallery.open_or_create(address, card, CameraNetwork.read("sysu-mm01")) as gallery:
    if not len(gallery):
        gallery.add([
            NewSighting(str(1 + n % 2), embeddings[n], f"{n:064x}", f"{n}.jpg", track=f"t{n // 3}", identity=n // 4)
            for n in range(20)
        ])
    gone = gallery.sightings()[0].id
    gallery.remove(ids=[gone])
    answer = gallery.search(Query(embeddings[5], camera="3"))
    print(json.dumps({"gone": gone, "count": len(gallery), "hits": [[hit.id, hit.distance] for hit in answer.hits]}))
"""
"""Arguments: an address in Milvus, the bundle. Enrols twenty sightings if none is there, erases the first, and searches."""


def checkout(folder: Path) -> Path:
    """The older program's files; skips where the history doesn't have them."""
    packed = subprocess.run(["git", "archive", COMMIT, *PARTS], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip(f"this checkout hasn't the history of commit {COMMIT}: {packed.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def start(older: Path, program: str, *arguments: Path | str) -> subprocess.Popen[str]:
    paths = os.pathsep.join(str(older / part) for part in PARTS)
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(older: Path, program: str, *arguments: Path | str) -> Any:
    """What it printed in its last line, as JSON says it; None if nothing."""
    process = start(older, program, *arguments)
    out, told = process.communicate(timeout=240)
    assert process.returncode == 0, told
    return json.loads(out.splitlines()[-1]) if out.strip() else None

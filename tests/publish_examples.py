"""Writes server/rgbir/server/examples.json: a request of every operation and what a real server answered; run it after a change of the protocol.

`tests/server/test_examples.py` sends the same requests again.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from rgbir.index import Bundle, CameraNetwork, Encoder, Gallery, SysuMM01, enrol
from rgbir.index.synthetic import Split, synthesize
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role
from tests.conftest import BUNDLE, ROOT
from tests.detectors import scene_of, written
from tests.films import film_of

LONG = 8
FILE = ROOT / "server/rgbir/server/examples.json"
REPORT = json.dumps(
    {
        "protocol": {"name": "sysu", "mode": "all", "shots": "single", "metric": "cosine"},
        "about": {"model": "expat_compact.synthetic_people", "data": "people"},
        "cmc": {"1": 0.474306, "5": 0.799444, "10": 0.899583, "20": 0.973472},
        "curve": [0.474306, 0.623611, 0.707361, 0.761667, 0.799444],
        "mAP": 0.483423,
        "mINP": 0.377984,
        "trials": [{}] * 10,
        "queries": 720,
        "valid_queries": 720,
        "gallery_rows": 240,
        "gallery_identities": 60,
    }
)
"""The means of a report, as `rgbir evaluate --report` writes them."""


@dataclass(frozen=True)
class Example:
    """A request. form: fields beside the images; path: what stands in the route's braces; files: the field of files and their names."""

    operation: str
    form: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    path: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()


def examples(
    sighting: str, filmed: str, job: str, fresh: str, judged: str, picture: str, near: str, erasure: str
) -> list[Example]:
    night = ("images", "night.jpg")
    return [
        Example("POST /search", {"camera": "3", "top_k": 2, "purpose": "missing person", "case": "26-117"}, files=night),
        Example("POST /search/batch", {"camera": "3", "top_k": 1, "case": "26-117"}, files=("images", "night.jpg", "later.jpg")),
        Example("POST /distances", {"camera": "3", "cameras": ["1"], "case": "26-117"}, files=night),
        Example("POST /embed", {"modality": "ir"}, files=night),
        Example("POST /explain", {"modality": "ir"}, files=night),
        Example("POST /gallery/sightings", {"camera": "1", "taken_at": ["2026-11-02T22:15:00+01:00"], "identity": [7], "track": ["t-17"]},
                files=("images", "hall.jpg")),
        Example("POST /gallery/tracks", {"camera": "4", "track": "gate-17", "box": ["2,0,50,120", "0,0,48,120"],
                                         "taken_at": ["2026-11-02T22:15:00+01:00", "2026-11-02T22:15:02+01:00"]},
                files=("images", "hall.jpg", "gate.jpg")),
        Example("POST /gallery/frames", {"camera": "2", "taken_at": ["2026-11-02T22:15:00+01:00"]}, files=("images", "whole.png")),
        Example("POST /gallery/footage", {"camera": "2", "start": "2026-11-02T22:15:00+01:00", "sample": 5, "shots": 3},
                files=("film", "hall.mp4")),
        Example("POST /gallery/jobs", files=("archive", "images.zip")),
        Example("GET /gallery/jobs"),
        Example("GET /gallery/jobs/{job}", path={"job": job}),
        Example("DELETE /gallery/jobs/{job}", path={"job": job}),
        Example("GET /gallery"),
        Example("GET /gallery/sightings", query={"cameras": ["1"], "order": "newest", "limit": 2}),
        Example("GET /gallery/sightings/{sighting}/neighbours", path={"sighting": sighting}, query={"limit": 2}),
        Example("GET /gallery/counts", query={"by": "day", "zone": "Europe/Berlin"}),
        Example("GET /gallery/sightings/{sighting}", path={"sighting": sighting}),
        Example("GET /gallery/sightings/{sighting}/image", path={"sighting": sighting}),
        Example("GET /gallery/sightings/{sighting}/clip", path={"sighting": filmed}, query={"before": 2, "after": 2}),
        Example("GET /cameras"),
        Example("PUT /cameras/{camera}", {"modalities": ["ir"], "place": "yard", "position": "12.5,3"}, path={"camera": "yard-ir"}),
        Example("GET /cameras/{camera}", path={"camera": "yard-ir"}),
        Example("DELETE /cameras/{camera}", path={"camera": "yard-ir"}),
        Example("GET /plan"),
        Example("POST /cases", {"number": "26-119", "title": "Bag left at the gate", "purpose": "find its owner", "workers": ["okafor"]}),
        Example("GET /cases"),
        Example("GET /cases/{case}", path={"case": "26-117"}),
        Example("PATCH /cases/{case}", {"title": "Missing patient, ward 2", "keep_days": 90}, path={"case": "26-117"}),
        Example("GET /cases/{case}/searches/{number}", path={"case": "26-117", "number": 1}),
        Example("POST /cases/{case}/marks", {"sighting": near, "mark": "same", "note": "backpack on both shoulders"}, path={"case": "26-117"}),
        Example("POST /cases/{case}/notes", {"text": "The nurse saw him at the door."}, path={"case": "26-117"}),
        Example("POST /cases/{case}/look", {"search": 1}, path={"case": "26-117"}),
        Example("DELETE /cases/{case}/marks/{number}", path={"case": "26-117", "number": 1}),
        Example("GET /cases/{case}/pictures/{picture}/image", path={"case": "26-117", "picture": picture}),
        Example("GET /cases/{case}/report", path={"case": "26-117"}),
        Example("GET /cases/{case}/evidence", path={"case": "26-117"}),
        Example("GET /cases/near"),
        Example("POST /cases/{case}/pictures/{picture}/keep", path={"case": "26-117", "picture": picture}),
        Example("DELETE /cases/{case}/pictures/{picture}", path={"case": "26-117", "picture": picture}),
        Example("PUT /cases/{case}/hold", {"reason": "court order 12/26"}, path={"case": "26-117"}),
        Example("POST /erasures", {"identity": 7, "reason": "the court asks for it"}),
        Example("GET /erasures"),
        Example("DELETE /cases/{case}/hold", path={"case": "26-117"}),
        Example("POST /cases/{case}/approval", {"approved": True}, path={"case": "26-118"}),
        Example("POST /erasures/{erasure}/approval", {"approved": True}, path={"erasure": erasure}),
        Example("DELETE /cases/{case}", path={"case": "26-119"}),
        Example("POST /judgements", {"query_camera": "1", "other_camera": "5", "count": 50}),
        Example("GET /judgements"),
        Example("GET /judgements/{judgement}/next", path={"judgement": fresh}),
        Example("POST /judgements/{judgement}/answers", {"pair": 1, "answer": "different"}, path={"judgement": fresh}),
        Example("DELETE /judgements/{judgement}/answers/{pair}", path={"judgement": fresh, "pair": 1}),
        Example("GET /judgements/{judgement}", path={"judgement": judged}),
        Example("POST /judgements/{judgement}/use", path={"judgement": judged}),
        Example("GET /gallery/calibration"),
        Example("DELETE /judgements/{judgement}", path={"judgement": judged}),
        Example("GET /queue"),
        Example("GET /me"),
        Example("POST /keys", {"name": "front desk", "role": "search", "cameras": ["1", "4"], "days": 30}),
        Example("GET /keys"),
        Example("DELETE /keys/{name}", path={"name": "front desk"}),
        Example("GET /model"),
        Example("GET /model/errors"),
        Example("GET /models"),
        Example("POST /models/{name}/prepare", path={"name": "newer"}),
        Example("POST /models/{name}/activate", path={"name": "newer"}),
        Example("DELETE /models/{name}", path={"name": BUNDLE.name}),
        Example("GET /health/live"),
        Example("GET /health/ready"),
        Example("GET /metrics"),
        Example("DELETE /gallery/sightings/{sighting}", path={"sighting": sighting}),
        Example("DELETE /gallery/sightings", query={"identity": 7}),
        Example("GET /audit", query={"limit": 1}),
        Example("GET /audit/chain"),
        Example("GET /reports"),
        Example("GET /reports/{name}", path={"name": "people.json"}),
    ]  # fmt: skip


def answered(folder: Path) -> Iterator[tuple[Example, int, Any]]:
    """Each example, its status, and its answer as JSON; None of what isn't JSON."""
    synthesize(folder / "people", Split(0, 0, 3), images=4, seed=11, workers=1)
    people = SysuMM01(folder / "people")
    encoder = Encoder(Bundle(BUNDLE), threads=1)
    shutil.copytree(BUNDLE, folder / "bundles/newer")
    card = json.loads((folder / "bundles/newer/card.json").read_text())
    (folder / "bundles/newer/card.json").write_text(json.dumps({**card, "metric": "euclidean", "name": "newer"}))
    with Gallery.open_or_create(folder / "gallery", encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
        enrol(people.records("test", (1, 2, 4, 5)), encoder, gallery)
        sighting = gallery.sightings()[0].id
    infrared, colour = ([record.path.read_bytes() for record in people.records("test", (camera,))] for camera in (3, 6))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("4/gate.jpg", colour[1])
    content = {
        "night.jpg": infrared[0],
        "later.jpg": infrared[1],
        "hall.jpg": colour[0],
        "gate.jpg": colour[1],
        "whole.png": scene_of(colour[:2]),
        "images.zip": packed.getvalue(),
        "hall.mp4": film_of(folder / "hall.mp4", 2).read_bytes(),
    }
    (folder / "plan.jpg").write_bytes(colour[0])
    (folder / "reports").mkdir()
    (folder / "reports/people.json").write_text(REPORT)
    settings = Settings(
        folder / "gallery", BUNDLE, threads=1, audit=folder / "audit.jsonl", bundles=folder / "bundles",
        plan=folder / "plan.jpg", keys=folder / "keys.json", reports=folder / "reports", cases=folder / "cases", need_approval=True,
        erase_under_hold=True, detector=written(folder / "detector").folder, no_retention=True,
        keep_footage=folder / "films",
    )  # fmt: skip
    ring = Keyring(folder / "keys.json")
    token, colleague = ring.add("chief", Role.ADMIN), ring.add("lindner", Role.ADMIN)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        http.headers["Authorization"] = f"Bearer {token}"
        job = http.post("/gallery/jobs", files=[("archive", ("images.zip", packed.getvalue()))]).json()["id"]
        _until(lambda: http.get(f"/gallery/jobs/{job}").json()["ended_at"])
        film = ("hall.mp4", content["hall.mp4"])
        http.post("/gallery/footage", data={"camera": "2"}, files={"film": film})
        _until(lambda: all(started["ended_at"] for started in http.get("/gallery/jobs").json()["jobs"]))
        filmed = http.get("/gallery/sightings", params={"cameras": "2"}).json()["sightings"][-1]["id"]
        other = {"Authorization": f"Bearer {colleague}"}
        http.post("/cases", data={"number": "26-117", "title": "Missing patient", "purpose": "missing person"})
        http.post("/cases/26-117/approval", data={"approved": True}, headers=other)
        http.post(
            "/cases", data={"number": "26-118", "title": "Lost child", "purpose": "find the child"}, headers=other
        )
        about = {"identity": 7, "reason": "the court asks for it"}
        erasure = http.post("/erasures", data=about, headers=other).json()["id"]
        searched = http.post(
            "/search",
            data={"camera": "3", "top_k": 3, "case": "26-117"},
            files=[("images", ("night.jpg", infrared[0]))],
        ).json()
        picture, near = searched["case"]["queries"][0], searched["hits"][1]["id"]
        fresh, judged = (_drawn(http, seed) for seed in (1, 2))
        for pair in range(1, 1 + http.get(f"/judgements/{judged}").json()["pairs"]):
            answer = {"pair": pair, "answer": "different" if pair % 3 else "same"}
            http.post(f"/judgements/{judged}/answers", data=answer)
        for example in examples(sighting, filmed, job, fresh, judged, picture, near, erasure):
            method, _, route = example.operation.partition(" ")
            if "/activate" in route:
                _until(lambda: any(served["state"] == "ready" for served in http.get("/models").json()["models"]))
            fields, *names = example.files or ("",)
            response = http.request(
                method, route.format(**example.path), data=example.form or None, params=example.query or None,
                files=[(fields, (name, content[name])) for name in names] or None,
            )  # fmt: skip
            as_json = response.headers.get("content-type", "").startswith("application/json")
            content_of = response.json() if as_json else None
            if isinstance(content_of, dict) and "token" in content_of:
                content_of["token"] = "rgbir_…"
            yield example, response.status_code, content_of


def _drawn(http: TestClient, seed: int) -> str:
    """The id of a draw of pairs."""
    task = http.post("/judgements", data={"query_camera": "1", "other_camera": "5", "count": 20, "seed": seed})
    return str(task.json()["id"])


def _until(done: Callable[[], Any]) -> None:
    for _ in range(600):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("it doesn't end")


def shortened(answer: Any) -> Any:
    """Long lists cut to what shows their form."""
    if isinstance(answer, dict):
        return {name: shortened(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [shortened(value) for value in (answer if len(answer) <= LONG else answer[:2])]
    return answer


def _named_files(example: Example) -> dict[str, str | list[str]]:
    """The field of files with their names: `images` takes several, `archive` and `film` one."""
    if not example.files:
        return {}
    field, *names = example.files
    return {field: names[0] if field in ("archive", "film") else names}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        made = {
            example.operation: {
                "form": {**example.form, **_named_files(example)},
                "parameters": {**example.path, **example.query},
                "status": status,
                "answer": shortened(answer),
            }
            for example, status, answer in answered(Path(name))
        }
    FILE.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

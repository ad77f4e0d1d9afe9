"""The audit log: what is in it, that nobody can change it unseen, and that a search can be repeated from it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from typer.testing import CliRunner

from rgbir.client import Client
from rgbir.client.cli import app as commands
from rgbir.client.evidence.entries import hash_of, line_of
from rgbir.client.wire import AuditChain
from rgbir.index import Encoder, Gallery, Searcher, SysuMM01
from rgbir.index.errors import GalleryCorrupt
from rgbir.server import Settings, create_app
from rgbir.server.access.audit import AuditLog, entries
from rgbir.server.access.chain import problems
from rgbir.server.access.evidence import export_case, replay
from rgbir.server.errors import AuditFailed


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs/audit.jsonl"


@pytest.fixture
def http(gallery: Gallery, log: Path) -> Iterator[TestClient]:
    settings = Settings(gallery.folder, BUNDLE, threads=1, audit=log)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


def search(http: TestClient, people: SysuMM01, number: int = 0, **form: str) -> bytes:
    image = list(people.records("test", (3,)))[number].path.read_bytes()
    answer = http.post("/search", files=[("images", image)], data={"camera": "3", "top_k": "5", **form})
    assert answer.status_code == 200, answer.text
    return image


def test_searches_and_erasures_are_noted_with_who_why_and_what(
    http: TestClient, log: Path, people: SysuMM01, gallery: Gallery
) -> None:
    image = search(http, people, purpose="burglary at the gate", case="26-117", hours="22:00-05:00")
    sighting = gallery.sightings()[0].id
    nothing_else: dict[str, object] = {
        "archives": [], "unreached": [], "backups": [], "others": {}, "dry_run": False, "unknown": [], "cases": [],
    }  # fmt: skip
    assert http.delete(f"/gallery/sightings/{sighting}").json() == {"removed": 1, **nothing_else}

    searching, intent, done = entries(log)

    assert (searching["n"], searching["action"], searching["who"]) == (1, "search", "anyone")
    assert (searching["purpose"], searching["case"]) == ("burglary at the gate", "26-117")
    assert searching["query"] == {"sha256": [hashlib.sha256(image).hexdigest()]}
    assert searching["options"]["camera"] == "3"
    assert (searching["generation"], searching["fingerprint"]) == (gallery.generation - 1, gallery.model.fingerprint)
    assert (intent["action"], intent["conditions"]) == ("erase", {"ids": [sighting]})
    assert (done["action"], done["removed"]) == ("erased", 1)
    shown = http.get("/audit", params={"after": 1, "limit": 1}).json()["entries"]
    assert [entry["n"] for entry in shown] == [2]
    assert [entry["n"] for entry in http.get("/audit", params={"case": "26-117"}).json()["entries"]] == [1]
    text = log.read_text()
    assert "embedding" not in text
    assert problems(log) == []


@pytest.mark.slow
def test_a_server_that_wants_a_purpose_refuses_searches_without(gallery: Gallery, log: Path, people: SysuMM01) -> None:
    settings = replace(Settings(gallery.folder, BUNDLE, threads=1, audit=log), need_purpose=True)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        image = next(people.records("test", (3,))).path.read_bytes()
        refused = http.post("/search", files=[("images", image)], data={"camera": "3", "purpose": "  "})
        assert (refused.status_code, "wants to know why" in refused.json()["detail"]) == (422, True)
        search(http, people, purpose="training")


def test_without_its_log_nothing_is_answered_and_nothing_erased(
    http: TestClient, people: SysuMM01, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rgbir.server.access.audit.os.write", full)
    image = next(people.records("test", (3,))).path.read_bytes()
    answer = http.post("/search", files=[("images", image)], data={"camera": "3"})
    assert (answer.status_code, "nothing was done" in answer.json()["detail"]) == (503, True)
    assert "hits" not in answer.json()
    before = len(gallery)
    assert http.delete("/gallery/sightings", params={"camera": "1"}).status_code == 503
    assert len(gallery) == before


@pytest.mark.parametrize("harm", ["change", "take out", "put in", "swap", "write again"])
def test_every_change_of_the_log_is_found(log: Path, harm: str) -> None:
    writer = AuditLog(log)
    for number in range(6):
        writer.add(action="search", who=f"w{number}")
    lines = log.read_text().splitlines(keepends=True)
    match harm:
        case "change":
            lines[2] = lines[2].replace("w2", "w9")
        case "take out":
            del lines[3]
        case "put in":
            lines.insert(3, lines[2])
        case "swap":
            lines[1], lines[2] = lines[2], lines[1]
        case "write again":  # with a hash that is right
            entry = json.loads(lines[2]) | {"who": "w9"}
            del entry["hash"]
            digest = hashlib.sha256(json.dumps(entry, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
            lines[2] = json.dumps({**entry, "hash": digest}) + "\n"
    log.write_text("".join(lines))
    assert len(problems(log)) == 1


def test_a_cut_off_end_is_found_by_a_hash_noted_elsewhere(log: Path) -> None:
    writer = AuditLog(log)
    for number in range(4):
        writer.add(action="search", who=f"w{number}")
    runner = CliRunner()
    noted = runner.invoke(commands, ["audit", "head", str(log)]).output.strip()
    assert (
        "4 entries, the chain is whole"
        in runner.invoke(commands, ["audit", "verify", str(log), "--head", noted]).output
    )
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    assert problems(log) == []
    assert "the end was cut off" in problems(log, noted)[0]
    assert runner.invoke(commands, ["audit", "verify", str(log), "--head", noted]).exit_code == 1


def test_half_an_entry_after_a_crash_is_cut_off_and_the_chain_goes_on(log: Path) -> None:
    AuditLog(log).add(action="search", who="a")
    with log.open("a") as file:
        file.write('{"n": 2, "act')
    AuditLog(log).add(action="search", who="b" * 200_000)
    AuditLog(log).add(action="search", who="c")
    assert [entry["who"][0] for entry in entries(log)] == ["a", "b", "c"]
    assert problems(log) == []


RUBBISH = {
    "half an entry": b'{"n": 4, "at": "2026',
    "half a long entry": b'{"n": 4, "who": "' + b"x" * 65_536,
    "half of 64 KiB": b"x" * 65_536,
    "half of 64 KiB and one": b"x" * 65_537,
    "half of a mebibyte": b"y" * (1 << 20),
    "an empty line": b"\n",
    "many empty lines": b"\n" * 300_000,
    "zeros": b"\0" * 4096,
    "a page of zeros and an end": b"\0" * 100_000 + b"\n",
    "half a line of no text": bytes(range(11, 256)) * 300,
    "half an entry and zeros": b'{"n": 4, "at": "2026' + b"\0" * 5000,
    "half a line of brackets": b"[" * 200_000,
}


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("name", RUBBISH)
def test_whatever_a_crash_leaves_at_the_end_is_cut_off_kept_and_told(log: Path, name: str, before: int) -> None:
    writer = AuditLog(log)
    for number in range(before):
        writer.add(action="search", who=f"w{number}")
    whole = log.read_bytes()
    with log.open("ab") as file:
        file.write(RUBBISH[name])

    AuditLog(log).add(action="search", who="after")
    writer.add(action="search", who="later")

    assert problems(log) == []
    *_, after, later = entries(log)
    assert (after["n"], after["who"], later["n"]) == (before + 1, "after", before + 2)
    cut = log.with_name(log.name + ".cut").read_bytes()
    assert log.read_bytes().startswith(whole)
    assert RUBBISH[name].endswith(cut)
    assert RUBBISH[name].replace(cut, b"") == b""
    assert after["cut"] == {"bytes": len(cut), "sha256": hashlib.sha256(cut).hexdigest()}
    assert "cut" not in later


def test_a_last_entry_that_was_changed_is_no_accident_and_nothing_is_cut(log: Path) -> None:
    writer = AuditLog(log)
    for number in range(3):
        writer.add(action="search", who=f"w{number}")
    log.write_text(log.read_text().replace("w2", "w9"))
    changed = log.read_bytes()
    with pytest.raises(AuditFailed, match="its last entry is not what was written"):
        writer.add(action="search", who="after")
    assert log.read_bytes() == changed
    log.rename(log.with_name("old.jsonl"))
    AuditLog(log).add(action="search", who="new")
    assert problems(log) == []


def test_a_last_line_with_one_bad_byte_is_no_accident_after_a_restart(log: Path) -> None:
    writer = AuditLog(log)
    writer.add(action="search", who="a")
    whole = log.read_bytes()
    writer.add(action="search", who="b")
    for place in range(len(whole), log.stat().st_size - 1):
        changed = bytearray(log.read_bytes())
        changed[place] ^= 1
        other = log.with_name("other.jsonl")
        other.write_bytes(changed)
        with closing(AuditLog(other)) as restarted, pytest.raises(AuditFailed, match="its last entry is not what was"):
            restarted.add(action="search", who="after")
        assert other.read_bytes() == changed


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize(
    "lines",
    [
        bytes(range(256)) * 300 + b"\n",
        b"[1, 2]\n17\nnull\n{}\n",
        b"[" * 200_000 + b"\n",
        b'{"n": 4,\n"who": "x',
        line_of({"n": "4", "hash": hash_of({"n": "4"})}),
    ],
    ids=["no text", "another document", "brackets", "an entry over lines", "no number"],
)
def test_whole_lines_that_are_no_entries_are_no_accident_and_stay(log: Path, lines: bytes, before: int) -> None:
    writer = AuditLog(log)
    for number in range(before):
        writer.add(action="search", who=f"w{number}")
    with log.open("ab") as file:
        file.write(lines)
    changed = log.read_bytes()
    with pytest.raises(AuditFailed, match="its last entry is not what was written"):
        AuditLog(log).add(action="search", who="after")
    assert log.read_bytes() == changed


def test_a_disk_that_takes_half_an_entry_keeps_none_of_it(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = AuditLog(log)
    writer.add(action="search", who="a")
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr("rgbir.server.access.audit.os.write", lambda file, data: write(file, data[: len(data) // 2]))
        with pytest.raises(AuditFailed, match="No space left on device; nothing was done"):
            writer.add(action="search", who="b")
    writer.add(action="search", who="c")
    assert [entry["who"] for entry in entries(log)] == ["a", "c"]
    assert problems(log) == []


def test_writers_beside_each_other_make_one_chain(log: Path) -> None:
    writers = [AuditLog(log) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda writer=writer: [writer.add(action="search", who="x") for _ in range(25)])
        for writer in writers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(list(entries(log))), problems(log)) == (100, [])


def test_a_search_is_replayed_or_the_reason_told(
    http: TestClient, log: Path, people: SysuMM01, gallery: Gallery, encoder: Encoder, tmp_path: Path
) -> None:
    image = search(http, people, group_by="camera")
    other = search(http, people, number=1, cameras="1", least_score="0.01")
    first, second = entries(log)
    searcher = Searcher(encoder, gallery)

    assert replay(first, [image], searcher) == []
    assert replay(second, [other], searcher) == []
    assert "their hashes differ" in replay(first, [other], searcher)[0]
    (tmp_path / "query.jpg").write_bytes(image)
    command = [
        "audit",
        "replay",
        str(log),
        "1",
        "--image",
        str(tmp_path / "query.jpg"),
        "--gallery",
        str(gallery.folder),
    ]
    shown = CliRunner().invoke(commands, [*command, "--bundle", str(BUNDLE)])
    assert "hits in the same order" in shown.output

    gallery.remove(ids=[first["hits"][0][0]])
    (reason,) = replay(first, [image], searcher)
    assert reason.startswith("the gallery has changed since: it was of generation")
    with pytest.raises(AuditFailed, match="is no search by images"):
        replay({"n": 3, "action": "erase"}, [], searcher)


def test_a_case_is_handed_on_with_a_hash_of_each_file(
    http: TestClient, log: Path, people: SysuMM01, gallery: Gallery, tmp_path: Path
) -> None:
    search(http, people, case="26-117")
    search(http, people, number=1, case="another")

    assert export_case(log, "26-117", gallery, tmp_path / "case.zip") == (1, 0)

    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert {
            hashlib.sha256(archive.read(name)).hexdigest() == digest for name, digest in manifest["files"].items()
        } == {True}
        (entry,) = map(json.loads, archive.read("entries.jsonl").splitlines())
        assert sum(name.startswith("hits/") for name in archive.namelist()) == len(entry["hits"][0]) == 5
    with pytest.raises(AuditFailed, match="has no entry of case 'nobody'"):
        export_case(log, "nobody", gallery, tmp_path / "x.zip")


def test_enrolments_embeddings_crops_and_distances_are_noted_and_distances_replayed(
    http: TestClient, log: Path, people: SysuMM01, gallery: Gallery, encoder: Encoder
) -> None:
    image = next(people.records("test", (3,))).path.read_bytes()
    sent = {"images": ("a.jpg", image)}
    digest = hashlib.sha256(image).hexdigest()
    made = http.post("/gallery/sightings", files=sent, data={"camera": "1", "identity": "4"}).json()["results"][0]["id"]
    http.post("/embed", files=sent, data={"modality": "ir"})
    http.get(f"/gallery/sightings/{made}/image")
    distances = http.post("/distances", files=sent, data={"camera": "3"}).json()

    enrolled, embedded, looked, compared = entries(log)

    assert (enrolled["action"], enrolled["sha256"], enrolled["camera"], enrolled["identity"]) == (
        "enrol",
        [digest],
        "1",
        4,
    )
    assert (embedded["action"], embedded["query"], embedded["modality"]) == ("embed", {"sha256": [digest]}, "ir")
    assert (looked["action"], looked["sighting"]) == ("look", made)
    assert (compared["action"], compared["generation"], compared["model"]) == (
        "distances",
        distances["generation"],
        distances["model"]["name"],
    )
    keys = np.array(distances["keys"], "<f8").tobytes()
    assert compared["answer"] == hashlib.sha256("\0".join(distances["sightings"]).encode() + keys).hexdigest()
    searcher = Searcher(encoder, gallery)
    assert replay(compared, [image], searcher) == []
    gallery.remove(ids=[made])
    assert "the gallery has changed since" in replay(compared, [image], searcher)[0]


def test_evidence_holds_no_crop_that_is_not_what_was_written(
    http: TestClient, log: Path, people: SysuMM01, gallery: Gallery, tmp_path: Path
) -> None:
    search(http, people, case="26-117")
    with closing(sqlite3.connect(gallery.folder / "gallery.sqlite3")) as database, database:
        database.execute("UPDATE crops SET data = x'ffd8ff00'")
    with pytest.raises(GalleryCorrupt, match=r"the crop of row .* is not what was written"):
        export_case(log, "26-117", gallery, tmp_path / "case.zip")
    assert not (tmp_path / "case.zip").exists()


def test_the_log_is_asked_for_by_who_what_case_and_time(http: TestClient, log: Path) -> None:
    writer = AuditLog(log)
    for number in range(12):
        writer.add(
            action=("search", "erased", "look")[number % 3],
            who=("ann", "kim")[number % 2],
            case="7" if number > 5 else None,
        )
    writer.close()
    written = [{**entry, "moment": datetime.fromisoformat(entry["at"])} for entry in entries(log)]
    third, ninth = written[2]["moment"], written[8]["moment"]

    def numbers(**asked: Any) -> list[int]:
        return [entry["n"] for entry in Client(http).audit(**asked)]

    assert numbers(who="kim") == [entry["n"] for entry in written if entry["who"] == "kim"]
    assert numbers(action="look") == [3, 6, 9, 12]
    assert numbers(action="look", who="ann", case="7") == [9]
    assert numbers(since=third, until=ninth) == [entry["n"] for entry in written if third <= entry["moment"] < ninth]
    assert numbers(since=third.astimezone(timezone(timedelta(hours=9))), limit=1) == [3]
    assert numbers(who="nobody") == numbers(action="sear") == []
    assert numbers(after=6, limit=2, action="search") == [7, 10]
    refused = http.get("/audit", params={"since": "2026-11-12T10:00:00"})
    assert (refused.status_code, "since needs a zone" in refused.text) == (422, True)


def test_over_http_the_chain_is_whole_or_broken_at_an_entry(http: TestClient, log: Path, people: SysuMM01) -> None:
    client = Client(http)
    for number in range(3):
        search(http, people, number)
    assert client.audit_chain() == AuditChain(whole=True, first=1, last=3)
    lines = log.read_bytes().splitlines(keepends=True)

    log.write_bytes(lines[0] + lines[1].replace(b'"anyone"', b'"nobody"') + lines[2])
    told = client.audit_chain()
    assert (told.whole, told.last, told.broken_at) == (False, 1, 2)
    assert told.problems == ["entry 2: it is not what was written"]
    log.write_bytes(lines[0] + lines[2])
    assert client.audit_chain().broken_at == 2, "it was taken out"
    log.write_bytes(lines[0] + b"rubbish\n")
    told = client.audit_chain()
    assert (told.whole, told.problems) == (False, ["the log: line 2 is no entry"])
    log.write_bytes(b"".join(lines))
    assert client.audit_chain().whole


def test_a_log_that_was_made_anew_is_told_over_http_by_its_heads_without_their_path(
    gallery: Gallery, log: Path, tmp_path: Path, people: SysuMM01
) -> None:
    heads = tmp_path / "heads.jsonl"
    settings = Settings(gallery.folder, BUNDLE, threads=1, audit=log, audit_heads=heads)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        assert Client(http).audit_chain() == AuditChain(whole=True), "an empty log"
        search(http, people)
    noted = heads.read_bytes()
    log.unlink()
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        search(http, people, 1)
        heads.write_bytes(noted)
        told = Client(http).audit_chain()
    assert (told.whole, told.broken_at, told.heads) == (False, 1, True)
    assert "whose hash was noted in the file of heads" in told.problems[0]
    assert str(tmp_path) not in told.problems[0]

"""The audit log: what is in it, that nobody can change it unseen, and that a search can be repeated from it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import time_machine
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.site.server import Site
from tests.waiting import until
from typer.testing import CliRunner

from rgbir.client.cli import app as commands
from rgbir.index import Encoder, Gallery, Searcher, SysuMM01
from rgbir.index.errors import GalleryCorrupt
from rgbir.server import Settings, create_app
from rgbir.server.access.audit import AuditLog, entries, problems
from rgbir.server.access.evidence import export_case, replay
from rgbir.server.access.heads import Heads
from rgbir.server.errors import AuditFailed


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs/audit.jsonl"


@pytest.fixture
def http(gallery: Gallery, log: Path) -> Iterator[TestClient]:
    settings = Settings(gallery.folder, BUNDLE, threads=1, audit=log)
    with TestClient(create_app(settings), raise_server_exceptions=False) as opened:
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
    own = gallery.sightings()[0].id
    assert http.delete(f"/gallery/sightings/{own}").json() == {"removed": 1, "archives": [], "unreached": []}

    found, intent, done = entries(log)

    assert (found["n"], found["action"], found["who"]) == (1, "search", "anyone")
    assert (found["purpose"], found["case"]) == ("burglary at the gate", "26-117")
    assert found["query"] == {"sha256": [hashlib.sha256(image).hexdigest()]}
    assert found["options"]["camera"] == "3"
    assert (found["generation"], found["fingerprint"]) == (gallery.generation - 1, gallery.model.fingerprint)
    assert (intent["action"], intent["conditions"]) == ("erase", {"ids": [own]})
    assert (done["action"], done["removed"]) == ("erased", 1)
    shown = http.get("/audit", params={"after": 1, "limit": 1}).json()["entries"]
    assert [entry["n"] for entry in shown] == [2]
    assert [entry["n"] for entry in http.get("/audit", params={"case": "26-117"}).json()["entries"]] == [1]
    text = log.read_text()
    assert "embedding" not in text
    assert problems(log) == []


def test_a_server_that_wants_a_purpose_refuses_searches_without(gallery: Gallery, log: Path, people: SysuMM01) -> None:
    settings = replace(Settings(gallery.folder, BUNDLE, threads=1, audit=log), need_purpose=True)
    with TestClient(create_app(settings)) as http:
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
    held = len(gallery)
    assert http.delete("/gallery/sightings", params={"camera": "1"}).status_code == 503
    assert len(gallery) == held


@pytest.mark.parametrize("harm", ["change", "take out", "put in", "swap", "write anew"])
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
        case "write anew":  # with a hash that is right
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
    "no text": bytes(range(256)) * 300 + b"\n",
    "another document": b"[1, 2]\n17\nnull\n{}\n",
    "brackets": b"[" * 200_000 + b"\n",
    "half an entry over lines": b'{"n": 4,\n"who": "x',
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
        threading.Thread(target=lambda own=own: [own.add(action="search", who="x") for _ in range(25)])
        for own in writers
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
        assert {hashlib.sha256(archive.read(name)).hexdigest() == own for name, own in manifest["files"].items()} == {
            True
        }
        (entry,) = map(json.loads, archive.read("entries.jsonl").splitlines())
        assert sum(name.startswith("hits/") for name in archive.namelist()) == len(entry["hits"][0]) == 5
    with pytest.raises(AuditFailed, match="has no entry of case 'nobody'"):
        export_case(log, "nobody", gallery, tmp_path / "x.zip")


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b'{"n": 3', b'{ "n": 3'),
        lambda line: line.replace(b'"who": "w2"', b'"who": "someone", "who": "w2"'),
        lambda line: line.replace(b'"who": "w2"', b'"who": "\\u00772"'),
        lambda line: line.replace(b"\n", b" \n"),
        lambda line: line.replace(b"\n", b"\r\n"),
        lambda line: line.replace(b'"n": 3', b'"n": 3.0'),
        lambda line: line.replace(b'"who": "w2"', b'"who": "\\ud800"'),
        lambda line: line.replace(b'"who": "w2"', b'"who": ' + b"[" * 100_000 + b"]" * 100_000),
        lambda line: line.replace(b'"who": "w2"', b'"who": ' + b"9" * 10_000),
        lambda line: b"\xef\xbb\xbf" + line,
    ],
)
def test_bytes_are_judged_and_not_what_json_makes_of_them(log: Path, change: Callable[[bytes], bytes]) -> None:
    writer = AuditLog(log)
    for number in range(5):
        writer.add(action="search", who=f"w{number}")
    writer.close()
    lines = log.read_bytes().splitlines(keepends=True)
    changed = change(lines[2])
    assert changed != lines[2]
    log.write_bytes(b"".join([*lines[:2], changed, *lines[3:]]))
    told = CliRunner().invoke(commands, ["audit", "verify", str(log)])
    assert told.exit_code == 1
    assert isinstance(told.exception, (SystemExit, AuditFailed))


def forged(log: Path, who: str) -> None:
    """The whole log made anew, as whoever can write it can."""
    told = [
        {name: value for name, value in entry.items() if name not in ("previous", "hash")} for entry in entries(log)
    ]
    log.unlink()
    writer = AuditLog(log)
    for entry in told:
        writer.add(**{name: value for name, value in entry.items() if name not in ("n", "at")} | {"who": who})
    writer.close()


def test_a_log_that_was_made_anew_as_a_whole_is_found_by_its_heads(log: Path, tmp_path: Path) -> None:
    noted = tmp_path / "elsewhere.jsonl"
    writer, heads = AuditLog(log), Heads(noted)
    heads.note(writer.head)
    for number in range(6):
        writer.add(action="search", who=f"w{number}")
        heads.note(writer.head)
        heads.note(writer.head)
    writer.close()
    assert noted.read_bytes().count(b"\n") == 6
    assert problems(log, heads=noted) == []
    runner = CliRunner()
    whole = runner.invoke(commands, ["audit", "verify", str(log), "--heads", str(noted)])
    assert "6 entries, the chain is whole" in whole.output
    assert "could have made all of it anew" not in whole.output

    forged(log, "nobody")

    told = runner.invoke(commands, ["audit", "verify", str(log)])
    assert (told.exit_code, "could have made all of it anew" in told.output) == (0, True)
    (problem,) = problems(log, heads=noted)
    assert "entry 1, whose hash was noted in" in problem
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    assert problems(log, heads=noted) != []
    noted.write_bytes(b'{"n": 1}\n')
    with pytest.raises(AuditFailed, match="is no file of heads"):
        problems(log, heads=noted)


def test_a_log_that_says_it_goes_on_is_not_believed_beyond_its_heads(log: Path, tmp_path: Path) -> None:
    noted = tmp_path / "elsewhere.jsonl"
    writer, heads = AuditLog(log), Heads(noted)
    for number in range(5):
        writer.add(action="search", who=f"w{number}")
        heads.note(writer.head)
    writer.close()
    log.rename(tmp_path / "true")
    entry = {"n": 6, "at": "2026-01-01T00:00:00+00:00", "action": "continued", "previous": "f" * 64}
    content = json.dumps(entry, sort_keys=True, ensure_ascii=False)
    entry["hash"] = hashlib.sha256(content.encode()).hexdigest()
    log.write_text(json.dumps(entry, ensure_ascii=False) + "\n")
    assert problems(log) == []  # a chain by itself
    assert "is of a file that was rotated away; name that one first" in problems(log, heads=noted)[0]
    assert problems([tmp_path / "true", log], heads=noted) != []


def test_an_entry_that_comes_while_the_log_is_rotated_is_in_the_chain(log: Path) -> None:
    writers = [AuditLog(log), AuditLog(log)]
    for turn in range(10):
        for writer in writers:
            writer.add(action="search", who="x")
        rotated = log.with_name(f"audit.{turn}")
        log.rename(rotated)
        threads = [threading.Thread(target=writer.reopen) for writer in writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for writer in writers:
        writer.add(action="search", who="x")
    assert problems([*(log.with_name(f"audit.{turn}") for turn in range(10)), log]) == []


def test_a_clock_that_ran_back_is_told(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = AuditLog(log)
    with time_machine.travel(datetime(2026, 5, 1, 12, tzinfo=UTC), tick=False):
        writer.add(action="search", who="a")
    with time_machine.travel(datetime(2026, 5, 1, 11, 59, 59, tzinfo=UTC), tick=False):
        writer.add(action="search", who="b")  # a second is how clocks are kept right
    assert problems(log) == []
    with time_machine.travel(datetime(2026, 4, 30, tzinfo=UTC), tick=False):
        writer.add(action="search", who="c")
    assert problems(log) == [
        "entry 3: the clock ran back, from 2026-05-01T11:59:59+00:00 to 2026-04-30T00:00:00+00:00; its times can't be trusted"
    ]


@pytest.mark.parametrize("others", [0, 1])
def test_a_rotated_log_goes_on_with_its_chain(log: Path, others: int) -> None:
    writers = [AuditLog(log) for _ in range(1 + others)]
    for turn in range(3):
        for writer in writers:
            writer.add(action="search", who=f"{turn}")
        assert not writers[0].reopen()  # nothing was rotated
        log.rename(log.with_name(f"audit.jsonl.{3 - turn}"))
        for writer in writers:
            with pytest.raises(AuditFailed, match="told with SIGHUP to go on in a new file"):
                writer.add(action="search", who="lost")
        for writer in writers:
            assert writer.reopen()
    files = [log.with_name(f"audit.jsonl.{n}") for n in (3, 2, 1)] + [log]
    assert problems(files) == []
    assert problems(files[1:]) == []  # one that goes on may come alone
    assert [entry["who"] for entry in entries(files) if entry["action"] == "search"] == [
        str(turn) for turn in range(3) for _ in writers
    ]
    assert problems([files[0], files[2]]) != []
    told = CliRunner().invoke(commands, ["audit", "verify", *map(str, files[1:])])
    assert "it goes on from entry" in told.output


def test_a_log_that_is_cut_off_in_place_goes_on_when_it_is_told_to(log: Path, tmp_path: Path) -> None:
    writer = AuditLog(log)
    for number in range(4):
        writer.add(action="search", who=f"w{number}")
    (tmp_path / "copy").write_bytes(log.read_bytes())
    os.truncate(log, 0)
    with pytest.raises(AuditFailed, match="was cut or written over: entry 4 isn't where it was"):
        writer.add(action="search", who="lost")
    assert writer.reopen()
    writer.add(action="search", who="on")
    assert problems([tmp_path / "copy", log]) == []
    os.truncate(log, log.stat().st_size - 30)
    with pytest.raises(AuditFailed, match="was cut or written over"):
        writer.add(action="search", who="lost")


def test_a_log_of_somebody_else_is_not_gone_on_in(log: Path) -> None:
    writer = AuditLog(log)
    writer.add(action="search", who="a")
    log.rename(log.with_name("away"))
    other = AuditLog(log)
    other.add(action="search", who="b")
    with pytest.raises(AuditFailed, match="has entries that don't follow entry 1; move it away, and send SIGHUP again"):
        writer.reopen()
    log.unlink()
    assert writer.reopen()
    assert problems([log.with_name("away"), log]) == []


def test_a_server_goes_on_in_a_new_log_after_sighup(tmp_path: Path, gallery: Gallery, people: SysuMM01) -> None:
    gallery.close()
    shutil.copytree(gallery.folder, tmp_path / "site/gallery")
    site = Site(tmp_path / "site")
    image = next(people.records("test", (3,))).path.read_bytes()
    with site.server() as server:
        for turn in range(2):
            assert server.search(image).status_code == 200
            rotated = site.audit.with_name(f"audit.{turn}")
            site.audit.rename(rotated)
            assert server.search(image).status_code == 503
            until(lambda: server.ready()[0] == 503, "the refusal")
            server.rotated()
            until(lambda: server.ready()[0] == 200, "the new log")
        server.stop()
    files = [*sorted(site.audit.parent.glob("audit.[0-9]")), site.audit]
    assert problems(files, heads=site.files["audit heads"]) == []
    assert [entry["action"] for entry in entries(files)] == ["search", "continued"] * 2


def test_enrolments_embeddings_crops_and_distances_are_noted_and_distances_replayed(
    http: TestClient, log: Path, people: SysuMM01, gallery: Gallery, encoder: Encoder
) -> None:
    image = next(people.records("test", (3,))).path.read_bytes()
    sent = {"images": ("a.jpg", image)}
    digest = hashlib.sha256(image).hexdigest()
    made = http.post("/gallery/sightings", files=sent, data={"camera": "1", "identity": "4"}).json()["results"][0]["id"]
    http.post("/embed", files=sent, data={"modality": "ir"})
    http.get(f"/gallery/sightings/{made}/image")
    found = http.post("/distances", files=sent, data={"camera": "3"}).json()

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
        found["generation"],
        found["model"]["name"],
    )
    keys = np.array(found["keys"], "<f8").tobytes()
    assert compared["answer"] == hashlib.sha256("\0".join(found["sightings"]).encode() + keys).hexdigest()
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

"""What the audit log proves: of its bytes, of heads noted elsewhere, over rotations, and on a full disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from tests.server.processes import process
from tests.site.media import disk, fill
from tests.site.server import Site
from tests.waiting import until
from typer.testing import CliRunner

from rgbir.client import Client
from rgbir.client.cli import app as commands
from rgbir.index import Gallery, SysuMM01
from rgbir.server.access.audit import AuditLog, entries
from rgbir.server.access.chain import problems
from rgbir.server.access.heads import Head, Heads, read_heads
from rgbir.server.errors import AuditFailed


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs/audit.jsonl"


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
    result = CliRunner().invoke(commands, ["audit", "verify", str(log)])
    assert result.exit_code == 1
    assert isinstance(result.exception, (SystemExit, AuditFailed))


def forged(log: Path, who: str) -> None:
    """The whole log made anew, as whoever can write it can."""
    lines = [
        {name: value for name, value in entry.items() if name not in ("previous", "hash")} for entry in entries(log)
    ]
    log.unlink()
    writer = AuditLog(log)
    for entry in lines:
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
    assert "could have made all of it again" not in whole.output

    forged(log, "nobody")

    result = runner.invoke(commands, ["audit", "verify", str(log)])
    assert (result.exit_code, "could have made all of it again" in result.output) == (0, True)
    (problem,) = problems(log, heads=noted)
    assert "entry 1, whose hash was noted in" in problem
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    assert problems(log, heads=noted) != []
    noted.write_bytes(b'{"n": 1}\n')
    with pytest.raises(AuditFailed, match="is no file of heads"):
        problems(log, heads=noted)


def test_a_head_that_a_crash_left_by_half_is_cut_off_before_the_next(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.jsonl"
    Heads(file).note(Head(1, "a" * 64))
    whole = file.read_bytes()
    for length in range(1, len(whole) - 1):
        file.write_bytes(whole + whole[:length])
        assert read_heads(file) == [Head(1, "a" * 64)]
        Heads(file).note(Head(2, "b" * 64))
        assert read_heads(file) == [Head(1, "a" * 64), Head(2, "b" * 64)]
    file.write_bytes(whole.rstrip(b"\n"))  # as an editor may leave it
    Heads(file).note(Head(2, "b" * 64))
    assert read_heads(file) == [Head(1, "a" * 64), Head(2, "b" * 64)]


def note_for_ever(heads: Heads, noted: list[Head]) -> None:
    while True:
        head = Head(len(noted) + 1, "a" * 64)
        heads.note(head)
        noted.append(head)


def test_a_full_disk_keeps_no_half_of_a_head(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", 1) as small:
        heads, noted = Heads(small / "heads.jsonl"), [Head(1, "a" * 64)]
        heads.note(noted[0])
        filler = fill(small)
        with pytest.raises(AuditFailed, match="can't be noted there: No space left on device"):
            note_for_ever(heads, noted)  # until nothing fits in the last block
        assert heads.file.read_bytes().endswith(b"\n")
        filler.unlink()
        heads.note(Head(1000, "b" * 64))
        assert read_heads(heads.file) == [*noted, Head(1000, "b" * 64)]


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


ROTATE_WHILE_IT_STARTS = """
import os, signal
from rgbir.server.engine.swap import ModelSwap
make = ModelSwap.__init__

def rotate(models, engine):
    log = engine.settings.audit
    log.rename(log.with_name("audit.1"))
    os.kill(os.getpid(), signal.SIGHUP)
    make(models, engine)

ModelSwap.__init__ = rotate
"""


def test_a_log_that_is_rotated_while_a_server_starts_goes_on_with_its_chain(
    log: Path, gallery: Gallery, people: SysuMM01
) -> None:
    """Once the server has opened it, and before it answers."""
    AuditLog(log).add(action="search", who="x")
    query = next(people.records("test", (3,))).path
    with (
        process(gallery.folder, f", audit=Path({str(log)!r})", before=ROTATE_WHILE_IT_STARTS) as (_, port),
        Client(f"http://127.0.0.1:{port}") as client,
    ):
        client.search(query, camera="3")
    assert [entry["action"] for entry in entries(log)] == ["continued", "search"]
    assert problems([log.with_name("audit.1"), log]) == []


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
    result = CliRunner().invoke(commands, ["audit", "verify", *map(str, files[1:])])
    assert "it goes on from entry" in result.output


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


@pytest.mark.slow
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


def add_for_ever(writer: AuditLog, why: str) -> None:
    while True:
        writer.add(action="search", why=why)


def test_a_full_disk_keeps_no_erasure_from_being_noted(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", 4) as small:
        log = small / "audit.jsonl"
        writer = AuditLog(log)
        filler = fill(small)
        for size in (3000, 300, 1):  # until nothing fits in the last block
            with pytest.raises(AuditFailed, match="No space left on device; nothing was done"):
                add_for_ever(writer, "w" * size)
        for number in range(20):
            writer.add(action="erase", conditions={"identity": number})
            writer.add(action="erased", conditions={"identity": number}, removed=1)
        with pytest.raises(AuditFailed):
            writer.add(action="search", why="w" * 100_000)
        assert problems(log) == []
        assert [entry["action"] for entry in entries(log)][-2:] == ["erase", "erased"]
        filler.unlink()
        writer.add(action="search")
        assert log.with_name("audit.jsonl.reserve").stat().st_size == 65_536
        writer.close()

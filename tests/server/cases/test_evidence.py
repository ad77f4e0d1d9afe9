"""A case as a ZIP: what is in it, who may have it, and what is noted of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import stat
import threading
import zipfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.cases.conftest import Office
from tests.server.cases.handed import files_in
from tests.server.test_keys import bearer
from typer.testing import CliRunner

from rgbir.client import AsyncClient, Busy, Client, Conflict, Forbidden, NotFound
from rgbir.client.casework import CaseHead
from rgbir.client.cli import app as commands
from rgbir.client.evidence.entries import Entry
from rgbir.client.evidence.signing import make_pair, read_public
from rgbir.client.evidence.verify import verify
from rgbir.index import Gallery
from rgbir.server import Settings, create_app
from rgbir.server.access.audit import AuditLog, entries
from rgbir.server.access.extract import extract
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.cases.store import CaseStore
from rgbir.server.errors import AuditFailed, BadSettings


def filled(office: Office, night: bytes, marks: int = 4) -> tuple[Client, CaseHead, list[str]]:
    """A case of weber's with a search and so many marks, and the hits' ids."""
    weber = office("weber")
    case = weber.add_case("26-117", title="Missing patient", purpose="find", workers=["okafor"], readers=["lindner"])
    answer = weber.search(night, camera="3", top_k=20, case=case.id)
    hits = [hit.id for hit in answer.hits]
    for hit in hits[:marks]:
        weber.mark(case.id, "same", sighting=hit, note="backpack", search=1)
    return weber, case, hits


@pytest.mark.slow
def test_it_holds_the_case_as_it_is_kept(office: Office, night: bytes, tmp_path: Path) -> None:
    weber, case, hits = filled(office, night)
    mark = weber.mark(case.id, "different", sighting=hits[0])
    weber.withdraw_mark(case.id, mark.n)
    weber.add_note(case.id, "the nurse called")

    made = weber.evidence(case.id, tmp_path / "case.zip")

    files = files_in(tmp_path / "case.zip")
    assert list(files)[:6] == ["README.txt", "report.html", "case.json", "model.json", "gallery.json", "audit.jsonl"]
    assert list(files)[-1] == "manifest.json"
    kept = json.loads(files["case.json"])
    pictures = {picture["id"]: picture for picture in kept["pictures"]}
    assert [files[picture["file"]] for picture in pictures.values() if picture["kind"] == "query"] == [night]
    for picture in pictures.values():
        if picture["kind"] == "hit":
            assert files[picture["file"]] == weber.image(picture["sighting"])
    assert [(each["mark"], each["withdrawn_by"]) for each in kept["marks"]][-1] == ("different", "weber")
    assert [note["text"] for note in kept["notes"]] == ["the nurse called"]
    answer = weber.case_search(case.id, 1).model_dump(mode="json")
    assert [hit["id"] for hit in kept["searches"][0]["ranking"]] == [hit["id"] for hit in answer["ranking"]]
    assert "A person decided every mark" in files["report.html"].decode()
    gallery = json.loads(files["gallery.json"])
    assert (gallery["sightings"], sum(camera["sightings"] for camera in gallery["cameras"])) == (48, 48)
    assert json.loads(files["model.json"])["measured"]
    assert made.bytes == (tmp_path / "case.zip").stat().st_size
    assert made.manifest == hashlib.sha256(files["manifest.json"]).hexdigest()
    assert stat.S_IMODE((tmp_path / "case.zip").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*.part")] == []
    assert b"testserver" not in b"".join(files.values())
    assert str(tmp_path).encode() not in b"".join(files.values())


def test_its_log_is_the_servers_byte_by_byte(office: Office, night: bytes, tmp_path: Path, settings: Settings) -> None:
    _, case, _ = filled(office, night)
    office("chief").add_case("26-118", title="Another", purpose="find")
    office("weber").evidence(case.id, tmp_path / "case.zip")

    assert settings.audit is not None
    lines = [line for line in settings.audit.read_bytes().splitlines(keepends=True) if b'"26-117"' in line]
    done = json.loads(lines[-1])
    assert files_in(tmp_path / "case.zip")["audit.jsonl"] == b"".join(lines[:-1])
    assert [json.loads(line)["action"] for line in lines[-2:]] == ["export evidence", "exported evidence"]
    manifest = files_in(tmp_path / "case.zip")["manifest.json"]
    assert done["manifest"] == hashlib.sha256(manifest).hexdigest()
    assert json.loads(manifest)["audit"]["head"]["hash"] == json.loads(lines[-2])["hash"]


def test_it_is_signed_where_the_server_has_a_key_and_says_where_it_has_none(
    open_office: Callable[..., Any], night: bytes, tmp_path: Path
) -> None:
    _, fingerprint = make_pair(tmp_path / "key.pem")
    with open_office(evidence_key=tmp_path / "key.pem") as office:
        weber, case, _ = filled(office, night)
        signed = weber.evidence(case.id, tmp_path / "signed.zip")
        text = weber.case_report(case.id)
    with open_office() as office:
        unsigned = office("weber").evidence(case.id, tmp_path / "unsigned.zip")

    assert (signed.signed_by, unsigned.signed_by) == (fingerprint, None)
    assert f"signed, key {fingerprint[:4]} {fingerprint[4:8]}" in text
    assert "--key KEY.pub" in text
    outcome = verify(tmp_path / "signed.zip", read_public(tmp_path / "key.pem.pub"))
    assert outcome.problems == []
    assert "UNSIGNED" in files_in(tmp_path / "unsigned.zip")["README.txt"].decode()
    assert "manifest.sig" not in files_in(tmp_path / "unsigned.zip")
    assert verify(tmp_path / "unsigned.zip").remarks[0].startswith("it is unsigned")


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_key_that_others_can_read_is_refused(settings: Settings, tmp_path: Path, mode: int) -> None:
    make_pair(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(mode)

    with pytest.raises(BadSettings, match=r"others on this machine may read or change the key .*: chmod 600 it"):
        create_app(replace(settings, cases=tmp_path / "cases", evidence_key=tmp_path / "key.pem"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read: there is no such file"),
        (b"x", "is no private key in PEM"),
        (b"rsa", "another kind than Ed25519"),
    ],
)
def test_what_is_no_key_is_refused_before_the_server_starts(
    settings: Settings, tmp_path: Path, content: bytes | None, message: str
) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if content == b"rsa":
        content = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if content is not None:
        (tmp_path / "key.pem").write_bytes(content)
        (tmp_path / "key.pem").chmod(0o600)

    with pytest.raises(BadSettings, match=message):
        create_app(replace(settings, cases=tmp_path / "cases", evidence_key=tmp_path / "key.pem"))


def test_a_key_without_cases_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="--evidence-key signs what cases are written down as"):
        replace(settings, evidence_key=tmp_path / "key.pem")


def test_those_who_look_or_work_get_none(office: Office, night: bytes, tmp_path: Path) -> None:
    _, case, _ = filled(office, night)

    with pytest.raises(
        Forbidden, match="may look at case '26-117'; this is done by its owner, 'weber', or an administrator"
    ):
        office("okafor").evidence(case.id, tmp_path / "x.zip")
    assert office("chief").evidence(case.id, tmp_path / "y.zip").bytes > 0
    assert not (tmp_path / "x.zip").exists()


def test_whoever_doesn_t_see_all_its_cameras_gets_none(
    office: Office, night: bytes, tmp_path: Path, ring: Keyring, tokens: dict[str, str], settings: Settings
) -> None:
    tokens["desk"] = ring.add("desk", Role.SEARCH, cameras=("3", "1"))
    weber, case, _ = filled(office, night, marks=0)
    with pytest.raises(NotFound, match="is 'desk''s now"):
        weber.change_case(case.id, owner="desk")

    with pytest.raises(
        Forbidden, match=r"key 'desk' doesn't see 2 cameras of case '26-117', and evidence is of all of them"
    ):
        office("desk").evidence(case.id, tmp_path / "x.zip")

    assert settings.audit is not None
    assert "export evidence" not in [entry["action"] for entry in entries(settings.audit)]


def test_whom_nobody_let_in_isn_t_told_that_there_is_a_case(office: Office, night: bytes, tmp_path: Path) -> None:
    weber = office("weber")
    weber.add_case("26-117", title="Missing patient", purpose="find")

    with pytest.raises(NotFound, match="that key 'okafor' was let into"):
        office("okafor").evidence("26-117", tmp_path / "x.zip")


def test_who_was_erased_is_nowhere_in_it(office: Office, night: bytes, tmp_path: Path, gallery: Gallery) -> None:
    weber, case, hits = filled(office, night)
    images = [weber.image(hit) for hit in hits[:2]]
    weber.evidence(case.id, tmp_path / "before.zip")
    (taken_out,) = [p.id for p in weber.case(case.id).pictures if p.sighting == hits[0]]
    weber.remove_picture(case.id, taken_out)
    office("chief").erase(hits[1])

    office("weber").evidence(case.id, tmp_path / "after.zip")

    before, after = files_in(tmp_path / "before.zip"), files_in(tmp_path / "after.zip")
    assert set(images) <= set(before.values())
    assert not set(images) & set(after.values())
    assert hits[1] in before["case.json"].decode()
    assert hits[1] not in after["case.json"].decode()
    assert verify(tmp_path / "after.zip").problems == []
    kept = json.loads(after["case.json"])
    assert [picture["file"] for picture in kept["pictures"] if picture["erased_at"]] == [None, None]


def test_a_hold_keeps_what_was_erased_and_hands_it_to_nobody(
    office: Office, night: bytes, tmp_path: Path, gallery: Gallery
) -> None:
    weber, case, hits = filled(office, night)
    image = weber.image(hits[0])
    office("chief").hold_case(case.id, reason="court order")
    gallery.remove(ids=[hits[0]])

    office("weber").evidence(case.id, tmp_path / "case.zip")

    files = files_in(tmp_path / "case.zip")
    assert image not in files.values()
    assert "court order" in files["report.html"].decode()
    assert verify(tmp_path / "case.zip").problems == []


def test_a_case_that_changes_meanwhile_is_refused(
    office: Office, night: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weber, case, _ = filled(office, night)
    book = office.http.app.state.casebook  # type: ignore[attr-defined]
    (query, *_) = weber.case(case.id).pictures
    asked = threading.Event()

    def crop(self: CaseStore, picture: str) -> Any:
        if not asked.is_set():
            asked.set()
            book.take_out(book.store.case(case.id), query.id)
        return real(self, picture)

    real = CaseStore.crop
    monkeypatch.setattr(CaseStore, "crop", crop)

    with pytest.raises(Conflict, match="was changed while it was written down; ask again"):
        weber.evidence(case.id, tmp_path / "case.zip")
    assert not (tmp_path / "case.zip").exists()
    assert weber.evidence(case.id, tmp_path / "case.zip").bytes > 0


@pytest.mark.parametrize("change", ["hold", "owner", "purpose", "deleted"])
def test_a_case_whose_head_changes_meanwhile_is_refused(
    office: Office, night: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    weber, case, _ = filled(office, night)
    store = office.http.app.state.casebook.store  # type: ignore[attr-defined]
    changes: dict[str, Callable[[], None]] = {
        "hold": lambda: store.change(case.id, held_at=case.made_at, held_by="chief", held_why="court order"),
        "owner": lambda: store.change(case.id, owner="okafor"),
        "purpose": lambda: store.change(case.id, purpose="another"),
        "deleted": lambda: store.delete(case.id),
    }
    real = CaseStore.crop

    def crop(self: CaseStore, picture: str) -> Any:
        kept = real(self, picture)
        changes.pop(change, lambda: None)()
        return kept

    monkeypatch.setattr(CaseStore, "crop", crop)

    with pytest.raises(Conflict, match="was changed while it was written down; ask again"):
        weber.evidence(case.id, tmp_path / "case.zip")
    assert not (tmp_path / "case.zip").exists()


FORGED = "26-117, by the court.\nIt is signed by the key 1111"


def test_the_text_in_it_is_on_one_line_whatever_a_case_is_called(office: Office, night: bytes, tmp_path: Path) -> None:
    weber, case, _ = filled(office, night)
    book = office.http.app.state.casebook  # type: ignore[attr-defined]
    weber.evidence(case.id, tmp_path / "before.zip")
    book.store.change(case.id, number=f"{FORGED}\x1b[2J\u202e\u3000行")
    weber.evidence(case.id, tmp_path / "after.zip")

    before, after = (
        files_in(tmp_path / f"{name}.zip")["README.txt"].decode().splitlines() for name in ("before", "after")
    )
    assert len(after) == len(before)
    assert after[0].startswith(
        r"Case 26-117, by the court.\u000aIt is signed by the key 1111\u001b[2J\u202e" + "\u3000行, written down on "
    )


def test_a_log_with_a_broken_chain_vouches_for_nothing(
    office: Office, night: bytes, tmp_path: Path, settings: Settings
) -> None:
    weber, case, _ = filled(office, night)
    assert settings.audit is not None
    settings.audit.write_bytes(settings.audit.read_bytes().replace(b'"purpose": "find"', b'"purpose": "fine"', 1))

    with pytest.raises(Busy, match=r"the chain is broken at entry 1; .* A case can't be vouched for"):
        weber.evidence(case.id, tmp_path / "case.zip")


def test_no_file_is_written_over_and_none_is_left_half(office: Office, night: bytes, tmp_path: Path) -> None:
    weber, case, _ = filled(office, night)
    (tmp_path / "case.zip").write_bytes(b"mine")

    with pytest.raises(FileExistsError):
        weber.evidence(case.id, tmp_path / "case.zip")

    assert [(path.name, path.read_bytes()) for path in tmp_path.glob("*case.zip*")] == [("case.zip", b"mine")]


def test_both_clients_write_the_same_files(office: Office, night: bytes, tmp_path: Path) -> None:
    weber, case, _ = filled(office, night)
    weber.evidence(case.id, tmp_path / "a.zip", language="de")

    async def ask() -> None:
        transport = httpx2.ASGITransport(app=office.http.app)
        headers = bearer(office.tokens["weber"])
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http:
            client = AsyncClient(http, retries=0)
            await client.evidence(case.id, tmp_path / "b.zip", language="de")
            assert "Jede Markierung" in await client.case_report(case.id, language="de")

    asyncio.run(ask())

    a, b = files_in(tmp_path / "a.zip"), files_in(tmp_path / "b.zip")
    assert a.keys() == b.keys()
    pictures = [name for name in a if "/" in name]
    assert [a[name] for name in pictures] == [b[name] for name in pictures]
    assert "Jede Markierung in diesem Bericht hat ein Mensch gesetzt." in a["report.html"].decode()


def test_memory_doesn_t_hold_the_pictures_of_a_case_together(
    office: Office, night: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weber, case, _ = filled(office, night)
    kept = {picture.sha256 for picture in weber.case(case.id).pictures}
    read: list[str] = []
    real = CaseStore.crop

    def crop(self: CaseStore, picture: str) -> Any:
        read.append(picture)
        return real(self, picture)

    monkeypatch.setattr(CaseStore, "crop", crop)
    written: list[int] = []
    put = zipfile.ZipFile.open

    def opened(self: zipfile.ZipFile, name: Any, *args: Any, **more: Any) -> Any:
        written.append(len(read))
        return put(self, name, *args, **more)

    monkeypatch.setattr(zipfile.ZipFile, "open", opened)

    weber.evidence(case.id, tmp_path / "case.zip")

    files = [name for name in files_in(tmp_path / "case.zip") if "/" in name]
    assert len(files) == len(kept) == 5
    assert [after - before for before, after in pairwise(written[6 : 6 + len(files)])] == [1] * (len(files) - 1)


def test_by_the_command_line(office: Office, night: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weber, _, _ = filled(office, night)
    monkeypatch.setattr("rgbir.client.evidence.cli.Client", lambda *_, **__: nullcontext(weber))
    url = ["--url", "http://127.0.0.1:8077"]

    made = CliRunner().invoke(commands, ["evidence", "get", "26-117", *url, "--out", str(tmp_path / "c.zip")])
    report = CliRunner().invoke(
        commands,
        ["evidence", "report", "26-117", *url, "--out", str(tmp_path / "c.html"), "--language", "de", "--json"],
    )

    assert made.exit_code == 0, made.output
    assert re.search(r"c\.zip: unsigned, sha256 of its manifest [0-9a-f]{64}", made.output)
    assert json.loads(report.stdout)["bytes"] == (tmp_path / "c.html").stat().st_size
    assert "Bericht über eine Suche" in (tmp_path / "c.html").read_text()


# --- the log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def noted(log: Path, *events: dict[str, Any]) -> None:
    opened = AuditLog(log)
    for event in events:
        opened.add(who="ann", **event)
    opened.close()


def test_entries_of_an_older_case_with_the_same_number_stay_out(log: Path, tmp_path: Path) -> None:
    noted(
        log,
        {"action": "open case", "case": "1"}, {"action": "opened case", "case": "1", "id": "old"},
        {"action": "search", "case": "1"}, {"action": "delete case", "case": "1"}, {"action": "deleted case", "case": "1"},
        {"action": "open case", "case": "1"}, {"action": "search", "case": "2"}, {"action": "opened case", "case": "1", "id": "new"},
        {"action": "note", "case": "1"}, {"action": "search", "case": "2"},
    )  # fmt: skip

    with (tmp_path / "out").open("wb") as out:
        found = extract(log, "1", "new", out)

    numbers = [json.loads(line)["n"] for line in (tmp_path / "out").read_bytes().splitlines()]
    assert numbers == [6, 8, 9]
    assert (found.first, found.last, found.entries, found.head[0], found.begins) == (6, 9, 3, 10, 1)


def test_entries_go_by_the_id_of_their_case_and_by_its_number_where_they_have_none(log: Path, tmp_path: Path) -> None:
    noted(
        log,
        {"action": "search", "case": "1"}, {"action": "open case", "case": "1"},
        {"action": "opened case", "case": "1", "id": "new", "case_id": "new"}, {"action": "note", "case": "1", "case_id": "new"},
        {"action": "deleted case", "case": "1", "case_id": "old"}, {"action": "search", "case": "1"},
        {"action": "look at case", "case": "1", "case_id": "new"}, {"action": "note", "case": "2", "case_id": "other"},
    )  # fmt: skip

    with (tmp_path / "out").open("wb") as out:
        extract(log, "1", "new", out)

    assert [json.loads(line)["n"] for line in (tmp_path / "out").read_bytes().splitlines()] == [2, 3, 4, 6, 7]


def test_a_deleted_case_leaves_nothing_to_one_that_has_its_number(
    office: Office, night: bytes, tmp_path: Path, settings: Settings
) -> None:
    weber, case, _ = filled(office, night)
    weber.delete_case(case.id)
    fresh = weber.add_case(" 26-117 ", title="Another", purpose="other")
    weber.search(night, camera="3", top_k=3, case=fresh.number)
    assert settings.audit is not None
    old = [entry for entry in entries(settings.audit) if entry.get("case_id") == case.id]

    weber.evidence(fresh.id, tmp_path / "case.zip")

    log = [json.loads(line) for line in files_in(tmp_path / "case.zip")["audit.jsonl"].splitlines()]
    assert [entry["action"] for entry in log] == ["open case", "opened case", "search", "export evidence"]
    assert {entry["case"] for entry in log} == {"26-117"}
    assert {entry.get("case_id") for entry in log[1:]} == {fresh.id}
    assert {"opened case", "search", "mark", "marked", "delete case"} < {entry["action"] for entry in old}
    assert verify(tmp_path / "case.zip").problems == []


def test_what_is_noted_of_a_mark_names_its_number_and_picture(
    office: Office, night: bytes, tmp_path: Path, settings: Settings
) -> None:
    weber, case, hits = filled(office, night, marks=0)
    made = weber.mark(case.id, "same", sighting=hits[0])
    assert settings.audit is not None
    noted = [entry for entry in entries(settings.audit) if entry["action"] == "marked"]

    assert [(entry["number"], entry["picture"], entry["sighting"]) for entry in noted] == [
        (made.n, made.picture, hits[0])
    ]


def test_decisions_that_were_carried_out_and_not_noted_any_more_are_no_forgery(
    office: Office, night: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weber, case, hits = filled(office, night, marks=2)
    write = AuditLog.add_all

    def cut_off(self: AuditLog, events: Sequence[Entry]) -> None:
        if any(event["action"] in ("marked", "took mark back") for event in events):
            raise AuditFailed("the disk of the audit log is full")
        write(self, events)

    with monkeypatch.context() as full:
        full.setattr(AuditLog, "add_all", cut_off)
        with pytest.raises(Busy, match="the disk of the audit log is full"):
            weber.mark(case.id, "different", sighting=hits[2], search=1)
        with pytest.raises(Busy, match="the disk of the audit log is full"):
            weber.withdraw_mark(case.id, 1)

    weber.evidence(case.id, tmp_path / "case.zip")

    marks = json.loads(files_in(tmp_path / "case.zip")["case.json"])["marks"]
    assert [(mark["mark"], mark["withdrawn_at"] is None) for mark in marks] == [
        ("same", False),
        ("same", True),
        ("different", True),
    ]
    assert verify(tmp_path / "case.zip").problems == []


def test_a_log_that_was_rotated_says_where_it_begins(log: Path) -> None:
    opened = AuditLog(log)
    opened.add(action="open case", case="1")
    opened.add(action="opened case", case="1", id="x")
    log.rename(log.with_suffix(".1"))
    opened.reopen()
    opened.add(action="marked", case="1")
    opened.close()

    found = extract(log, "1", "x")

    assert (found.begins, found.first, found.entries) == (3, 4, 1)


@pytest.mark.parametrize("line", range(1, 5))
def test_a_change_of_any_line_of_the_log_is_found(log: Path, line: int) -> None:
    noted(log, *({"action": "note", "case": "1", "text": f"word {n}"} for n in range(5)))
    lines = log.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b"word", b"wort")
    log.write_bytes(b"".join(lines))

    with pytest.raises(AuditFailed, match=f"the chain is broken at entry {line + 1}"):
        extract(log, "1", "x")


def test_a_log_without_its_beginning_is_found(log: Path) -> None:
    noted(log, *({"action": "note", "case": "1"} for _ in range(3)))
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[1:]))

    with pytest.raises(AuditFailed, match="the chain is broken at entry 2"):
        extract(log, "1", "x")


def test_a_log_without_the_case_is_told(log: Path) -> None:
    noted(log, {"action": "note", "case": "2"})

    with pytest.raises(AuditFailed, match="has no entry of case '1'"):
        extract(log, "1", "x")

"""A ZIP of evidence that was changed on its way is found, whatever was changed; one that wasn't passes."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import made_once
from tests.programs import needs
from tests.server.cases.handed import Files, files_in, hand_over, packed, resigned
from typer.testing import CliRunner

from rgbir.client.cli import app as commands
from rgbir.client.evidence.entries import hash_of, line_of
from rgbir.client.evidence.signing import make_pair, read_public
from rgbir.client.evidence.verify import Verified, verify
from rgbir.index import SysuMM01, read_bytes

PARTS = [
    "README.txt",
    "report.html",
    "case.json",
    "model.json",
    "gallery.json",
    "audit.jsonl",
    "manifest.json",
    "manifest.sig",
]
PICTURES = ["queries", "hits"]


@pytest.fixture(scope="session")
def handed(tmp_path_factory: pytest.TempPathFactory, enrolled: Path, people: SysuMM01) -> Path:
    """A folder with a case that was handed over, signed and unsigned; nobody changes it."""
    night = read_bytes(next(people.records("test", (3,))).path)
    return made_once(tmp_path_factory, "handed", lambda folder: hand_over(folder, enrolled, night))


@pytest.fixture
def files(handed: Path) -> Files:
    return files_in(handed / "signed.zip")


@pytest.fixture
def check(handed: Path, tmp_path: Path) -> Callable[[Files], Verified]:
    """Packs files and verifies them with the key of whoever made them."""
    return lambda files: verify(packed(tmp_path / "x.zip", files.items()), read_public(handed / "key.pem.pub"))


def named(part: str, files: Files) -> str:
    """A file's name; a folder stands for its first picture."""
    return part if part in files else next(name for name in files if name.startswith(f"{part}/"))


@pytest.mark.slow
def test_what_was_written_passes_with_its_key(handed: Path) -> None:
    outcome = verify(handed / "signed.zip", read_public(handed / "key.pem.pub"))

    assert outcome.problems == []
    assert outcome.whole
    assert (outcome.case, outcome.made_by) == ("26-117", "weber")
    assert outcome.signed_by == hashlib.sha256(read_public(handed / "key.pem.pub")).hexdigest()
    assert (outcome.marks, outcome.files) == (7, len(files_in(handed / "signed.zip")))
    assert len(outcome.remarks) == 1
    assert "compare it with heads that were noted elsewhere" in outcome.remarks[0]


@pytest.mark.slow
def test_the_same_files_packed_by_another_program_pass(files: Files, check: Callable[[Files], Verified]) -> None:
    assert check(files).problems == []


@pytest.mark.slow
def test_a_key_that_nobody_vouches_for_and_no_signature_are_told(handed: Path) -> None:
    signed, unsigned = verify(handed / "signed.zip"), verify(handed / "unsigned.zip")

    assert signed.whole
    assert "whose key that is isn't proven" in signed.remarks[0]
    assert unsigned.whole
    assert unsigned.signed_by is None
    assert "unsigned: whoever had it could have made all of it again" in unsigned.remarks[0]
    wanted = verify(handed / "unsigned.zip", read_public(handed / "key.pem.pub"))
    assert wanted.problems == ["it is unsigned, and a key was given that it should be signed by"]


def test_openssl_verifies_the_signature_too(handed: Path, files: Files, tmp_path: Path) -> None:
    needs("openssl", "the signature by another program")
    for name in ("manifest.json", "manifest.sig"):
        (tmp_path / name).write_bytes(files[name])
    command = "openssl pkeyutl -verify -pubin -rawin -in manifest.json -sigfile manifest.sig -inkey"

    done = subprocess.run([*command.split(), handed / "key.pem.pub"], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def flipped(name: str, files: Files) -> Files:
    content = bytearray(files[name])
    content[random.Random(name).randrange(len(content))] ^= 1
    return {**files, name: bytes(content)}


def removed(name: str, files: Files) -> Files:
    return {other: content for other, content in files.items() if other != name}


def renamed(name: str, files: Files) -> Files:
    folder, _, last = name.rpartition("/")
    return {f"{folder}/x{last}".strip("/") if other == name else other: content for other, content in files.items()}


def swapped(name: str, files: Files) -> Files:
    other = next(each for each in files if each != name)
    return {**files, name: files[other], other: files[name]}


def longer(name: str, files: Files) -> Files:
    return {**files, name: files[name] + b"\n"}


def emptied(name: str, files: Files) -> Files:
    return {**files, name: b""}


@pytest.mark.parametrize("part", [*PARTS, *PICTURES])
@pytest.mark.parametrize("how", [flipped, removed, renamed, swapped, longer, emptied])
def test_a_change_of_any_file_is_found(
    files: Files, check: Callable[[Files], Verified], part: str, how: Callable[[str, Files], Files]
) -> None:
    changed = how(named(part, files), files)
    assert changed != files

    outcome = check(changed)

    assert not outcome.whole
    assert outcome.problems


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_a_flipped_byte_anywhere_in_a_picture_is_found(
    files: Files, check: Callable[[Files], Verified], place: int
) -> None:
    name = named("hits", files)
    content = bytearray(files[name])
    content[place * (len(content) - 1) // 100] ^= 0x80

    assert check({**files, name: bytes(content)}).problems == [f"{name} is not what was written"]


@pytest.mark.parametrize("name", ["more.txt", "hits/0000000000000000.jpg", "queries/x.jpg"])
def test_a_file_that_nobody_named_is_found(files: Files, check: Callable[[Files], Verified], name: str) -> None:
    assert check({**files, name: b"x"}).problems == [f"{name} is in it, and manifest.json doesn't name it"]


def test_another_key_is_found_and_its_fingerprint_told(
    handed: Path, files: Files, tmp_path: Path, check: Callable[[Files], Verified]
) -> None:
    _, fingerprint = make_pair(tmp_path / "other.pem")
    forged = resigned(
        {**files, "case.json": files["case.json"].replace(b'"different"', b'"same"')}, tmp_path / "other.pem"
    )

    with_key = check(forged)
    without = verify(packed(tmp_path / "y.zip", forged.items()))

    assert not with_key.whole
    assert "signed by the key" in with_key.problems[0]
    assert without.signed_by == fingerprint
    original = verify(handed / "signed.zip", read_public(tmp_path / "other.pem.pub"))
    assert "and not by the key given" in original.problems[0]


def raw(tmp_path: Path, files: Files, change: Callable[[zipfile.ZipFile], None]) -> Verified:
    """Verifies a ZIP into which something is put that no server puts there."""
    file = packed(tmp_path / "x.zip", files.items())
    with zipfile.ZipFile(file, "a") as archive:
        change(archive)
    return verify(file)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("part", [*PARTS, *PICTURES])
def test_two_files_of_one_name_are_found(tmp_path: Path, files: Files, part: str) -> None:
    name = named(part, files)

    assert raw(tmp_path, files, lambda archive: archive.writestr(name, b"x")).problems == [f"{name!r} is in it 2 times"]


@pytest.mark.parametrize(
    "name", ["../x", "/x", "hits/../../x", "hits\\x", "C:x", "a/b", "hits/a/b", ".x", "ü", "hits/"]
)
def test_a_name_that_leads_elsewhere_is_found(tmp_path: Path, files: Files, name: str) -> None:
    outcome = raw(tmp_path, files, lambda archive: archive.writestr(zipfile.ZipInfo(name), b"x"))

    assert any("is no name of evidence" in problem or "no plain file" in problem for problem in outcome.problems)


def test_a_name_with_an_end_in_its_middle_is_found(tmp_path: Path, files: Files) -> None:
    file = packed(tmp_path / "x.zip", [*files.items(), ("README.txtQx", b"x")])
    file.write_bytes(file.read_bytes().replace(b"README.txtQx", b"README.txt\0x"))

    assert not verify(file).whole


def test_a_link_is_found(tmp_path: Path, files: Files) -> None:
    info = zipfile.ZipInfo("hits/link.jpg")
    info.external_attr = 0o120777 << 16

    outcome = raw(tmp_path, files, lambda archive: archive.writestr(info, b"/etc/passwd"))

    assert "'hits/link.jpg' is no plain file: a link, a folder or a device" in outcome.problems


def test_a_bomb_is_found_before_it_is_unpacked(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    file = packed(tmp_path / "x.zip", [*files.items(), ("hits/bomb.jpg", bytes(64 << 20))])
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))

    assert any("a bomb" in problem for problem in verify(file).problems)


def test_a_bomb_whose_size_is_said_to_be_small_is_read_no_further_than_that(tmp_path: Path, files: Files) -> None:
    name = named("hits", files)
    file = packed(tmp_path / "x.zip", {**files, name: bytes(8 << 20)}.items())
    size = len(files[name]).to_bytes(4, "little")
    file.write_bytes(file.read_bytes().replace((8 << 20).to_bytes(4, "little"), size))

    outcome = verify(file)

    assert not outcome.whole
    assert any(name in problem for problem in outcome.problems)


@pytest.mark.parametrize("where", ["before", "after", "comment"])
def test_bytes_beside_the_files_are_found(tmp_path: Path, handed: Path, where: str) -> None:
    content, file = (handed / "signed.zip").read_bytes(), tmp_path / "x.zip"
    if where == "comment":
        file.write_bytes(content)
        with zipfile.ZipFile(file, "a") as archive:
            archive.comment = b"hello"
    else:
        file.write_bytes(b"hello" + content if where == "before" else content + b"hello")

    assert not verify(file).whole


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 100, b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)

    assert len(verify(tmp_path / "x.zip").problems) == 1


def test_a_zip_that_was_cut_anywhere_is_found(tmp_path: Path, handed: Path) -> None:
    content = (handed / "signed.zip").read_bytes()
    for end in range(1, len(content), len(content) // 23):
        (tmp_path / "x.zip").write_bytes(content[:end])
        assert not verify(tmp_path / "x.zip").whole


# --- what whoever has the key could sign, and still doesn't fit together


def entries(files: Files) -> list[dict[str, object]]:
    return [json.loads(line) for line in files["audit.jsonl"].splitlines()]


def with_log(files: Files, lines: list[bytes], key: Path) -> Files:
    numbers = [json.loads(line)["n"] for line in lines]
    manifest = json.loads(files["manifest.json"])
    manifest["audit"].update(first=numbers[0], last=numbers[-1], entries=len(lines))
    return resigned({**files, "audit.jsonl": b"".join(lines), "manifest.json": json.dumps(manifest).encode()}, key)


def test_a_decision_without_its_entry_is_found(handed: Path, files: Files, check: Callable[[Files], Verified]) -> None:
    lines = files["audit.jsonl"].splitlines(keepends=True)
    place = next(place for place, entry in enumerate(entries(files)) if entry["action"] == "mark")
    assert [entry["action"] for entry in entries(files)[place : place + 2]] == ["mark", "marked"]

    outcome = check(with_log(files, lines[:place] + lines[place + 2 :], handed / "key.pem"))

    assert "mark 1 (same, by weber) has no entry in the audit log" in outcome.problems


@pytest.mark.parametrize(
    ("change", "whole"),
    [({}, True), ({"who": "okafor"}, False), ({"search": 2}, False), ({"at": "2999-01-01T00:00:00+00:00"}, False)],
)
def test_a_decision_that_the_log_only_announced_must_be_that_one(
    handed: Path, files: Files, check: Callable[[Files], Verified], change: dict[str, object], whole: bool
) -> None:
    lines = files["audit.jsonl"].splitlines(keepends=True)
    place = next(place for place, entry in enumerate(entries(files)) if entry["action"] == "mark")
    changed = {**entries(files)[place], **change}
    announced = line_of({**changed, "hash": hash_of(changed)})

    outcome = check(with_log(files, [*lines[:place], announced, *lines[place + 2 :]], handed / "key.pem"))

    assert outcome.whole is whole
    assert ("mark 1 (same, by weber) has no entry in the audit log" in outcome.problems) is not whole


@pytest.mark.parametrize("rehashed", [False, True])
def test_an_entry_that_was_changed_is_found(
    handed: Path, files: Files, check: Callable[[Files], Verified], rehashed: bool
) -> None:
    entry = next(entry for entry in entries(files) if entry["action"] == "marked")
    lines = files["audit.jsonl"].splitlines(keepends=True)
    place = lines.index(line_of(entry))
    changed = {**entry, "who": "nobody"}
    lines[place] = line_of({**changed, "hash": hash_of(changed)} if rehashed else changed)

    outcome = check(with_log(files, lines, handed / "key.pem"))

    follows, same = f"entry {entry['n'] + 1} doesn't follow", f"entry {entry['n']} is not what was written"  # type: ignore[operator]
    assert any((follows if rehashed else same) in problem for problem in outcome.problems)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"number": 9}, "mark 1 (same, by weber) has no entry in the audit log"),
        ({"picture": "x"}, "mark 1 (same, by weber) has no entry in the audit log"),
        ({"case_id": "x"}, "is of another case"),
    ],
)
def test_an_entry_of_another_mark_or_case_is_found(
    handed: Path, files: Files, check: Callable[[Files], Verified], change: dict[str, object], problem: str
) -> None:
    entry = next(entry for entry in entries(files) if entry["action"] == "marked")
    lines = files["audit.jsonl"].splitlines(keepends=True)
    changed = {**entry, **change}
    lines[lines.index(line_of(entry))] = line_of({**changed, "hash": hash_of(changed)})

    outcome = check(with_log(files, lines, handed / "key.pem"))

    assert any(problem in each for each in outcome.problems), outcome.problems


def test_entries_in_another_order_are_found(handed: Path, files: Files, check: Callable[[Files], Verified]) -> None:
    lines = files["audit.jsonl"].splitlines(keepends=True)
    lines[1], lines[2] = lines[2], lines[1]

    outcome = check(with_log(files, lines, handed / "key.pem"))

    assert any("comes after entry" in problem for problem in outcome.problems)


def test_a_line_that_says_the_same_in_other_bytes_is_found(
    handed: Path, files: Files, check: Callable[[Files], Verified]
) -> None:
    lines = files["audit.jsonl"].splitlines(keepends=True)
    lines[0] = lines[0].replace(b'": ', b'":  ', 1)

    outcome = check(with_log(files, lines, handed / "key.pem"))

    assert any("entry 1 is not what was written" in problem for problem in outcome.problems)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda case: case["marks"][1].update(withdrawn_at=None), "mark 2 was taken back, as the audit log says"),
        (
            lambda case: case["marks"][0].update(withdrawn_at="2026-01-01T00:00:00Z"),
            "mark 1 is shown as taken back",
        ),
        (lambda case: case["marks"][0].update(who="okafor"), "mark 1 (same, by okafor) has no entry"),
        (lambda case: case["marks"].append({**case["marks"][0], "n": 99}), "mark 99 (same, by weber) has no entry"),
        (lambda case: case["marks"][0].update(mark="different"), "mark 1 (different, by weber) has no entry"),
        (lambda case: case["pictures"].pop(0), "is of no picture in case.json"),
        (lambda case: case["pictures"][0].update(file="queries/other.jpg"), "queries/other.jpg is not there"),
        (lambda case: case["pictures"][0].update(sha256="0" * 64), "is not the file that case.json tells of"),
        (lambda case: case.update(number="26-118"), "case.json is of another case than manifest.json"),
        (lambda case: case["marks"][0].update(picture="nothing"), "which the case hasn't"),
    ],
)
def test_a_case_that_doesn_t_fit_its_files_is_found(
    handed: Path,
    files: Files,
    check: Callable[[Files], Verified],
    change: Callable[[dict[str, object]], None],
    problem: str,
) -> None:
    case = json.loads(files["case.json"])
    withdrawn_later = "2026-01-01" in repr(change.__code__.co_consts)
    change(case)
    manifest = json.loads(files["manifest.json"])
    if withdrawn_later:
        manifest["audit"]["begins_at"] = "2025-01-01T00:00:00Z"
    changed = {**files, "case.json": json.dumps(case).encode(), "manifest.json": json.dumps(manifest).encode()}

    outcome = check(resigned(changed, handed / "key.pem"))

    assert any(problem in each for each in outcome.problems), outcome.problems


def test_decisions_that_the_case_lost_are_told(handed: Path, files: Files, check: Callable[[Files], Verified]) -> None:
    case = json.loads(files["case.json"])
    case["marks"] = [mark for mark in case["marks"] if mark["who"] != "okafor"]
    case["pictures"] = [picture for picture in case["pictures"] if picture["erased_at"] is None]
    left = {picture["id"] for picture in case["pictures"]}
    case["marks"] = [mark for mark in case["marks"] if mark["picture"] in left]

    outcome = check(resigned({**files, "case.json": json.dumps(case).encode()}, handed / "key.pem"))

    assert outcome.whole
    assert any("tells of 2 decisions that the case doesn't have" in remark for remark in outcome.remarks)


# --- by the command line


def test_the_command_says_it_in_words_and_by_its_exit_code(handed: Path, tmp_path: Path) -> None:
    run, key = CliRunner(), str(handed / "key.pem.pub")

    good = run.invoke(commands, ["evidence", "verify", str(handed / "signed.zip"), "--key", key])
    as_json = run.invoke(commands, ["evidence", "verify", str(handed / "signed.zip"), "--json"])
    content = bytearray((handed / "signed.zip").read_bytes())
    content[len(content) // 3] ^= 1
    (tmp_path / "bad.zip").write_bytes(content)
    bad = run.invoke(commands, ["evidence", "verify", str(tmp_path / "bad.zip"), "--key", key])

    assert (good.exit_code, "whole and unchanged, signed by the key" in good.output) == (0, True)
    assert json.loads(as_json.stdout)["case"] == "26-117"
    assert (bad.exit_code, "NOT what was written" in bad.output) == (1, True)


@pytest.mark.slow
def test_evidence_of_a_newer_version_is_not_called_forged(handed: Path, files: Files, tmp_path: Path) -> None:
    newer = json.dumps({"format": 2, "files": []}).encode()
    packed(tmp_path / "newer.zip", resigned({**files, "manifest.json": newer}, handed / "key.pem").items())
    script = f"import sys; sys.argv = ['rgbir', 'evidence', 'verify', {str(tmp_path / 'newer.zip')!r}]; "

    done = subprocess.run(
        [sys.executable, "-c", f"{script}from rgbir.client.cli import main; main()"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert "newer.zip has format 2; this version reads format 1: update rgbir" in done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("key.pem", "is a private key, which stays where it signs; name the public one"),
        ("audit.jsonl", "is no public key in PEM"),
        ("nothing", "there is no"),
    ],
)
@pytest.mark.slow
def test_what_is_no_key_can_t_be_used(handed: Path, name: str, message: str) -> None:
    arguments = ["evidence", "verify", str(handed / "signed.zip"), "--key", str(handed / name)]
    script = f"import sys; sys.argv = ['rgbir', *{arguments}]; from rgbir.client.cli import main; main()"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.slow
def test_without_cryptography_the_extra_is_named_and_what_is_unsigned_is_verified(handed: Path) -> None:
    def ran(name: str) -> subprocess.CompletedProcess[str]:
        script = (
            "import sys; sys.modules['cryptography'] = None;"
            f"sys.argv = ['rgbir', 'evidence', 'verify', {str(handed / name)!r}];"
            "from rgbir.client.cli import main; main()"
        )
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    signed, unsigned = ran("signed.zip"), ran("unsigned.zip")

    assert signed.returncode == 2
    assert signed.stderr.strip() == "error: rgbir evidence needs cryptography: pip install 'rgbir[evidence]'"
    assert unsigned.returncode == 0, unsigned.stderr


def test_a_pair_of_keys_is_made_once_and_nobody_else_reads_it(tmp_path: Path) -> None:
    first = CliRunner().invoke(commands, ["evidence", "key", str(tmp_path / "k")])
    again = CliRunner().invoke(commands, ["evidence", "key", str(tmp_path / "k")])

    assert first.exit_code == 0
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert isinstance(again.exception, FileExistsError)
    (tmp_path / "k").unlink()
    assert isinstance(CliRunner().invoke(commands, ["evidence", "key", str(tmp_path / "k")]).exception, FileExistsError)

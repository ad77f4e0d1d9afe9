"""Whether a ZIP of evidence is what was written: names, sums, signature, log. Nothing is asked of any server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from rgbir.client.evidence.archive import Archive, NoZip
from rgbir.client.evidence.entries import Entry, hash_of, line_of
from rgbir.client.evidence.manifest import (
    CASE,
    FORMAT,
    LOG,
    MANIFEST,
    PARTS,
    SIGNATURE,
    KeptCase,
    Manifest,
    Numbered,
    OfLog,
    grouped,
)
from rgbir.client.evidence.marks import Decisions
from rgbir.client.words import why

MOST_MANIFEST, MOST_CASE, LONGEST_LINE = 64 << 20, 512 << 20, 16 << 20
"""Bytes of the manifest, of `case.json`, and of an entry of the log."""
SIGNATURE_BYTES = 64
UNSIGNED = "it is unsigned: whoever had it could have made all of it again"


class NewerEvidence(Exception):
    """A ZIP of a format that is newer than this version."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a ZIP of evidence is what was written.

    Attributes:
        whole: nothing is wrong.
        problems: what is wrong, in words.
        remarks: what isn't proven, in words.
        case: the case's number; null where the manifest can't be read.
        made_at, made_by: when it was made, and by whose key.
        signed_by: fingerprint of the key that signed it; null where it is unsigned.
        files, entries, marks: how many it has, of the audit log and of people's decisions.
    """

    whole: bool
    problems: list[str]
    remarks: list[str] = field(default_factory=list)
    case: str | None = None
    made_at: datetime | None = None
    made_by: str | None = None
    signed_by: str | None = None
    files: int = 0
    entries: int = 0
    marks: int = 0


def verify(file: Path, key: bytes | None = None) -> Verified:
    """Looks at all of a ZIP, in memory that doesn't grow with it.

    Args:
        key: the public key's 32 bytes that it must be signed by. Without, a signature is compared with the key that the ZIP itself
            names, which proves that nothing was changed after it, and not whose it is.

    Raises:
        OSError: it can't be opened.
        NewerEvidence: a newer version wrote it, and can verify it.
    """
    try:
        with Archive(file) as archive:
            return _verified(file, archive, key)
    except NoZip as error:
        return Verified(False, [str(error)])


def _verified(file: Path, archive: Archive, key: bytes | None) -> Verified:
    if faults := list(archive.faults()):
        return Verified(False, faults)
    if MANIFEST not in archive.names:
        return Verified(False, [f"it has no {MANIFEST}, so it is no evidence of rgbir, or was taken apart"])
    content = archive.read(MANIFEST, MOST_MANIFEST)
    try:
        there = Numbered.model_validate_json(content).format
        if there > FORMAT:
            raise NewerEvidence(f"{file} has format {there}; this version reads format {FORMAT}: update rgbir")
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        return Verified(False, [f"{MANIFEST} is not what this version reads: {why(error)}"])
    problems = [*_signature_problems(archive, manifest, content, key), *_file_problems(archive, manifest)]
    remarks: list[str] = []
    entries = marks = 0
    if not problems:
        case, decisions = _case(archive), Decisions()
        if isinstance(case, str):
            problems.append(case)
        else:
            entries, marks = manifest.audit.entries, len(case.marks)
            problems += _log_problems(archive, manifest, decisions)
            problems += _case_problems(manifest, case)
            problems += decisions.problems(case, manifest.audit.begins_at)
            remarks += _remarks(manifest, key, decisions.unknown(case))
    return Verified(
        whole=not problems,
        problems=problems,
        remarks=remarks,
        case=manifest.case.number,
        made_at=manifest.made_at,
        made_by=manifest.made_by,
        signed_by=None if manifest.signed_by is None else manifest.signed_by.fingerprint,
        files=len(archive.names),
        entries=entries,
        marks=marks,
    )


def _signature_problems(archive: Archive, manifest: Manifest, content: bytes, key: bytes | None) -> Iterator[str]:
    by = manifest.signed_by
    if by is None or SIGNATURE not in archive.names:
        if (by is None) != (SIGNATURE not in archive.names):
            yield f"{MANIFEST} and {SIGNATURE} don't agree on whether it is signed"
        elif key is not None:
            yield "it is unsigned, and a key was given that it should be signed by"
        return
    from rgbir.client.evidence.signing import fingerprint, is_signed  # what is unsigned needs no cryptography

    public, signature = bytes.fromhex(by.public_key), archive.read(SIGNATURE, SIGNATURE_BYTES)
    if fingerprint(public) != by.fingerprint:
        yield f"{MANIFEST} names a key and the fingerprint of another"
    if key is not None and key != public:
        yield f"it is signed by the key {grouped(by.fingerprint)}, and not by the key given, {grouped(fingerprint(key))}"
    if not is_signed(public if key is None else key, signature, content):
        yield f"the signature isn't one of this {MANIFEST} by that key; one of them was changed"


def _file_problems(archive: Archive, manifest: Manifest) -> Iterator[str]:
    """Files that are missing, that nobody named, or that are not what was written."""
    named = [listed.name for listed in manifest.files]
    if len(set(named)) < len(named):
        yield f"{MANIFEST} names a file twice"
    there = set(archive.names) - {MANIFEST, SIGNATURE}
    yield from (f"{name} is missing" for name in dict.fromkeys([*named, *PARTS]) if name not in there)
    yield from (
        f"{name} is in it, and {MANIFEST} doesn't name it" for name in archive.names if name in there - set(named)
    )
    for listed in manifest.files:
        if listed.name in there:
            try:
                content = archive.sum_of(listed.name, listed.bytes)
            except NoZip as error:
                yield str(error)
                continue
            if (content.bytes, content.sha256) != (listed.bytes, listed.sha256):
                yield f"{listed.name} is not what was written"


def _case(archive: Archive) -> KeptCase | str:
    """`case.json`, or what is wrong with it."""
    try:
        return KeptCase.model_validate_json(archive.read(CASE, MOST_CASE))
    except ValidationError as error:
        return f"{CASE} is not what this version reads: {why(error)}"


def _case_problems(manifest: Manifest, case: KeptCase) -> Iterator[str]:
    """Whether the case's pictures are there, and no others."""
    if (case.id, case.number) != (manifest.case.id, manifest.case.number):
        yield f"{CASE} is of another case than {MANIFEST}"
    sums = {listed.name: listed.sha256 for listed in manifest.files}
    for picture in case.pictures:
        if picture.file is not None and picture.file not in sums:
            yield f"{CASE} has the {picture.kind} {picture.id}, and {picture.file} is not there"
        elif picture.file is not None and sums[picture.file] != picture.sha256:
            yield f"{picture.file} is not the file that {CASE} tells of"
    of_pictures = {picture.file for picture in case.pictures}
    yield from (f"{name} is of no picture in {CASE}" for name in sums if "/" in name and name not in of_pictures)


def _log_problems(archive: Archive, manifest: Manifest, decisions: Decisions) -> Iterator[str]:
    """Whether each entry is what was written, and they are this case's, in order."""
    log, count, last = manifest.audit, 0, None
    for place, line in enumerate(archive.lines(LOG, MOST_CASE, LONGEST_LINE), start=1):
        entry = _entry(line)
        if entry is None:
            yield f"{LOG}: line {place} is no entry"
            return
        if entry["hash"] != hash_of(entry) or line != line_of(entry):
            yield f"{LOG}: entry {entry['n']} is not what was written"
        if last is None and entry["n"] != log.first:
            yield f"{LOG}: it begins with entry {entry['n']}, and {MANIFEST} says {log.first}"
        if last is not None and entry["n"] <= last["n"]:
            yield f"{LOG}: entry {entry['n']} comes after entry {last['n']}"
        if last is not None and entry["n"] == last["n"] + 1 and entry.get("previous") != last["hash"]:
            yield f"{LOG}: entry {entry['n']} doesn't follow the one before it"
        if entry.get("case") != manifest.case.number or entry.get("case_id", manifest.case.id) != manifest.case.id:
            yield f"{LOG}: entry {entry['n']} is of another case"
        decisions.heed(entry)
        count, last = count + 1, entry
    if last is None or (count, last["n"]) != (log.entries, log.last):
        end = "no entry" if last is None else f"{count} entries up to {last['n']}"
        yield f"{LOG}: it has {end}, and {MANIFEST} says {log.entries} up to {log.last}"
    elif not _fits_head(last, log):
        yield f"{LOG}: its last entry doesn't fit the log's head in {MANIFEST}"


def _fits_head(entry: Entry, log: OfLog) -> bool:
    return bool(entry["n"] < log.head.n or (entry["n"], entry["hash"]) == (log.head.n, log.head.hash))


def _entry(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
        return (
            entry
            if isinstance(entry, dict) and isinstance(entry["n"], int) and entry["hash"] and _timed(entry)
            else None
        )
    except (ValueError, KeyError, RecursionError):
        return None


def _timed(entry: Entry) -> bool:
    """
    Raises:
        ValueError, KeyError: its time is none.
    """
    return isinstance(entry["at"], str) and datetime.fromisoformat(entry["at"]).tzinfo is not None


def _remarks(manifest: Manifest, key: bytes | None, unknown: int) -> Iterator[str]:
    """What isn't proven."""
    log = manifest.audit
    if manifest.signed_by is None:
        yield UNSIGNED
    elif key is None:
        yield (
            f"it is signed by the key {grouped(manifest.signed_by.fingerprint)}; whose key that is isn't proven: --key FILE.pub, from"
            " whoever made it, proves that"
        )
    if log.begins > 1:
        yield f"entries of the audit log before {log.begins} were in a file that was rotated away; decisions before {log.begins_at:%Y-%m-%d %H:%M} UTC have none here"
    if unknown:
        yield f"the audit log tells of {unknown} decisions that the case doesn't have; a backup may have been restored since"
    yield f"the log's head was entry {log.head.n}, {log.head.hash}: compare it with heads that were noted elsewhere"

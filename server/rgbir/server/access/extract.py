"""A case's entries of the audit log, taken out of a log whose chain is whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from rgbir.client.evidence.entries import Entry, hash_of, line_of
from rgbir.server.access.audit import lines_of, size_of
from rgbir.server.errors import AuditFailed


@dataclass(frozen=True, slots=True)
class Extract:
    """Where a case's entries are in its log.

    Attributes:
        head: number and hash of the log's last entry.
        begins, begins_at: number and time of the first entry in the log's file; what came before was rotated away.
        first, last: numbers of the case's first and last entry.
        entries: how many.
    """

    head: tuple[int, str]
    begins: int
    begins_at: datetime
    first: int
    last: int
    entries: int


def extract(log: Path, number: str, case: str, out: BinaryIO | None = None) -> Extract:
    """Reads the log through twice, a line at a time, as far as it was written when this began.

    Args:
        number, case: the case's number and id. A number may have been another case's before, whose entries stay out. An entry
            that doesn't name the id counts by its number, from the case's 'opened case' on.
        out: the entries are written there, byte by byte as they stand.

    Raises:
        AuditFailed: the log can't be read, its chain is broken, or it has no entry of the case.
    """
    end = size_of(log)
    asked, start = _opened(log, end, number, case)
    begins: Entry | None = None
    head: Entry = {}
    first = last = count = 0
    for line, entry in _chained(log, end):
        begins, head = begins or entry, entry
        if "case_id" in entry:
            of_case = entry["case_id"] == case
        else:
            of_case = entry["n"] == asked or (entry["n"] >= start and entry.get("case") == number)
        if of_case:
            first, last, count = first or entry["n"], entry["n"], count + 1
            if out is not None:
                out.write(line)
    if begins is None or not count:
        raise AuditFailed(f"{log} has no entry of case {number!r}, so nobody can tell who did what; is it another log?")
    return Extract(
        head=(head["n"], head["hash"]),
        begins=begins["n"],
        begins_at=datetime.fromisoformat(begins["at"]),
        first=first,
        last=last,
        entries=count,
    )


def _chained(log: Path, end: int) -> Iterator[tuple[bytes, Entry]]:
    """
    Raises:
        AuditFailed: an entry isn't what was written, or doesn't follow the one before it.
    """
    before: Entry | None = None
    for line, entry in lines_of(log, end):
        number = entry.get("n")
        if before is None:
            follows = number == 1 or entry.get("action") == "continued"
        else:
            follows = (number, entry.get("previous")) == (before["n"] + 1, before["hash"])
        if not isinstance(number, int) or not follows or entry.get("hash") != hash_of(entry) or line != line_of(entry):
            raise AuditFailed(
                f"{log}: the chain is broken at entry {number}; `rgbir audit verify {log}` tells more. A case can't be vouched for"
            )
        before = entry
        yield line, entry


def _opened(log: Path, end: int, number: str, case: str) -> tuple[int, int]:
    """The entries that asked for the case and that made it; 0 where the log begins after them.

    Whoever asks for a case has no id yet. Another one who asks for the same number is refused.
    """
    asked: dict[str, int] = {}
    for _, entry in lines_of(log, end):
        if entry.get("action") == "open case" and entry.get("case") == number:
            asked[str(entry.get("who"))] = entry["n"]
        elif entry.get("action") == "opened case" and entry.get("id") == case:
            return asked.get(str(entry.get("who")), 0), entry["n"]
    return 0, 0

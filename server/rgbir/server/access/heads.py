"""Heads of the audit log, noted on another medium: what lies there can't be made anew by whoever can write the log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rgbir.index import add_lines, why
from rgbir.server.errors import AuditFailed, NoLog


class Head(NamedTuple):
    """An entry by which the log can be recognised.

    Attributes:
        n: the entry's number.
        hash: its hash, which stands for all entries up to it.
        end: where it ends in its file, in bytes; 0 for one noted elsewhere.
    """

    n: int
    hash: str
    end: int = 0


class Heads:
    """A file of JSON lines that is only added to."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._noted = 0

    def note(self, head: Head | None) -> None:
        """Once this returns, it is on disk; nothing if it was noted before.

        Raises:
            AuditFailed: the medium refuses.
        """
        if head is None or head.n == self._noted:
            return
        line = json.dumps({"n": head.n, "hash": head.hash, "at": datetime.now(UTC).isoformat()}).encode()
        try:
            add_lines(self.file, [line], _whole, 0o600)
        except OSError as error:
            raise AuditFailed(f"{self.file}: heads of the audit log can't be noted there: {why(error)}") from error
        self._noted = head.n


def read_heads(file: Path) -> list[Head]:
    """In order; half a line at the end is left out.

    Raises:
        NoLog: no such file, or a line that is none.
    """
    try:
        *lines, rest = file.read_bytes().split(b"\n")
        return [_head(line) for line in (*lines, *([rest] if _whole(rest) else []))]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NoLog(f"{file} is no file of heads, which `rgbir serve --audit-heads` writes: {why(error)}") from error


def _head(line: bytes) -> Head:
    record = json.loads(line)
    return Head(int(record["n"]), str(record["hash"]))


def _whole(line: bytes) -> bool:
    """Whether what has no line feed is a head all the same."""
    try:
        _head(line)
    except (ValueError, TypeError, KeyError):
        return False
    return True

"""Who searched for whom, when and why: a log that is only added to, each entry chained to the one before.

Queries are in it as hashes of their images, never as images or embeddings. A changed entry, or one taken out, breaks the chain at
that place. Whoever can write the file can make a new chain of all of it, or cut its end off: that is found by comparing it with
heads noted where they can't write (`Heads`, `rgbir audit head`).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from rgbir.client.evidence.entries import Entry, hash_of, line_of
from rgbir.index import give_room_up, keep_room, why
from rgbir.server.access.heads import Head
from rgbir.server.errors import AuditFailed, NoLog

T = TypeVar("T")
_log = logging.getLogger(__name__)
START = "0" * 64
_BLOCK = 65_536
_ERASING, _RESERVED = ("erase", "erased"), 65_536
"""What is noted on a full disk, too, and the bytes kept for it."""


class AuditLog:
    """A file of JSON lines. Thread-safe, and several processes may add to it.

    Raises:
        AuditFailed: it can't be opened.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AuditFailed(f"{file}: the audit log can't be opened: {why(error)}") from error
        self._descriptor = self._opened()
        self._reserve = file.with_name(f"{file.name}.reserve")
        keep_room(self._reserve, _RESERVED)
        self.head: Head | None = None
        """The last entry that this process wrote, or found."""
        with suppress(AuditFailed):  # an entry that was changed is told by whoever is to add another
            self.head = self._end()[0]

    def _opened(self) -> int:
        try:
            return os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise AuditFailed(f"{self.file}: the audit log can't be opened: {why(error)}") from error

    def close(self) -> None:
        os.close(self._descriptor)

    def add(self, **event: Any) -> None:
        """Writes what was done, and returns once it is on disk.

        Raises:
            AuditFailed: it can't be written; then nothing that must be audited is done.
        """
        self.add_all([event])

    def add_all(self, events: Sequence[Entry]) -> None:
        """Writes them in order, and returns once they are on disk; they share one wait for it.

        Raises:
            AuditFailed: they can't be written; then nothing that must be audited is done.
        """
        with self._lock:
            try:
                with _held(self._descriptor):
                    self.check()
                    last, cut = self._last()
                    events = [{**event, **cut} if place == 0 else event for place, event in enumerate(events)]
                    try:
                        self._write(events, last)
                    except OSError as error:
                        if error.errno != errno.ENOSPC or not any(event.get("action") in _ERASING for event in events):
                            raise
                        give_room_up(self._reserve)  # no full disk keeps anybody from being erased
                        self._write(events, last)
                keep_room(self._reserve, _RESERVED)
            except OSError as error:
                raise AuditFailed(
                    f"{self.file}: the audit log can't be written: {error.strerror}; nothing was done"
                ) from error

    def _write(self, events: Sequence[Entry], last: Head | None) -> None:
        lines, previous, number = [], START if last is None else last.hash, 0 if last is None else last.n
        for event in events:
            number += 1
            entry = {"n": number, "at": datetime.now(UTC).isoformat(), **event, "previous": previous}
            entry["hash"] = previous = hash_of(entry)
            lines.append(line_of(entry))
        content, size = b"".join(lines), os.fstat(self._descriptor).st_size
        if os.write(self._descriptor, content) < len(content):
            os.ftruncate(self._descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._descriptor)
        if not self._is_there():
            raise AuditFailed(f"{self.file} was replaced, moved or deleted while an entry was written")
        self.head = Head(number, previous, size + len(content))

    def check(self) -> None:
        """Whether what is written now can be read by those who look for it.

        Raises:
            AuditFailed: the file was replaced, moved or deleted, or is shorter than it was, or its end is another one.
        """
        if not self._is_there():
            raise AuditFailed(
                f"{self.file} was replaced, moved or deleted while the log was written; nothing is done until it is back, or the"
                " server is told with SIGHUP to go on in a new file"
            )
        if self.head is not None:
            start = self._line_before(self.head.end)
            entry = _entry(os.pread(self._descriptor, self.head.end - start, start))
            if entry is None or entry.get("hash") != self.head.hash:
                raise AuditFailed(
                    f"{self.file} was cut or written over: entry {self.head.n} isn't where it was; nothing is done until that is"
                    " put right, or the server is told with SIGHUP to go on in an empty file"
                )

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.file.stat())
        except OSError:
            return False

    def reopen(self) -> bool:
        """Goes on in the file that is there now, with the chain of the one that was rotated away.

        Returns:
            False if nothing was rotated.

        Raises:
            AuditFailed: the file that is there now has entries that don't follow; the old one stays in use.
        """
        with self._lock:
            old = self._descriptor
            with _held(old):  # who comes after this finds the file moved, and adds nothing to it
                if not self._is_there():
                    self._follow(self._end()[0])
                elif os.fstat(old).st_size == 0 and self.head is not None:
                    self._continue(self.head)
                else:
                    return False
            if self._descriptor != old:
                os.close(old)
            return True

    def _follow(self, head: Head | None) -> None:
        """Opens the file that is there now, and goes on after that entry of the one that was moved away."""
        old, before = self._descriptor, self.head
        self._descriptor = self._opened()
        try:
            with _held(self._descriptor):
                first = self._first()
                if first is None:
                    self._continue(head)
                elif first.get("previous") == (START if head is None else head.hash):
                    self.head = self._end()[0]
                else:
                    raise AuditFailed(
                        f"{self.file} has entries that don't follow entry {head and head.n}; move it away, and send SIGHUP again"
                    )
        except BaseException:
            os.close(self._descriptor)
            self._descriptor, self.head = old, before
            raise

    def _continue(self, head: Head | None) -> None:
        """The first entry of an empty file."""
        self.head = None
        self._write([{"action": "continued", "from": None if head is None else head.n}], head)

    def _first(self) -> Entry | None:
        """The first entry; None in an empty file."""
        with os.fdopen(os.dup(self._descriptor), "rb") as content:
            content.seek(0)
            return next(filter(None, map(_entry, content)), None)

    def _last(self) -> tuple[Head | None, Entry]:
        """The last entry, and what the next must say of rubbish that a crash left after it.

        Half a line, empty lines and zeros can't have been acknowledged: they are kept in `FILE.cut` and cut off. A whole
        line that is not what was written is no accident and stays.

        Raises:
            AuditFailed: the last entry was changed, or the cut can't be kept.
        """
        head, end = self._end()
        size = os.fstat(self._descriptor).st_size
        if end == size:
            return head, {}
        digest = self._keep(end, size)
        os.ftruncate(self._descriptor, end)
        return head, {"cut": {"bytes": size - end, "sha256": digest}}

    def _end(self) -> tuple[Head | None, int]:
        """The last entry, and where it ends."""
        end = os.fstat(self._descriptor).st_size
        while end := self._before_blanks(end):
            start = self._line_before(end)
            line = os.pread(self._descriptor, end - start, start)
            if line.endswith(b"\n"):
                entry = _entry(line) or {}
                if line != line_of(entry) or entry.get("hash") != hash_of(entry) or not isinstance(entry.get("n"), int):
                    raise AuditFailed(
                        f"{self.file}: its last entry is not what was written; `rgbir audit verify` tells where. Move the"
                        " file away to begin another log, and find out who changed it"
                    )
                return Head(int(entry["n"]), str(entry["hash"]), end), end
            end = start
        return None, 0

    def _keep(self, start: int, end: int) -> str:
        """Copies a part of the log to `FILE.cut`, behind what is there; returns its hash once it is on disk."""
        summed = hashlib.sha256()
        cut = self.file.with_name(self.file.name + ".cut")
        with os.fdopen(os.open(cut, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as kept:
            for place in range(start, end, _BLOCK):
                block = os.pread(self._descriptor, min(_BLOCK, end - place), place)
                summed.update(block)
                kept.write(block)
            kept.flush()
            os.fsync(kept.fileno())
        return summed.hexdigest()

    def _before_blanks(self, end: int) -> int:
        """The end without empty lines and zeros, a block at a time; a line that ends there keeps its line feed."""
        while end:
            block = os.pread(self._descriptor, min(_BLOCK, end), max(0, end - _BLOCK))
            length = len(block.rstrip(b"\n\0"))
            blanks = len(block) - length - (length > 0 and block[length : length + 1] == b"\n")
            if not blanks:
                return end
            end -= blanks
            if length:
                return end
        return 0

    def _line_before(self, end: int) -> int:
        """Where the line begins that ends there, with or without its line feed."""
        place = end - 1
        while place > 0:
            start = max(0, place - _BLOCK)
            line_feed = os.pread(self._descriptor, place - start, start).rfind(b"\n")
            if line_feed >= 0:
                return start + line_feed + 1
            place = start
        return 0


@contextmanager
def _held(descriptor: int, lock: int = fcntl.LOCK_EX) -> Iterator[None]:
    """No other process adds meanwhile."""
    fcntl.flock(descriptor, lock)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _entry(line: bytes) -> Entry | None:
    """The JSON object of a line; None if it is none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def size_of(file: Path) -> int:
    """Bytes of a log that hold whole entries: nobody is adding one just then.

    Raises:
        AuditFailed: it can't be read.
    """
    try:
        with file.open("rb") as log, _held(log.fileno(), fcntl.LOCK_SH):
            return os.fstat(log.fileno()).st_size
    except OSError as error:
        raise AuditFailed(f"{file}: the audit log can't be read: {why(error)}") from error


def entries(files: Path | Sequence[Path]) -> Iterator[Entry]:
    """Of one log, or of the files of one that was rotated, the oldest first.

    Raises:
        AuditFailed: no such file, or a line that is no entry.
    """
    for _, entry in lines_of(files):
        yield entry


def lines_of(files: Path | Sequence[Path], end: int | None = None) -> Iterator[tuple[bytes, Entry]]:
    """Each line as it is written, and what it says.

    Args:
        end: bytes that are read in all; None is everything.

    Raises:
        NoLog: no such file.
        AuditFailed: it can't be read, or a line is no entry.
    """
    for file in [files] if isinstance(files, Path) else files:
        try:
            with file.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if end is not None and (end := end - len(line)) < 0:
                        break
                    entry = _entry(line)
                    if entry is None:
                        raise AuditFailed(f"{file}: line {number} is no entry")
                    yield line, entry
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NoLog(f"{file} is no audit log: {why(error)}; `rgbir serve --audit` writes one") from error
        except OSError as error:
            raise AuditFailed(f"{file}: the audit log can't be read: {why(error)}") from error


def noted_at(entry: Entry) -> datetime | None:
    """When an entry was written; None if it doesn't say."""
    try:
        at = datetime.fromisoformat(str(entry.get("at")))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None

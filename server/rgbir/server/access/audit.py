"""Who searched for whom, when and why: a log that is only added to, each entry chained to the one before.

Queries are in it as hashes of their images, never as images or embeddings. Taking an entry out, or changing one, breaks the
chain at that place; cutting the end off is found by comparing the last hash with one noted elsewhere (`rgbir audit head`).
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rgbir.server.errors import AuditFailed

START = "0" * 64
_BLOCK = 65_536
Entry = dict[str, Any]


class AuditLog:
    """A file of JSON lines. Thread-safe, and several processes may add to it.

    Raises:
        AuditFailed: it can't be written; then nothing that must be audited is done.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise AuditFailed(f"{file}: the audit log can't be opened: {error.strerror}") from error

    def close(self) -> None:
        os.close(self._descriptor)

    def add(self, **event: Any) -> None:
        """Writes what was done, and returns once it is on disk."""
        self.add_all([event])

    def add_all(self, events: Sequence[Entry]) -> None:
        """Writes them in order, and returns once they are on disk; they share one wait for it."""
        with self._lock:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                try:
                    last, previous, cut = self._last()
                    lines = []
                    events = [{**event, **cut} if place == 0 else event for place, event in enumerate(events)]
                    for number, event in enumerate(events, start=last + 1):
                        entry = {"n": number, "at": datetime.now(UTC).isoformat(), **event, "previous": previous}
                        entry["hash"] = previous = _hash(entry)
                        lines.append(json.dumps(entry, ensure_ascii=False, default=str) + "\n")
                    content, size = "".join(lines).encode(), os.fstat(self._descriptor).st_size
                    if os.write(self._descriptor, content) < len(content):
                        os.ftruncate(self._descriptor, size)
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    os.fsync(self._descriptor)
                finally:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            except OSError as error:
                raise AuditFailed(
                    f"{self.file}: the audit log can't be written: {error.strerror}; nothing was done"
                ) from error

    def _last(self) -> tuple[int, str, Entry]:
        """Number and hash of the last entry, and what the next entry must say of rubbish that a crash left after it.

        Half an entry, empty lines or anything else that is no JSON object can't have been acknowledged: it is kept in
        `FILE.cut` and cut off. An object that is not what was written is no accident and stays.

        Raises:
            AuditFailed: the last entry was changed, or the cut can't be kept.
        """
        size = end = os.fstat(self._descriptor).st_size
        number, head = 0, START
        while end := self._before_blanks(end):
            start = self._line_before(end)
            line = os.pread(self._descriptor, end - start, start)
            entry = _object(line)
            if entry is not None:
                if entry.get("hash") != _hash(entry):
                    raise AuditFailed(
                        f"{self.file}: its last entry is not what was written; `rgbir audit verify` tells where. Move the"
                        " file away to begin another log, and find out who changed it"
                    )
                number, head = int(entry["n"]), str(entry["hash"])
                break
            end = start
        if end == size:
            return number, head, {}
        digest = self._keep(end, size)
        os.ftruncate(self._descriptor, end)
        return number, head, {"cut": {"bytes": size - end, "sha256": digest}}

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
            said = len(block.rstrip(b"\n\0"))
            blanks = len(block) - said - (said > 0 and block[said : said + 1] == b"\n")
            if not blanks:
                return end
            end -= blanks
            if said:
                return end
        return 0

    def _line_before(self, end: int) -> int:
        """Where the line begins that ends there, with or without its line feed."""
        place = end - 1
        while place > 0:
            start = max(0, place - _BLOCK)
            found = os.pread(self._descriptor, place - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            place = start
        return 0


def _object(line: bytes) -> Entry | None:
    """The entry of a whole line; None if it is none."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("n"), int) and "hash" in entry else None


def entries(file: Path) -> Iterator[Entry]:
    """In order.

    Raises:
        AuditFailed: no such file, or a line that is no entry.
    """
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    entry = json.loads(line)
                except ValueError:
                    raise AuditFailed(f"{file}: line {number} is no entry") from None
                if not isinstance(entry, dict):
                    raise AuditFailed(f"{file}: line {number} is no entry")
                yield entry
    except (OSError, UnicodeDecodeError) as error:
        raise AuditFailed(f"{file}: the audit log can't be read: {error}") from error


def problems(file: Path, head: str | None = None) -> list[str]:
    """Where the chain is broken, in words; none if it is whole.

    Args:
        head: the hash of an entry that must be in it, as noted elsewhere.
    """
    previous, count, seen = START, 0, head is None
    for count, entry in enumerate(entries(file), start=1):
        if entry.get("n") != count:
            return [f"entry {count}: its number is {entry.get('n')}; entries were taken out or put in"]
        if entry.get("previous") != previous:
            return [f"entry {count}: it doesn't follow the one before it; that one was changed or taken out"]
        if entry.get("hash") != _hash(entry):
            return [f"entry {count}: it is not what was written"]
        previous = entry["hash"]
        seen = seen or previous == head
    return (
        []
        if seen
        else [
            f"the entry with the hash {head} is not in the {count} entries; the end was cut off, or it is another log"
        ]
    )


def _hash(entry: Entry) -> str:
    own = {name: value for name, value in entry.items() if name != "hash"}
    return hashlib.sha256(json.dumps(own, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()


class Notary:
    """Notes what happens from an event loop; those who come while it writes share the next wait for the disk."""

    def __init__(self, log: AuditLog) -> None:
        self.log = log
        self._thread = ThreadPoolExecutor(1, "audit")
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def note(self, event: Entry) -> None:
        """Returns once it is on disk.

        Raises:
            AuditFailed: it can't be written.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done

    def close(self) -> None:
        self._thread.shutdown()
        self.log.close()

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            work = partial(self.log.add_all, [event for event, _ in batch])
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, work)
            except Exception as error:
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                continue
            for _, done in batch:
                if not done.done():
                    done.set_result(None)

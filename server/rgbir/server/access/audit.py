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
                    last, previous = self._last()
                    lines = []
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

    def _last(self) -> tuple[int, str]:
        """Number and hash of the last whole entry; half of one, after a crash, is cut off."""
        size = os.fstat(self._descriptor).st_size
        span = 65_536
        while True:
            tail = os.pread(self._descriptor, min(span, size), max(0, size - span))
            lines = tail.split(b"\n")
            if lines[-1]:
                os.ftruncate(self._descriptor, size - len(lines[-1]))
            whole = lines[:-1]
            if whole and (len(whole) > 1 or span >= size):
                last = json.loads(whole[-1])
                return int(last["n"]), str(last["hash"])
            if span >= size:
                return 0, START
            span *= 16


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

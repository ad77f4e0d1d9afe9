"""Files that outlive a power cut, and room that is kept for a full disk."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rgbir.index.errors import CantWrite, GalleryBusy, GalleryError
from rgbir.index.words import why


def replace_file(file: Path, content: str, mode: int = 0o644) -> None:
    """Writes a small file in one step: after a crash it is the old one or the new one. Once this returns it is the new one."""
    new = file.with_name(file.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as opened:
        opened.write(content)
    put_in_place(new, file)


def put_in_place(new: Path, place: Path) -> None:
    """Gives a finished file its name, in place of any that has it: after a crash either is there, whole."""
    sync_file(new)
    new.replace(place)
    sync_folder(place.parent)


def sync_file(file: Path) -> None:
    """Once this returns, its content outlives a power cut."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """
    Raises:
        CantWrite: no such folder, a full disk, or one that is closed to us.
    """
    try:
        yield
    except OSError as error:
        raise CantWrite(f"{place} can't be written: {why(error)}; nothing of it was kept") from error


def expect_writable(place: Path) -> None:
    """Looks before long work whether a file or folder could be made there; a disk may be full all the same.

    Raises:
        CantWrite: no, and why.
    """
    there = next(parent for parent in (place, *place.absolute().parents) if parent.exists())
    if there != place and not there.is_dir():
        raise CantWrite(f"{place} can't be written: {there} is no folder")
    if not os.access(there, os.W_OK):
        raise CantWrite(f"{place} can't be written: {there} is closed to us; open it, or choose another place")


def add_lines(file: Path, lines: Sequence[bytes], whole: Callable[[bytes], bool], mode: int = 0o644) -> None:
    """Adds lines to a file that is only added to; once this returns, they are on disk. The file is made if there is none.

    Half a line at its end, which a crash left and nobody was told of, is cut off. One that is whole but for its line feed stays.

    Args:
        lines: without their line feeds.
        whole: whether bytes without a line feed are a line all the same.

    Raises:
        OSError: the disk is full, or closed to this process; then the file is as it was.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        end = _end_of_lines(descriptor, size)
        begun = b""
        if end < size:
            if whole(os.pread(descriptor, size - end, end)):  # somebody's editor left the line feed out
                end, begun = size, b"\n"
            os.ftruncate(descriptor, end)
        content = begun + b"".join(line + b"\n" for line in lines)
        try:
            while content:
                content = content[os.write(descriptor, content) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)
    sync_folder(file.parent)


def _end_of_lines(descriptor: int, size: int) -> int:
    """Where the last whole line ends."""
    end = size
    while end:
        start = max(0, end - 65_536)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


@contextmanager
def beside(file: Path) -> Iterator[Path]:
    """Where to write what is to become that file: a name beside it, of the same suffix, which is renamed at the end.

    A failure leaves nothing of it, and what was there before as it was. What is no plain file, such as a pipe, is written to
    as it is; a link stays one.

    Raises:
        CantWrite: no such folder, a full disk, or one that is closed to us.
    """
    if file.exists() and not file.is_file():
        with writing_to(file):
            yield file
        return
    file = file.resolve() if file.is_symlink() else file
    new = file.with_name(f".{file.stem}.{os.getpid()}.new{file.suffix}")
    try:
        with writing_to(file):
            yield new
            put_in_place(new, file)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def clear_unfinished(*files: Path) -> None:
    """Removes what `beside` left of these files when its process was killed. Only who alone writes them may.

    Raises:
        CantWrite: a folder is closed to us.
    """
    for file in files:
        mark = re.compile(rf"\.{re.escape(file.stem)}\.\d+\.new{re.escape(file.suffix)}")
        for left in file.parent.glob(".*.new*"):
            if mark.fullmatch(left.name) and left.is_file():
                with writing_to(left):
                    left.unlink(missing_ok=True)


def write_beside(file: Path, text: str) -> None:
    """A text file, by `beside`."""
    with beside(file) as new:
        new.write_text(text, encoding="utf-8")


def sync_folder(folder: Path) -> None:
    """A new name in a folder outlives a power cut only once the folder itself is written."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """One process at a time, among those that change files of that folder this way; the others wait.

    Raises:
        OSError: no such folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """An advisory lock that ends with the process, however it ends; processes that it forks don't have it.

    Raises:
        GalleryError: the file can't be written.
        GalleryBusy: another process has the lock.
    """
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise GalleryError(f"{file.parent} can't be written to: {why(error)}") from error
    _LOCKS.add(descriptor)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            raise GalleryBusy(
                f"process {holder} is writing to {file.parent}; wait until it is done, or stop it"
            ) from None
        with suppress(OSError):  # a full disk: who holds it is a courtesy
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        if descriptor in _LOCKS:
            _LOCKS.remove(descriptor)
            os.close(descriptor)


_LOCKS: set[int] = set()
"""Descriptors of the locks that this process has or waits for."""


def _let_go() -> None:
    """A lock is the open file's, and so a forked process would keep it when the one that took it is dead."""
    while _LOCKS:
        os.close(_LOCKS.pop())


os.register_at_fork(after_in_child=_let_go)


def is_locked(file: Path) -> bool:
    """Whether a process has that lock; a file that isn't there, or can't be read, is nobody's."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def keep_room(file: Path, size: int) -> None:
    """Takes so many bytes of the disk, to be given up when there is no other room; it doesn't matter if there aren't as many."""
    if file.exists():
        return
    with suppress(OSError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError:
            file.unlink()
        finally:
            os.close(descriptor)


def state_of(file: Path) -> tuple[int, ...] | None:
    """What changes when somebody writes to a file or replaces it: device, inode, size, nanoseconds; None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def give_room_up(file: Path) -> None:
    with suppress(OSError):
        file.unlink()

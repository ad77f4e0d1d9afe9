"""One process writes: an advisory lock."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rgbir.index.errors import GalleryBusy, GalleryError


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """An advisory lock that ends with the process, however it ends.

    Raises:
        GalleryError: the file can't be written.
        GalleryBusy: another process has the lock.
    """
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise GalleryError(f"{file.parent} can't be written to: {error.strerror}") from error
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
        os.close(descriptor)

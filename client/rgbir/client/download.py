"""A file that comes from a server: there once it is whole, and nobody else may read it."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def written(file: Path) -> Iterator[BinaryIO]:
    """A new file under another name, which becomes that file when the block ends well, and is gone if it doesn't.

    Raises:
        FileExistsError: the file is there; nothing is written over.
        OSError: it can't be written.
    """
    if os.path.lexists(file):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file))
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
        os.link(part, file)  # not over a file that somebody else made meanwhile
    finally:
        part.unlink()

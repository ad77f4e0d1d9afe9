"""Room for an erasure on a full disk: a file beside the gallery's that is given up when nothing else is left."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

FILE, BYTES = "reserve", 4 << 20


def keep_reserve(folder: Path) -> None:
    """Takes the room, where there is as much; it doesn't matter if there isn't."""
    file = folder / FILE
    if file.exists():
        return
    with suppress(OSError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, BYTES)
        except OSError:
            file.unlink()
        finally:
            os.close(descriptor)


def give_reserve_up(folder: Path) -> None:
    with suppress(OSError):
        (folder / FILE).unlink()

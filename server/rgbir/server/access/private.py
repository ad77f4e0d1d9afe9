"""Keys in files: who may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rgbir.server.errors import BadSettings


def expect_private(key: Path) -> None:
    """As PostgreSQL has it: the server's user alone reads the key, or root lends it to a group, as secrets are mounted.

    Raises:
        BadSettings: others can read it, or change it.
        OSError: there is none.
    """
    status = key.stat()
    allowed = 0o600 if status.st_uid == os.geteuid() else 0o640 if status.st_uid == 0 else None
    mode = stat.S_IMODE(status.st_mode) & 0o077
    if allowed is None:
        raise BadSettings(
            f"the key {key} belongs to user {status.st_uid}; it must be the server's own (user {os.geteuid()}) or root's"
        )
    if mode & ~allowed:
        raise BadSettings(
            f"others on this machine may read or change the key {key} (mode {stat.S_IMODE(status.st_mode):04o}):"
            f" chmod {allowed:o} it"
        )

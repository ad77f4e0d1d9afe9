"""Folders of cases are closed to other users of the machine."""

from __future__ import annotations

import stat
from pathlib import Path

from rgbir.server.errors import BadSettings


def make_closed(folder: Path) -> None:
    """Makes a folder that nobody else can look into, or closes one that is empty. What others may have put there stays as it is.

    Raises:
        BadSettings: it has something in it, and is open to others.
        OSError: it can't be made or closed.
    """
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
    elif next(folder.iterdir(), None) is None:
        folder.chmod(0o700)
    expect_closed(folder)


def expect_closed(folder: Path, *files: Path) -> None:
    """
    Raises:
        BadSettings: others can look into the folder, or at one of the files.
    """
    for path, mode in [(folder, 0o700), *((file, 0o600) for file in files)]:
        there = stat.S_IMODE(path.stat().st_mode)
        if there & 0o077:
            what = "the folder" if path == folder else "the file"
            raise BadSettings(
                f"others on this machine may read or change {what} of cases {path} (mode {there:04o}), which holds people's"
                f" pictures: chmod {mode:o} it, or name a folder that is for cases alone"
            )

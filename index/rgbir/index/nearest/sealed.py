"""A file's content in memory that nothing can change any more, and that processes which work together have once."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from rgbir.index.errors import CacheDamaged

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
_PIECE, _LONGEST = 1 << 22, 200
_processes: Callable[[], Collection[int]] | None = None


def share_codes(processes: Callable[[], Collection[int]]) -> None:
    """From now on this process takes the codes of galleries from those that have them already, and lets them take its codes.

    Args:
        processes: ids of those that work together, of one account.
    """
    global _processes
    _processes = processes


def shares() -> bool:
    """Whether other processes may take what this one has."""
    return _processes is not None


def sealed(file: Path, checksum: int) -> int:
    """A descriptor of a file's content, in memory that is sealed.

    Args:
        checksum: crc32 of the file.

    Raises:
        CacheDamaged: it is not what was written.
    """
    name = f"rgbir-codes-{file.parent.name}-{checksum:08x}"[:_LONGEST]
    for process in _processes() if _processes is not None else ():
        if process != os.getpid() and (descriptor := _of(process, name)) is not None:
            if fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) == _SEALS and _sum(descriptor) == checksum:
                return descriptor
            os.close(descriptor)
    descriptor = os.memfd_create(name, os.MFD_ALLOW_SEALING)
    try:
        total = 0
        with file.open("rb") as content:
            while piece := content.read(_PIECE):
                total = zlib.crc32(piece, total)
                while piece:
                    piece = piece[os.write(descriptor, piece) :]
        if total != checksum:
            raise CacheDamaged(f"{file.name} is not what was written")
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _of(process: int, name: str) -> int | None:
    """What another process has under that name."""
    links: list[Path] = []
    with suppress(OSError):  # it ended
        links = [*Path(f"/proc/{process}/fd").iterdir()]
    for link in links:
        with suppress(OSError):  # it closed this one just now, as it does with connections all the time
            if os.readlink(link) == f"/memfd:{name} (deleted)":
                return os.open(link, os.O_RDONLY)
    return None


def _sum(descriptor: int) -> int:
    total = place = 0
    while piece := os.pread(descriptor, _PIECE, place):
        total, place = zlib.crc32(piece, total), place + len(piece)
    return total

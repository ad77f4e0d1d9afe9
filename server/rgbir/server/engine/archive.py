"""What an archive of images holds, and why a member of it isn't one to enrol."""

from __future__ import annotations

import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from rgbir.index import FORMATS, SUFFIXES, listed
from rgbir.server.errors import BadArchive

MOST_DIRECTORY_BYTES = 128 * 1024 * 1024
"""Of an archive's table of contents, which is read whole: some 800,000 members with short names."""
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, OSError, ValueError, EOFError,
    struct.error,
)  # fmt: skip
"""What unpacking a harmed or locked member may raise."""
_END, _END64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")


class Member(NamedTuple):
    """A file in an archive.

    Attributes:
        info: what the archive's table of contents says of it.
        name: its path, with slashes.
        camera: its first folder.
        kind, reason: why it is passed over, in a few words and in a sentence; None for an image in a camera's folder.
    """

    info: zipfile.ZipInfo
    name: str
    camera: str
    kind: str | None = None
    reason: str | None = None


class Archive:
    """A ZIP file with `CAMERA/…/image.jpg`, its members in byte order of their names; Windows' backslashes are slashes here.

    Raises:
        BadArchive: it can't be read, or its table of contents is too large to be read whole.
    """

    def __init__(self, file: Path) -> None:
        try:
            size = _directory_bytes(file)
            if size > MOST_DIRECTORY_BYTES:
                raise BadArchive(
                    f"the archive's table of contents has {size:,} bytes; at most {MOST_DIRECTORY_BYTES:,} are read: send several"
                )
            self._opened = zipfile.ZipFile(file)
        except _UNREADABLE as error:
            raise BadArchive(
                f"the archive is no ZIP file that can be read: {error}; it holds CAMERA/…/image.jpg"
            ) from error
        files = (info for info in self._opened.infolist() if not info.is_dir() and not info.filename.endswith("\\"))
        self.members = sorted(map(_member, files), key=lambda member: member.info.filename.encode(errors="replace"))

    def read(self, member: Member, most: int) -> bytes | None:
        """The member's bytes, whatever its header says of their number; None if they are too many or can't be unpacked."""
        if member.info.file_size > most:
            return None
        try:
            with self._opened.open(member.info) as content:
                data = content.read(most + 1)
        except _UNREADABLE:
            return None
        return data if len(data) <= most else None

    def close(self) -> None:
        self._opened.close()


@contextmanager
def opened(file: Path) -> Iterator[Archive]:
    archive = Archive(file)
    try:
        yield archive
    finally:
        archive.close()


def _member(info: zipfile.ZipInfo) -> Member:
    path = PurePosixPath(info.filename.replace("\\", "/").lstrip("/"))
    name, suffix = str(path), path.suffix.lower()
    if len(path.parts) < 2:
        return Member(info, name, "", "not in a folder", "not in a folder; the first folder is the camera")
    if suffix not in SUFFIXES:
        reason = f"no image by its name; {listed(FORMATS)} are read, with {listed(sorted(SUFFIXES), 'or')}"
        return Member(info, name, path.parts[0], f"suffix {suffix or 'none'}"[:40], reason)
    return Member(info, name, path.parts[0])


def _directory_bytes(file: Path) -> int:
    """How long the archive's table of contents is, as its end says, where `zipfile` will look for it (APPNOTE.TXT, 4.3.14 to 4.3.16).

    Raises:
        BadArchive: there is no such end.
    """
    with file.open("rb") as content:
        length = content.seek(0, os.SEEK_END)
        start = max(0, length - (_END.size + 65_535 + 20 + _END64.size))
        content.seek(start)
        tail = content.read()
        place = tail.rfind(b"PK\x05\x06")
        if place < 0 or len(tail) - place < _END.size:
            raise BadArchive("the archive is no ZIP file that can be read: it has no end; it holds CAMERA/…/image.jpg")
        size = int(_END.unpack_from(tail, place)[5])
        if tail[max(0, place - 20) : place].startswith(b"PK\x06\x07"):
            content.seek(int(struct.unpack_from("<4sLQL", tail, place - 20)[2]))
            record = content.read(_END64.size)
            if len(record) == _END64.size and record.startswith(b"PK\x06\x06"):
                size = max(size if size != 0xFFFFFFFF else 0, int(_END64.unpack(record)[8]))
        return size

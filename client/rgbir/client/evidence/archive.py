"""A ZIP from somebody else: looked at before anything of it is read, and read in pieces."""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

NAME = re.compile(r"(?:(?:queries|hits)/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A plain name, alone or in one of the two folders: no way up, no root, no drive, no other folder."""
MOST_FILES, MOST_BYTES, MOST_SHRUNK = 200_000, 64 << 30, 200
"""Files, their bytes together, and by how much a large one may be shrunk."""
_LARGE, _PIECE = 1 << 20, 1 << 20
_LOCAL = struct.Struct("<4s5H3I2H")
_TAIL = struct.Struct("<4s4H2IH")


class NoZip(Exception):
    """A file that is no ZIP, or one that can't be looked into."""


class Found(NamedTuple):
    """What a file of the ZIP holds.

    Attributes:
        bytes: its size.
        sha256: of its bytes.
    """

    bytes: int
    sha256: str


class Archive:
    """Open for a `with` block.

    Raises:
        NoZip: it is none.
        OSError: it can't be opened.
    """

    def __init__(self, file: Path) -> None:
        self._size = file.stat().st_size
        self._raw = file.open("rb")
        try:
            self._zip = zipfile.ZipFile(self._raw)
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error) as error:
            self._raw.close()
            raise NoZip(f"{file} is no ZIP that can be read: {error}") from error
        self.names = [info.filename for info in self._zip.infolist()]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._raw.close()

    def faults(self) -> Iterator[str]:
        """What a ZIP of evidence never has, in words; nothing was unpacked to see it."""
        infos = self._zip.infolist()
        if len(infos) > MOST_FILES:
            yield f"it has {len(infos):,} files, and evidence has {MOST_FILES:,} at most"
            return
        if (total := sum(info.file_size for info in infos)) > MOST_BYTES:
            yield f"its files are {total:,} bytes together, and evidence has {MOST_BYTES:,} at most"
        for name, times in Counter(self.names).items():
            if times > 1:
                yield f"{_shown(name)} is in it {times} times"
        for info in infos:
            name = _shown(info.filename)
            if not NAME.fullmatch(info.orig_filename) or info.orig_filename != info.filename:
                yield f"{name} is no name of evidence: a plain name, or one in queries/ or hits/, is expected"
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG) or info.is_dir():
                yield f"{name} is no plain file: a link, a folder or a device"
            if info.flag_bits & 0x1:
                yield f"{name} is encrypted"
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                yield f"{name} is compressed by a method that evidence doesn't use"
            if info.file_size > max(_LARGE, MOST_SHRUNK * info.compress_size):
                yield f"{name} is to become {info.file_size:,} bytes of {info.compress_size:,}: a bomb"
        if not self._is_filled():
            yield "it has bytes that belong to none of its files"

    def _is_filled(self) -> bool:
        """Whether its files, their list and its end lie one behind another, and nothing is before, between or after them."""
        place = 0
        for info in sorted(self._zip.infolist(), key=lambda info: info.header_offset):
            self._raw.seek(info.header_offset)
            head = self._raw.read(_LOCAL.size)
            if info.header_offset != place or len(head) < _LOCAL.size:
                return False
            signature, *_, name_length, more_length = _LOCAL.unpack(head)
            name = self._raw.read(name_length)
            if signature != b"PK\x03\x04" or name != info.filename.encode() or info.flag_bits & 0x8:
                return False
            place += _LOCAL.size + name_length + more_length + info.compress_size
        self._raw.seek(-min(self._size, _TAIL.size), 2)
        tail = self._raw.read(_TAIL.size)
        if place != self._zip.start_dir or len(tail) < _TAIL.size or self._zip.comment:
            return False
        signature, _, _, _, _, length, start, _ = _TAIL.unpack(tail)
        if signature != b"PK\x05\x06":
            return False
        if 0xFFFFFFFF in (start, length):  # past 4 GiB the list has a longer end, which zipfile has read
            return True
        return bool(start == place and start + length + _TAIL.size == self._size)

    def read(self, name: str, most: int) -> bytes:
        """A small file whole.

        Raises:
            NoZip: it is larger, or not what the ZIP says.
        """
        content = b"".join(self._pieces(name, most + 1))
        if len(content) > most:
            raise NoZip(f"{name} has more than {most:,} bytes")
        return content

    def sum_of(self, name: str, most: int) -> Found:
        """What a file holds; reading ends one byte after the most that it may have.

        Raises:
            NoZip: it is not what the ZIP says.
        """
        size, digest = 0, hashlib.sha256()
        for piece in self._pieces(name, most + 1):
            size += len(piece)
            digest.update(piece)
        return Found(size, digest.hexdigest())

    def lines(self, name: str, most: int, longest: int) -> Iterator[bytes]:
        """A file of lines, each with its end; the last one may lack it.

        Raises:
            NoZip: a line is longer, or the file isn't what the ZIP says.
        """
        rest = b""
        for piece in self._pieces(name, most):
            *whole, rest = (rest + piece).split(b"\n")
            yield from (line + b"\n" for line in whole)
            if len(rest) > longest:
                raise NoZip(f"{name} has a line of more than {longest:,} bytes")
        if rest:
            yield rest

    def _pieces(self, name: str, most: int) -> Iterator[bytes]:
        try:
            with self._zip.open(name) as content:
                left = most
                while left > 0 and (piece := content.read(min(_PIECE, left))):
                    left -= len(piece)
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error) as error:
            raise NoZip(f"{_shown(name)} can't be unpacked: {error}") from error


def _shown(name: str) -> str:
    return repr(name if len(name) <= 120 else f"{name[:120]}…")

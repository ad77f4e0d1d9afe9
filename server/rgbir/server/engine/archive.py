"""What an archive of images holds, and why a member of it isn't one to enrol."""

from __future__ import annotations

import io
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from rgbir.index import FORMATS, SUFFIXES, BadDataset, Box, ImageRecord, listed, read_rows, text_of
from rgbir.server.errors import BadArchive

TABLE = "sightings.csv"
"""At the top of an archive: which images are meant, and what is known of each; the columns are those of `read_rows`."""
MOST_TABLE_BYTES, MOST_ROWS, MOST_LINE = 16 * 1024 * 1024, 200_000, 65_536
"""Of an archive's table, which is read whole."""
MOST_DIRECTORY_BYTES = 128 * 1024 * 1024
"""Of an archive's table of contents, which is read whole: some 800,000 members with short names."""
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, OSError, ValueError, EOFError,
    struct.error,
)  # fmt: skip
"""What unpacking a harmed or locked member may raise."""
_NO_FOLDER = "not in a folder"
_END, _END64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")


class Member(NamedTuple):
    """A file in an archive, or a row of its table.

    Attributes:
        info: what the archive's table of contents says of it; None where there is no file.
        name: its path, with slashes, and the box that is meant.
        camera: that took it: its first folder, or what its row says.
        kind, reason: why it is passed over, in a few words and in a sentence; None for an image to enrol.
        box, taken_at, identity, track: as its row says.
    """

    info: zipfile.ZipInfo | None
    name: str
    camera: str
    kind: str | None = None
    reason: str | None = None
    box: Box | None = None
    taken_at: datetime | None = None
    identity: int | None = None
    track: str | None = None


class Archive:
    """A ZIP file with `CAMERA/…/image.jpg`, its members in byte order of their names; Windows' backslashes are slashes here.

    With a table `sightings.csv` in it, its rows say which images are meant, and what is known of them: members are the rows that
    say nothing, the rows of each file, the files without a row, and the rows without a file.

    Raises:
        BadArchive: it can't be read, or its table of contents or its table is too large to be read whole, or is no table.
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
        infos = (info for info in self._opened.infolist() if not info.is_dir() and not info.filename.endswith("\\"))
        files = sorted(map(_member, infos), key=_by_bytes)
        tables = [member for member in files if member.name == TABLE]
        try:
            self.members = list(self._of_table(tables, files)) if tables else files
        except BaseException:
            self.close()
            raise

    def _of_table(self, tables: list[Member], files: list[Member]) -> Iterator[Member]:
        if len(tables) > 1:
            raise BadArchive(f"the archive holds {TABLE} {len(tables)} times; leave one of them")
        data = self.read(tables[0], MOST_TABLE_BYTES)
        if data is None:
            raise BadArchive(
                f"{TABLE} in the archive is larger than {MOST_TABLE_BYTES:,} bytes, or can't be unpacked; send several archives"
            )
        rows: dict[str, list[Member]] = {}
        try:
            lines = _short(io.StringIO(text_of(data, TABLE), newline=""))
            for number, row in enumerate(read_rows(lines, Path(TABLE), by_folder=True), start=1):
                if number > MOST_ROWS:
                    raise BadArchive(f"{TABLE} has more than {MOST_ROWS:,} rows; send several archives")
                if isinstance(row, ImageRecord):
                    rows.setdefault(_path(row.source), []).append(_of_row(row))
                else:
                    yield Member(None, row.source, "", "a row that can't be read", row.reason[:300])
        except BadDataset as error:
            raise BadArchive(str(error)) from error
        for member in files:
            if member.name == TABLE:
                continue
            image = member.kind in (None, _NO_FOLDER)
            if image and member.name in rows:
                yield from (row._replace(info=member.info) for row in rows[member.name])
            elif image:
                yield member._replace(kind="no row in the table", reason=f"no row of {TABLE} names it")
            else:
                yield member
        there = {member.name for member in files}
        for name in sorted(rows.keys() - there):
            reason = f"{TABLE} names it, and the archive has no such file"
            yield from (row._replace(kind="no such file", reason=reason) for row in rows[name])

    def read(self, member: Member, most: int) -> bytes | None:
        """The member's bytes, whatever its header says of their number; None if they are too many or can't be unpacked."""
        if member.info is None or member.info.file_size > most:
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


def _short(lines: Iterable[str]) -> Iterator[str]:
    """The lines, none of which makes a row of a million cells.

    Raises:
        BadArchive: one is too long.
    """
    for line in lines:
        if len(line) > MOST_LINE:
            raise BadArchive(f"a line of {TABLE} has more than {MOST_LINE:,} characters; is it a table?")
        yield line


def _path(text: str) -> str:
    """As it is compared: with slashes, relative."""
    return "/".join(part for part in text.replace("\\", "/").split("/") if part not in ("", "."))


def _by_bytes(member: Member) -> bytes:
    return b"" if member.info is None else member.info.filename.encode(errors="replace")


def _of_row(row: ImageRecord) -> Member:
    return Member(
        None, row.name, row.camera, box=row.box, taken_at=row.taken_at, identity=row.identity, track=row.track
    )


def _member(info: zipfile.ZipInfo) -> Member:
    path = PurePosixPath(_path(info.filename))
    name, suffix = str(path), path.suffix.lower()
    if len(path.parts) < 2:
        return Member(info, name, "", _NO_FOLDER, "not in a folder; the first folder is the camera")
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

"""NumPy's `.npz`: the features file that `rgbir evaluate` reads, with ids, times, tracks and a card beside its arrays."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.lib import format as layout
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.exchange.card import MOST_BYTES
from rgbir.index.exchange.columns import LONGEST, WHOLE, Cell
from rgbir.index.exchange.sink import BATCH, Sink
from rgbir.index.exchange.source import Source
from rgbir.index.words import listed

ARRAYS = {
    "ids": "id",
    "cameras": "camera",
    "identities": "identity",
    "times": "taken_at",
    "tracks": "track",
    "paths": "source",
    "digests": "digest",
    "since": "since",
    "frames": "frame",
    "boxes": "box",
    "modalities": "modality",
}
"""Arrays of the file by the column that each is."""
EMBEDDINGS, CARD = "embeddings", "card"
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
"""What the readers of an archive and its compressions raise."""
UNKNOWN = -1
"""Stands for an unknown number, and an empty text for an unknown text."""


class Member:
    """An array of the file, read from its front to its end.

    Attributes:
        shape, dtype: as its header says, which its length bears out.

    Raises:
        UsageError: it is no array, holds Python objects, or claims more than it has.
    """

    def __init__(self, name: str, size: int, stream: IO[bytes]) -> None:
        self.name, self._stream = name, stream
        try:
            major, _ = layout.read_magic(stream)
            read = layout.read_array_header_1_0 if major == 1 else layout.read_array_header_2_0
            self.shape, fortran, self.dtype = read(stream)
        except ValueError:
            raise UsageError(f"{name} is no NumPy array: its head can't be read") from None
        if self.dtype.hasobject:
            raise UsageError(
                f"{name} holds Python objects, which would have to be unpickled; save plain numbers or texts"
            )
        if fortran and len(self.shape) > 1:
            raise UsageError(f"{name} is in Fortran's order; save np.ascontiguousarray of it")
        claimed = self.dtype.itemsize * int(np.prod([int(length) for length in self.shape], dtype=object))
        if claimed != size - stream.tell():
            raise UsageError(f"{name} claims {claimed:,} bytes and has {size - stream.tell():,}; the file is damaged")

    def take(self, rows: int) -> NDArray[Any]:
        """The next rows, of the array's shape but (rows, …) first.

        Raises:
            UsageError: there aren't as many.
        """
        width = int(np.prod(self.shape[1:], dtype=object)) * self.dtype.itemsize
        content = self._stream.read(rows * width)
        if len(content) != rows * width:
            raise UsageError(f"{self.name} ends too early; the file is damaged")
        return np.frombuffer(content, self.dtype).reshape(rows, *self.shape[1:])


def unfold(file: Path, sink: Sink) -> None:
    """Puts a file's rows into the sink.

    Raises:
        UsageError: it isn't such a file.
    """
    try:
        with zipfile.ZipFile(file) as archive, ExitStack() as opened:
            _unfold(_members(archive, opened, sink.most), sink)
    except NotImplementedError:
        raise UsageError("it is compressed in a way that isn't read here; write it with np.savez") from None
    except RuntimeError:
        raise UsageError("it is encrypted; write it with np.savez") from None
    except _DAMAGE:
        raise UsageError("it is damaged, or no .npz file; write it again with np.savez") from None


def _members(archive: zipfile.ZipFile, opened: ExitStack, most: int) -> dict[str, Member]:
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    known = {*ARRAYS, EMBEDDINGS, CARD}
    if len(entries) != len(archive.infolist()):
        raise UsageError("an array stands there twice")
    if unknown := sorted(entries.keys() - known):
        raise UsageError(
            f"it has {listed([name[:60] for name in unknown], most=8)}, which nothing reads here; known are {listed(sorted(known))}"
        )
    unfolded = sum(entry.file_size for entry in entries.values())
    if unfolded > most:
        raise UsageError(
            f"it unfolds to {unfolded / 2**30:,.1f} GiB; a file of its size may unfold to {most / 2**30:.1f} GiB"
        )
    return {
        name: Member(name, entry.file_size, opened.enter_context(archive.open(entry)))
        for name, entry in entries.items()
    }


def _unfold(members: dict[str, Member], sink: Sink) -> None:
    if EMBEDDINGS not in members:
        raise UsageError("it has no array embeddings, float32 (n, d)")
    embeddings = members.pop(EMBEDDINGS)
    if len(embeddings.shape) != 2:
        raise UsageError(f"embeddings are n rows of d values, not {embeddings.shape}")
    rows, dimension = embeddings.shape
    sink.expect_room(rows, dimension)
    if (card := members.pop(CARD, None)) is not None:
        if card.shape not in ((), (1,)) or card.dtype.kind != "U" or card.dtype.itemsize > 4 * MOST_BYTES:
            raise UsageError("card is one text, a JSON object")
        sink.card = str(card.take(1).ravel()[0]) if card.shape else str(_single(card))
    for name, member in members.items():
        _expect_column(name, member, rows)
    for start in range(0, rows, BATCH):
        count = min(BATCH, rows - start)
        columns = {ARRAYS[name]: _cells(member.take(count)) for name, member in members.items()}
        sink.put(columns, embeddings.take(count))


def _single(card: Member) -> Any:
    """The text of an array without axes."""
    card.shape = (1,)
    return card.take(1)[0]


def _expect_column(name: str, member: Member, rows: int) -> None:
    if member.shape != (rows,):
        raise UsageError(f"{name} has shape {member.shape}, embeddings have {rows:,} rows; each row has one of each")
    column = ARRAYS[name]
    kinds = "iu" if column in WHOLE else "U"
    if member.dtype.kind not in kinds:
        expected = "whole numbers, -1 for unknown" if column in WHOLE else "texts, empty for unknown"
        raise UsageError(f"{name} are {expected}, not {member.dtype}")
    if column in LONGEST and member.dtype.itemsize > 4 * LONGEST[column]:
        raise UsageError(f"{name} are texts of at most {LONGEST[column]:,} bytes, not {member.dtype}")


def _cells(values: NDArray[Any]) -> list[Cell]:
    if values.dtype.kind == "U":
        return [text or None for text in cast(list[str], values.tolist())]
    return [None if number == UNKNOWN else number for number in cast(list[int], values.tolist())]


def write(file: Path, source: Source) -> None:
    """Writes the file, embeddings in batches."""
    rows = len(source.sightings)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        with archive.open(f"{EMBEDDINGS}.npy", "w", force_zip64=True) as stream:
            _head(stream, (rows, source.card.made_by.dimension), np.dtype("<f4"))
            for _, embeddings in source.batches():
                stream.write(np.ascontiguousarray(embeddings, "<f4").tobytes())
        for name, column in ARRAYS.items():
            if column in source.columns:
                _write_column(archive, name, source.column(column), column in WHOLE)
        _write_column(archive, CARD, [source.card.model_dump_json()], False)


def _head(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    layout.write_array_header_1_0(
        stream, {"descr": layout.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )


def _write_column(archive: zipfile.ZipFile, name: str, cells: Sequence[Cell], whole: bool) -> None:
    longest = 1 if whole else max((len(str(cell)) for cell in cells if cell is not None), default=1)
    dtype = np.dtype(np.int64) if whole else np.dtype(f"<U{max(longest, 1)}")
    with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
        _head(stream, (len(cells),), dtype)
        for start in range(0, len(cells), BATCH):
            part = cells[start : start + BATCH]
            values = [UNKNOWN if cell is None else cell for cell in part] if whole else [cell or "" for cell in part]
            stream.write(np.array(values, dtype).tobytes())

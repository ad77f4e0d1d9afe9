"""Parquet, by pyarrow: plain columns, the embedding as a list of floats, the card in the file's metadata."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.exchange.card import MOST_BYTES
from rgbir.index.exchange.columns import EMBEDDING, WHOLE, cells_of, expect_known
from rgbir.index.exchange.sink import BATCH, Sink
from rgbir.index.exchange.source import Source
from rgbir.index.times import to_microseconds

if TYPE_CHECKING:
    import pyarrow as pa

CARD = b"rgbir.card"
EXTENSION = b"ARROW:extension:"
MOST_FOOTER = 64 << 20
"""Bytes of the part that says what is where."""


def expect_pyarrow() -> None:
    """Refuses what needs pyarrow where it isn't installed.

    Raises:
        UsageError: it isn't.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow: pip install 'rgbir[exchange]'") from error
    assert pyarrow.parquet


def unfold(file: Path, sink: Sink) -> None:
    """Puts a file's rows into the sink.

    Raises:
        UsageError: it isn't such a file.
    """
    import pyarrow as pa
    from pyarrow import parquet

    _expect_no_extension(file)
    pa.set_cpu_count(1)
    try:
        with parquet.ParquetFile(file, pre_buffer=False, memory_map=False) as opened:
            sink.expect_room(opened.metadata.num_rows, 1)
            expect_plain(opened.schema_arrow)
            card = (opened.metadata.metadata or {}).get(CARD)
            if card is not None:
                if len(card) > MOST_BYTES:
                    raise UsageError(f"its card has over {MOST_BYTES >> 20} MiB")
                sink.card = card.decode("utf-8", "replace")
            for batch in opened.iter_batches(BATCH, use_threads=False):
                _put(batch, sink)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, pa.ArrowMemoryError):
            raise
        raise UsageError("it is damaged, or no Parquet file that is read here; write it again") from None


def _expect_no_extension(file: Path) -> None:
    """Looks into the file's last part before Arrow makes types of it: a schema of Arrow's stands there in base64, and names
    what code has to make.

    Raises:
        UsageError: it names such a type, or there is no last part.
    """
    with file.open("rb") as content:
        size = content.seek(0, os.SEEK_END)
        content.seek(max(0, size - 8))
        length, magic = int.from_bytes(content.read(4), "little"), content.read(4)
        if magic != b"PAR1" or not 0 < length <= min(size - 8, MOST_FOOTER):
            raise UsageError("it is damaged, or no Parquet file: its last bytes aren't such a file's")
        content.seek(size - 8 - length)
        footer = content.read(length)
    if EXTENSION in footer or any(encoded in footer for encoded in _ENCODED):
        raise UsageError("it has an extension type, which is made by code; write plain columns (storage arrays)")


def _encoded(text: bytes) -> Iterator[bytes]:
    """What stands in base64 wherever the text does: it begins at a third of a group, and its ends mix with what is beside it."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + text)
        yield whole[-(-8 * before // 6) : 4 * ((before + len(text)) // 3)]


_ENCODED = tuple(_encoded(EXTENSION))


def expect_plain(schema: pa.Schema) -> None:
    """Refuses columns that nothing reads, and types that aren't plain.

    Raises:
        UsageError: there is one, by its name.
    """
    from pyarrow import types

    expect_known(schema.names, (EMBEDDING,))
    if EMBEDDING not in schema.names:
        raise UsageError(f"it has no column {EMBEDDING}, a list of float32")
    for field in schema:
        if any(name.startswith(EXTENSION) for name in field.metadata or {}):
            raise UsageError(f"column {field.name} is of an extension type; write it as a plain type")
        kind = field.type
        if field.name == EMBEDDING:
            inner = kind.value_type if _is_list(kind) else None
            plain = inner is not None and (types.is_float32(inner) or types.is_float16(inner))
            expected = "a list of float32 or float16"
        elif field.name == "box":
            plain = _is_text(kind) or (_is_list(kind) and types.is_integer(kind.value_type))
            expected = "a text or a list of whole numbers"
        elif field.name in WHOLE:
            plain, expected = types.is_integer(kind), "whole numbers"
        elif field.name == "taken_at":
            plain, expected = types.is_timestamp(kind) or _is_text(kind), "a timestamp or a text"
        else:
            plain, expected = _is_text(kind), "a text"
        if not (plain or (types.is_null(kind) and field.name != EMBEDDING)):
            raise UsageError(f"column {field.name} is {kind}; expected {expected}, and no other type is read")


def _is_text(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _is_list(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _put(batch: pa.RecordBatch, sink: Sink) -> None:
    if not batch.num_rows:
        return
    columns: dict[str, Sequence[Any]] = {}
    for name in batch.schema.names:
        if name != EMBEDDING:
            columns[name] = _cells(batch.column(name))
    sink.put(columns, _embeddings(batch.column(EMBEDDING), sink))


def _embeddings(column: Any, sink: Sink) -> NDArray[Any]:
    """(n, d) of a list column; rows of another length are noted, and stand there with other values.

    Raises:
        UsageError: a list has gaps, or too many values.
    """
    import pyarrow.compute as pc
    from pyarrow import types

    lengths: list[int] = pc.list_value_length(column).fill_null(0).to_pylist()
    dimension = sink.dimension or next((length for length in lengths if length > 0), 1)
    sink.expect_room(sink.rows + len(column), dimension)
    flat = column.flatten()
    if flat.null_count:
        raise UsageError(f"embeddings of rows {sink.rows + 1:,} to {sink.rows + len(column):,} have gaps (null)")
    dtype = np.dtype(np.float16 if types.is_float16(flat.type) else np.float32)
    content = flat.buffers()[1] or b""  # through NumPy's protocol, pyarrow would import pandas
    values = np.frombuffer(content, dtype, len(flat), flat.offset * dtype.itemsize) if len(flat) else np.empty(0, dtype)
    rows = np.ones((len(column), dimension), dtype)
    start = 0
    for place, length in enumerate(lengths):
        if length == dimension:
            rows[place] = values[start : start + length]
        else:
            reason = f"it has {length} values, the rows before it {dimension}; all have as many"
            sink.refuse(sink.rows + place + 1, reason)
        start += length
    return rows


def _cells(column: Any) -> list[Any]:
    """Values as JSON has them: microseconds for a moment with a zone, and a text for one without."""
    from pyarrow import compute, int64, timestamp, types

    if not types.is_timestamp(column.type):
        cells: list[Any] = column.to_pylist()
        return cells
    moments = compute.cast(column, timestamp("us", column.type.tz), safe=False)
    numbers: list[int | None] = moments.cast(int64()).to_pylist()
    if column.type.tz:
        return list(numbers)
    return [None if number is None else str(np.datetime64(number, "us")) for number in numbers]


def schema_of(source: Source) -> pa.Schema:
    """Of the file that is written, with its card."""
    import pyarrow as pa

    kinds = {"identity": pa.int64(), "since": pa.int64(), "taken_at": pa.timestamp("us", "UTC")}
    fields = [pa.field(name, kinds.get(name, pa.string())) for name in source.columns]
    fields.append(pa.field(EMBEDDING, pa.list_(pa.float32(), source.card.made_by.dimension)))
    return pa.schema(fields, metadata={CARD: source.card.model_dump_json().encode()})


def write(file: Path, source: Source) -> None:
    """Writes the file, a row group for each batch."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = schema_of(source)
    texts = [name for name in source.columns if name not in ("identity", "since", "taken_at")]
    with parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=texts) as writer:
        for group, embeddings in source.batches():
            cells = [cells_of(sighting) for sighting in group]
            columns = [_column(name, [row[name] for row in cells], schema.field(name).type) for name in source.columns]
            values = pa.array(np.ascontiguousarray(embeddings, np.float32).ravel(), pa.float32())
            columns.append(pa.FixedSizeListArray.from_arrays(values, embeddings.shape[1]))
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _column(name: str, cells: Sequence[Any], kind: Any) -> Any:
    import pyarrow as pa

    if name == "taken_at":
        moments = [None if cell is None else to_microseconds(datetime.fromisoformat(cell)) for cell in cells]
        return pa.array(moments, pa.int64()).cast(kind)
    return pa.array(cells, kind)

"""Reads any of the files, in the process with limits that `unfolded.py` starts for it; see `rgbir.index.confined`."""

from __future__ import annotations

from pathlib import Path

from rgbir.index.exchange import faiss_file, npz, parquet, table
from rgbir.index.exchange.kinds import Kind
from rgbir.index.exchange.sink import Sink


def ready(kind: str, most: str, labels: str = "") -> None:
    """Imports what reads that kind, so that its own size doesn't count."""
    if kind == Kind.FAISS:
        import faiss

        assert faiss
    if kind == Kind.PARQUET:
        parquet.expect_pyarrow()


def answer(file: Path, folder: Path, kind: str, most: str, labels: str = "") -> None:
    """Writes a file's rows into the folder, as `Sink` has them.

    Args:
        kind: a `Kind`.
        most: bytes that all embeddings together may have.
        labels: the table of a FAISS index; empty if there is none.

    Raises:
        UsageError: it isn't such a file.
    """
    with Sink(folder, int(most)) as sink:
        if kind == Kind.NPZ:
            npz.unfold(file, sink)
        elif kind == Kind.PARQUET:
            parquet.unfold(file, sink)
        elif kind == Kind.CSV:
            table.unfold(file, sink)
        else:
            faiss_file.unfold(file, sink, Path(labels) if labels else None)

"""Rows that are read singly again and again are kept in memory, where they are few bytes."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from rgbir.index.errors import CacheDamaged
from rgbir.index.nearest import kept
from rgbir.index.nearest.kept import KeptRows


@pytest.mark.parametrize("small", [True, False])
def test_rows_that_were_read_as_often_as_there_are_stay_in_memory_if_they_are_small(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, small: bool
) -> None:
    rows = rng.standard_normal((6, 4)).astype(np.float32)
    file = tmp_path / "rows"
    file.write_bytes(rows.tobytes())
    monkeypatch.setattr(kept, "SMALL", rows.nbytes - (not small))
    stored = KeptRows(file, rows.dtype, rows.shape, 0, np.array([zlib.crc32(row.data) for row in rows], np.uint32))

    for places in ([0, 5, 3], [1, 1], [4]):
        assert np.array_equal(stored.some(np.array(places)), rows[places])
    with file.open("r+b") as written:
        written.write(b"another row")

    if small:
        assert np.array_equal(stored.some(np.array([0, 2])), rows[[0, 2]])
    else:
        with pytest.raises(CacheDamaged, match="row 0"):
            stored.some(np.array([0, 2]))

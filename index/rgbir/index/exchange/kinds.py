"""The kinds of files that are exchanged, told by their suffix."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from rgbir.index.errors import UsageError
from rgbir.index.words import listed


class Kind(StrEnum):
    """A kind of file, by its suffix. COCO is a folder of that suffix, with annotations.json and images."""

    NPZ = ".npz"
    PARQUET = ".parquet"
    CSV = ".csv"
    FAISS = ".faiss"
    COCO = ".coco"

    @classmethod
    def of(cls, file: Path) -> Kind:
        """The kind of a file with that name.

        Raises:
            UsageError: a suffix that nothing here has.
        """
        try:
            return cls(file.suffix.lower())
        except ValueError:
            raise UsageError(
                f"{file}: the suffix says what the file is; expected {listed(cls, 'or')}, not {file.suffix or 'none'}"
            ) from None


def labels_beside(index: Path) -> Path:
    """The table of labels of a FAISS index, which has none itself."""
    return index.with_name(f"{index.name}.csv")


def card_beside(file: Path) -> Path:
    """The card of a file that has no place for one itself."""
    return file.with_name(f"{file.name}.card.json")

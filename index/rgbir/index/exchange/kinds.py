"""The kinds of files that are exchanged, told by their suffix."""

from __future__ import annotations

from collections.abc import Sequence
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
    def to_read(cls, file: Path) -> Kind:
        """The kind of a file to import, by its name.

        Raises:
            UsageError: a suffix that nothing here has, or one that is only written.
        """
        if file.suffix.lower() == cls.COCO:
            raise UsageError(f"{file}: COCO has no embeddings; enrol its crops with `rgbir index add`")
        return cls._of(file, [kind for kind in cls if kind is not cls.COCO])

    @classmethod
    def to_write(cls, file: Path) -> Kind:
        """The kind of a file to export, by its name.

        Raises:
            UsageError: a suffix that nothing here has.
        """
        return cls._of(file, list(cls))

    @classmethod
    def _of(cls, file: Path, kinds: Sequence[Kind]) -> Kind:
        try:
            return cls(file.suffix.lower())
        except ValueError:
            raise UsageError(
                f"{file}: the suffix says what the file is; expected {listed(kinds, 'or')}, not {file.suffix or 'none'}"
            ) from None


def labels_beside(index: Path) -> Path:
    """The table of labels of a FAISS index, which has none itself."""
    return index.with_name(f"{index.name}.csv")


def card_beside(file: Path) -> Path:
    """The card of a file that has no place for one itself."""
    return file.with_name(f"{file.name}.card.json")

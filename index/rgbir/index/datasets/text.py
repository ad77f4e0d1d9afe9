"""Lists and tables as people's programs write them: UTF-8 or UTF-16, with or without a byte order mark."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rgbir.index.errors import BadDataset

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(file: Path) -> str:
    """By the mark at its beginning; UTF-8 without one.

    Raises:
        OSError: it can't be read.
    """
    with file.open("rb") as content:
        start = content.read(4)
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


def read_text(file: Path) -> str:
    """All of it.

    Raises:
        BadDataset: see `opened`.
    """
    with opened(file) as content:
        return content.read()


@contextmanager
def opened(file: Path, newline: str | None = None) -> Iterator[TextIO]:
    """The file, to be read within the block.

    Args:
        newline: as `open` takes it.

    Raises:
        BadDataset: it can't be read, or is neither UTF-8 nor UTF-16 with a mark.
    """
    try:
        with file.open(encoding=encoding_of(file), newline=newline) as content:
            yield content
    except UnicodeError as error:
        raise BadDataset(f"{file} is not UTF-8 text, nor UTF-16 with a mark: {error}; save it as UTF-8") from error
    except OSError as error:
        raise BadDataset(f"{file} can't be read: {error.strerror}") from error

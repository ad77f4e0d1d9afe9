"""Lists and tables as people's programs write them: UTF-8 or UTF-16, with or without a byte order mark."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rgbir.index.errors import BadDataset
from rgbir.index.words import why

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(file: Path) -> str:
    """By the mark at its beginning; UTF-8 without one.

    Raises:
        OSError: it can't be read.
    """
    with file.open("rb") as content:
        return _by_mark(content.read(4))


def _by_mark(start: bytes) -> str:
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


def text_of(data: bytes, name: str) -> str:
    """A file's bytes as text.

    Raises:
        BadDataset: they are neither UTF-8 nor UTF-16 with a mark.
    """
    try:
        return data.decode(_by_mark(data[:4]))
    except UnicodeError as error:
        raise BadDataset(_no_text(name, error)) from error


def _no_text(name: object, error: UnicodeError) -> str:
    return f"{name} is not UTF-8 text, nor UTF-16 with a mark: {why(error)}; save it as UTF-8"


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
        raise BadDataset(_no_text(file, error)) from error
    except OSError as error:
        raise BadDataset(f"{file} can't be read: {why(error)}") from error

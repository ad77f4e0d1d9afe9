"""Lists and tables as people's programs write them: UTF-8 or UTF-16, with or without a byte order mark."""

from __future__ import annotations

import codecs
from pathlib import Path

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
        FileNotFoundError: it isn't there.
        BadDataset: it can't be read, or is neither UTF-8 nor UTF-16 with a mark.
    """
    try:
        return file.read_text(encoding=encoding_of(file))
    except FileNotFoundError:
        raise
    except UnicodeError as error:
        raise BadDataset(f"{file} is not UTF-8 text, nor UTF-16 with a mark: {error}; save it as UTF-8") from error
    except OSError as error:
        raise BadDataset(f"{file} can't be read: {error.strerror}") from error

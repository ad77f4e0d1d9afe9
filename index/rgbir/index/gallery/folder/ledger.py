"""The ledger of erasures: what keeps the erased from coming back when the gallery's file is replaced by an older one.

`GALLERY.erasures` lies beside the gallery's folder, a JSON line an erasure, and is only added to. A gallery and those of other
models beside it share one. What a line says is in `gallery.erasures`; nothing in it is a picture, an embedding or a plain id.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from rgbir.index.errors import GalleryCorrupt, GalleryError
from rgbir.index.files import add_lines
from rgbir.index.gallery.erasures import Erasure
from rgbir.index.words import fault, why


def first_of(gallery: Path) -> Path:
    """The folder that a family of galleries is named after: those of other models are `FOLDER.<fingerprint>`."""
    place = Path(os.path.abspath(gallery))  # links stay: what one points to may be changed
    return place.with_name(re.sub(r"\.[0-9a-f]{16}$", "", place.name))


def ledger_of(gallery: Path) -> Path:
    """Where the erasures of a gallery in a folder are noted."""
    first = first_of(gallery)
    return first.with_name(f"{first.name}.erasures")


def read_ledger(file: Path) -> list[Erasure]:
    """The erasures in the order they were noted; none where there is no file. Half a line at the end was never acknowledged.

    Raises:
        GalleryCorrupt: a line is no erasure.
        GalleryError: the file can't be read.
    """
    try:
        *lines, rest = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise GalleryError(f"{file}, the ledger of erasures, can't be read: {why(error)}") from error
    if _whole(rest):
        lines.append(rest)
    noted = []
    for number, line in enumerate(lines, start=1):
        try:
            noted.append(Erasure.model_validate_json(line))
        except ValidationError as error:
            raise GalleryCorrupt(
                f"{file}: line {number} is no erasure, so who was erased then can't be told; put the line right, or take it"
                f" out and erase them again ({fault(error.errors()[0])})"
            ) from error
    return noted


def add_to_ledger(file: Path, erasures: Sequence[Erasure]) -> None:
    """Notes them; once this returns, they are on disk. The file is made if there is none.

    Raises:
        OSError: the disk is full, or closed to this process.
    """
    add_lines(file, [erasure.model_dump_json(exclude_none=True).encode() for erasure in erasures], _whole)


def _whole(line: bytes) -> bool:
    """Whether what has no line feed is an erasure all the same."""
    try:
        Erasure.model_validate_json(line)
    except ValidationError:
        return False
    return True

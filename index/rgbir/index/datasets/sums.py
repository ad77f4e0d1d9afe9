"""Sums that tell whether two people are the same by their images: of names, cameras and sizes, in their order."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from rgbir.index.datasets.records import ImageRecord


def sums_of(records: Iterable[ImageRecord]) -> dict[int, tuple[int, str]]:
    """For each person, by identity and ascending, the number of images and the first 16 digits of their SHA-256.

    Summed are the lines `name camera size`, with the size in bytes, in the order of the images. Where the files lie doesn't count.
    """
    by_identity: dict[int, list[str]] = defaultdict(list)
    for record in records:
        if record.identity is not None:
            by_identity[record.identity].append(f"{record.name} {record.camera} {_size(record.path)}\n")
    return {
        identity: (len(lines), hashlib.sha256("".join(lines).encode()).hexdigest()[:16])
        for identity, lines in sorted(by_identity.items())
    }


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # whoever reads it tells
        return -1

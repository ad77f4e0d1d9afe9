"""Which people and images a run trains on, in a form that a later process can compare with what it finds."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rgbir.index import ImageRecord, listed

SHOWN = 5
"""How many people a message names."""

Description = dict[str, Any]
"""`images` and `sha256` of all, and under `identities` those of each by number. What else is in it isn't compared."""


def described(records: Iterable[ImageRecord]) -> Description:
    """A run's training images: how many, and sums of their names, cameras and sizes in bytes, in their order.

    The order counts, for it decides which image a drawn number is. Where the folder lies doesn't.
    """
    by_identity: dict[int, list[str]] = defaultdict(list)
    for record in records:
        if record.identity is not None:
            line = f"{record.name} {record.camera} {_size(record.path)}\n"
            by_identity[record.identity].append(line)
    people = {
        str(identity): {"images": len(lines), "sha256": hashlib.sha256("".join(lines).encode()).hexdigest()[:16]}
        for identity, lines in sorted(by_identity.items())
    }
    whole = hashlib.sha256(repr(people).encode()).hexdigest()
    return {"images": sum(map(len, by_identity.values())), "sha256": whole, "identities": people}


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # whoever reads it tells
        return -1


def difference(before: Description, now: Description) -> str:
    """What distinguishes two descriptions, in words; nothing if nothing does."""
    if before["sha256"] == now["sha256"]:
        return ""
    old, new = before["identities"], now["identities"]
    parts = list(_of_people("were trained on and aren't there", old.keys() - new.keys()))
    parts += _of_people("are there and weren't trained on", new.keys() - old.keys())
    if others := [identity for identity in old.keys() & new.keys() if old[identity] != new[identity]]:
        first = min(others, key=int)
        had, has = old[first]["images"], new[first]["images"]
        parts.append(
            f"identity {first} had {had} images and has {has}"
            if had != has
            else f"the images of identity {first} are others, by name, camera, size or order"
        )
        if len(others) > 1:
            parts[-1] += f"; {len(others):,} people differ in such a way"
    return "; ".join(parts)


def _of_people(what: str, identities: Iterable[str]) -> Iterator[str]:
    numbers = sorted(identities, key=int)
    if numbers:
        yield f"identities {listed(numbers, most=SHOWN)} {what}"

"""Which people and images a run trains on, in a form that a later process can compare with what it finds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from rgbir.index import ImageRecord, listed, sums_of

SHOWN = 5
"""How many people a message names."""

Description = dict[str, Any]
"""`images` and `sha256` of all, and under `identities` those of each by number. What else is in it isn't compared."""


def described(records: Iterable[ImageRecord]) -> Description:
    """A run's training images: how many, and sums of their names, cameras and sizes in bytes, in their order.

    The order counts, for it decides which image a drawn number is. Where the folder lies doesn't.
    """
    people = {str(identity): {"images": n, "sha256": digest} for identity, (n, digest) in sums_of(records).items()}
    whole = hashlib.sha256(repr(people).encode()).hexdigest()
    return {"images": sum(entry["images"] for entry in people.values()), "sha256": whole, "identities": people}


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

"""Where else erased sightings are: backups, galleries of other models beside this one, archives that wait on a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rgbir.index.cli.options import SKIPPED_EXIT
from rgbir.index.errors import GalleryError, UnknownCamera
from rgbir.index.gallery.addresses import GalleryAddress
from rgbir.index.gallery.folder.backup import unfinished_of
from rgbir.index.gallery.folder.gallery import Gallery
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.times import local
from rgbir.index.words import why


@dataclass(frozen=True, slots=True)
class Copies:
    """Where else erased sightings are, or were.

    Attributes:
        backups: folders that may hold them still, also those of the galleries of other models.
        made_at: when each of them was made, in ISO 8601.
        others: galleries of other models beside this one, and how many are removed from each, or would be.
        unreached: such galleries that can't be opened now, with the reason; their next opening erases there, and their backups
            aren't known.
        archives: how many archives wait on a server.
    """

    backups: list[str]
    made_at: dict[str, str]
    others: dict[str, int]
    unreached: dict[str, str]
    archives: int

    @property
    def exit_code(self) -> int:
        """Of a command that erased: whether each gallery could be reached."""
        return SKIPPED_EXIT if self.unreached else 0


def copies_after(gallery: AnyGallery) -> Copies:
    """Where what was removed is still; galleries of other models give it up as they are opened."""
    return _copies(gallery, lambda other: other.erased_since)


def copies_before(gallery: AnyGallery, conditions: dict[str, Any]) -> Copies:
    """Where what would be removed is."""

    def count(other: Gallery) -> int:
        with suppress(UnknownCamera):
            return other.count(**conditions)
        return 0

    return _copies(gallery, count)


def _copies(gallery: AnyGallery, count: Callable[[Gallery], int]) -> Copies:
    made_at = _backups(gallery)
    address = GalleryAddress(gallery.address)
    if address.in_milvus:
        return Copies(list(made_at), made_at, {}, {}, 0)
    others, unreached = dict[str, int](), dict[str, str]()
    for folder in address.family():
        if folder.samefile(gallery.address):
            continue
        try:
            with Gallery(folder) as other:
                others[str(folder)] = count(other)
                made_at |= _backups(other)
        except (GalleryError, OSError) as error:
            unreached[str(folder)] = why(error)
    touched = {folder: many for folder, many in others.items() if many}
    return Copies(list(made_at), made_at, touched, unreached, len(address.archives()))


def _backups(gallery: AnyGallery) -> dict[str, str]:
    """When each of its backups that are still there was made."""
    return {copy["path"]: copy["made_at"] for copy in gallery.backups() if _is_there(Path(copy["path"]))}


def _is_there(backup: Path) -> bool:
    """Whether a backup is there, whole or as it was when its making was killed."""
    return backup.exists() or unfinished_of(backup).exists()


def copies_in_words(copies: Copies, done: bool = True) -> Iterator[str]:
    """A line for each.

    Args:
        done: they are removed; else they would be.
    """
    for path, made_at in copies.made_at.items():
        made = local(datetime.fromisoformat(made_at))
        yield f"the backup {path} of {made} may hold who is meant; restored with this gallery's ledger, it gives them up"
    for folder, many in copies.others.items():
        yield f"{many:,} {'removed' if done else 'would be removed'} from {folder}, of another model"
    for folder, reason in copies.unreached.items():
        then = "its next opening erases there" if done else "nothing there is counted"
        then += ", and its backups aren't known"
        yield f"not reached: {folder}, of another model ({reason}); {then}"
    if copies.archives:
        wait = "1 archive waits" if copies.archives == 1 else f"{copies.archives:,} archives wait"
        yield f"{wait} on a server; what is erased of it will not be enrolled"

"""Erasures are carried out here: each is noted in the ledger before it is done, and what the ledger tells is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from rgbir.index.errors import GalleryError, GalleryFull
from rgbir.index.files import give_room_up
from rgbir.index.gallery.erasures import Condition, Erasure
from rgbir.index.gallery.folder.erasing import Rows
from rgbir.index.gallery.folder.ledger import add_to_ledger, ledger_of, read_ledger
from rgbir.index.gallery.folder.place import RESERVE
from rgbir.index.gallery.folder.store import Store

_AT_A_TIME = 50
"""Sightings removed in one transaction on a full disk, where the journal has little room."""
_log = logging.getLogger(__name__)


def catch_up(store: Store) -> int:
    """Carries out what was erased from a gallery at this place and this file doesn't know: it is older, or another one.

    Returns:
        How many sightings were removed.

    Raises:
        GalleryError: there is such an erasure, and the file can't be written.
    """
    folder, frozen = store.file.folder, store.file.frozen
    ledger = ledger_of(folder)
    noted, known = read_ledger(ledger), store.erasure_names()
    new = [erasure for erasure in noted if erasure.uid not in known]
    if frozen and (due := [erasure for erasure in new if erasure.ids or erasure.condition is not None]):
        raise GalleryError(
            f"{ledger} tells of {len(due)} erasures that {folder} hasn't carried out, and it can't be"
            " written to; open it once where it can"
        )
    if frozen:
        return 0
    removed = _heeded(store, new) if new else []
    if store.moment() > max((erasure.at for erasure in noted), default=0):
        store.mark()
    _tell_ledger(store, store.erasures(but={erasure.uid for erasure in noted}))
    if removed:
        were = "sighting was erased since, and is" if len(removed) == 1 else "sightings were erased since, and are"
        _log.warning("%s: %d %s removed", folder, len(removed), were)
    return len(removed)


def erase(store: Store, which: Condition, by_rule: bool = False) -> Rows:
    """Removes what meets the condition; an erasure that is killed after it was noted is carried out by the next opening."""
    erasure = store.planned(which, by_rule)
    _tell_ledger(store, [erasure])
    return _with_room(store.file.folder, lambda most: store.remove(which, erasure, most))


def heed(store: Store, erasures: Sequence[Erasure]) -> Rows:
    """Carries those of the erasures out that this gallery doesn't know yet."""
    known = store.erasure_names()
    new = [erasure for erasure in erasures if erasure.uid not in known]
    if not new:
        return []
    _tell_ledger(store, new)
    return _heeded(store, new)


def _heeded(store: Store, erasures: Sequence[Erasure]) -> Rows:
    return _with_room(store.file.folder, lambda most: store.heed(erasures, most))


def _with_room(folder: Path, erase: Callable[[int | None], Rows]) -> Rows:
    """An erasure as a whole, or a few rows at a time in the room of the reserve where the disk is full."""
    try:
        return erase(None)
    except GalleryFull:
        give_room_up(folder / RESERVE)
        return erase(_AT_A_TIME)


def _tell_ledger(store: Store, erasures: Sequence[Erasure]) -> None:
    """Notes them outside the gallery's file; what can't be noted now is when the gallery is opened again."""
    folder = store.file.folder
    ledger = ledger_of(folder)
    for last in (False, True):
        try:
            if erasures and not ledger.exists():  # it was lost: all that is known goes in again
                add_to_ledger(ledger, store.erasures(but={erasure.uid for erasure in erasures}))
            if erasures:
                add_to_ledger(ledger, erasures)
            return
        except OSError as error:
            if last:
                _log.warning(
                    "%s: an erasure can't be noted there: %s; a backup from before it, restored here, would bring back whom it"
                    " erased",
                    ledger,
                    error.strerror,
                )
            give_room_up(folder / RESERVE)

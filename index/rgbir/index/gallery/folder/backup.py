"""Copies of a gallery, made while it is in use, and back again.

A backup is a folder with the gallery's file as of one moment and `backup.json`, which says what it is and how it sums up.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from rgbir.index.errors import GalleryCorrupt, GalleryError, GalleryMissing, UsageError
from rgbir.index.files import put_in_place, sync_file, sync_folder
from rgbir.index.gallery.erasures import Erasure
from rgbir.index.gallery.folder.ledger import add_to_ledger, ledger_of, read_ledger
from rgbir.index.gallery.folder.place import FILE, leftovers, writable
from rgbir.index.gallery.folder.store import Store
from rgbir.index.gallery.folder.verify import harm
from rgbir.index.sealed import sha256
from rgbir.index.words import why

MANIFEST = "backup.json"


class Backup(BaseModel, frozen=True, extra="forbid"):
    """What a backup says of itself. sha256: of the gallery's file. ledger: where the gallery's erasures are noted; None if the
    backup was made before there was a ledger. mark: a line that was in it then, so that another one isn't taken for it.
    """

    made_at: datetime
    generation: int
    sightings: int
    model: str
    fingerprint: str
    sha256: str
    ledger: Path | None = None
    mark: str | None = None


def back_up(gallery: Path, out: Path) -> Backup:
    """Copies the gallery as of one moment, whoever reads or writes it meanwhile, and notes in it that there is a copy.

    It is noted first, so that a gallery knows of every copy, of those that were killed before they were whole, and of the copy
    that it was restored from. The copy is checked as `verify` checks. A gallery on a medium that can't be written is copied too,
    and not noted.

    Raises:
        UsageError: `out` exists.
        GalleryMissing, GalleryCorrupt: nothing to copy, or it can't be read, or the copy isn't whole.
        GalleryError: the disk refuses.
    """
    if out.exists():
        raise UsageError(f"{out} exists; give each backup a folder of its own")
    unfinished, made_at = unfinished_of(out), datetime.now(UTC)
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        with closing(Store(gallery)) as source, _noted(source, out, made_at):
            return _back_up(source, out, unfinished, made_at)
    except BaseException as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if isinstance(error, OSError):
            raise GalleryError(f"{out}: no backup was made: {why(error)}") from error
        raise


def backups_of(gallery: Path) -> list[dict[str, Any]]:
    """The copies that a gallery in a folder names, as `Gallery.backups`; its embeddings aren't looked at.

    Raises:
        GalleryMissing: no gallery there.
        GalleryError: its file can't be read.
    """
    with closing(Store(gallery)) as store:
        return store.backups()


def unfinished_of(out: Path) -> Path:
    """Where a backup is until it is whole; a process that is killed leaves it there."""
    return out.with_name(out.name + ".new")


@contextmanager
def _noted(source: Store, out: Path, made_at: datetime) -> Iterator[None]:
    """Notes a copy in the gallery before it is made, and takes that back if it isn't."""
    if not writable(source.file.folder):
        yield
        return
    entry = str(out.resolve()), made_at.isoformat()
    source.note_backup(*entry)
    try:
        yield
    except BaseException:
        if not out.exists():
            with suppress(GalleryError):  # why it wasn't made is what to tell
                source.forget_backup(*entry)
        raise


def _back_up(source: Store, out: Path, unfinished: Path, made_at: datetime) -> Backup:
    source.file.copy_to(unfinished / FILE)
    with closing(Store(unfinished)) as copied:
        if problem := next(harm(copied), None):
            raise GalleryCorrupt(
                f"no backup was made, since the copy would not be whole: {problem}; `rgbir index verify` tells whether the"
                " gallery is, erase what it names or restore an older backup"
            )
        meta, sightings = copied.meta(), sum(count for _, count, *_ in copied.counts())
        copied.file.leave_journal()
    ledger = ledger_of(source.file.folder)
    made = Backup(
        made_at=made_at,
        generation=int(meta["generation"]),
        sightings=sightings,
        model=meta["model"],
        fingerprint=meta["fingerprint"],
        sha256=sha256(unfinished / FILE),
        ledger=ledger,
        mark=_marked(ledger, source),
    )
    (unfinished / MANIFEST).write_text(made.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for name in (FILE, MANIFEST):
        sync_file(unfinished / name)
    unfinished.rename(out)
    sync_folder(out.parent)
    return made


def read_backup(folder: Path) -> Backup:
    """What a backup says of itself, once its file was compared with its sum.

    Raises:
        GalleryMissing: no backup there.
        GalleryCorrupt: the file is not what was copied.
    """
    try:
        made = Backup.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GalleryMissing(f"{folder} is no backup: no {MANIFEST}; `rgbir index backup` makes one") from None
    except ValidationError as error:
        raise GalleryCorrupt(f"{folder / MANIFEST} is no manifest of a backup: {why(error)}") from error
    if not (folder / FILE).is_file() or sha256(folder / FILE) != made.sha256:
        raise GalleryCorrupt(f"{folder / FILE} is not what was copied; use another backup")
    return made


def _marked(ledger: Path, source: Store) -> str | None:
    """The uid of a line in the ledger, one that is made now where it can be written; None if there is none."""
    try:
        if not source.file.frozen:
            add_to_ledger(ledger, [source.mark()])
        noted = read_ledger(ledger)
    except (OSError, GalleryError):
        return None
    return noted[-1].uid if noted else None


def restore(
    backup: Path, gallery: Path, ledgers: Sequence[Path] = (), *, without_ledger: bool = False
) -> tuple[Backup, int]:
    """Makes a gallery of a backup, in a folder that holds none. Who was erased since the backup was made stays erased.

    Args:
        ledgers: of erasures, besides the one at `gallery` and the one where the backup was made.
        without_ledger: restore although that one is lost.

    Returns:
        What the backup says of itself, and how many sightings were removed since they were erased.

    Raises:
        UsageError: there is a gallery already, or files that one left; or the ledger isn't where it was.
        GalleryMissing, GalleryCorrupt: see `read_backup`; or what was made isn't what the backup says.
        GalleryError: the disk refuses.
    """
    if (gallery / FILE).exists():
        raise UsageError(f"{gallery} is a gallery already; restore into another folder, or move that one away")
    if left := leftovers(gallery):
        raise UsageError(
            f"{gallery} has {' and '.join(left)} of a gallery that was there, which would be taken for this one's; restore into"
            " another folder, or move that one away whole"
        )
    made = read_backup(backup)
    if missing := next((ledger for ledger in ledgers if not ledger.is_file()), None):
        raise UsageError(f"no ledger of erasures at {missing}")
    ledger = ledger_of(gallery)
    files = [ledger, *ledgers, *([made.ledger] if made.ledger is not None else [])]
    noted = {erasure.uid: erasure for file in files for erasure in read_ledger(file)}
    if made.ledger is not None and made.mark not in noted and not without_ledger:
        raise UsageError(
            f"{made.ledger}, the ledger of who was erased since this backup was made, isn't there, or is another one; name it with"
            " --erasures, or restore --without-erasures if it is lost: then they come back"
        )
    noted |= {erasure.uid: erasure for file in files for erasure in _carried_out(file)}
    try:
        gallery.mkdir(parents=True, exist_ok=True)
        known = {erasure.uid for erasure in read_ledger(ledger)}
        add_to_ledger(ledger, [erasure for erasure in noted.values() if erasure.uid not in known])
        return made, _unpacked(backup / FILE, gallery, made)
    except OSError as error:
        raise GalleryError(f"{gallery}: nothing was restored: {why(error)}") from error


def _carried_out(ledger: Path) -> Iterator[Erasure]:
    """What the galleries of a ledger know themselves: an erasure that couldn't be noted in it yet is in the gallery alone."""
    for file in ledger.parent.glob(f"{ledger.stem}*/{FILE}"):
        if ledger_of(file.parent) == ledger:
            with suppress(GalleryError), closing(Store(file.parent)) as store:
                yield from store.erasures()


def _unpacked(copy: Path, gallery: Path, made: Backup) -> int:
    """Checked where nobody takes it for a gallery yet; how many sightings are removed since they were erased."""
    unfinished = gallery / "restored.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        shutil.copyfile(copy, unfinished / FILE)
        with closing(Store(unfinished)) as store:
            removed = len(store.heed(read_ledger(ledger_of(gallery))))
            unpacked = sum(count for _, count, *_ in store.counts())
            if unpacked + removed != made.sightings:
                raise GalleryCorrupt(f"{copy} should hold {made.sightings} sightings, and holds {unpacked + removed}")
            store.file.empty_journal()
            store.file.leave_journal()
        put_in_place(unfinished / FILE, gallery / FILE)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return removed

"""Copies of a gallery, made while it is in use, and back again.

A backup is a folder with the gallery's file as of one moment and `backup.json`, which says what it is and how it sums up.
"""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rgbir.index.bundle import sha256
from rgbir.index.errors import GalleryCorrupt, GalleryMissing, UsageError
from rgbir.index.files import sync_folder
from rgbir.index.gallery.folder.connection import Connection
from rgbir.index.gallery.folder.store import FILE, Store, writable

MANIFEST = "backup.json"


class Backup(BaseModel):
    """What a backup says of itself. sha256: of the gallery's file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_at: datetime
    generation: int
    sightings: int
    model: str
    fingerprint: str
    sha256: str


def back_up(gallery: Path, out: Path) -> Backup:
    """Copies the gallery as of one moment, whoever reads or writes it meanwhile, and notes in it that there is a copy.

    A gallery on a medium that can't be written is copied too, and not noted.

    Raises:
        UsageError: `out` exists.
        GalleryMissing, GalleryCorrupt: nothing to copy, or it can't be read.
    """
    if out.exists():
        raise UsageError(f"{out} exists; give each backup a folder of its own")
    unfinished = out.with_name(out.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    with closing(Store(gallery)) as source:
        with closing(Connection.open(unfinished / FILE)) as copy:
            source.connection.copy_to(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        with closing(Store(unfinished)) as copied:
            meta, sightings = copied.meta(), sum(count for _, count, *_ in copied.counts())
            copied.connection.execute("PRAGMA journal_mode = DELETE")
        made = Backup(
            made_at=datetime.now(UTC),
            generation=int(meta["generation"]),
            sightings=sightings,
            model=meta["model"],
            fingerprint=meta["fingerprint"],
            sha256=sha256(unfinished / FILE),
        )
        (unfinished / MANIFEST).write_text(made.model_dump_json(indent=2) + "\n", encoding="utf-8")
        for name in (FILE, MANIFEST):
            with (unfinished / name).open("rb") as written:
                os.fsync(written.fileno())
        unfinished.rename(out)
        sync_folder(out.parent)
        if writable(gallery):
            source.note_backup(str(out.resolve()), made.made_at.isoformat(), made.generation)
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
        raise GalleryCorrupt(f"{folder / MANIFEST} is no manifest of a backup: {error}") from error
    if not (folder / FILE).is_file() or sha256(folder / FILE) != made.sha256:
        raise GalleryCorrupt(f"{folder / FILE} is not what was copied; use another backup")
    return made


def restore(backup: Path, gallery: Path) -> Backup:
    """Makes a gallery of a backup, in a folder that holds none.

    Raises:
        UsageError: there is a gallery already.
        GalleryMissing, GalleryCorrupt: see `read_backup`.
    """
    if (gallery / FILE).exists():
        raise UsageError(f"{gallery} is a gallery already; restore into another folder, or move that one away")
    made = read_backup(backup)
    gallery.mkdir(parents=True, exist_ok=True)
    unfinished = gallery / f"{FILE}.new"
    shutil.copyfile(backup / FILE, unfinished)
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    unfinished.rename(gallery / FILE)
    sync_folder(gallery)
    return made

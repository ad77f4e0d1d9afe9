"""Copies of the cases, made while they are in use, and back again.

A backup is a folder with the file of cases as of one moment and `backup.json`, which says what it is and how it sums up.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from rgbir.index import UsageError, put_in_place, sha256, sync_file, sync_folder, why
from rgbir.server.cases.closed import make_closed
from rgbir.server.cases.erasing import catch_up
from rgbir.server.cases.file import CaseFile
from rgbir.server.cases.holds import hold_again
from rgbir.server.cases.ledger import Gone, add_to_ledger, ledger_of, read_ledger
from rgbir.server.cases.schema import FILE
from rgbir.server.cases.store import CaseStore, new_id
from rgbir.server.errors import CasesUnusable

MANIFEST = "backup.json"


class Backup(BaseModel):
    """What a backup says of itself.

    Attributes:
        cases: how many there are.
        sha256: of the file.
        ledger: where it is noted what was erased, and what will be.
        mark: a line that was in it then, so that another one isn't taken for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_at: AwareDatetime
    cases: int
    sha256: str
    ledger: Path
    mark: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What the ledger changed in restored cases.

    Attributes:
        gone: cases, pictures and judgements that were erased since the backup, and are not there.
        on_hold: cases that were put on hold since, and are on hold again.
    """

    gone: int
    on_hold: int


def back_up(cases: Path, out: Path) -> Backup:
    """Copies the cases as of one moment, whoever reads or writes them meanwhile. The copy is checked as `verify` checks.

    Raises:
        UsageError: `out` exists.
        BadSettings, CasesUnusable: nothing to copy, or the copy isn't whole.
    """
    if out.exists():
        raise UsageError(f"{out} exists; give each backup a folder of its own")
    unfinished = out.with_name(out.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True, mode=0o700)
        with closing(CaseFile(cases, made=False)) as source:
            source.copy_to(unfinished / FILE)
        with closing(CaseFile(unfinished, made=False)) as copied:
            if harm := copied.harm():
                raise CasesUnusable(f"no backup was made, since the copy would not be whole: {harm[0]}")
            count = len(CaseStore(copied).cases())
            copied.leave_journal()
        (unfinished / "reserve").unlink(missing_ok=True)
        ledger, mark = ledger_of(cases), new_id()
        add_to_ledger(ledger, [Gone(at=time.time_ns() // 1000, mark=mark)])
        made = Backup(
            made_at=datetime.now(UTC),
            cases=count,
            sha256=sha256(unfinished / FILE),
            ledger=ledger,
            mark=mark,
        )
        (unfinished / MANIFEST).write_text(made.model_dump_json(indent=2) + "\n", encoding="utf-8")
        for name in (FILE, MANIFEST):
            sync_file(unfinished / name)
        unfinished.rename(out)
        sync_folder(out.parent)
    except BaseException as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if isinstance(error, OSError):
            raise CasesUnusable(f"{out}: no backup was made: {why(error)}") from error
        raise
    return made


def read_backup(folder: Path) -> Backup:
    """What a backup says of itself, once its file was compared with its sum.

    Raises:
        UsageError: no backup there.
        CasesUnusable: the file is not what was copied.
    """
    try:
        made = Backup.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{folder} is no backup: no {MANIFEST}; `rgbir cases backup` makes one") from None
    except ValidationError as error:
        raise CasesUnusable(f"{folder / MANIFEST} is no manifest of a backup: {why(error)}") from error
    if not (folder / FILE).is_file() or sha256(folder / FILE) != made.sha256:
        raise CasesUnusable(f"{folder / FILE} is not what was copied; use another backup")
    return made


def restore(backup: Path, cases: Path, ledgers: Sequence[Path] = (), *, without_ledger: bool = False) -> Restored:
    """Makes cases of a backup, in a folder that holds none. What was erased since it was made stays erased.

    Who was erased from the gallery since then leaves the restored cases when a server opens them, before its first answer.

    Args:
        ledgers: of what was erased, besides those at `cases` and where the backup was made.
        without_ledger: restore although that one is lost.

    Raises:
        BadSettings: the folder is open to others, and isn't empty.
        UsageError: there are cases already; or the ledger isn't where it was.
        CasesUnusable: see `read_backup`; or the disk refuses.
    """
    if left := [path.name for path in cases.glob(f"{FILE}*")]:
        raise UsageError(f"{cases} has {left[0]} already; restore into another folder, or move that one away")
    made = read_backup(backup)
    if missing := next((ledger for ledger in ledgers if not ledger.is_file()), None):
        raise UsageError(f"no ledger of erasures at {missing}")
    ledger = ledger_of(cases)
    files = [ledger, *ledgers, made.ledger]
    noted = {gone.name: gone for file in files for gone in read_ledger(file)}
    if made.mark not in noted and not without_ledger:
        raise UsageError(
            f"{made.ledger}, the ledger of what was erased since this backup was made, isn't there, or is another one; name it with"
            " --erasures, or restore --without-erasures if it is lost: then it comes back"
        )
    unfinished = cases / "restored.new"
    try:
        make_closed(cases)
        known = {gone.name for gone in read_ledger(ledger)}
        add_to_ledger(ledger, [gone for name, gone in noted.items() if name not in known])
        shutil.rmtree(unfinished, ignore_errors=True)
        return _unpacked(backup, cases, unfinished, list(noted.values()))
    except OSError as error:
        raise CasesUnusable(f"{cases}: nothing was restored: {why(error)}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _unpacked(backup: Path, cases: Path, unfinished: Path, noted: Sequence[Gone]) -> Restored:
    """Checked where nobody takes it for cases yet."""
    unfinished.mkdir(mode=0o700)
    shutil.copyfile(backup / FILE, unfinished / FILE)
    (unfinished / FILE).chmod(0o600)
    add_to_ledger(ledger_of(unfinished), noted)
    try:
        with closing(CaseFile(unfinished, made=False)) as file:
            store = CaseStore(file)
            restored = Restored(gone=catch_up(store), on_hold=hold_again(store))
            if harm := file.harm():
                raise CasesUnusable(f"{backup / FILE} isn't whole: {harm[0]}")
            file.leave_journal()
    finally:
        ledger_of(unfinished).unlink(missing_ok=True)
    put_in_place(unfinished / FILE, cases / FILE)
    return restored

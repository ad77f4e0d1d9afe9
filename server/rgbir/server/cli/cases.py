"""`rgbir cases …`: a server's cases as files. What is decided in them is decided over HTTP."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rgbir.index import local
from rgbir.index.cli.output import Answer
from rgbir.server.access.audit import AuditLog
from rgbir.server.cases.backup import back_up, restore
from rgbir.server.cases.casebook import Casebook, Rules
from rgbir.server.cases.file import CaseFile
from rgbir.server.cases.records import Case
from rgbir.server.cases.store import CaseStore
from rgbir.server.errors import BadSettings

cases = typer.Typer(
    help="List, check, copy and bring back a server's cases.", no_args_is_help=True, add_completion=False
)
CasesOption = Annotated[Path, typer.Option("--cases", help="The folder that `rgbir serve --cases` keeps them in.")]


@dataclass(frozen=True, slots=True)
class Listed:
    """A case's head.

    Attributes:
        number, title, owner, state: what people call it, what it is about, whose it is, and whether it is open.
        changed_at, keep_until: when anything of it changed last, and when it is deleted.
        on_hold: a legal hold keeps it.
    """

    number: str
    title: str
    owner: str
    state: str
    changed_at: datetime
    keep_until: datetime
    on_hold: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether the cases are what was written.

    Attributes:
        whole: whether nothing is wrong.
        problems: what is wrong, in words.
        cases: how many there are.
    """

    whole: bool
    problems: list[str]
    cases: int


@dataclass(frozen=True, slots=True)
class Copied:
    """A backup.

    Attributes:
        folder: where it is.
        cases: how many it holds.
        sha256: of its file.
    """

    folder: Path
    cases: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """Cases that were made of a backup.

    Attributes:
        folder: where they are.
        erased: cases and pictures of the backup that were erased since, and aren't there.
        on_hold: cases that were put on hold since, and are on hold again.
    """

    folder: Path
    erased: int
    on_hold: int


@dataclass(frozen=True, slots=True)
class Expired:
    """Cases whose time had come.

    Attributes:
        deleted: their numbers.
    """

    deleted: list[str]


@cases.command("list")
def list_cases(cases: CasesOption) -> Answer[list[Listed]]:
    """Every case, the last changed first.

    Examples:
        rgbir cases list --cases /srv/cases
        rgbir cases list --cases /srv/cases --json
    """
    with closing(CaseFile(cases, made=False)) as file:
        heads = [
            Listed(
                case.number,
                case.title,
                case.owner,
                case.state.value,
                case.changed_at,
                case.keep_until,
                case.hold is not None,
            )
            for case in CaseStore(file).cases()
        ]
    table = Table("number", "title", "owner", "state", "changed", "kept until")
    for head in heads:
        state = f"{head.state}, on hold" if head.on_hold else head.state
        table.add_row(head.number, head.title, head.owner, state, local(head.changed_at), local(head.keep_until))
    return Answer(heads, [table] if heads else ["no case"])


@cases.command()
def verify(cases: CasesOption) -> Answer[Checked]:
    """Prove that the cases are what was written. Exit code 1 if they aren't.

    Examples:
        rgbir cases verify --cases /srv/cases
        rgbir cases verify --cases /srv/cases --json
    """
    with closing(CaseFile(cases, made=False)) as file:
        harm, count = file.harm(), len(CaseStore(file).cases())
    return Answer(
        Checked(not harm, harm, count), harm or [f"{count:,} cases, all of it is what was written"], 1 if harm else 0
    )


@cases.command()
def backup(cases: CasesOption, out: Annotated[Path, typer.Option(help="A new folder for the copy.")]) -> Answer[Copied]:
    """Copy the cases as of one moment, while they are in use.

    The copy holds people's pictures: keep it as the cases are kept.

    Examples:
        rgbir cases backup --cases /srv/cases --out /mnt/backups/cases-2026-03-01
        rgbir cases backup --cases /srv/cases --out copy --json
    """
    made = back_up(cases, out)
    return Answer(Copied(out, made.cases, made.sha256), [f"{made.cases:,} cases in {out}; sha256 {made.sha256}"])


@cases.command("restore")
def restore_backup(
    backup: Annotated[Path, typer.Argument(help="A backup's folder.")],
    cases: CasesOption,
    erasures: Annotated[
        list[Path] | None,
        typer.Option(
            help="A ledger to apply: the file CASES.erasures from where the backup was made. May be repeated."
        ),
    ] = None,
    without_erasures: Annotated[
        bool,
        typer.Option("--without-erasures", help="The ledger is lost: what was erased since the backup comes back."),
    ] = False,
) -> Answer[BroughtBack]:
    """Make cases of a backup, in a folder that holds none. What was erased since stays erased.

    People who were erased from the gallery since then leave them when a server opens them, before its first answer.

    Examples:
        rgbir cases restore /mnt/backups/cases-2026-03-01 --cases /srv/cases
        rgbir cases restore copy --cases restored --erasures /srv/cases.erasures
    """
    restored = restore(backup, cases, erasures or (), without_ledger=without_erasures)
    lines = [f"the cases are in {cases}"]
    if restored.gone:
        lines.append(f"{restored.gone:,} cases and pictures of the backup were erased since, and are not there")
    if restored.on_hold:
        lines.append(f"{restored.on_hold:,} cases were put on hold since, and are held again by the ledger")
    lines.append(
        "owners, readers and workers are those of the backup, and so are holds that were lifted since: look them over"
    )
    return Answer(BroughtBack(cases, restored.gone, restored.on_hold), lines)


@cases.command()
def expire(
    cases: CasesOption,
    audit: Annotated[Path, typer.Option(help="The server's audit log, where it is noted.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete although the clock jumped.")] = False,
) -> Answer[Expired]:
    """Delete the cases that have been kept long enough; those on hold stay. A server does it by itself every hour.

    Examples:
        rgbir cases expire --cases /srv/cases --audit /srv/audit.jsonl
        rgbir cases expire --cases /srv/cases --audit /srv/audit.jsonl --yes
    """
    if not (cases / "cases.sqlite3").is_file():
        raise BadSettings(f"{cases} holds no cases; `rgbir serve --cases FOLDER` makes them")
    log = AuditLog(audit)

    def tell(case: Case) -> None:
        log.add(action="delete case", who="retention", case=case.number, case_id=case.id)

    with closing(Casebook(cases, Rules())) as book, closing(log):
        expired = book.expire(sure=yes, tell=tell)
        for case in expired:
            log.add(action="deleted case", who="retention", case=case.number, case_id=case.id)
    gone = [case.number for case in expired]
    return Answer(Expired(gone), [f"deleted: {', '.join(gone)}" if gone else "no case is due"])

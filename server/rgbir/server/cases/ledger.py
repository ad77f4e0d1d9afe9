"""What was taken out of the cases, noted beside their folder: whoever restores an older copy doesn't bring it back.

`CASES.erasures` has a JSON line for each case and each picture that went, and one for each backup, which is how a backup knows its
ledger. A line holds an id that was drawn by chance, and nothing of the person. Holds are noted there, too: who put which case on
hold, and why.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rgbir.index import add_lines, why
from rgbir.server.errors import CasesUnusable


class Gone(BaseModel):
    """A case or a judgement that was deleted, a picture that was erased, a hold that was set or lifted, or the mark of a backup.

    Attributes:
        at: microseconds since 1970.
        case, picture, judgement, mark: the id of one of them.
        hold, lifted: the id of a case that was put on hold, or whose hold was lifted.
        who, reason: of a hold that was set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: int
    case: str | None = None
    picture: str | None = None
    judgement: str | None = None
    mark: str | None = None
    hold: str | None = None
    lifted: str | None = None
    who: str | None = None
    reason: str | None = None

    @property
    def name(self) -> str:
        """What no other line has: the id, whatever it is of; of a hold with its moment, since a case may be held again."""
        if self.hold or self.lifted:
            return f"{'hold' if self.hold else 'lifted'} {self.hold or self.lifted} {self.at}"
        return self.case or self.picture or self.judgement or self.mark or ""


def ledger_of(cases: Path) -> Path:
    """Where it lies for a folder of cases, by whatever link it was named."""
    place = cases.resolve()
    return place.with_name(f"{place.name}.erasures")


def read_ledger(file: Path) -> list[Gone]:
    """In the order they were noted; none where there is no file. Half a line at the end was never acknowledged.

    Raises:
        CasesUnusable: it can't be read, or a line is none of it.
    """
    try:
        *lines, rest = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CasesUnusable(f"{file}, the ledger of what was erased from cases, can't be read: {why(error)}") from error
    noted = []
    for number, line in enumerate(lines, start=1):
        try:
            noted.append(Gone.model_validate_json(line))
        except ValidationError as error:
            raise CasesUnusable(
                f"{file}: line {number} is no erasure, so what was erased then can't be told; put the line right, or take it out and"
                " erase it again"
            ) from error
    if _whole(rest):
        noted.append(Gone.model_validate_json(rest))
    return noted


def add_to_ledger(file: Path, gone: Iterable[Gone]) -> None:
    """Notes them; once this returns, they are on disk.

    Raises:
        OSError: the disk is full, or closed to this process.
    """
    if lines := [each.model_dump_json(exclude_none=True).encode() for each in gone]:
        add_lines(file, lines, _whole, 0o600)


def _whole(line: bytes) -> bool:
    """Whether what has no line feed is of the ledger all the same."""
    try:
        Gone.model_validate_json(line)
    except ValidationError:
        return False
    return True

"""Whether a case's marks and the entries of its audit log tell of the same decisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rgbir.client.evidence.entries import Entry
from rgbir.client.evidence.manifest import KeptCase, KeptMark

CLOCK = timedelta(seconds=2)
"""By which a clock may be set back while it is kept right."""
_OF_ITSELF = {"n", "at", "action", "cut", "previous", "hash"}
"""What an entry says of itself, and not of what was done."""


@dataclass(slots=True)
class Decisions:
    """What the log says of marks. Entries are given in order.

    A server notes what it is about to do, does it, and notes that it was done. If it is stopped before the last, the first counts.

    Attributes:
        announced: entries of marks that were to be set, and of which none says that they were.
        marked: entries of marks that were set.
        to_take_back, taken_back: numbers of marks that were to be taken back, and of those that were.
    """

    announced: list[Entry] = field(default_factory=list)
    marked: list[Entry] = field(default_factory=list)
    to_take_back: set[Any] = field(default_factory=set)
    taken_back: set[Any] = field(default_factory=set)

    def heed(self, entry: Entry) -> None:
        match entry.get("action"):
            case "mark":
                self.announced.append(entry)
            case "marked":
                self.marked.append(entry)
                announced = next((before for before in self.announced if _announces(before, entry)), None)
                if announced is not None:
                    self.announced.remove(announced)
            case "take mark back":
                self.to_take_back.add(entry.get("mark"))
            case "took mark back":
                self.taken_back.add(entry.get("mark"))

    def problems(self, case: KeptCase, begins_at: datetime) -> Iterator[str]:
        """Marks that the log doesn't know, in words.

        Args:
            begins_at: the log's file has nothing before it.
        """
        pictures = {picture.id: picture for picture in case.pictures}
        left = [*self.marked, *self.announced]
        for mark in sorted(case.marks, key=lambda mark: mark.at):
            if mark.picture not in pictures:
                yield f"mark {mark.n} is on the picture {mark.picture}, which the case hasn't"
                continue
            shown = pictures[mark.picture].sighting
            entry = next((entry for entry in left if _tells_of(entry, mark, shown)), None)
            if entry is not None:
                left.remove(entry)
            elif mark.at >= begins_at:
                yield f"mark {mark.n} ({mark.mark}, by {mark.who}) has no entry in the audit log"
            if mark.withdrawn_at is None:
                if mark.n in self.taken_back:
                    yield f"mark {mark.n} was taken back, as the audit log says, and the case shows it as standing"
            elif mark.n not in self.taken_back | self.to_take_back and mark.withdrawn_at >= begins_at:
                yield f"mark {mark.n} is shown as taken back, and the audit log has no entry of that"

    def unknown(self, case: KeptCase) -> int:
        """How many marks the log tells of on pictures that the case doesn't have, or by people who left no such mark."""
        marked = self.marked
        if any(picture.erased_at is not None for picture in case.pictures):
            marked = [entry for entry in marked if "picture" in entry]  # an erased picture's sighting isn't kept
        shown = {picture.id: picture.sighting for picture in case.pictures}
        return sum(not any(_says(entry, mark, shown.get(mark.picture)) for mark in case.marks) for entry in marked)


def _announces(before: Entry, after: Entry) -> bool:
    """Whether an entry says all that an earlier one announced."""
    return all(after.get(name) == value for name, value in before.items() if name not in _OF_ITSELF)


def _tells_of(entry: Entry, mark: KeptMark, sighting: str | None) -> bool:
    """Whether an entry was written after that mark was set, or announces it."""
    since = _moment(entry) - mark.at
    in_order = since >= -CLOCK if entry["action"] == "marked" else since <= CLOCK
    return in_order and _says(entry, mark, sighting) and entry.get("search") == mark.search


def _says(entry: Entry, mark: KeptMark, sighting: str | None) -> bool:
    """Whether an entry tells of such a mark on that hit; of an erased one the sighting isn't known any more."""
    if (entry.get("who"), entry.get("mark")) != (mark.who, mark.mark):
        return False
    if entry.get("number", mark.n) != mark.n:
        return False
    if "picture" in entry:
        return bool(entry["picture"] == mark.picture)
    return sighting is None or entry.get("sighting") == sighting


def _moment(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry["at"])

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


@dataclass(slots=True)
class Decisions:
    """What the log says of marks. Entries are given in order.

    Attributes:
        marked: entries of marks that were set.
        taken_back: numbers of marks that were taken back.
    """

    marked: list[Entry] = field(default_factory=list)
    taken_back: set[Any] = field(default_factory=set)

    def heed(self, entry: Entry) -> None:
        if entry.get("action") == "marked":
            self.marked.append(entry)
        elif entry.get("action") == "took mark back":
            self.taken_back.add(entry.get("mark"))

    def problems(self, case: KeptCase, begins_at: datetime) -> Iterator[str]:
        """Marks that the log doesn't know, in words.

        Args:
            begins_at: the log's file has nothing before it.
        """
        pictures = {picture.id: picture for picture in case.pictures}
        left = list(self.marked)
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
            if (mark.withdrawn_at is None) == (mark.n in self.taken_back):
                if mark.withdrawn_at is None:
                    yield f"mark {mark.n} was taken back, as the audit log says, and the case shows it as standing"
                elif mark.withdrawn_at >= begins_at:
                    yield f"mark {mark.n} is shown as taken back, and the audit log has no entry of that"

    def unknown(self, case: KeptCase) -> int:
        """How many marks the log tells of on pictures that the case doesn't have, or by people who left no such mark."""
        marked = self.marked
        if any(picture.erased_at is not None for picture in case.pictures):
            marked = [entry for entry in marked if "picture" in entry]  # an erased picture's sighting isn't kept
        shown = {picture.id: picture.sighting for picture in case.pictures}
        return sum(not any(_says(entry, mark, shown.get(mark.picture)) for mark in case.marks) for entry in marked)


def _tells_of(entry: Entry, mark: KeptMark, sighting: str | None) -> bool:
    return _says(entry, mark, sighting) and entry.get("search") == mark.search and _moment(entry) >= mark.at - CLOCK


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

"""What a bridge did, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MOST_REASONS = 200


@dataclass(slots=True)
class Tally:
    """What became of the events of persons.

    Attributes:
        added, present: that were enrolled, and that were enrolled already.
        erased: that were erased here since they were known.
        passed_over: that aren't enrolled, by reason.
        postponed: how often an event was put off, since somebody didn't answer or the snapshot wasn't there yet.
        connections: how often the broker was reached.
        caught_up: how often Frigate's list was read to its end.
    """

    added: int = 0
    present: int = 0
    erased: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    postponed: int = 0
    connections: int = 0
    caught_up: int = 0

    def pass_over(self, reason: str) -> None:
        """Counts by reason; names in reasons are somebody else's, so there is an end of them."""
        known = reason in self.passed_over or len(self.passed_over) < MOST_REASONS
        self.passed_over[reason if known else "other reasons"] += 1

    def line(self) -> str:
        """In one line."""
        parts = [f"{self.added:,} people enrolled", f"{self.present:,} known already"]
        parts += [f"{self.erased:,} erased since"] if self.erased else []
        parts += [f"{count:,} passed over: {reason}" for reason, count in sorted(self.passed_over.items())]
        parts += [f"{self.postponed:,} times put off"] if self.postponed else []
        return "; ".join(parts)

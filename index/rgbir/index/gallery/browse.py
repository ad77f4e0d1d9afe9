"""Looking through a gallery without a query: which sightings, in which order, and where to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from rgbir.index.errors import UsageError
from rgbir.index.gallery.sightings import Sighting, check_identity
from rgbir.index.times import check_moment, to_microseconds

Order = Literal["newest", "oldest"]
MOST_SHOWN = 500
"""Sightings at once."""


class Spot(NamedTuple):
    """Where a sighting stands in an order by time; the next page begins after it, whatever was enrolled or erased meanwhile.

    Attributes:
        taken_at: microseconds since 1970; None for one without a time.
        id: its id, which decides between equal times.
    """

    taken_at: int | None
    id: str

    @classmethod
    def of(cls, sighting: Sighting) -> Spot:
        return cls(None if sighting.taken_at is None else to_microseconds(sighting.taken_at), sighting.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Sightings that meet all that isn't None.

    Attributes:
        cameras: theirs is one of these ids.
        since, until: since ≤ taken_at < until.
        identity, track: theirs are these.
        digests: their image's is one of these.
        timed: they have a time; so do all where `since` or `until` is given.

    Raises:
        UsageError: a value out of its range.
    """

    cameras: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    identity: int | None = None
    track: str | None = None
    digests: Sequence[str] | None = None
    timed: bool = False

    def __post_init__(self) -> None:
        check_identity(self.identity)
        check_moment(self.since, "since")
        check_moment(self.until, "until")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise UsageError(
                f"since is before until; {self.since.isoformat()} to {self.until.isoformat()} is no time at all"
            )

    @property
    def needs_time(self) -> bool:
        """Whether sightings without a time are left out."""
        return self.timed or self.since is not None or self.until is not None


def check_limit(limit: int) -> None:
    """Refuses more at once than is sensible.

    Raises:
        UsageError: `limit` is below 1, or above `MOST_SHOWN`.
    """
    if not 1 <= limit <= MOST_SHOWN:
        raise UsageError(f"limit is from 1 to {MOST_SHOWN}, not {limit}; ask for the next page")

"""Moments as whole microseconds since 1970, and times of the day, wherever the day begins."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import InvalidQuery, UsageError

MOST_DAYS = 3_660
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_moment(moment: datetime | None, name: str) -> None:
    """A moment that is kept can be read, shown in every zone and erased. It has a zone, and lies in the calendar with a year
    to spare.

    Raises:
        UsageError: it doesn't.
    """
    if moment is None:
        return
    if moment.utcoffset() is None:
        raise UsageError(f"{name} needs a zone, {moment.isoformat()} has none; append an offset such as +01:00, or Z")
    if not _FIRST <= to_microseconds(moment) < _LAST:
        raise UsageError(f"{name} lies between the years 2 and 9998, in UTC; {moment.isoformat()} doesn't")


def in_calendar(value: int | None) -> bool:
    """Whether that many microseconds are a moment that `check_moment` accepts."""
    return value is None or _FIRST <= value < _LAST


def local(moment: datetime | None) -> str:
    """A moment on this machine's clocks, with its zone, such as `2026-11-26 09:14:05 CET`; `-` for none."""
    return "-" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def to_microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int | None) -> datetime | None:
    """That moment; the calendar's end for one past it, which an older version let in."""
    if value is None:
        return None
    return _EPOCH + timedelta(microseconds=min(max(value, _FIRST), _LAST))


def named_zone(name: str) -> ZoneInfo:
    """The zone of that name in the IANA data base.

    Raises:
        InvalidQuery: there is none.
    """
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones is none
        if len(name) <= 64:
            return ZoneInfo(name)
    raise InvalidQuery(f"no time zone {name[:64]!r}; a zone is a name such as Europe/Berlin, or UTC")


_FIRST = to_microseconds(datetime(2, 1, 1, tzinfo=UTC))
_LAST = to_microseconds(datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Hours:
    """start ≤ time of day < end on the clocks of a zone; over midnight where start is after end.

    Attributes:
        start, end: without an offset, and not the same.
        zone: a name of the IANA data base, such as `Europe/Berlin`; summer time is its own.

    Raises:
        InvalidQuery: no such zone, or no time between start and end.
    """

    start: time
    end: time
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise InvalidQuery("hours have no offset: name a zone behind them, such as 22:00-05:30 Europe/Berlin")
        if self.start == self.end:
            raise InvalidQuery(
                f"hours {self.start:%H:%M} to {self.end:%H:%M} are no time at all; leave them out for the whole day"
            )
        named_zone(self.zone)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`22:00-05:30`, or with a zone `22:00-05:30 Europe/Berlin`.

        Raises:
            InvalidQuery: it is neither.
        """
        span, _, zone = text.strip().partition(" ")
        start, _, end = span.partition("-")
        try:
            return cls(time.fromisoformat(start), time.fromisoformat(end), zone.strip() or "UTC")
        except ValueError:
            raise InvalidQuery(
                f"hours are such as 22:00-05:30, or 22:00-05:30 Europe/Berlin, not {text[:80]!r}"
            ) from None

    def windows(self, first: int, last: int) -> NDArray[np.int64]:
        """int64 (n, 2): since ≤ moment < until, microseconds; one for each day that touches first to last.

        Raises:
            InvalidQuery: that is more than ten years.
        """
        zone = ZoneInfo(self.zone)
        begin, end = (moment.astimezone(zone).date() for moment in map(from_microseconds, (first, last)) if moment)
        days = (end - begin).days + 2
        if days > MOST_DAYS:
            raise InvalidQuery(
                f"hours of {days:,} days are too many windows; give since and until, at most ten years apart"
            )
        spans = []
        for number in range(-1, days):
            day = begin + timedelta(days=number)
            closing = day if self.start < self.end else day + timedelta(days=1)
            since = datetime.combine(day, self.start, zone).astimezone(UTC)
            until = datetime.combine(closing, self.end, zone).astimezone(UTC)
            if since < until:
                spans.append((to_microseconds(since), to_microseconds(until)))
        return np.array(spans, np.int64).reshape(-1, 2)


def inside(times: NDArray[np.int64], windows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which moments, int64 (n,), lie in one of the windows, int64 (w, 2), which are in order: bool (n,)."""
    place = np.searchsorted(windows[:, 0], times, side="right") - 1
    return (
        np.asarray((place >= 0) & (times < windows[np.maximum(place, 0), 1]), bool)
        if len(windows)
        else np.zeros(len(times), bool)
    )


def span_inside(first: int, last: int, windows: NDArray[np.int64]) -> bool | None:
    """Whether everything from `first` to `last` lies in one of the windows, or nothing; None where each moment decides.

    Args:
        first, last: microseconds, both included.
        windows: int64 (w, 2), in order and apart.
    """
    touched = windows[(windows[:, 0] <= last) & (windows[:, 1] > first)]
    if not len(touched):
        return False
    return True if touched[0, 0] <= first and last < touched[0, 1] else None

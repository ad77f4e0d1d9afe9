"""Sightings by hour or by day, on the clocks of a zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.gallery.browse import Selection
from rgbir.index.stays import EVER
from rgbir.index.times import from_microseconds, named_zone, to_microseconds

By = Literal["hour", "day"]
MOST_BUCKETS = 10_000
"""Hours or days between the first and the last sighting: more than a year of hours."""
_SECOND, _DAY_S = 1_000_000, 86_400
_LENGTH_S = {"hour": 3_600, "day": _DAY_S}


def by_camera(
    moments: Mapping[str, NDArray[np.int64]], by: By, zone: str, which: Selection
) -> dict[str, list[tuple[str, int]]]:
    """`counted` of each camera.

    Args:
        moments: of each camera, int64 (n,), microseconds since 1970.
        which: only those in its `since` and `until`.

    Raises:
        InvalidQuery: no such zone.
        UsageError: more than `MOST_BUCKETS` from the first to the last, or ten times as many in all.
    """
    named_zone(zone)
    since = -EVER if which.since is None else to_microseconds(which.since)
    until = EVER if which.until is None else to_microseconds(which.until)
    kept = {camera: times[(times >= since) & (times < until)] for camera, times in moments.items()}
    there = [times for times in kept.values() if len(times)]
    if there:
        check_span(min(int(times.min()) for times in there), max(int(times.max()) for times in there), by)
    buckets = {camera: counted(times, by, zone) for camera, times in kept.items()}
    if (total := sum(map(len, buckets.values()))) > 10 * MOST_BUCKETS:
        raise UsageError(
            f"these are {total:,} {by}s of {len(buckets):,} cameras, and at most {10 * MOST_BUCKETS:,} are told; name fewer cameras,"
            " or give since and until"
        )
    return buckets


def check_span(first: int, last: int, by: By) -> None:
    """Refuses what would be too many buckets.

    Args:
        first, last: microseconds since 1970.

    Raises:
        UsageError: there would be more than `MOST_BUCKETS`.
    """
    if (buckets := (last - first) // (_LENGTH_S[by] * _SECOND)) > MOST_BUCKETS:
        begin, end = from_microseconds(first), from_microseconds(last)
        assert begin is not None
        assert end is not None
        raise UsageError(
            f"the sightings lie between {begin:%Y-%m-%d} and {end:%Y-%m-%d}: {buckets:,} {by}s, and at most {MOST_BUCKETS:,} are"
            f" counted; give since and until{', or count by day' if by == 'hour' else ''}"
        )


def counted(moments: NDArray[np.int64], by: By, zone: str) -> list[tuple[str, int]]:
    """How many moments lie in each hour or day that has some, in order.

    A day is a date on the clocks of the zone, however many hours it has. An hour that the clocks show twice is two.

    Args:
        moments: int64 (n,), microseconds since 1970, within `check_span`.
        zone: a name of the IANA data base, such as `Europe/Berlin`.

    Returns:
        The beginning of each as ISO 8601, a date or a time with an offset, and its count.

    Raises:
        InvalidQuery: no such zone.
    """
    clock = named_zone(zone)
    if not len(moments):
        return []
    seconds = moments // _SECOND
    starts, offsets = _offsets(clock, int(seconds.min()), int(seconds.max()))
    offset = offsets[np.searchsorted(starts, seconds, side="right") - 1]
    number = (seconds + offset) // _LENGTH_S[by]
    if by == "day":
        days, counts = np.unique(number, return_counts=True)
        return [(_date(day).isoformat(), count) for day, count in zip(days.tolist(), counts.tolist(), strict=True)]
    hours, counts = np.unique(np.stack([number * 3_600 - offset, offset], 1), axis=0, return_counts=True)
    return [(_hour(*hour), count) for hour, count in zip(hours.tolist(), counts.tolist(), strict=True)]


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)


def _hour(begin: int, offset: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=begin)
    return moment.astimezone(timezone(timedelta(seconds=offset))).isoformat()


def _offsets(clock: ZoneInfo, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From which second on the clocks are how many seconds ahead of UTC: both int64 (n,), the first from `first` on."""

    def ahead(second: int) -> int:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
        offset = moment.astimezone(clock).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    starts, offsets, at = [first], [ahead(first)], first
    while at < last:
        later = min(at + _DAY_S, last)
        if ahead(later) != offsets[-1]:
            before, after = at, later
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if ahead(middle) == offsets[-1] else (before, middle)
            starts.append(after)
            offsets.append(ahead(after))
            later = after
        at = later
    return np.array(starts, np.int64), np.array(offsets, np.int64)

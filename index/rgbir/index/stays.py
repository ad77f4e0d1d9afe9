"""Where a camera was, and since when: spans of time, each at one place, which together are all time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from rgbir.index.errors import UsageError
from rgbir.index.times import check_moment, from_microseconds, to_microseconds

EVER = 2**62
"""Microseconds since 1970 that no moment reaches: the end of a span that is open to the future, and negated to the past."""
Position = tuple[float, float]
"""(x, y) on a plan."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A time that a camera spent at one place.

    Attributes:
        place: what it looked at.
        since: the moment from which on, with a zone; None is from the beginning.
        position: where it hung, (x, y) in the units of the network's plan; None where nobody says.

    Raises:
        UsageError: no place, a moment without a zone or out of the calendar, or a position that isn't two finite numbers.
    """

    place: str
    since: datetime | None = None
    position: Position | None = None

    def __post_init__(self) -> None:
        if not self.place:
            raise UsageError("a camera needs a place at all times")
        check_moment(self.since, "since")
        check_position(self.position)


class Span(NamedTuple):
    """A stay as a search sees it.

    Attributes:
        place: what the camera looked at.
        since, until: since ≤ moment < until, microseconds since 1970; ±`EVER` where there is no end.
    """

    place: str
    since: int
    until: int


def check_position(position: Position | None) -> None:
    """A position is two finite numbers.

    Raises:
        UsageError: it isn't.
    """
    if position is not None and (len(position) != 2 or not all(map(math.isfinite, position))):
        raise UsageError(f"a position is two numbers, x and y, not {position}")


def check_history(history: Sequence[Stay]) -> None:
    """A history begins with a stay from the beginning, and each later one begins after the one before it, somewhere else.

    Raises:
        UsageError: it doesn't.
    """
    if history and history[0].since is not None:
        raise UsageError(
            f"places begin with one that has no `since`: where was the camera before {history[0].since.isoformat()}?"
        )
    for before, after in pairwise(history):
        if after.since is None or (before.since is not None and after.since <= before.since):
            raise UsageError(
                f"places are in the order of their `since`, and all but the first have one; {after.place!r} doesn't follow"
                f" {before.place!r}"
            )
        if (before.place, before.position) == (after.place, after.position):
            raise UsageError(f"place {after.place!r} follows itself; leave the second one out")


def spans(history: Sequence[Stay]) -> Iterator[Span]:
    """The stays in order, as spans that cover all time; neighbours at one place are one span."""
    begun: Span | None = None
    for stay in history:
        since = -EVER if stay.since is None else to_microseconds(stay.since)
        if begun is not None and begun.place == stay.place:
            continue
        if begun is not None:
            yield begun._replace(until=since)
        begun = Span(stay.place, since, EVER)
    if begun is not None:
        yield begun


def at(history: Sequence[Stay], moment: datetime) -> Stay:
    """The stay that a moment lies in."""
    return next(stay for stay in reversed(history) if stay.since is None or stay.since <= moment)


def with_stay(history: Sequence[Stay], new: Stay) -> tuple[Stay, ...]:
    """The history and one stay more, until the next one that is known. Without `since` it is all of the history."""
    if new.since is None:
        return (new,)
    since = new.since
    before = [stay for stay in history if stay.since is None or stay.since < since]
    after = [stay for stay in history if stay.since is not None and stay.since > since]
    return joined([*before, new, *after])


def joined(history: Iterable[Stay]) -> tuple[Stay, ...]:
    """Without stays that go on with the one before them."""
    kept: list[Stay] = []
    for stay in history:
        if not kept or (kept[-1].place, kept[-1].position) != (stay.place, stay.position):
            kept.append(stay)
    return tuple(kept)


def stay_of(entry: Any, where: str) -> Stay:
    """Of a declaration, `{ place = "gate", since = 2026-05-01T00:00:00+02:00, position = [1, 2] }`.

    Args:
        where: what errors call the declaration.

    Raises:
        UsageError: it isn't such.
    """
    if not isinstance(entry, dict) or not {"place"} <= entry.keys() <= {"place", "since", "position"}:
        raise UsageError(f"{where}: a place is {{ place = NAME, since = TIME, position = [X, Y] }}, not {entry}")
    since = entry.get("since")
    try:
        since = datetime.fromisoformat(since) if isinstance(since, str) else since
    except ValueError:
        since = entry["since"]
    if since is not None and not isinstance(since, datetime):
        raise UsageError(f"{where}: since is a time with a zone, such as 2026-05-01T00:00:00+02:00, not {since!r}")
    return Stay(str(entry["place"]), since, position_of(entry.get("position"), where))


def position_of(value: Any, where: str) -> Position | None:
    """Of a declaration, `[x, y]`.

    Raises:
        UsageError: it isn't two numbers.
    """
    if value is None:
        return None
    numbers = isinstance(value, (list, tuple)) and all(type(number) in (int, float) for number in value)
    if not numbers or len(value) != 2:
        raise UsageError(f"{where}: a position is [x, y], not {value!r}")
    return float(value[0]), float(value[1])


def entry_of(stay: Stay) -> dict[str, Any]:
    """What `stay_of` reads; JSON can carry it."""
    entry: dict[str, Any] = {"place": stay.place}
    if stay.since is not None:
        entry["since"] = stay.since.astimezone(UTC).isoformat()
    if stay.position is not None:
        entry["position"] = list(stay.position)
    return entry


def ends(span: Span) -> dict[str, str | None]:
    """`since` and `until` as ISO 8601; None where there is no end."""
    begin = None if span.since == -EVER else from_microseconds(span.since)
    end = None if span.until == EVER else from_microseconds(span.until)
    return {
        "since": None if begin is None else begin.isoformat(),
        "until": None if end is None else end.isoformat(),
    }


def when(span: Span) -> str:
    """In words: `from … until …`, whichever ends it has."""
    begin, end = ends(span).values()
    words = [f"from {begin}" if begin else "", f"until {end}" if end else ""]
    return " ".join(word for word in words if word) or "at all times"

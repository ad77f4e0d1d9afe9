"""Sightings in an order, a page at a time: what a page costs grows with the page, not with the gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from rgbir.index.gallery.browse import Order, Spot
from rgbir.index.gallery.milvus.entities import ANY, beyond, ids_between, sighting_of, value_is, values_between
from rgbir.index.gallery.milvus.order import IDS, id_at, number_of, stretch
from rgbir.index.gallery.milvus.store import PIECE, Store
from rgbir.index.gallery.sightings import Sighting
from rgbir.index.stays import EVER

_HOUR = 3_600_000_000  # microseconds
_SECOND = 1_000_000_000  # nanoseconds
_FEW = 100


def by_time(store: Store, expression: str, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
    """The first of those that meet it, all of which have a time, after a spot."""
    expression, sign = beyond(expression, order, after), 1 if order == "oldest" else -1

    def between(low: int, high: int) -> str:
        low, high = (low, high) if sign > 0 else (1 - high, 1 - low)
        return values_between(expression, "taken_at", low, high)

    some: list[dict[str, Any]] = [{"taken_at": after.taken_at}] if after else store.some(expression, ["taken_at"], 1)
    page, low = list[Sighting](), -EVER
    while some and len(page) < limit:
        wanted, near = limit - len(page), max(low, sign * int(some[0]["taken_at"])) + _HOUR
        end, there = stretch(_counter(store, between), low, EVER, wanted, 2 * wanted + _FEW, near, _HOUR)
        if there:
            shown = _fetched(store, between(low, end))
            page += sorted(shown, key=_at, reverse=sign < 0)
        if end == EVER:
            break
        if there < wanted:  # too many have the next time
            page += by_id(store, value_is(expression, "taken_at", sign * end), order, None, limit - len(page))
            end += 1
        low = end
    return page[:limit]


def by_id(store: Store, expression: str, order: Order, after: Spot | None, limit: int) -> list[Sighting]:
    """The first of those that meet it, all of one time or without one, after a spot, by their ids."""
    expression, back = beyond(expression, order, after), order == "newest"

    def between(low: int, high: int) -> str:
        low, high = (IDS - high, IDS - low) if back else (low, high)
        return ids_between(expression, id_at(low), id_at(high))

    page, low, total = list[Sighting](), 0, store.count(expression)
    start = 0 if after is None else number_of(after.id)
    start = IDS - 1 - start if back and after is not None else start
    while total and len(page) < limit:
        wanted = limit - len(page)
        most = 2 * wanted + _FEW
        step = (IDS - start) * (wanted + most) // (2 * total)
        end, there = stretch(
            _counter(store, between), low, IDS, wanted, most, max(low, start) + step, max(step // 4, 1)
        )
        shown = _fetched(store, between(low, end)) if there else []
        page += sorted(shown, key=lambda sighting: sighting.id, reverse=back)
        if end == IDS:
            break
        low = end
    return page[:limit]


def _counter(store: Store, between: Callable[[int, int], str]) -> Callable[[int, int], int]:
    return lambda low, high: store.count(between(low, high))


def _at(sighting: Sighting) -> tuple[int, str]:
    return Spot.of(sighting).taken_at or 0, sighting.id


def in_enrolment_order(store: Store, after: int = -1) -> Iterator[list[Sighting]]:
    """Those with a higher row, up to a piece at once, until there are no more."""
    step, count = _SECOND, _counter(store, partial(values_between, ANY, "row"))
    near = max((entity["row"] for entity in store.some(ANY, ["row"], 1)), default=0)
    while True:
        end, there = stretch(count, after + 1, EVER, PIECE // 4, PIECE, max(near, after) + step, step)
        if there:
            page = _fetched(store, values_between(ANY, "row", after + 1, end))
            yield sorted(page, key=lambda sighting: sighting.row)
        if end == EVER:
            return
        if not there:  # a row that is there too often
            yield _fetched(store, value_is(ANY, "row", end))
            end += 1
        step, near, after = max(end - after, 1), 0, end - 1


def _fetched(store: Store, expression: str) -> list[Sighting]:
    return list(map(sighting_of, store.meeting(expression, store.scalars)))

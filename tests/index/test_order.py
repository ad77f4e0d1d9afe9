"""Stretches of values that hold about so many entities, found by counting: compared with a sorted list."""

from __future__ import annotations

import math
from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from rgbir.index.gallery.milvus.order import id_at, number_of, stretch

VALUES = st.lists(st.integers(-(2**50), 2**50) | st.integers(0, 3), max_size=60).map(sorted)


@given(VALUES, st.integers(1, 8), st.integers(0, 8), st.integers(-(2**51), 2**51), st.integers(1, 10**9))
def test_a_stretch_holds_enough_and_not_too_many_or_stops_at_a_value_of_too_many(
    values: list[int], wanted: int, more: int, near: int, step: int
) -> None:
    low, high, asked = -(2**52), 2**52, list[int]()

    def count(begin: int, end: int) -> int:
        asked.append(end)
        return bisect_left(values, end) - bisect_left(values, begin)

    end, there = stretch(count, low, high, wanted, wanted + more, near, step)

    assert there == sum(low <= value < end for value in values)
    if there < wanted and end != high:
        assert there + values.count(end) > wanted + more
    elif there < wanted:
        assert there == len(values)
    else:
        assert there <= wanted + more
    assert len(asked) <= 3 + math.ceil(math.log2(high - low)) + math.ceil(math.log(high - low, 8))


@given(st.text("0123456789abcdef", min_size=24, max_size=24), st.text("0123456789abcdef", min_size=24, max_size=24))
def test_ids_are_in_the_order_of_their_numbers(earlier: str, later: str) -> None:
    assert id_at(number_of(earlier)) == earlier
    assert (earlier < later) == (number_of(earlier) < number_of(later))
    assert earlier < id_at(16**24)

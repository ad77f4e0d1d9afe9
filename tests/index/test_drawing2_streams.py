"""Drawing 2's random numbers and tables, against their definitions."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from rgbir.index.synthetic.drawing2.pixels import box_blur, level, reduced
from rgbir.index.synthetic.drawing2.streams import Key, Stream
from rgbir.index.synthetic.drawing2.tables import (
    EXACT,
    ROUNDED,
    arcsine,
    cosine,
    curve,
    exponential,
    knee,
    logarithm_of_two,
    sine,
)


def words(text: str, count: int) -> list[int]:
    """The 64-bit words of a stream, by its definition."""
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
    return [int(word) for word in np.random.Philox(key=key).random_raw(count)]


def test_a_stream_is_philox_keyed_by_the_hash_of_what_it_draws() -> None:
    text = "synthetic-people 2|7|12|3|2|40|noise"
    first, second, third = words(text, 3)
    stream = Key(7, 12, 3, 2, 40).stream("noise")

    assert stream.unit() == (first >> 40) / 2**24
    assert stream.below(10) == ((second >> 32) * 10) >> 32
    assert stream.between(2.0, 3.0) == 2 + (third >> 40) / 2**24


def test_a_normal_number_is_the_sum_of_twelve_integers_of_16_bits() -> None:
    raw = words("a", 6)

    drawn = Stream("a").normals(2)

    for place in range(2):
        pieces = [(word >> shift) & 0xFFFF for word in raw[place::2] for shift in (0, 16, 32, 48)]
        assert len(pieces) == 12
        assert float(drawn[place]) == (sum(pieces) - 393_210) / 65_536


def test_choices_come_as_often_as_their_weights_say() -> None:
    stream = Stream("choices")
    drawn = [stream.one_of((("a", 6), ("b", 3), ("c", 0), ("d", 1))) for _ in range(20_000)]

    assert "c" not in drawn
    assert drawn.count("a") / 20_000 == pytest.approx(0.6, abs=0.02)
    assert drawn.count("d") / 20_000 == pytest.approx(0.1, abs=0.01)


def test_another_purpose_is_another_stream() -> None:
    key = Key(0, 1)

    assert key.stream("body").unit() != key.stream("pose").unit()
    assert key.stream("body").unit() == key.stream("body").unit()


def test_no_entry_of_a_table_could_be_rounded_otherwise_by_another_library() -> None:
    for name, exact in EXACT.items():
        values = exact()
        assert [round(value * 32_768) for value in values] == ROUNDED[name]
        assert min(abs(value * 32_768 % 1 - 0.5) for value in values) > 1e-9, name


def test_functions_by_table_are_near_the_functions() -> None:
    for angle in (-7.0, -0.3, 0.0, 1.0, 3.0, 12.0):
        assert cosine(angle) == pytest.approx(math.cos(angle), abs=0.001)
        assert sine(angle) == pytest.approx(math.sin(angle), abs=0.001)
    for x in (-4.0, -0.1, 0.0, 0.7, 3.0):
        assert exponential(x) == pytest.approx(math.exp(x), rel=2e-4)
    for x in (0.001, 0.4, 1.0, 9.0):
        assert logarithm_of_two(x) == pytest.approx(math.log2(x), abs=2e-4)
    values = np.linspace(-1, 1, 101, dtype=np.float32)
    assert arcsine(values)[2:-2] == pytest.approx(np.arcsin(values)[2:-2], abs=0.004)
    light = np.linspace(0, 1, 101, dtype=np.float32)
    assert curve("display", light) == pytest.approx(light ** (1 / 2.1), abs=3e-4)
    assert curve("lamp", light) == pytest.approx(0.05 + 0.92 * light**0.75, abs=3e-4)
    bright = np.array([0.2, 0.75, 0.9, 2.0, 30.0], np.float32)
    expected = [0.2, 0.75, 1 - 0.25 * math.exp(-0.15 / 0.25), 1 - 0.25 * math.exp(-5), 1.0]
    assert knee(bright) == pytest.approx(np.array(expected), abs=1e-3)


@pytest.mark.slow
def test_a_reduction_gives_each_pixel_the_mean_of_what_it_covers() -> None:
    values = Stream("picture").normals(3 * 40 * 30).reshape(3, 40, 30)
    left, top, right, bottom = 2.5, -3.25, 27.25, 33.5

    small = reduced(values, (left, top, right, bottom), 11, 7)

    fine = 256  # each pixel of 1/256 by 1/256, in a slow count along one axis after the other
    rows = [math.floor((top + (bottom - top) / 11 * i) * fine) for i in range(12)]
    columns = [math.floor((left + (right - left) / 7 * i) * fine) for i in range(8)]
    for row in range(11):
        down = np.clip(np.arange(rows[row], rows[row + 1]) // fine, 0, 39)
        for column in range(7):
            across = np.clip(np.arange(columns[column], columns[column + 1]) // fine, 0, 29)
            expected = values[:, down][:, :, across].mean(axis=(1, 2), dtype=np.float64)
            assert small[:, row, column] == pytest.approx(expected, abs=1e-4)


def test_a_box_blur_is_the_mean_of_the_neighbours() -> None:
    values = Stream("row").normals(12)

    blurred = box_blur(values.reshape(1, 12), 2, 1)

    padded = np.pad(values, 2, mode="edge")
    assert blurred[0] == pytest.approx([padded[i : i + 5].mean() for i in range(12)], abs=1e-4)
    assert level(values) == pytest.approx(float(values.mean()), abs=1e-4)
